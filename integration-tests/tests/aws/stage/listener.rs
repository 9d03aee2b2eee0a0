//! Somebody who is told: a queue that subscribes to the topic of alerts.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use super::deployment::WITHIN;
use super::event;

const INTERVAL: Duration = Duration::from_millis(200);

/// One alert as a subscriber gets it.
#[derive(Debug, Clone)]
pub(crate) struct Alert {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// A queue of one test's own with everything that the topic was given since.
pub(crate) struct Listener {
    client: aws_sdk_sqs::Client,
    url: String,
    heard: std::sync::Mutex<Vec<Alert>>,
}

impl Listener {
    pub(crate) async fn new(
        sqs: &aws_sdk_sqs::Client,
        sns: &aws_sdk_sns::Client,
        topic: &str,
    ) -> Self {
        let name = event::name("listener");
        let url = sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
        let arn = topic.rsplit_once(':').unwrap().0.replace(":sns:", ":sqs:") + ":" + &name;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage", "Resource": arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
        }] });
        let set = sqs.set_queue_attributes().queue_url(&url);
        set.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.unwrap();
        let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(arn);
        subscribe.send().await.unwrap();
        Self { client: sqs.clone(), url, heard: std::sync::Mutex::default() }
    }

    /// Waits for an alert that is wanted; those before it stay to be looked at.
    pub(crate) async fn hear(&self, wanted: impl Fn(&Alert) -> bool) -> Alert {
        let started = std::time::Instant::now();
        loop {
            self.receive().await;
            if let Some(alert) = self.heard.lock().unwrap().iter().find(|alert| wanted(alert)) {
                return alert.clone();
            }
            assert!(started.elapsed() < WITHIN, "not heard; heard was {:#?}", self.heard.lock());
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn receive(&self) {
        loop {
            let receive = self.client.receive_message().queue_url(&self.url);
            let batch = receive.max_number_of_messages(10).send().await.unwrap();
            if batch.messages().is_empty() {
                return;
            }
            for message in batch.messages() {
                let body: Value = serde_json::from_str(message.body().unwrap()).unwrap();
                let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
                let attributes = body["MessageAttributes"].as_object().into_iter().flatten();
                let attributes = attributes
                    .map(|(name, a)| (name.clone(), a["Value"].as_str().unwrap().to_owned()))
                    .collect();
                let alert = Alert { subject: text("Subject"), text: text("Message"), attributes };
                self.heard.lock().unwrap().push(alert);
                let handle = message.receipt_handle().unwrap();
                let delete = self.client.delete_message().queue_url(&self.url);
                delete.receipt_handle(handle).send().await.unwrap();
            }
        }
    }
}
