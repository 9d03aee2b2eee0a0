//! Queues and topics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aisaws_engine::integrations::{
    Mailbox, Message, Notification, Queue, Queues, Router, Topic, Topics,
};
use aisaws_engine::{EngineError, MemoryJournal, Status, TaskCall, TaskResult, Tasks};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{ended, engine_on, on, one, task, without_metadata};
use crate::support::machine;

const SEND: &str = "arn:aws:states:::sqs:sendMessage";
const PUBLISH: &str = "arn:aws:states:::sns:publish";
const URL: &str = "https://sqs.us-east-1.amazonaws.com/111122223333/queue";
const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:topic";

fn router(queue: &Arc<impl Queue + 'static>, topic: &Arc<impl Topic + 'static>) -> Router {
    let queues = Queues::new()
        .with("queue", Arc::clone(queue) as _)
        .with("queue.fifo", Arc::clone(queue) as _);
    let topics = Topics::new()
        .with("topic", Arc::clone(topic) as _)
        .with("topic.fifo", Arc::clone(topic) as _);
    Router::new().queues(queues).topics(topics)
}

fn boxes() -> (Arc<Mailbox<Message>>, Arc<Mailbox<Notification>>) {
    (Arc::new(Mailbox::new()), Arc::new(Mailbox::new()))
}

#[tokio::test]
async fn a_sent_message_gives_its_id_and_digest() {
    let (queue, topic) = boxes();
    let engine = engine_on(router(&queue, &topic));
    // MD5 of `test_message_body`, by md5sum.
    let parameters =
        json!({"QueueUrl": URL, "MessageBody": "test_message_body", "DelaySeconds": 5});
    let result = without_metadata(one(&engine, "a", SEND, &parameters).await.unwrap());
    let sent = queue.take().unwrap();
    assert_eq!(
        result,
        json!({"MD5OfMessageBody": "3caa9a099bc4e58ae7923f68c5d7d081", "MessageId": sent.id})
    );
    assert_eq!((sent.body.as_str(), sent.delay_seconds), ("test_message_body", Some(5)));

    let parameters = json!({"QueueUrl": URL, "MessageBody": {"a": "x"}});
    one(&engine, "b", SEND, &parameters).await.unwrap();
    assert_eq!(queue.take().unwrap().body, r#"{"a":"x"}"#, "JSON is sent as text");

    let attributes = json!({"timestamp": {"StringValue": "1493147359900", "DataType": "Number"}});
    let parameters =
        json!({"QueueUrl": URL, "MessageBody": "derp", "MessageAttributes": attributes});
    let result = one(&engine, "c", SEND, &parameters).await.unwrap();
    assert_eq!(result["MD5OfMessageAttributes"], json!("235c5c510d26fb653d073faed50ae77c"));

    let parameters =
        json!({"QueueUrl": format!("{URL}.fifo"), "MessageBody": "m", "MessageGroupId": "g"});
    let result = one(&engine, "d", SEND, &parameters).await.unwrap();
    assert_eq!(result["SequenceNumber"].as_str().unwrap().len(), 20);

    let sdk = "arn:aws:states:::aws-sdk:sqs:sendMessage";
    let result =
        one(&engine, "e", sdk, &json!({"QueueUrl": URL, "MessageBody": "m"})).await.unwrap();
    let names: Vec<&String> = result.as_object().unwrap().keys().collect();
    assert_eq!(names, ["Md5OfMessageBody", "MessageId"]);
}

#[tokio::test]
async fn a_published_message_gives_its_id() {
    let (queue, topic) = boxes();
    let engine = engine_on(router(&queue, &topic));
    let parameters =
        json!({"TopicArn": TOPIC, "Message": {"Message": "HelloWorld!"}, "Subject": "s"});
    let result = without_metadata(one(&engine, "a", PUBLISH, &parameters).await.unwrap());
    let published = topic.take().unwrap();
    assert_eq!(result, json!({"MessageId": published.id}));
    assert_eq!(published.message, r#"{"Message":"HelloWorld!"}"#);
    assert_eq!(published.subject.as_deref(), Some("s"));
}

#[tokio::test]
async fn refused_messages_are_named_as_on_aws() {
    let (queue, topic) = boxes();
    let engine = engine_on(router(&queue, &topic));
    let cases = [
        (
            SEND,
            json!({"QueueUrl": URL, "MessageBody": null}),
            "SQS.AmazonSQSException",
            "The request must contain the parameter MessageBody. (Service: AmazonSQS; Status Code: 400; Error Code: MissingParameter; Request ID: ",
        ),
        (
            SEND,
            json!({"QueueUrl": "https://sqs.us-east-1.amazonaws.com/111122223333/none", "MessageBody": "m"}),
            "SQS.QueueDoesNotExistException",
            "The specified queue does not exist. (Service: AmazonSQS; Status Code: 400; Error Code: AWS.SimpleQueueService.NonExistentQueue; ",
        ),
        (
            SEND,
            json!({"QueueUrl": URL, "MessageBody": "m", "DelaySeconds": 901}),
            "SQS.AmazonSQSException",
            "Value 901 for parameter DelaySeconds is invalid.",
        ),
        (
            SEND,
            json!({"QueueUrl": format!("{URL}.fifo"), "MessageBody": "m"}),
            "SQS.AmazonSQSException",
            "The request must contain the parameter MessageGroupId.",
        ),
        (
            SEND,
            json!({"MessageBody": "m"}),
            "States.Runtime",
            "The Parameters of `arn:aws:states:::sqs:sendMessage` are not right",
        ),
        (
            "arn:aws:states:::aws-sdk:sqs:sendMessage",
            json!({"QueueUrl": "none", "MessageBody": "m"}),
            "Sqs.QueueDoesNotExistException",
            "The specified queue does not exist. (Service: Sqs, Status Code: 400, Request ID: ",
        ),
        (
            PUBLISH,
            json!({"TopicArn": format!("{TOPIC}-none"), "Message": "m"}),
            "SNS.NotFoundException",
            "Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: ",
        ),
        (
            PUBLISH,
            json!({"TopicArn": TOPIC, "Message": ""}),
            "SNS.InvalidParameterException",
            "Invalid parameter: Empty message",
        ),
        (
            PUBLISH,
            json!({"TopicArn": TOPIC, "Message": "{}", "MessageStructure": "json"}),
            "SNS.InvalidParameterException",
            "Invalid parameter: Message Structure",
        ),
    ];
    for (i, (resource, parameters, error, cause)) in cases.into_iter().enumerate() {
        let found = one(&engine, &format!("e{i}"), resource, &parameters).await.unwrap_err();
        assert_eq!(found.0, error, "{parameters}");
        assert!(found.1.starts_with(cause), "{} for {parameters}", found.1);
    }
    assert!(queue.list().is_empty() && topic.list().is_empty());
}

#[tokio::test]
async fn who_gets_the_token_in_a_message_answers_the_task() {
    let (queue, topic) = boxes();
    let engine = engine_on(router(&queue, &topic));
    let message = json!({"TaskToken.$": "$$.Task.Token", "a": 1});
    let by_queue = task(
        &format!("{SEND}.waitForTaskToken"),
        &json!({"QueueUrl": URL, "MessageBody": message}),
    );
    let by_topic = task(
        &format!("{PUBLISH}.waitForTaskToken"),
        &json!({"TopicArn": TOPIC, "Message": message}),
    );
    for (name, definition) in [("queue", by_queue), ("topic", by_topic)] {
        engine.start(name, &machine(&definition), json!({})).await.unwrap();
        assert_eq!(engine.drive(name).await.unwrap().status, Status::Running);
        let submitted = engine.history(name).await.unwrap().pop().unwrap();
        let details = &submitted["taskSubmittedEventDetails"];
        let output: Value = serde_json::from_str(details["output"].as_str().unwrap()).unwrap();
        let (id, body) = match name {
            "queue" => queue.take().map(|m| (m.id, m.body)).unwrap(),
            _ => topic.take().map(|m| (m.id, m.message)).unwrap(),
        };
        assert_eq!(output["MessageId"], json!(id));
        let body: Value = serde_json::from_str(&body).unwrap();
        let token = body["TaskToken"].as_str().unwrap();
        engine.send_task_success(token, json!({"approved": true})).await.unwrap();
        assert_eq!(ended(engine.drive(name).await.unwrap().status), Ok(json!({"approved": true})));
        let again = engine.send_task_success(token, json!({})).await;
        assert!(matches!(again, Err(EngineError::NotWaiting(_))));
    }
}

/// Does its work, and the first time the process is gone before anybody hears of it.
struct Deaf<T> {
    inner: T,
    was_called: AtomicBool,
}

#[async_trait]
impl<T: Tasks> Tasks for Deaf<T> {
    async fn run(&self, call: TaskCall) -> TaskResult {
        let result = self.inner.run(call).await;
        if self.was_called.swap(true, Ordering::SeqCst) {
            return result;
        }
        std::future::pending().await
    }
}

/// Runs one task in a process that dies after the service acted, and again in the next.
pub(super) async fn run_twice(
    router: Router,
    resource: &str,
    parameters: &Value,
) -> Result<Value, (String, String)> {
    let journal = Arc::new(MemoryJournal::new());
    let tasks = Arc::new(Deaf { inner: router, was_called: AtomicBool::new(false) });
    let first = on(Arc::clone(&journal) as _, Arc::clone(&tasks) as _);
    first.start("e", &machine(&task(resource, parameters)), json!({})).await.unwrap();
    let dead = tokio::spawn(async move { first.drive("e").await });
    while !tasks.was_called.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    dead.abort();
    assert!(dead.await.unwrap_err().is_cancelled());
    let second = on(journal, tasks);
    second.resume_all().await.unwrap();
    ended(second.describe("e").await.unwrap().status)
}

#[tokio::test]
async fn a_call_that_is_made_again_sends_no_second_message() {
    let (queue, topic) = boxes();
    let parameters = json!({"QueueUrl": URL, "MessageBody": "m"});
    let result = run_twice(router(&queue, &topic), SEND, &parameters).await.unwrap();
    assert_eq!(queue.list().len(), 1);
    assert_eq!(result["MessageId"], json!(queue.list()[0].id));
    let parameters = json!({"TopicArn": TOPIC, "Message": "m"});
    let result = run_twice(router(&queue, &topic), PUBLISH, &parameters).await.unwrap();
    assert_eq!(topic.list().len(), 1);
    assert_eq!(result["MessageId"], json!(topic.list()[0].id));
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_in_a_file_are_each_sent_once_too() {
    use aisaws_engine::integrations::{INTEGRATIONS_SCHEMA, SqliteMailbox};
    let dir = tempfile::tempdir().unwrap();
    let db = aisaws_sqlite::Db::open(&dir.path().join("s.sqlite"), &[INTEGRATIONS_SCHEMA]).unwrap();
    let queue = Arc::new(SqliteMailbox::new(db.clone(), "queue"));
    let topic = Arc::new(SqliteMailbox::new(db, "topic"));
    let parameters = json!({"QueueUrl": URL, "MessageBody": "m"});
    let result = run_twice(router(&queue, &topic), SEND, &parameters).await.unwrap();
    let sent: Message = queue.take().await.unwrap().unwrap();
    assert_eq!(result["MessageId"], json!(sent.id));
    assert_eq!(queue.take::<Message>().await.unwrap(), None);
    let parameters = json!({"TopicArn": TOPIC, "Message": "m"});
    run_twice(router(&queue, &topic), PUBLISH, &parameters).await.unwrap();
    assert_eq!(topic.take::<Notification>().await.unwrap().unwrap().message, "m");
    assert_eq!(topic.take::<Notification>().await.unwrap(), None);
    // A key is known even after its message was taken.
    run_twice(router(&queue, &topic), PUBLISH, &parameters).await.unwrap();
    assert_eq!(topic.take::<Notification>().await.unwrap(), None);
}
