//! Time.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// The time, given from outside.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Returns after that time has passed.
    async fn sleep(&self, time: Duration);
}
