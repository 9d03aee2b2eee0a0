//! The clock of the machine.

use std::time::Duration;

use aisaws_core::port::Clock;
use async_trait::async_trait;
use jiff::Timestamp;

/// The time of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
