//! Dead letters, put back: what was laid aside for a fault that is mended is taken in after all.
//!
//! SQS has `StartMessageMoveTask` for it, which goes on by itself and may move a letter that came back
//! once more. This moves each letter once, and those alone that were there when it began.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use jiff::Timestamp;

use crate::connect::Aws;
use crate::fault::failed;
use crate::queue::{QueueError, WHOLE};

/// Most messages of one request.
const BATCH: i32 = 10;
/// How long a letter that is in hand is hidden from others, in seconds.
const HIDDEN: i32 = 60;
/// How long to wait for letters, in seconds: SQS then asks all its servers.
const WAIT: i32 = 2;
/// A queue is empty when it has nothing so often in a row.
const EMPTY: u32 = 2;

/// What became of dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Put back.
    pub moved: u32,
    /// Left where they are: cut ones, of which only the start is known.
    pub cut: u32,
}

/// Puts what lay in the queue `from` before `until` into the queue `to`, each letter as the message it
/// was, without its reason. Where this is broken off, a letter may be in both queues: intake takes
/// nothing in twice.
///
/// # Errors
/// The first call that fails; what was moved until then is moved.
pub async fn redrive(
    aws: &Aws,
    from: &str,
    to: &str,
    until: Timestamp,
) -> Result<Redriven, QueueError> {
    let client = aws.sqs();
    let mut moved = 0;
    let mut cut = BTreeSet::new();
    let mut empty = 0;
    while empty < EMPTY {
        let receive = client
            .receive_message()
            .queue_url(from)
            .max_number_of_messages(BATCH)
            .visibility_timeout(HIDDEN)
            .wait_time_seconds(WAIT)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let letters = receive.send().await.map_err(failed("sqs:ReceiveMessage"))?;
        let letters = letters.messages.unwrap_or_default();
        // What came since came back, most likely.
        let old = letters.iter().filter(|letter| is_sent(letter, until));
        let (start, whole): (Vec<&Message>, Vec<&Message>) = old.partition(|letter| is_cut(letter));
        let known = cut.len();
        cut.extend(start.into_iter().map(|letter| letter.message_id.clone()));
        empty = if whole.is_empty() && cut.len() == known { empty + 1 } else { 0 };
        for letter in whole {
            let body = letter.body.clone().unwrap_or_default();
            let send = client.send_message().queue_url(to).message_body(body);
            send.send().await.map_err(failed("sqs:SendMessage"))?;
            let delete = client.delete_message().queue_url(from);
            let delete = delete.set_receipt_handle(letter.receipt_handle.clone());
            delete.send().await.map_err(failed("sqs:DeleteMessage"))?;
            moved += 1;
        }
    }
    Ok(Redriven { moved, cut: u32::try_from(cut.len()).unwrap_or(u32::MAX) })
}

fn is_cut(letter: &Message) -> bool {
    letter.message_attributes.as_ref().is_some_and(|all| all.contains_key(WHOLE))
}

/// Whether it was sent before; what does not tell its time is taken for old.
fn is_sent(letter: &Message, until: Timestamp) -> bool {
    let sent = letter
        .attributes
        .as_ref()
        .and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp))
        .and_then(|sent| sent.parse().ok())
        .and_then(|sent| Timestamp::from_millisecond(sent).ok());
    sent.is_none_or(|sent| sent < until)
}
