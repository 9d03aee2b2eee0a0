//! Every port's claims, over two handles on one file as two processes have them.

use aisaws_controls::AnyResource;
use aisaws_core::conformance::account::Subject;
use aisaws_core::conformance::incidents::Handle;
use aisaws_core::conformance::{account, approvals, events, incidents, snapshots, windows};
use aisaws_core::port::{Account as _, Disposition, Events as _, Recorded};
use aisaws_core::resource::ResourceRef;
use aisaws_core::source::cloudtrail;
use aisaws_embedded::store::Store;
use aisaws_embedded::twin::Twin;
use serde_json::{Value, json};

/// Two handles on one new file.
fn two() -> (tempfile::TempDir, Store, Store) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let (one, other) = (Store::open(&path).unwrap(), Store::open(&path).unwrap());
    (dir, one, other)
}

fn handle(store: &Store) -> Handle<'_> {
    Handle { events: store, incidents: store }
}

fn assert_held(report: aisaws_core::conformance::Report) {
    match report.verdict() {
        Ok(held) => assert!(held > 0),
        Err(report) => panic!("{report}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_events_as_claimed() {
    let (_dir, one, other) = two();
    assert_held(events::run_all(&one, &other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_incidents_as_claimed() {
    let (_dir, one, other) = two();
    let (one, other) = (handle(&one), handle(&other));
    assert_held(incidents::run_all(one, other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_windows_as_claimed() {
    let (_dir, one, other) = two();
    assert_held(windows::run_all(&one, &other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_questions_and_votes_as_claimed() {
    let (_dir, one, other) = two();
    assert_held(approvals::run_all(&one, &other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_states_as_claimed() {
    let (_dir, one, other) = two();
    assert_held(snapshots::run_all(&one, &other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_handle_alone_keeps_the_same_claims() {
    let (_dir, one, _other) = two();
    assert_held(events::run_all(&one, &one).await);
    assert_held(incidents::run_all(handle(&one), handle(&one)).await);
    assert_held(approvals::run_all(&one, &one).await);
    assert_held(snapshots::run_all(&one, &one).await);
    assert_held(windows::run_all(&one, &one).await);
}

/// A call of S3, kept with what it touches.
async fn happened(store: &Store, id: &str, name: &str, bucket: &str) {
    let raw = json!({
        "eventID": id, "eventTime": format!("2026-03-01T10:00:0{}Z", id.len()), "eventName": name,
        "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "requestParameters": { "bucketName": bucket },
    });
    let event = cloudtrail::parse(&raw.to_string()).unwrap();
    let touches = aisaws_controls::touched(&event);
    assert!(!touches.is_empty());
    let record = Recorded { event, hits: Vec::new(), disposition: Disposition::Examined, touches };
    store.append(vec![record]).await.unwrap();
}

fn bucket(id: &str) -> ResourceRef {
    ResourceRef {
        kind: "AWS::S3::Bucket".to_owned(),
        id: id.to_owned(),
        account: "111122223333".into(),
        region: "eu-west-1".into(),
    }
}

fn with(start: &Value, fields: &[(&str, Value)]) -> Value {
    let mut state = start.clone();
    for (name, value) in fields {
        state[*name] = value.clone();
    }
    state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_is_an_account_as_claimed() {
    let (_dir, one, other) = two();
    happened(&one, "a", "CreateBucket", "acme").await;
    happened(&one, "b", "CreateBucket", "lost").await;
    happened(&one, "cc", "DeleteBucket", "lost").await;
    let (one, other) = (Twin::new(one), Twin::new(other));
    let start = one.read(&bucket("acme")).await.unwrap();
    let encrypted = |algorithm: &str| {
        let mut encryption = start["BucketEncryption"].clone();
        encryption["SSEAlgorithm"] = algorithm.into();
        ("BucketEncryption", encryption)
    };
    let tags = ("Tags", json!({ "it's": "'quoted' ~ / ü" }));
    let subject = Subject {
        resource: bucket("acme"),
        left: with(&start, &[encrypted("aws:kms")]),
        left_otherwise: with(&start, &[encrypted("aws:kms:dsse")]),
        right: with(&start, std::slice::from_ref(&tags)),
        both: with(&start, &[encrypted("aws:kms"), tags]),
        start,
        gone: bucket("lost"),
    };
    let face: &dyn AnyResource = aisaws_controls::resource("AWS::S3::Bucket").unwrap();
    face.tags(&subject.both).unwrap();
    assert_held(account::run_all(&one, &other, &subject).await);
}
