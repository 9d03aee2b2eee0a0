//! Incidents over a real store, with their metrics read back from what was emitted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Mutex;

use aisaws_app::intake::Tally;
use aisaws_core::event::ActorKind;
use aisaws_core::handoff::{Detected, Signals};
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::{Decision, Severity};
use aisaws_embedded::store::Store;
use serde_json::Value;

use super::*;
use crate::intake;
use crate::replay;
use crate::scan;
use crate::sweep::{self, Swept};

#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sums of the values of each metric, and of `IncidentsClosed` by outcome (`IncidentsClosed denied`).
fn sums(out: &Out) -> BTreeMap<String, f64> {
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        for directive in document["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                let value = document[name].as_f64().unwrap();
                *sums.entry(name.to_owned()).or_default() += value;
                for set in directive["Dimensions"].as_array().unwrap() {
                    if let Some(outcome) = set.get(1).map(|_| document["Outcome"].as_str().unwrap())
                    {
                        *sums.entry(format!("{name} {outcome}")).or_default() += value;
                    }
                }
            }
        }
    }
    sums
}

/// A second, and what is written then.
type Moment = (i64, Entry);

fn at(seconds: i64) -> Timestamp {
    "2026-03-01T10:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(seconds)
}

fn incident() -> Incident {
    let signals = Signals {
        actor: ActorKind::AssumedRole,
        mfa: None,
        error_code: None,
        is_unknown_network: None,
        invoked_by: None,
        other_rules_by_actor: 0,
        tags: Some(BTreeMap::new()),
        is_trial: false,
        is_sample: false,
        origin: Box::default(),
    };
    let resource = ResourceRef {
        kind: "AWS::S3::Bucket".to_owned(),
        id: "acme-logs".to_owned(),
        account: "111122223333".into(),
        region: "eu-west-1".into(),
    };
    let detected = Detected {
        incident: IncidentId::from_cause(&["measured"]),
        resource,
        event: "e".into(),
        time: at(0),
        rules: vec!["test.rule".into()],
        controls: Vec::new(),
        severity: Severity::High,
        signals,
        flood: None,
        rerun: None,
    };
    Incident { detected, events: BTreeSet::from(["e".into()]) }
}

fn digest() -> Digest {
    Digest::of(&Value::Null)
}

fn decided(is_budget_spent: bool) -> Entry {
    Entry::Decided { decision: Decision::Act, reasons: Vec::new(), is_budget_spent }
}

fn remediated() -> Entry {
    let call = Call { action: "s3:PutBucketAcl".to_owned(), parameters: Value::Null };
    Entry::Remediated { digest: digest(), calls: vec![call] }
}

fn verified(holds: bool) -> Entry {
    Entry::Verified { holds, reads: 2, problems: Vec::new(), state: digest() }
}

fn voted(vote: Vote) -> Entry {
    Entry::Voted { vote, by: "kim".to_owned(), reason: String::new(), digest: digest() }
}

fn asked() -> Entry {
    Entry::ApprovalAsked { digest: digest(), expires: at(3600), approvals: 1 }
}

fn alerted(failure: Option<&str>) -> Entry {
    let topic = |failure: Option<&str>| ("sns".to_owned(), failure.map(str::to_owned));
    Entry::Alerted { channels: vec![topic(None), topic(failure)] }
}

fn closed(status: Status) -> Entry {
    Entry::Closed { status }
}

/// Opens an incident five seconds after its event and writes these entries at these seconds, each
/// step `times` times; what was emitted.
async fn lived(entries: &[Moment], times: usize) -> BTreeMap<String, f64> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.sqlite")).unwrap();
    let out = Out::default();
    let metrics = Metrics::new("lab".to_owned(), Box::new(out.clone()));
    let measured = Measured::new(Arc::new(store), metrics);
    let id = incident().detected.incident;
    for _ in 0..times {
        measured.open(incident(), Vec::new(), at(5)).await.unwrap();
    }
    for (number, (second, entry)) in entries.iter().enumerate() {
        for _ in 0..times {
            let key = format!("step-{number}");
            measured.append(id, &key, entry.clone(), at(*second)).await.unwrap();
        }
    }
    sums(&out)
}

fn wanted(rows: &[(&str, f64)]) -> BTreeMap<String, f64> {
    rows.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn alone() -> Vec<Moment> {
    vec![
        (7, decided(false)),
        (20, remediated()),
        (30, verified(true)),
        (31, alerted(None)),
        (32, closed(Status::Remediated)),
    ]
}

const ALONE: &[(&str, f64)] = &[
    ("AlertsSent", 2.0),
    ("IncidentsActionable", 1.0),
    ("IncidentsAutomated", 1.0),
    ("IncidentsClosed remediated", 1.0),
    ("IncidentsClosed", 1.0),
    ("IncidentsOpened", 1.0),
    ("SecondsToDecide", 2.0),
    ("SecondsToDetect", 5.0),
    ("SecondsToRepair", 30.0),
    ("SecondsToRepairAlone", 30.0),
];

#[tokio::test]
async fn a_repair_alone_is_told_with_its_times() {
    assert_eq!(lived(&alone(), 1).await, wanted(ALONE));
}

#[tokio::test]
async fn steps_that_are_repeated_count_once() {
    assert_eq!(lived(&alone(), 3).await, wanted(ALONE));
}

#[tokio::test]
async fn what_a_human_granted_is_not_automated() {
    let entries = [
        (6, decided(false)),
        (10, asked()),
        (11, alerted(None)),
        (600, voted(Vote::Grant)),
        (610, remediated()),
        (620, verified(true)),
        (621, closed(Status::Remediated)),
    ];
    let sums = lived(&entries, 1).await;
    assert_eq!((sums["ApprovalsAsked"], sums["ApprovalsGranted"]), (1.0, 1.0));
    assert_eq!((sums["IncidentsActionable"], sums["SecondsToRepair"]), (1.0, 620.0));
    assert!(!sums.contains_key("IncidentsAutomated") && !sums.contains_key("SecondsToRepairAlone"));
}

#[tokio::test]
async fn each_way_to_end_is_told() {
    let no_repair = |status| vec![(6, decided(false)), (9, closed(status))];
    let failed = vec![
        (6, decided(true)),
        (7, remediated()),
        (8, verified(false)),
        (9, alerted(Some("refused"))),
        (10, closed(Status::Failed)),
    ];
    let entry = Entry::RolledBack { digest: digest(), calls: Vec::new(), left: Vec::new() };
    let back = vec![(8, verified(false)), (9, entry), (10, closed(Status::RolledBack))];
    let denied = vec![(8, voted(Vote::Deny)), (9, closed(Status::Denied))];
    let expired = vec![(8, Entry::Expired { digest: digest() }), (9, closed(Status::Expired))];
    let silent: &[&str] = &["AlertsSuppressed", "IncidentsClosed", "IncidentsOpened"];
    let rows: [(Vec<Moment>, &str, &[&str]); 6] = [
        (no_repair(Status::Logged), "logged", &[]),
        (no_repair(Status::AlreadyClean), "already_clean", &[]),
        (
            failed,
            "failed",
            &[
                "AlertsFailed",
                "AlertsSent",
                "IncidentsActionable",
                "IncidentsFailed",
                "VerificationsFailed",
                "WriteBudgetTripped",
            ],
        ),
        (back, "rolled_back", &["IncidentsActionable", "RolledBack", "VerificationsFailed"]),
        (denied, "denied", &["ApprovalsDenied", "IncidentsActionable"]),
        (expired, "expired", &["ApprovalsExpired", "IncidentsActionable"]),
    ];
    for (entries, outcome, more) in rows {
        let sums = lived(&entries, 1).await;
        let by_outcome = format!("IncidentsClosed {outcome}");
        let mut names: BTreeSet<&str> = more.iter().chain(silent).copied().collect();
        names.insert(&by_outcome);
        if outcome == "failed" {
            names.remove("AlertsSuppressed");
        }
        let counts = sums.iter().filter(|(name, _)| !name.starts_with("SecondsTo"));
        let counts: BTreeMap<&str, f64> = counts.map(|(name, n)| (name.as_str(), *n)).collect();
        assert!(counts.values().all(|n| n.total_cmp(&1.0).is_eq()), "{counts:?}");
        assert_eq!(counts.keys().copied().collect::<BTreeSet<_>>(), names);
    }
}

#[tokio::test]
async fn every_metric_of_the_table_is_emitted_by_something() {
    let everything = [
        (6, decided(true)),
        (7, asked()),
        (8, voted(Vote::Grant)),
        (9, verified(false)),
        (9, Entry::RolledBack { digest: digest(), calls: Vec::new(), left: Vec::new() }),
        (10, alerted(Some("refused"))),
        (11, closed(Status::Failed)),
    ];
    let mut names: BTreeSet<String> = BTreeSet::new();
    for entries in [
        everything.to_vec(),
        alone(),
        vec![(8, voted(Vote::Deny)), (9, closed(Status::Denied))],
        vec![(8, Entry::Expired { digest: digest() }), (9, closed(Status::Expired))],
    ] {
        names.extend(lived(&entries, 1).await.into_keys());
    }
    let tally = Tally { suppressed: 1, ..Tally::default() };
    let counted = intake::counts(&tally, 0).into_iter().chain(sweep::counts(&Swept::default()));
    let counted = counted.chain(replay::counts(1, 1, 1));
    let counted = counted.chain(scan::counts(&scan::Scanned::default()));
    names.extend(counted.map(|metric| metric.name.as_str().to_owned()));
    names.retain(|name| !name.contains(' '));
    let table: BTreeSet<String> = Name::ALL.iter().map(|n| n.as_str().to_owned()).collect();
    assert_eq!(names, table);
}
