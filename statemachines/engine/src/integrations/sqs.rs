//! `sqs:sendMessage`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{AMZ_JSON, Delivery, ServiceError, arguments, bad_arguments, only, text};
use super::mailbox::Mailbox;
use super::request::{Request, Style};
use crate::tasks::{TaskCall, TaskResult};

const ARGUMENTS: &[&str] = &[
    "QueueUrl",
    "MessageBody",
    "DelaySeconds",
    "MessageAttributes",
    "MessageDeduplicationId",
    "MessageGroupId",
    "MessageSystemAttributes",
];

/// A message for a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// The id, where the queue here gives it.
    pub id: String,
    /// The text.
    pub body: String,
    /// `{"name": {"DataType": …, "StringValue": …}}`.
    pub attributes: Map<String, Value>,
    /// Seconds for which nobody should see it.
    pub delay_seconds: Option<u32>,
    /// Messages of one group are kept in order (FIFO queues).
    pub group_id: Option<String>,
    /// Messages with one such id are one (FIFO queues).
    pub deduplication_id: Option<String>,
}

/// What the queue says of a message it took.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The message's id.
    pub message_id: String,
    /// Its place in a FIFO queue.
    pub sequence_number: Option<String>,
}

impl Receipt {
    /// A receipt for a message of this id.
    pub fn new(message_id: String, sequence_number: Option<String>) -> Self {
        Self { message_id, sequence_number }
    }
}

/// Takes messages, each idempotency key once.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Takes the message; for a key that was seen, gives the receipt of then.
    async fn send(
        &self,
        message: Message,
        delivery: &Delivery<'_>,
    ) -> Result<Receipt, ServiceError>;
}

#[async_trait]
impl Queue for Mailbox<Message> {
    async fn send(
        &self,
        message: Message,
        delivery: &Delivery<'_>,
    ) -> Result<Receipt, ServiceError> {
        let (id, is_fifo) = (message.id.clone(), message.group_id.is_some());
        let number = self.put(delivery.key, message);
        Ok(Receipt::new(id, is_fifo.then(|| sequence(number))))
    }
}

/// A sequence number has 20 digits.
pub(super) fn sequence(number: u64) -> String {
    format!("{number:020}")
}

/// Queues by name, the last part of their URLs.
#[derive(Clone, Default)]
pub struct Queues {
    by_name: BTreeMap<String, Arc<dyn Queue>>,
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}

impl Queues {
    /// No queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a queue of this name.
    #[must_use]
    pub fn with(mut self, name: &str, queue: Arc<dyn Queue>) -> Self {
        self.by_name.insert(name.to_owned(), queue);
        self
    }

    pub(super) async fn run(&self, request: &Request<'_>, call: &TaskCall) -> TaskResult {
        if request.action != "sendMessage" {
            return Err(bad_arguments(&call.resource, "there is only `sendMessage`"));
        }
        let given = arguments(&call.input)?;
        only(&call.resource, given, ARGUMENTS)?;
        let url = text(given, "QueueUrl")
            .ok_or_else(|| bad_arguments(&call.resource, "`QueueUrl` is required"))?;
        let delivery = Delivery::of(call);
        let sent = self.send(&url, given, &delivery).await;
        let (receipt, body, attributes) =
            sent.map_err(|error| request.names().failure(delivery.key, &error))?;
        let (of_body, of_attributes) = match request.style {
            Style::Optimised => ("MD5OfMessageBody", "MD5OfMessageAttributes"),
            Style::Sdk => ("Md5OfMessageBody", "Md5OfMessageAttributes"),
        };
        let mut answer = Map::new();
        answer.insert(of_body.to_owned(), hex(&Md5::digest(&body)).into());
        if let Some(digest) = attributes {
            answer.insert(of_attributes.to_owned(), digest.into());
        }
        answer.insert("MessageId".to_owned(), receipt.message_id.into());
        if let Some(number) = receipt.sequence_number {
            answer.insert("SequenceNumber".to_owned(), number.into());
        }
        Ok(request.names().answer(delivery.key, AMZ_JSON, 200, answer))
    }

    async fn send(
        &self,
        url: &str,
        given: &Map<String, Value>,
        delivery: &Delivery<'_>,
    ) -> Result<(Receipt, String, Option<String>), ServiceError> {
        let name = url.rsplit('/').next().unwrap_or(url);
        let queue = self.by_name.get(name).ok_or_else(|| {
            ServiceError::modelled(
                "QueueDoesNotExistException",
                "The specified queue does not exist.",
            )
            .with_code("AWS.SimpleQueueService.NonExistentQueue")
        })?;
        let body = text(given, "MessageBody").filter(|b| !b.is_empty()).ok_or_else(|| {
            ServiceError::other(
                "MissingParameter",
                "The request must contain the parameter MessageBody.",
            )
        })?;
        let attributes =
            given.get("MessageAttributes").and_then(Value::as_object).cloned().unwrap_or_default();
        let digest = (!attributes.is_empty()).then(|| digest_of(&attributes)).transpose()?;
        let delay_seconds = match given.get("DelaySeconds") {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                value.as_u64().filter(|s| *s <= 900).and_then(|s| u32::try_from(s).ok()).ok_or_else(
                    || {
                        let why = format!("Value {value} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.");
                        ServiceError::other("InvalidParameterValue", why)
                    },
                )?,
            ),
        };
        let group_id = text(given, "MessageGroupId");
        if name.strip_suffix(".fifo").is_some() && group_id.is_none() {
            let why = "The request must contain the parameter MessageGroupId.";
            return Err(ServiceError::other("MissingParameter", why));
        }
        let message = Message {
            id: delivery.id(),
            body: body.clone(),
            attributes,
            delay_seconds,
            group_id,
            deduplication_id: text(given, "MessageDeduplicationId"),
        };
        Ok((queue.send(message, delivery).await?, body, digest))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The digest that SQS gives of a message's attributes: of each, by name, the name, the type,
/// the kind of value (1 text, 2 bytes) and the value, texts with their length before them.
/// See "Calculating the MD5 message digest for message attributes" in the SQS guide.
fn digest_of(attributes: &Map<String, Value>) -> Result<String, ServiceError> {
    let mut sorted: Vec<_> = attributes.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut digest = Md5::new();
    let mut part = |bytes: &[u8], kind: Option<u8>| {
        if let Some(kind) = kind {
            digest.update([kind]);
        }
        digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(bytes);
    };
    for (name, attribute) in sorted {
        let invalid = || {
            let why = format!(
                "The message attribute '{name}' must contain a non-empty attribute value and type."
            );
            ServiceError::other("InvalidParameterValue", why)
        };
        let field = |key: &str| attribute.get(key).and_then(Value::as_str).map(str::to_owned);
        let data_type = field("DataType").ok_or_else(invalid)?;
        part(name.as_bytes(), None);
        part(data_type.as_bytes(), None);
        if data_type.starts_with("Binary") {
            let bytes = STANDARD.decode(field("BinaryValue").ok_or_else(invalid)?);
            part(&bytes.map_err(|_| invalid())?, Some(2));
        } else {
            part(field("StringValue").ok_or_else(invalid)?.as_bytes(), Some(1));
        }
    }
    Ok(hex(&digest.finalize()))
}
