//! Stored events that are run again on a scratch store.

use std::cell::Cell;
use std::path::Path;

use aisaws_app::config;
use aisaws_app::intake::Examiner;
use aisaws_app::join::Joining;
use aisaws_app::origin::Origins;
use aisaws_app::own::OwnRoles;
use aisaws_app::replay::Rerun;
use aisaws_app::respond::Responder;
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::status::{Status, proven};
use aisaws_decide::Policy;
use aisaws_detect::Detect;
use aisaws_score::Weights;
use serde_json::{Value, json};

use super::*;

const ACCOUNT: &str = "111122223333";

/// `PutBucketAcl` with a canned list, by a user or by a session of our own.
fn acl(time: &str, canned: &str, by: &Value) -> String {
    let record = json!({
        "eventVersion": "1.11", "userIdentity": by, "eventTime": time,
        "eventSource": "s3.amazonaws.com", "eventName": "PutBucketAcl", "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.31",
        "requestParameters": { "bucketName": "acme", "x-amz-acl": [canned], "acl": [""] },
        "responseElements": null, "requestID": format!("r-{time}"),
        "eventID": format!("e-{time}-{canned}"), "readOnly": false, "eventType": "AwsApiCall",
        "managementEvent": true, "recipientAccountId": ACCOUNT, "eventCategory": "Management",
    });
    record.to_string()
}

fn user() -> Value {
    json!({
        "type": "IAMUser", "principalId": "AIDAEXAMPLE", "accountId": ACCOUNT, "userName": "bob",
        "arn": format!("arn:aws:iam::{ACCOUNT}:user/bob"),
    })
}

fn ourselves() -> Value {
    let session = IncidentId::from_cause(&["test"]).session_name();
    json!({
        "type": "AssumedRole", "accountId": ACCOUNT,
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/aisaws-responder/{session}"),
        "sessionContext": { "sessionIssuer": {
            "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/aisaws-responder"),
        } },
    })
}

fn settings() -> Settings {
    Settings {
        weights: Weights::parse(aisaws_score::DEFAULT).unwrap(),
        policy: Policy::parse(aisaws_decide::DEFAULT).unwrap(),
        channels: Vec::new(),
        logged: TellLogged::Never,
        observer: None,
    }
}

fn responder(embedded: &Embedded) -> Responder {
    let config = config::parse("", "test").unwrap();
    let examiner = Examiner {
        detector: Arc::new(Detect::builtin(Vec::new()).unwrap()),
        own: OwnRoles::new(vec!["aisaws-responder".to_owned()]),
        suppressions: Vec::new(),
        touched: aisaws_controls::touched,
    };
    let origins = Origins::load(&config.network).unwrap();
    let joining = Joining { window_seconds: config.noise.window_seconds };
    Responder::new(embedded.ports().clone(), Arc::new(examiner), origins, joining)
}

/// Keeps these records in a store, and runs them again in another until a question is answered yes.
async fn rerun_of(
    folder: &Path,
    records: &[String],
    is_over: impl Fn() -> bool,
) -> (Rerun, Embedded) {
    let recorded = Embedded::open(&folder.join("recorded.sqlite"), settings()).unwrap();
    let messages: Vec<_> = records.iter().map(|text| ("m".to_owned(), text.clone())).collect();
    responder(&recorded).take_in_messages(&messages).await.unwrap();
    let clock = Arc::new(ReplayClock::default());
    let path = folder.join("scratch.sqlite");
    let scratch = Embedded::open_at(&path, settings(), clock.clone()).unwrap();
    let events = recorded.ports().events.as_ref();
    let ran = rerun(events, &responder(&scratch), &clock, (None, None), is_over).await.unwrap();
    (ran, scratch)
}

async fn endings(embedded: &Embedded) -> Vec<Status> {
    let incidents = embedded.ports().incidents.as_ref();
    let mut endings = Vec::new();
    for incident in incidents.list(None, 100).await.unwrap() {
        let links = incidents.ledger(incident.detected.incident).await.unwrap();
        endings.push(proven(links.iter().map(|link| &link.entry)));
    }
    endings
}

#[tokio::test]
async fn a_resource_is_met_as_it_was_then() {
    let folder = tempfile::tempdir().unwrap();
    let records = [
        acl("2026-03-02T10:00:00Z", "public-read", &user()),
        // Put right by hand, an hour after it was responded to.
        acl("2026-03-02T11:00:00Z", "private", &user()),
    ];
    let (ran, scratch) = rerun_of(folder.path(), &records, || false).await;
    assert_eq!(ran, Rerun { events: 2, own: 0, stopped_at: None });
    assert_eq!(endings(&scratch).await, [Status::Remediated]);
    // And at the time of then.
    let incidents = scratch.ports().incidents.as_ref();
    let id = incidents.list(None, 1).await.unwrap()[0].detected.incident;
    let links = incidents.ledger(id).await.unwrap();
    let written = links.iter().find(|link| matches!(link.entry, Entry::Remediated { .. }));
    let begun: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
    let passed = written.unwrap().at.duration_since(begun);
    assert!(passed.as_secs() < 60, "{passed:?}");
}

#[tokio::test]
async fn our_own_calls_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let records = [
        acl("2026-03-02T10:00:00Z", "public-read", &user()),
        acl("2026-03-02T10:00:09Z", "private", &ourselves()),
    ];
    let (ran, scratch) = rerun_of(folder.path(), &records, || false).await;
    assert_eq!(ran, Rerun { events: 1, own: 1, stopped_at: None });
    // With our own call among them, it would have been clean before anybody looked.
    assert_eq!(endings(&scratch).await, [Status::Remediated]);
}

#[tokio::test]
async fn where_time_ran_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let second = "2026-03-02T11:00:00Z";
    let records = [
        acl("2026-03-02T10:00:00Z", "public-read", &user()),
        acl(second, "private", &user()),
        acl("2026-03-02T12:00:00Z", "public-read", &user()),
    ];
    let asked = Cell::new(0);
    let after_one = || asked.replace(asked.get() + 1) == 1;
    let (ran, scratch) = rerun_of(folder.path(), &records, after_one).await;
    assert_eq!(ran, Rerun { events: 1, own: 0, stopped_at: Some(second.parse().unwrap()) });
    assert_eq!(endings(&scratch).await, [Status::Remediated]);
}
