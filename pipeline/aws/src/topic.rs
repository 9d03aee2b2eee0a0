//! Alerts to an SNS topic.
//!
//! People who subscribed by mail get text; queues, functions and web addresses get the message as
//! JSON. Attributes let a subscription choose by status and severity, and by the approver whom alone
//! a link is for.

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::message::Message;
use aisaws_core::port::{Channel, ChannelError};
use async_trait::async_trait;
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::json;

use crate::connect::Aws;
use crate::fault::failed;

/// What a subject may be: less than 100 characters of ASCII without line breaks.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT_CHARS: usize = 99;
/// What the forms of one message may be together, below the limit of 256 KB.
const BODY_BYTES: usize = 240 * 1024;
/// Lines of a message, and letters of a line, that are sent.
const LINES: usize = 40;
const LINE_CHARS: usize = 2000;

/// Publishes each message to one topic. In a FIFO topic a repeated message is recognised by its id.
#[derive(Debug, Clone)]
pub struct TopicChannel {
    client: aws_sdk_sns::Client,
    topic: String,
}

impl TopicChannel {
    /// A channel to the topic of that ARN.
    pub fn new(aws: &Aws, topic_arn: &str) -> Self {
        Self { client: aws.sns(), topic: topic_arn.to_owned() }
    }
}

#[async_trait]
impl Channel for TopicChannel {
    fn name(&self) -> &'static str {
        "sns"
    }

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        let fail =
            |reason: String| ChannelError { channel: "sns".to_owned(), reason, is_passing: false };
        let body = body(message).map_err(|e| fail(e.to_string()))?;
        let mut publish = self
            .client
            .publish()
            .topic_arn(&self.topic)
            .subject(subject(&message.subject))
            .message_structure("json")
            .message(body);
        for (name, value) in [
            ("id", message.id.clone()),
            ("incident", message.incident.to_string()),
            ("status", word(&message.status)),
            ("severity", word(&message.severity)),
        ]
        .into_iter()
        .chain(message.recipient.clone().map(|recipient| ("approver", recipient)))
        {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value);
            let value = value.build().map_err(|e| fail(e.to_string()))?;
            publish = publish.message_attributes(name, value);
        }
        if self.topic.strip_suffix(".fifo").is_some() {
            publish = publish
                .message_group_id(message.incident.to_string())
                .message_deduplication_id(Digest::of_bytes(message.id.as_bytes()).as_str());
        }
        match publish.send().await.map_err(failed("sns:Publish")) {
            Ok(_) => Ok(()),
            Err(e) => {
                let is_passing = matches!(e.fault(), Fault::Transient | Fault::Throttled);
                Err(ChannelError { is_passing, ..fail(aisaws_core::fault::chain(&e)) })
            }
        }
    }
}

/// A value of ours that serialises as one word.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => "unknown".to_owned(),
    }
}

/// The subject as SNS takes it; other letters become question marks.
fn subject(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let subject: String = text.trim().chars().map(allowed).take(SUBJECT_CHARS).collect();
    if subject.is_empty() { "AISAWS".to_owned() } else { subject }
}

/// Text for people and JSON for programs, in the form in which SNS tells them apart. What does not
/// fit is cut at the end: the first line, where a link to answer stands, is always sent.
fn body(message: &Message) -> Result<String, serde_json::Error> {
    let mut sent = message.clone();
    sent.lines.truncate(LINES);
    for line in &mut sent.lines {
        *line = line.chars().take(LINE_CHARS).collect();
    }
    loop {
        let text = text(&sent);
        let whole = serde_json::to_string(&sent)?;
        let body = json!({
            "default": text, "email": text, "email-json": whole, "sqs": whole, "lambda": whole,
            "http": whole, "https": whole, "firehose": whole,
        })
        .to_string();
        if body.len() <= BODY_BYTES {
            return Ok(body);
        }
        if sent.lines.len() > 1 {
            sent.lines.truncate(sent.lines.len() / 2);
        } else {
            // What is as long as this is not the lines.
            let first = sent.lines.first().map(|line| printable(line)).unwrap_or_default();
            let text = format!("incident {}\n{first}", sent.incident);
            return Ok(json!({ "default": text }).to_string());
        }
    }
}

fn text(message: &Message) -> String {
    let mut text = printable(&message.subject);
    for line in &message.lines {
        text.push('\n');
        text.push_str(&printable(line));
    }
    text.push_str("\n\nincident ");
    text.push_str(&message.incident.to_string());
    text
}

/// Text of events is data: what is no letter must not drive whatever shows it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use aisaws_core::id::IncidentId;
    use aisaws_core::resource::ResourceRef;
    use aisaws_core::risk::Severity;
    use aisaws_core::status::Status;
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;

    fn message(lines: Vec<String>) -> Message {
        let incident = IncidentId::from_cause(&["test"]);
        Message {
            id: format!("{incident}/asked:1"),
            incident,
            status: Status::WaitingApproval,
            subject: "bucket `acme` needs your approval".to_owned(),
            lines,
            resource: ResourceRef {
                kind: "AWS::S3::Bucket".to_owned(),
                id: "acme".to_owned(),
                account: "111122223333".into(),
                region: "eu-west-1".into(),
            },
            rules: vec!["s3.acl".into()],
            severity: Severity::High,
            risk: None,
            digest: None,
            time: Timestamp::UNIX_EPOCH,
            recipient: None,
        }
    }

    #[test]
    fn the_first_line_is_sent_however_much_follows() {
        let link = format!("answer here: https://lambda.example/?token={}", "t".repeat(600));
        for (lines, chars) in [(3, 10), (60, 10), (500, 1), (60, 5000), (500, 100_000)] {
            for letter in ["x", "🦀", "\u{1}", "\""] {
                let mut all = vec![link.clone()];
                all.extend(vec![letter.repeat(chars); lines]);
                let sent = body(&message(all)).unwrap();
                // "up to 256 KB", SNS API reference, `Publish`.
                assert!(sent.len() <= 256 * 1024, "{lines} {chars}");
                let forms: Value = serde_json::from_str(&sent).unwrap();
                for form in ["email", "sqs"] {
                    let text = forms.get(form).unwrap_or(&forms["default"]).as_str().unwrap();
                    assert!(text.contains(&link), "{form} {lines} {chars}");
                }
            }
        }
    }

    #[test]
    fn a_subject_is_short_printable_ascii() {
        assert_eq!(subject(" a\nb\u{7f}ü "), "a?b??");
        assert_eq!(subject(&"x".repeat(500)).len(), 99);
        assert_eq!(subject("\n"), "AISAWS");
    }
}
