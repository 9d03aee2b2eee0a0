//! Alerts by HTTP POST.

use std::time::Duration;

use aisaws_core::message::Message;
use aisaws_core::port::{Channel, ChannelError};
use async_trait::async_trait;

/// How long the other side may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends each message as JSON to one configured address, with its id as `Idempotency-Key`.
/// Redirects are not followed: the address is the user's choice, not the other side's.
#[derive(Debug, Clone)]
pub struct WebhookChannel {
    address: reqwest::Url,
    client: reqwest::Client,
}

/// An address that nothing can be sent to.
#[derive(Debug, thiserror::Error)]
#[error("webhook address `{address}` is not usable: {reason}")]
pub struct BadAddress {
    /// As given.
    pub address: String,
    /// Why.
    pub reason: String,
}

impl WebhookChannel {
    /// A channel to that http(s) address.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn new(address: &str) -> Result<Self, BadAddress> {
        let bad = |reason: String| BadAddress { address: address.to_owned(), reason };
        let url = reqwest::Url::parse(address).map_err(|e| bad(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("it must begin with https:// or http://".to_owned()));
        }
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| bad(e.to_string()))?;
        Ok(Self { address: url, client })
    }
}

#[async_trait]
impl Channel for WebhookChannel {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        let fail = |reason: String| ChannelError {
            channel: "webhook".to_owned(),
            reason,
            is_passing: false,
        };
        let request = self
            .client
            .post(self.address.clone())
            .header("Idempotency-Key", &message.id)
            .json(message);
        // The address may hold a secret: it is left out of what is recorded.
        let answer = request.send().await.map_err(|e| fail(e.without_url().to_string()))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(fail(format!("it answered {}", answer.status())))
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use aisaws_core::id::IncidentId;
    use aisaws_core::resource::ResourceRef;
    use aisaws_core::risk::Severity;
    use aisaws_core::status::Status;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    pub(crate) fn message(subject: &str) -> Message {
        let incident = IncidentId::from_cause(&["test"]);
        Message {
            id: format!("{incident}/closed"),
            incident,
            status: Status::Remediated,
            subject: subject.to_owned(),
            lines: vec!["a line".to_owned()],
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
            time: jiff::Timestamp::UNIX_EPOCH,
            recipient: None,
        }
    }

    /// Answers one request with that status line and gives back what was sent.
    async fn server(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook?secret=s3cr3t", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let n = socket.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..n]);
                if n == 0 || request.ends_with(b"}") {
                    break;
                }
            }
            socket.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        (address, task)
    }

    #[tokio::test]
    async fn a_message_is_posted_as_json_with_its_id() {
        let (address, task) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
        WebhookChannel::new(&address).unwrap().send(&message("hello")).await.unwrap();
        let request = task.await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /hook?secret=s3cr3t HTTP/1.1"), "{head}");
        assert!(head.to_lowercase().contains(&format!("idempotency-key: {}", message("x").id)));
        assert_eq!(serde_json::from_str::<Message>(body).unwrap(), message("hello"));
    }

    #[tokio::test]
    async fn a_redirect_is_a_failure_and_the_secret_address_is_not_told() {
        let (address, task) =
            server("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n").await;
        let e = WebhookChannel::new(&address).unwrap().send(&message("x")).await.unwrap_err();
        task.await.unwrap();
        assert!(e.reason.contains("302") && !e.to_string().contains("s3cr3t"), "{e}");
    }

    #[test]
    fn only_http_addresses_are_taken() {
        assert!(WebhookChannel::new("file:///etc/passwd").is_err());
        assert!(WebhookChannel::new("nonsense").is_err());
    }
}
