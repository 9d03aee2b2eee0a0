//! Where alerts go.

use async_trait::async_trait;

use crate::message::Message;

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
#[error("channel `{channel}` did not take the message: {reason}")]
pub struct ChannelError {
    /// The channel's name.
    pub channel: String,
    /// Why.
    pub reason: String,
}

/// A way to reach people. Delivery is at least once; [`Message::id`] tells repeats apart.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Its name in the ledger.
    fn name(&self) -> &str;
    /// Delivers.
    async fn send(&self, message: &Message) -> Result<(), ChannelError>;
}
