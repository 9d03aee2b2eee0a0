//! Who waits in this process hears the first answer, as everywhere.

use std::time::Duration;

use aisaws_core::conformance::orchestrator::{Waiting, run_all};
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Disposition, Recorded};
use aisaws_core::risk::{Decision, Severity};
use aisaws_core::source::cloudtrail;
use aisaws_core::status::{Status, proven};
use aisaws_decide::Policy;
use aisaws_embedded::{Embedded, Settings, TellLogged};
use aisaws_score::Weights;
use serde_json::json;

use crate::durability::incident;

/// A machine that asks about everything, and waits for so many seconds.
fn machine(folder: &tempfile::TempDir, seconds: u32) -> Embedded {
    let mut policy = Policy::parse(aisaws_decide::DEFAULT).unwrap();
    policy.lower_to(Decision::AskHuman);
    policy.set_approval_timeout_seconds(seconds).unwrap();
    let settings = Settings {
        weights: Weights::parse(aisaws_score::DEFAULT).unwrap(),
        policy,
        channels: Vec::new(),
        logged: TellLogged::Never,
        observer: None,
    };
    Embedded::open(&folder.path().join("store.sqlite"), settings).unwrap()
}

/// Runs an incident about a bucket that was made public until a human is asked; its token.
async fn asked(machine: &Embedded, bucket: &str) -> (IncidentId, String) {
    let raw = json!({
        "eventID": bucket, "eventTime": "2026-03-01T10:00:00Z", "eventName": "PutBucketAcl",
        "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "requestParameters": { "bucketName": bucket, "x-amz-acl": "public-read" },
    });
    let event = cloudtrail::parse(&raw.to_string()).unwrap();
    let touches = aisaws_controls::touched(&event);
    let ports = machine.ports();
    let record = Recorded { event, hits: Vec::new(), disposition: Disposition::Examined, touches };
    ports.events.append(vec![record]).await.unwrap();
    let mut opened = incident(bucket);
    opened.detected.resource.id = bucket.to_owned();
    opened.detected.severity = Severity::Critical;
    opened.detected.controls = vec!["s3.bucket-acl-public".into()];
    let detected = opened.detected.clone();
    ports.incidents.open(opened, Vec::new(), ports.clock.now()).await.unwrap();
    ports.orchestrator.start(&detected).await.unwrap();
    ports.orchestrator.drive(detected.incident).await.unwrap();
    let standing = ports.approvals.standing(detected.incident).await.unwrap().unwrap();
    (detected.incident, standing.question.token)
}

async fn status(machine: &Embedded, incident: IncidentId) -> Status {
    let links = machine.ports().incidents.ledger(incident).await.unwrap();
    proven(links.iter().map(|link| &link.entry))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_answered_as_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let (patient, hasty) = (machine(&folder, 3600), machine(&folder, 1));
    let (waiting, waits) = asked(&patient, "acme-waits").await;
    assert_eq!(status(&patient, waiting).await, Status::WaitingApproval);
    let (late, lapsed) = asked(&hasty, "acme-lapses").await;
    // Its time is over by the engine's own clock.
    while !status(&hasty, late).await.is_final() {
        hasty.ports().clock.sleep(Duration::from_millis(50)).await;
        hasty.ports().orchestrator.drive(late).await.unwrap();
    }
    assert_eq!(status(&hasty, late).await, Status::Expired);
    let (one, other) = (&patient.ports().orchestrator, &hasty.ports().orchestrator);
    let waiting = Waiting { waits: &waits, lapsed: &lapsed };
    let report = run_all(one.as_ref(), other.as_ref(), waiting).await;
    match report.verdict() {
        Ok(held) => assert_eq!(held, 2),
        Err(report) => panic!("{report}"),
    }
}
