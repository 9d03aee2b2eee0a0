//! Correlations over DynamoDB: however hits are shuffled, repeated and split over workers at once, they
//! give the incidents that SQLite gives when they come once and in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aisaws_app::config::Config;
use aisaws_app::correlate::{settle, while_input_goes_on};
use aisaws_app::respond::Responder;
use aisaws_core::event::Event;
use aisaws_core::handoff::{Ballot, Detected};
use aisaws_core::id::IncidentId;
use aisaws_core::port::{
    Clock, Detector as _, Disposition, Events, Orchestrator, Ports, Recorded, StoreError,
};
use aisaws_core::source::cloudtrail;
use aisaws_decide::Policy;
use aisaws_detect::Detect;
use aisaws_embedded::{Embedded, Settings, TellLogged};
use aisaws_score::Weights;
use async_trait::async_trait;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::footing::Footing;

/// A quarter past a full hour.
const START: i64 = 1_772_359_200 + 900;
/// Each on a connection of its own, as processes are.
const WORKERS: usize = 3;

/// Time stands still.
struct At(Timestamp);

#[async_trait]
impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _: Duration) {}
}

/// Incidents are opened, and nobody responds.
struct Idle;

#[async_trait]
impl Orchestrator for Idle {
    async fn start(&self, _: &Detected) -> Result<(), StoreError> {
        Ok(())
    }

    async fn drive(&self, _: IncidentId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn unfinished(&self) -> Result<Vec<IncidentId>, StoreError> {
        Ok(Vec::new())
    }

    async fn answer(&self, _: &str, _: &Ballot) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// Windows that fire early and late, of every form, and one over another.
fn rules() -> Detect {
    const BASE: &str = "title: Read\nname: read\nlogsource: { product: aws, service: cloudtrail }\n\
                        detection: { s: { eventName: Get }, condition: s }\n---\ntitle: Write\nname: write\n\
                        logsource: { product: aws, service: cloudtrail }\n\
                        detection: { s: { eventName: Put }, condition: s }\n";
    let correlations = [
        ("many", "event_count", "rules: [read]\n  timespan: 10s\n  condition: { gt: 2 }"),
        ("few", "event_count", "rules: [read]\n  timespan: 10s\n  condition: { lt: 3 }"),
        (
            "values",
            "value_count",
            "rules: [read, write]\n  timespan: 12s\n  condition: { field: value, gte: 3 }",
        ),
        ("both", "temporal", "rules: [read, write]\n  timespan: 7s"),
        ("ordered", "temporal_ordered", "rules: [read, write]\n  timespan: 7s"),
        ("after-few", "temporal", "rules: [few, write]\n  timespan: 20s"),
    ];
    let correlations = correlations.iter().map(|(id, kind, rest)| {
        format!(
            "---\ntitle: {id}\nid: {id}\nlevel: high\ncorrelation:\n  type: {kind}\n  group-by: [user]\n  \
             {rest}\n  generate: false\naisaws:\n  \
             resource: {{ type: AWS::IAM::User, id: user }}\n  controls: []\n  stage: active\n"
        )
    });
    let text: String = std::iter::once(BASE.to_owned()).chain(correlations).collect();
    let (detect, errors) = Detect::new([("f.yml", text.as_str())], Vec::new());
    assert!(errors.is_empty(), "{errors:?}");
    detect
}

fn event(id: usize, second: i64, name: &str, user: &str, value: u8) -> Event {
    let time = Timestamp::from_second(START + second).unwrap();
    let text = json!({
        "eventID": format!("{id:05}"), "eventTime": time, "eventName": name,
        "eventSource": "s3.amazonaws.com", "user": user, "value": value,
        "recipientAccountId": "111122223333", "awsRegion": "us-east-1",
    });
    cloudtrail::parse(&text.to_string()).unwrap()
}

/// Long after the events, and all at once: nothing is quiet yet.
fn now() -> Timestamp {
    Timestamp::from_second(START).unwrap() + SignedDuration::from_hours(48)
}

/// What a worker does with its batches: one after the other, each evaluated while more is to come.
async fn work(ports: &Ports, detect: &Detect, batches: &[Vec<Event>]) {
    let Ports { events, windows, .. } = ports;
    for batch in batches {
        let mut records = Vec::new();
        for event in batch {
            let found = detect.find(event).unwrap();
            windows.add(found.matches, now()).await.unwrap();
            let (event, hits) = (event.clone(), found.hits);
            let disposition = Disposition::Examined;
            records.push(Recorded { event, hits, disposition, touches: Vec::new() });
        }
        Events::append(events.as_ref(), records).await.unwrap();
        let closing = while_input_goes_on(now());
        let (windows, events) = (windows.as_ref(), events.as_ref());
        settle(detect, windows, events, &At(now()), closing, &|_, _| {}).await.unwrap();
    }
}

/// Opens incidents when all is over and quiet; what each of them is about.
async fn incidents(mut ports: Ports) -> BTreeMap<String, Value> {
    ports.clock = Arc::new(At(now() + SignedDuration::from_hours(1)));
    let responder = Responder::configured(&Config::default(), rules(), ports.clone(), Vec::new());
    responder.unwrap().open().await.unwrap();
    assert!(ports.windows.changed(None, 1).await.unwrap().is_empty());
    assert!(ports.incidents.pending(1).await.unwrap().is_empty());
    let all = ports.incidents.list(None, 10_000).await.unwrap();
    let told = all.into_iter().map(|incident| {
        let about = json!({ "detected": incident.detected, "events": incident.events });
        (incident.detected.incident.to_string(), about)
    });
    told.collect()
}

fn embedded(folder: &tempfile::TempDir) -> Ports {
    let settings = Settings {
        weights: Weights::parse(aisaws_score::DEFAULT).unwrap(),
        policy: Policy::parse(aisaws_decide::DEFAULT).unwrap(),
        channels: Vec::new(),
        logged: TellLogged::Never,
        observer: None,
    };
    let embedded = Embedded::open(&folder.path().join("store.sqlite"), settings).unwrap();
    Ports { orchestrator: Arc::new(Idle), ..embedded.ports().clone() }
}

/// The same, with everything that is kept in DynamoDB.
async fn in_dynamodb(ports: &Ports) -> Option<Ports> {
    let store = Footing::new().await?.store;
    Some(Ports {
        events: Arc::new(store.clone()),
        incidents: Arc::new(store.clone()),
        approvals: Arc::new(store.clone()),
        windows: Arc::new(store.clone()),
        snapshots: Arc::new(store),
        ..ports.clone()
    })
}

/// What SQLite gives of the events in order, and DynamoDB of the batches of several workers.
async fn both(
    events: &[Event],
    shares: &[Vec<Vec<Event>>],
) -> Option<[BTreeMap<String, Value>; 2]> {
    let (folder, detect) = (tempfile::tempdir().unwrap(), rules());
    let sqlite = embedded(&folder);
    let dynamodb = in_dynamodb(&sqlite).await?;
    work(&sqlite, &detect, &[events.to_vec()]).await;
    join_all(shares.iter().map(|batches| work(&dynamodb, &detect, batches))).await;
    Some([incidents(sqlite).await, incidents(dynamodb).await])
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8,
        max_shrink_iters: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn neither_order_nor_repetition_nor_who_takes_them_in_changes_an_incident(
        stream in prop::collection::vec((0_i64..40, 0_usize..2, 0_usize..2, 0_u8..4), 4..16),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..16),
        piece in 1_usize..6,
    ) {
        let events: Vec<Event> = stream
            .iter()
            .enumerate()
            .map(|(id, (second, name, user, value))| {
                event(id, *second, ["Get", "Put"][*name], ["ann", "bob"][*user], *value)
            })
            .collect();
        let mut arrived: Vec<Event> = order.iter().map(|i| i.get(&events).clone()).collect();
        arrived.extend(events.iter().rev().cloned());
        // One batch after the other to one worker after the other.
        let mut shares: Vec<Vec<Vec<Event>>> = vec![Vec::new(); WORKERS];
        for (n, batch) in arrived.chunks(piece).enumerate() {
            shares[n % WORKERS].push(batch.to_vec());
        }
        if let Some([expected, found]) = run(both(&events, &shares)) {
            prop_assert_eq!(found, expected);
        }
    }
}

#[tokio::test]
async fn such_events_open_incidents() {
    let events = [(0, "Get"), (1, "Get"), (2, "Put"), (3, "Get")];
    let events: Vec<Event> = (0..)
        .zip(events)
        .map(|(id, (second, name))| event(id, second, name, "ann", u8::try_from(id).unwrap()))
        .collect();
    let Some([expected, found]) = both(&events, &[vec![events.clone()]]).await else { return };
    let rules: Vec<&Value> = expected.values().map(|one| &one["detected"]["rules"]).collect();
    let told = serde_json::to_string(&rules).unwrap();
    // Three reads within ten seconds, three values, a read before a write.
    for rule in ["many", "values", "both", "ordered"] {
        assert!(told.contains(rule), "{told}");
    }
    assert_eq!(found, expected);
}
