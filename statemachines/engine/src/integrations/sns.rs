//! `sns:publish`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{Delivery, ServiceError, arguments, bad_arguments, only, text};
use super::mailbox::Mailbox;
use super::request::Request;
use super::sqs::{Receipt, sequence};
use crate::tasks::{TaskCall, TaskResult};

const ARGUMENTS: &[&str] = &[
    "TopicArn",
    "TargetArn",
    "PhoneNumber",
    "Message",
    "Subject",
    "MessageStructure",
    "MessageAttributes",
    "MessageDeduplicationId",
    "MessageGroupId",
];

/// What is told to the subscribers of a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notification {
    /// The id, where the topic here gives it.
    pub id: String,
    /// The text; with the structure `json`, an object of texts by protocol.
    pub message: String,
    /// The subject of e-mails.
    pub subject: Option<String>,
    /// `json` or nothing.
    pub structure: Option<String>,
    /// `{"name": {"DataType": …, "StringValue": …}}`.
    pub attributes: Map<String, Value>,
    /// Messages of one group are kept in order (FIFO topics).
    pub group_id: Option<String>,
    /// Messages with one such id are one (FIFO topics).
    pub deduplication_id: Option<String>,
}

/// Tells its subscribers, each idempotency key once.
#[async_trait]
pub trait Topic: Send + Sync {
    /// Takes the message; for a key that was seen, gives the receipt of then.
    async fn publish(
        &self,
        notification: Notification,
        delivery: &Delivery<'_>,
    ) -> Result<Receipt, ServiceError>;
}

#[async_trait]
impl Topic for Mailbox<Notification> {
    async fn publish(
        &self,
        notification: Notification,
        delivery: &Delivery<'_>,
    ) -> Result<Receipt, ServiceError> {
        let (id, is_fifo) = (notification.id.clone(), notification.group_id.is_some());
        let number = self.put(delivery.key, notification);
        Ok(Receipt::new(id, is_fifo.then(|| sequence(number))))
    }
}

/// Topics by name, the last part of their ARNs; a phone number can be one too.
#[derive(Clone, Default)]
pub struct Topics {
    by_name: BTreeMap<String, Arc<dyn Topic>>,
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}

impl Topics {
    /// No topic.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a topic of this name.
    #[must_use]
    pub fn with(mut self, name: &str, topic: Arc<dyn Topic>) -> Self {
        self.by_name.insert(name.to_owned(), topic);
        self
    }

    pub(super) async fn run(&self, request: &Request<'_>, call: &TaskCall) -> TaskResult {
        if request.action != "publish" {
            return Err(bad_arguments(&call.resource, "there is only `publish`"));
        }
        let given = arguments(&call.input)?;
        only(&call.resource, given, ARGUMENTS)?;
        let delivery = Delivery::of(call);
        let receipt = self
            .publish(given, &delivery)
            .await
            .map_err(|error| request.names().failure(delivery.key, &error))?;
        let mut answer = Map::new();
        answer.insert("MessageId".to_owned(), receipt.message_id.into());
        if let Some(number) = receipt.sequence_number {
            answer.insert("SequenceNumber".to_owned(), number.into());
        }
        Ok(request.names().answer(delivery.key, "text/xml", 200, answer))
    }

    async fn publish(
        &self,
        given: &Map<String, Value>,
        delivery: &Delivery<'_>,
    ) -> Result<Receipt, ServiceError> {
        let invalid = |why: &str| {
            ServiceError::modelled("InvalidParameterException", format!("Invalid parameter: {why}"))
                .with_code("InvalidParameter")
        };
        let target = ["TopicArn", "TargetArn", "PhoneNumber"].iter().find_map(|n| text(given, n));
        let target = target.ok_or_else(|| {
            invalid("TopicArn or TargetArn Reason: no value for required parameter")
        })?;
        let name = target.rsplit(':').next().unwrap_or(&target);
        let topic = self.by_name.get(name).ok_or_else(|| {
            ServiceError::modelled("NotFoundException", "Topic does not exist")
                .with_code("NotFound")
                .with_status(404)
        })?;
        let message = text(given, "Message")
            .filter(|m| !m.is_empty())
            .ok_or_else(|| invalid("Empty message"))?;
        let structure = text(given, "MessageStructure");
        if structure.as_deref() == Some("json") {
            let parsed: Option<Map<String, Value>> = serde_json::from_str(&message).ok();
            let has_default =
                parsed.is_some_and(|m| m.get("default").is_some_and(Value::is_string));
            if !has_default {
                return Err(invalid("Message Structure - No default entry in JSON message body"));
            }
        }
        let group_id = text(given, "MessageGroupId");
        if name.strip_suffix(".fifo").is_some() && group_id.is_none() {
            return Err(invalid("The MessageGroupId parameter is required for FIFO topics"));
        }
        let attributes =
            given.get("MessageAttributes").and_then(Value::as_object).cloned().unwrap_or_default();
        let notification = Notification {
            id: delivery.id(),
            message,
            subject: text(given, "Subject"),
            structure,
            attributes,
            group_id,
            deduplication_id: text(given, "MessageDeduplicationId"),
        };
        topic.publish(notification, delivery).await
    }
}
