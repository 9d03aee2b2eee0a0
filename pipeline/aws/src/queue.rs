//! Events from SQS: taken in batches, kept invisible while they are worked on, and deleted one by one
//! as each succeeds.
//!
//! A message is delivered at least once, and again when its worker dies: the handler must do nothing
//! twice. What can never succeed goes to the queue of dead letters with the reason; a message that
//! fails too often goes there by the queue's own redrive policy.

use std::time::Duration;

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use async_trait::async_trait;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName,
};

use crate::connect::Aws;
use crate::fault::{CallError, Meaning, failed};

/// Most messages of one batch.
const BATCH: i32 = 10;
/// Longest that SQS lets a request wait for messages.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Attempts at what a batch call left undone.
const ATTEMPTS: u32 = 3;
/// First pause before a message is tried again; it doubles with each delivery.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// A visibility of nothing must not make a storm of renewals.
const SHORTEST_BEAT: Duration = Duration::from_millis(300);
/// Letters of a reason that go with a dead letter.
const REASON_CHARS: usize = 1000;
/// Attributes of a dead letter, and their type.
const REASON: &str = "reason";
const MESSAGE_ID: &str = "message_id";
/// Of a letter of which there is only the start.
pub(crate) const WHOLE: &str = "whole";
const TEXT: &str = "String";

/// A message as the handler gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The queue's id of the message; the same for every delivery.
    pub id: String,
    /// As it was sent.
    pub body: String,
    /// How often it was delivered, this time included; about, as SQS says.
    pub deliveries: u32,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done with.
    Done,
    /// It did not succeed now and may later.
    Later,
    /// It can never succeed, for this reason.
    Dead(String),
}

/// Works on messages.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Works on a batch; one outcome for each message, in their order. A message without one is
    /// delivered again.
    async fn handle(&self, batch: &[Delivery]) -> Vec<Outcome>;
}

/// Counts of what became of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Done with.
    pub done: u32,
    /// To be delivered again.
    pub later: u32,
    /// Sent to the dead letters.
    pub dead: u32,
}

/// Why a queue could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A batch was answered in part, again and again. The messages are delivered again.
    #[error("`{call}` left {left} messages undone")]
    Partial {
        /// IAM's name of the call.
        call: &'static str,
        /// How many.
        left: usize,
    },
    /// The SDK did not take what was put together.
    #[error("a request could not be made")]
    Request(#[from] aws_sdk_sqs::error::BuildError),
}

impl Classify for QueueError {
    fn fault(&self) -> Fault {
        match self {
            Self::Call(e) => e.fault(),
            Self::Partial { .. } => Fault::Transient,
            Self::Request(_) => Fault::Permanent,
        }
    }
}

/// How a queue is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The queue's address.
    pub url: String,
    /// The address of the queue for dead letters.
    pub dead_letters_url: String,
    /// How long a message stays invisible; it is renewed three times in that time while the handler
    /// works, so this is how soon another worker takes over from one that died.
    pub visibility: Duration,
    /// How long to wait for messages, at most twenty seconds.
    pub wait: Duration,
}

/// A queue for what can never succeed, each message with its reason.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl DeadLetters {
    /// The queue at that address.
    pub fn new(aws: &Aws, url: &str) -> Self {
        Self { client: aws.sqs(), url: url.to_owned() }
    }

    /// Hands over a message with the reason in the attributes `reason` and `message_id`. A message
    /// so long that its attributes find no room any more is cut; attribute `whole` then has the size
    /// and digest of all of it.
    ///
    /// # Errors
    /// Where the call fails; the message is then only where it was.
    pub async fn put(&self, id: &str, body: &str, reason: &str) -> Result<(), QueueError> {
        let reason = allowed(reason);
        let attributes = [(REASON, reason.as_str()), (MESSAGE_ID, id)];
        let refused = match self.send(body, &attributes).await {
            Err(QueueError::Call(e)) if e.meaning == Meaning::Invalid => e,
            other => return other,
        };
        let whole = format!("{} bytes, {}", body.len(), Digest::of_bytes(body.as_bytes()));
        let attributes = [(REASON, reason.as_str()), (MESSAGE_ID, id), (WHOLE, whole.as_str())];
        match cut(body, &attributes) {
            Some(start) => self.send(start, &attributes).await,
            None => Err(refused.into()),
        }
    }

    async fn send(&self, body: &str, attributes: &[(&str, &str)]) -> Result<(), QueueError> {
        let mut send = self.client.send_message().queue_url(&self.url).message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type(TEXT).string_value(*value);
            send = send.message_attributes(*name, value.build()?);
        }
        send.send().await.map_err(failed("sqs:SendMessage"))?;
        Ok(())
    }
}

/// The start of a body that is, with its attributes, no longer than the whole body was alone: it
/// came out of a queue, so it fits into one. A message's size is that of its body and of the names,
/// types and values of its attributes. `None`: nothing would be left.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
fn cut<'a>(body: &'a str, attributes: &[(&str, &str)]) -> Option<&'a str> {
    let size = |(name, value): &(&str, &str)| name.len() + TEXT.len() + value.len();
    let left = body.len().checked_sub(attributes.iter().map(size).sum())?;
    body.get(..body.floor_char_boundary(left)).filter(|start| !start.is_empty())
}

/// A queue that is served.
#[derive(Debug, Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    dead_letters: DeadLetters,
    settings: Settings,
}

impl Queue {
    /// That queue.
    pub fn new(aws: &Aws, settings: Settings) -> Self {
        let dead_letters = DeadLetters::new(aws, &settings.dead_letters_url);
        Self { client: aws.sqs(), dead_letters, settings }
    }

    /// Serves until `stop` is ready, then finishes the batch in hand. Repeat it side by side for
    /// more at a time.
    ///
    /// # Errors
    /// The first call that fails beyond the SDK's attempts; messages in hand are delivered again.
    pub async fn serve(
        &self,
        handler: &dyn Handler,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Tally, QueueError> {
        let mut stop = std::pin::pin!(stop);
        let mut total = Tally::default();
        while let Some(tally) = self.serve_unless(handler, &mut stop).await? {
            let Tally { done, later, dead } = tally;
            total.done += done;
            total.later += later;
            total.dead += dead;
        }
        Ok(total)
    }

    /// Takes one batch and works on it to its end, unless `stop` is ready before a batch is there:
    /// then `None`. A batch that SQS had on its way at that moment is delivered again.
    ///
    /// # Errors
    /// As [`Queue::serve`].
    pub async fn serve_unless(
        &self,
        handler: &dyn Handler,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Option<Tally>, QueueError> {
        let messages = tokio::select! {
            biased;
            () = stop => return Ok(None),
            messages = self.receive() => messages?,
        };
        self.work(handler, messages).await.map(Some)
    }

    /// Takes one batch and works on it; nothing is done where none came in time.
    ///
    /// # Errors
    /// As [`Queue::serve`].
    pub async fn serve_once(&self, handler: &dyn Handler) -> Result<Tally, QueueError> {
        let messages = self.receive().await?;
        self.work(handler, messages).await
    }

    async fn receive(&self) -> Result<Vec<Message>, QueueError> {
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.settings.url)
            .max_number_of_messages(BATCH)
            .visibility_timeout(seconds(self.settings.visibility))
            .wait_time_seconds(seconds(self.settings.wait.min(LONGEST_WAIT)))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = receive.send().await.map_err(failed("sqs:ReceiveMessage"))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn work(
        &self,
        handler: &dyn Handler,
        messages: Vec<Message>,
    ) -> Result<Tally, QueueError> {
        let mut tally = Tally::default();
        if messages.is_empty() {
            return Ok(tally);
        }
        let batch: Vec<Delivery> = messages.iter().map(delivery).collect();
        let outcomes = self.while_hidden(&messages, handler.handle(&batch)).await;
        let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat(None));
        let (mut finished, mut again) = (Vec::new(), Vec::new());
        let mut failure = None;
        for ((message, delivery), outcome) in messages.iter().zip(&batch).zip(outcomes) {
            match outcome {
                Some(Outcome::Done) => {
                    tally.done += 1;
                    finished.push(message);
                }
                // It leaves this queue only when it is in the other one.
                Some(Outcome::Dead(reason)) => {
                    match self.dead_letters.put(&delivery.id, &delivery.body, &reason).await {
                        Ok(()) => {
                            tally.dead += 1;
                            finished.push(message);
                        }
                        Err(e) => failure = Some(e),
                    }
                }
                Some(Outcome::Later) | None => {
                    tally.later += 1;
                    again.push((message, pause(delivery.deliveries)));
                }
            }
        }
        self.delete(finished).await?;
        self.hide(&again).await?;
        match failure {
            Some(e) => Err(e),
            None => Ok(tally),
        }
    }

    /// Waits for the work, and renews the messages' invisibility meanwhile.
    async fn while_hidden<T>(&self, messages: &[Message], work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let renewed: Vec<_> =
            messages.iter().map(|message| (message, self.settings.visibility)).collect();
        let beat = (self.settings.visibility / 3).max(SHORTEST_BEAT);
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                () = tokio::time::sleep(beat) => {
                    // Where it fails, the next one may not; at worst a message comes twice, which
                    // a handler must bear anyway.
                    drop(self.hide(&renewed).await);
                }
            }
        }
    }

    async fn hide(&self, messages: &[(&Message, Duration)]) -> Result<(), QueueError> {
        let mut entries = Vec::new();
        for (n, (message, time)) in messages.iter().enumerate() {
            entries.push(
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(n.to_string())
                    .set_receipt_handle(message.receipt_handle.clone())
                    .visibility_timeout(seconds(*time))
                    .build()?,
            );
        }
        if entries.is_empty() {
            return Ok(());
        }
        let change = self
            .client
            .change_message_visibility_batch()
            .queue_url(&self.settings.url)
            .set_entries(Some(entries));
        // A part of it that fails concerns messages that are visible again, or gone.
        change.send().await.map_err(failed("sqs:ChangeMessageVisibility"))?;
        Ok(())
    }

    async fn delete(&self, messages: Vec<&Message>) -> Result<(), QueueError> {
        let mut left = messages;
        for _ in 0..ATTEMPTS {
            if left.is_empty() {
                return Ok(());
            }
            let mut entries = Vec::new();
            for (n, message) in left.iter().enumerate() {
                entries.push(
                    DeleteMessageBatchRequestEntry::builder()
                        .id(n.to_string())
                        .set_receipt_handle(message.receipt_handle.clone())
                        .build()?,
                );
            }
            let delete = self
                .client
                .delete_message_batch()
                .queue_url(&self.settings.url)
                .set_entries(Some(entries));
            let answer = delete.send().await.map_err(failed("sqs:DeleteMessage"))?;
            let failed: Vec<usize> =
                answer.failed.iter().filter_map(|entry| entry.id.parse().ok()).collect();
            let still = |(n, message)| failed.contains(&n).then_some(message);
            left = left.into_iter().enumerate().filter_map(still).collect();
        }
        match left.len() {
            0 => Ok(()),
            left => Err(QueueError::Partial { call: "sqs:DeleteMessage", left }),
        }
    }
}

fn delivery(message: &Message) -> Delivery {
    let count = message
        .attributes
        .as_ref()
        .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|count| count.parse().ok());
    Delivery {
        id: message.message_id.clone().unwrap_or_default(),
        body: message.body.clone().unwrap_or_default(),
        deliveries: count.unwrap_or(1),
    }
}

/// How long a message rests that was delivered so often without success.
fn pause(deliveries: u32) -> Duration {
    let doubled = 1_u32.checked_shl(deliveries.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

/// A reason of the letters that SQS takes, and not too many: those of XML 1.0.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn allowed(reason: &str) -> String {
    let letter = |c: char| match c {
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => c,
        _ => '\u{fffd}',
    };
    let reason: String = reason.chars().map(letter).take(REASON_CHARS).collect();
    if reason.is_empty() { "no reason given".to_owned() } else { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_at_a_quarter_of_an_hour() {
        let pauses = [1, 2, 3, 10, 33, u32::MAX].map(|n| pause(n).as_secs());
        assert_eq!(pauses, [2, 4, 8, 900, 900, 900]);
    }

    #[test]
    fn a_cut_body_is_with_its_attributes_as_long_as_it_was_alone() {
        let body = "ü".repeat(100);
        // 1 and 6 and 1 bytes of the attribute leave 192.
        assert_eq!(cut(&body, &[("n", "v")]).map(str::len), Some(192));
        assert_eq!(cut(&body, &[("n", "vv")]).map(str::len), Some(190));
        assert_eq!(cut("short", &[("n", "v")]), None);
    }

    #[test]
    fn a_reason_has_only_letters_that_sqs_takes() {
        assert_eq!(allowed("a\u{0}b\u{ffff}ü🦀\n"), "a\u{fffd}b\u{fffd}ü🦀\n");
        assert!(!allowed("").is_empty());
        assert_eq!(allowed(&"x".repeat(5000)).len(), 1000);
    }
}
