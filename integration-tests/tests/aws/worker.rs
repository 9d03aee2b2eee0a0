//! `aisaws worker`: what it takes in, what it tells, how it ends.

use std::net::TcpListener;

use aisaws_core::port::{EventFilter, Events, Incidents};
use serde_json::{Value, json};

use crate::footing::{Footing, endpoint};
use crate::process::{WITHIN, Worker};

/// A bucket is made public: `PutBucketAcl` in its EventBridge envelope.
pub(crate) fn opened(id: &str, bucket: &str) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3",
        "account": "111122223333", "time": "2026-03-01T10:00:00Z", "region": "us-east-1",
        "resources": [], "detail": {
            "eventVersion": "1.11", "eventID": id, "eventTime": "2026-03-01T10:00:00Z",
            "eventSource": "s3.amazonaws.com", "eventName": "PutBucketAcl",
            "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "readOnly": false,
            "eventType": "AwsApiCall", "managementEvent": true, "eventCategory": "Management",
            "sourceIPAddress": "198.51.100.7",
            "userIdentity": {
                "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/bob",
                "accountId": "111122223333",
            },
            "requestParameters": {
                "bucketName": bucket, "x-amz-acl": ["public-read"], "acl": [""],
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_in_what_the_queue_holds_and_ends_when_it_is_told_to() {
    let Some(footing) = Footing::new().await else { return };
    for n in 0..25 {
        footing.send(&opened(&format!("event-{n}"), &format!("acme-{n}")).to_string()).await;
    }
    footing.send("this is \"no\" JSON\n").await;
    let variables = footing.variables(&endpoint().unwrap());
    for signal in ["TERM", "INT"] {
        let mut worker = Worker::start(&variables, &["--polls", "2"]);
        let none = ("0".to_owned(), "0".to_owned());
        let begun = std::time::Instant::now();
        while footing.waiting().await != none {
            assert!(begun.elapsed() < WITHIN, "{:#?}", worker.log());
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        worker.until("is ready", |worker| (worker.asked("/readyz").0 == 200).then_some(()));
        assert_eq!(worker.asked("/healthz").0, 200);
        if signal == "TERM" {
            worker.until("counts", |w| (w.figure("aisaws_events_total") == 25).then_some(()));
            assert_eq!(worker.figure("aisaws_dead_letters_total"), 1);
            assert_eq!(worker.figure("aisaws_messages_done_total"), 26);
        }
        let (status, log) = worker.told(signal);
        assert_eq!(status.code(), Some(0), "{log:#?}");
        assert!(log.iter().all(Value::is_object), "{log:#?}");
    }
    let events = Events::list(&footing.store, &EventFilter::default(), None, 100).await.unwrap();
    let incidents = Incidents::list(&footing.store, None, 100).await.unwrap();
    assert_eq!((events.len(), incidents.len()), (25, 25));
    assert_eq!(footing.store.pending(100).await.unwrap().len(), 0);
    let executions = footing.sfn.list_executions().state_machine_arn(&footing.machine);
    let started = executions.max_results(100).send().await.unwrap().executions.len();
    assert_eq!(started, 25);
    let receive = footing.sqs.receive_message().queue_url(&footing.dead_url);
    let letters = receive.message_attribute_names("All").send().await.unwrap();
    let [letter] = letters.messages() else { panic!("{letters:?}") };
    assert_eq!(letter.body(), Some("this is \"no\" JSON\n"));
    assert!(letter.message_attributes().unwrap().contains_key("reason"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_waits_for_a_queue_that_cannot_be_reached() {
    let Some(footing) = Footing::new().await else { return };
    // A port that nobody listens on.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut variables = footing.variables(&endpoint().unwrap());
    variables.insert("AWS_ENDPOINT_URL_SQS", format!("http://{closed}"));
    let mut worker = Worker::start(&variables, &["--polls", "1"]);
    worker.until("rests", |w| (w.figure("aisaws_polls_failed_total") > 0).then_some(()));
    assert_eq!(worker.asked("/healthz").0, 200);
    let (status, body) = worker.asked("/readyz");
    assert_eq!((status, body.as_str()), (503, "the queue cannot be reached\n"));
    let (status, log) = worker.told("TERM");
    assert_eq!(status.code(), Some(0), "{log:#?}");
}

#[test]
fn a_worker_that_is_told_nothing_names_what_is_missing() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"))
        .args(["worker", "--queue-url", "http://192.0.2.1/q", "--dead-letter-queue-url", "-"])
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains("AISAWS_PREFIX"), "{text}");
}
