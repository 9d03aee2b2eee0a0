//! Alerts at the terminal.

use aisaws_core::message::Message;
use aisaws_core::port::{Channel, ChannelError};
use async_trait::async_trait;

use crate::output::{bold, data, dim, note};

/// Prints each message to standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TerminalChannel;

#[async_trait]
impl Channel for TerminalChannel {
    fn name(&self) -> &'static str {
        "terminal"
    }

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        let mut text = format!("{} {}", bold("ALERT"), data(&message.subject));
        for line in &message.lines {
            text.push_str("\n      ");
            text.push_str(&dim(&data(line)));
        }
        note(&text);
        Ok(())
    }
}
