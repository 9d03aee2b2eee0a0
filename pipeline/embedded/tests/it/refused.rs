//! One incident that cannot be started holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use aisaws_app::join::Joining;
use aisaws_app::limit::Limits;
use aisaws_app::open::{Opening, open_pending};
use aisaws_app::origin::Origins;
use aisaws_core::fault::Fault;
use aisaws_core::handoff::{Ballot, Detected};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{Call, Entry};
use aisaws_core::port::{
    Account, AccountError, Events, Incidents, Orchestrator, StoreError, WriteKey,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::status::Status;
use aisaws_embedded::SystemClock;
use aisaws_embedded::store::Store;
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::opening::{Empty, record};

/// What a hand-off may have when it starts an execution.
const PAYLOAD_BYTES: usize = 32 * 1024;

/// Takes hand-offs up to a size, and none about resources of some ids.
#[derive(Default)]
struct Strict {
    refuses: BTreeSet<String>,
    started: Mutex<BTreeMap<String, Detected>>,
}

#[async_trait]
impl Orchestrator for Strict {
    async fn start(&self, detected: &Detected) -> Result<(), StoreError> {
        let size_bytes = serde_json::to_string(detected).unwrap().len();
        if size_bytes >= PAYLOAD_BYTES || self.refuses.contains(&detected.resource.id) {
            let source = "the input is too large".into();
            let (action, fault) = ("start an execution", Fault::BadInput);
            return Err(StoreError::Refused { action, fault, source });
        }
        self.started.lock().unwrap().insert(detected.resource.id.clone(), detected.clone());
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

/// Buckets with as many and as long tags as AWS allows.
struct Tagged;

#[async_trait]
impl Account for Tagged {
    async fn read(&self, _: &ResourceRef) -> Result<Value, AccountError> {
        let tag =
            |n: u32| json!({ "Key": format!("{n}{}", "ü".repeat(120)), "Value": "€".repeat(256) });
        Ok(json!({ "Tags": (0..50).map(tag).collect::<Vec<_>>() }))
    }

    async fn write(
        &self,
        resource: &ResourceRef,
        _: &Value,
        _: &Value,
        _: &WriteKey,
    ) -> Result<Vec<Call>, AccountError> {
        Err(AccountError::Unsupported(resource.kind.clone()))
    }
}

async fn open(store: &Store, account: &dyn Account, orchestrator: &Strict) {
    let opening = Opening {
        incidents: store,
        events: store,
        account,
        orchestrator,
        origins: &Origins::default(),
        joining: Joining { window_seconds: 3600 },
        limits: &Limits::default(),
        clock: &SystemClock,
    };
    open_pending(opening).await.unwrap();
    assert!(store.pending(1).await.unwrap().is_empty(), "every event is done with");
}

/// Three buckets, each with one event.
async fn kept(dir: &tempfile::TempDir) -> Store {
    let store = Store::open(&dir.path().join("store.sqlite")).unwrap();
    let rules = BTreeSet::from([0]);
    let records = (0..3_u8).map(|n| record(usize::from(n), &(u32::from(n), n, 0, rules.clone())));
    Events::append(&store, records.collect()).await.unwrap();
    store
}

#[tokio::test]
async fn tags_that_do_not_travel_are_unknown_and_the_response_starts() {
    let dir = tempfile::tempdir().unwrap();
    let (store, orchestrator) = (kept(&dir).await, Strict::default());
    open(&store, &Tagged, &orchestrator).await;
    let started = orchestrator.started.into_inner().unwrap();
    assert_eq!(started.keys().collect::<Vec<_>>(), ["b0", "b1", "b2"]);
    assert!(started.values().all(|detected| detected.signals.tags.is_none()), "{started:?}");
}

#[tokio::test]
async fn an_id_that_no_resource_has_does_not_make_a_hand_off_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let (store, orchestrator) = (kept(&dir).await, Strict::default());
    let mut long = record(9, &(9, 9, 0, BTreeSet::from([0])));
    long.hits[0].resource.id = "\u{1}".repeat(50_000);
    Events::append(&store, vec![long]).await.unwrap();
    open(&store, &Empty, &orchestrator).await;
    assert_eq!(orchestrator.started.into_inner().unwrap().len(), 4);
}

#[tokio::test]
async fn an_incident_that_is_refused_is_closed_as_failed_and_others_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = kept(&dir).await;
    let orchestrator = Strict { refuses: BTreeSet::from(["b1".to_owned()]), ..Strict::default() };
    open(&store, &Empty, &orchestrator).await;
    let mut stories = BTreeMap::new();
    for incident in Incidents::list(&store, None, 9).await.unwrap() {
        let links = store.ledger(incident.detected.incident).await.unwrap();
        let entries: Vec<Entry> = links.into_iter().skip(1).map(|link| link.entry).collect();
        stories.insert(incident.detected.resource.id, entries);
    }
    let [faulted, Entry::Closed { status: Status::Failed }] = stories["b1"].as_slice() else {
        panic!("{stories:?}")
    };
    let Entry::Faulted { error, cause } = faulted else { panic!("{faulted:?}") };
    assert_eq!(error, "Fault.BadInput");
    assert!(cause.contains("the input is too large"), "{cause}");
    assert_eq!((&stories["b0"], &stories["b2"]), (&Vec::new(), &Vec::new()));
    let started = orchestrator.started.into_inner().unwrap();
    assert_eq!(started.keys().collect::<Vec<_>>(), ["b0", "b2"]);
}
