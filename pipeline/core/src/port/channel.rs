//! Where alerts go.

use std::sync::Arc;

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
    /// Whether it may pass within a minute, so that the incident is worth keeping open for it.
    pub is_passing: bool,
}

/// A way to reach people. Delivery is at least once; [`Message::id`] tells repeats apart.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Its name in the ledger.
    fn name(&self) -> &str;
    /// Delivers.
    async fn send(&self, message: &Message) -> Result<(), ChannelError>;
}

/// What came of telling people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Channels by name, with why one did not take the message.
    pub channels: Vec<(String, Option<String>)>,
    /// Whether no channel took it and one of them may soon.
    pub is_worth_another_try: bool,
}

/// Sends the message to every channel; one that fails silences no other.
pub async fn tell(channels: &[Arc<dyn Channel>], message: &Message) -> Told {
    let mut told = Told::default();
    let (mut took, mut passes) = (false, false);
    for channel in channels {
        let failure = channel.send(message).await.err();
        took |= failure.is_none();
        passes |= failure.as_ref().is_some_and(|e| e.is_passing);
        told.channels.push((channel.name().to_owned(), failure.map(|e| e.to_string())));
    }
    told.is_worth_another_try = passes && !took;
    told
}
