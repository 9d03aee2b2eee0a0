//! Alerts reach subscribers of a topic in their own form.

use aisaws_aws::TopicChannel;
use aisaws_core::id::IncidentId;
use aisaws_core::message::Message;
use aisaws_core::port::Channel as _;
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_core::status::Status;
use jiff::Timestamp;
use serde_json::Value;

use crate::place::{aws, name, sdk};

fn message(lines: Vec<String>) -> Message {
    let incident = IncidentId::from_cause(&["test"]);
    Message {
        id: format!("{incident}/closed"),
        incident,
        status: Status::Remediated,
        subject: "bucket `acme` was public ü\nand is not".to_owned(),
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

/// Publishes through the channel and gives back what a subscribed queue got.
async fn published(message: &Message) -> Value {
    let config = sdk().await;
    let (sns, sqs) = (aws_sdk_sns::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let topic = sns.create_topic().name(name("alerts")).send().await.unwrap();
    let topic = topic.topic_arn().unwrap().to_owned();
    let (queue_name, account) = (name("alerts"), "111122223333");
    let queue = sqs.create_queue().queue_name(&queue_name).send().await.unwrap();
    sns.subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint(format!("arn:aws:sqs:us-east-1:{account}:{queue_name}"))
        .send()
        .await
        .unwrap();
    TopicChannel::new(&aws().await, &topic).send(message).await.unwrap();
    for _ in 0..24 {
        let receive = sqs.receive_message().queue_url(queue.queue_url().unwrap());
        let got = receive.wait_time_seconds(5).send().await.unwrap();
        match got.messages() {
            [] => {}
            [got] => return serde_json::from_str(got.body().unwrap()).unwrap(),
            more => panic!("{more:?}"),
        }
    }
    panic!("nothing came");
}

#[tokio::test]
async fn a_queue_gets_the_message_as_json_with_attributes() {
    let sent = message(vec!["a line".to_owned()]);
    let envelope = published(&sent).await;
    assert_eq!(envelope["Subject"], "bucket `acme` was public ??and is not");
    let text = envelope["Message"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Message>(text).unwrap(), sent);
    let attributes = &envelope["MessageAttributes"];
    assert_eq!(attributes["status"]["Value"], "remediated");
    assert_eq!(attributes["severity"]["Value"], "high");
    assert_eq!(attributes["id"]["Value"], sent.id);
}

#[tokio::test]
async fn a_message_of_any_size_is_delivered() {
    let sent = message(vec!["🦀".repeat(100_000); 200]);
    let envelope = published(&sent).await;
    let text = envelope["Message"].as_str().unwrap();
    assert!(text.len() < 256 * 1024);
    assert!(text.contains(&sent.incident.to_string()));
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_a_failure_with_its_code() {
    let topic = "arn:aws:sns:us-east-1:111122223333:nowhere";
    let error = TopicChannel::new(&aws().await, topic).send(&message(Vec::new())).await;
    let error = error.unwrap_err();
    assert!(error.reason.contains("`sns:Publish` failed with `NotFound"), "{error}");
}
