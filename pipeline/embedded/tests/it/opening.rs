//! What opens does not depend on how events come: in which order, in how many pieces, and with
//! how many processes that died between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use aisaws_app::join::Joining;
use aisaws_app::limit::Limits;
use aisaws_app::open::{Opening, open_pending};
use aisaws_app::origin::Origins;
use aisaws_core::handoff::{Ballot, Detected, Flood};
use aisaws_core::hit::Hit;
use aisaws_core::id::{EventId, IncidentId};
use aisaws_core::ledger::Call;
use aisaws_core::port::{
    Account, AccountError, Disposition, Events, Incidents, Orchestrator, Recorded, StoreError,
    WriteKey,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_core::source::cloudtrail;
use aisaws_embedded::SystemClock;
use aisaws_embedded::store::Store;
use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Starts nothing, and dies at the starts that are a multiple of a number.
struct Dying {
    at: u32,
    starts: AtomicU32,
}

#[async_trait]
impl Orchestrator for Dying {
    async fn start(&self, detected: &Detected) -> Result<(), StoreError> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.at > 0 && start.is_multiple_of(self.at) {
            let source = format!("killed at {}", detected.incident).into();
            return Err(StoreError::Unavailable { action: "start an execution", source });
        }
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

/// An account without resources.
pub(crate) struct Empty;

#[async_trait]
impl Account for Empty {
    async fn read(&self, _: &ResourceRef) -> Result<Value, AccountError> {
        Ok(Value::Null)
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

/// What happened: seconds from a full hour on, bucket, caller, and the rules that fired.
pub(crate) type Happened = (u32, u8, u8, BTreeSet<u8>);

pub(crate) fn record(n: usize, (second, bucket, caller, rules): &Happened) -> Recorded {
    let time = jiff::Timestamp::from_second(1_772_359_200 + i64::from(*second)).unwrap();
    let text = json!({
        "eventID": format!("e{n}"), "eventTime": time.to_string(), "eventName": "PutBucketAcl",
        "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{caller}") },
    });
    let event = cloudtrail::parse(&text.to_string()).unwrap();
    let hits = rules.iter().map(|rule| Hit {
        rule: format!("rule.{rule}").as_str().into(),
        title: String::new(),
        severity: if *rule == 0 { Severity::High } else { Severity::Medium },
        event: event.id.clone(),
        resource: ResourceRef {
            kind: "AWS::S3::Bucket".to_owned(),
            id: format!("b{bucket}"),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
        },
        controls: vec!["s3.bucket-acl-public".into()],
        window_seconds: None,
        techniques: Vec::new(),
        is_trial: false,
        is_correlation: false,
        suppressed_by: None,
    });
    let hits = hits.collect();
    Recorded { event, hits, disposition: Disposition::Examined, touches: Vec::new() }
}

/// What an incident comes to, but for the facts around its first event.
type Came = (Detected, BTreeSet<EventId>);

struct Way {
    /// Events of a piece; pieces are kept one after the other.
    piece: usize,
    /// Whether incidents open after each piece, not only at the end.
    opens_between: bool,
    /// Each process dies at its start of that number; 0: none does.
    dies_at: u32,
}

async fn open(
    store: &Store,
    orchestrator: &dyn Orchestrator,
    limits: &Limits,
) -> Result<Vec<Detected>, StoreError> {
    let opening = Opening {
        incidents: store,
        events: store,
        account: &Empty,
        orchestrator,
        origins: &Origins::default(),
        joining: Joining { window_seconds: 3600 },
        limits,
        clock: &SystemClock,
    };
    open_pending(opening).await
}

/// Keeps the records in their order and opens, by as many processes as it takes.
async fn come(records: &[Recorded], limits: &Limits, way: &Way) -> BTreeMap<IncidentId, Came> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let mut store = Store::open(&path).unwrap();
    let orchestrator = Dying { at: way.dies_at, starts: AtomicU32::new(0) };
    let pieces: Vec<&[Recorded]> = records.chunks(way.piece).collect();
    for (n, piece) in pieces.iter().enumerate() {
        Events::append(&store, piece.to_vec()).await.unwrap();
        if !way.opens_between && n + 1 < pieces.len() {
            continue;
        }
        // The fourth process lives.
        for attempt in 0.. {
            let orchestrator = if attempt < 3 {
                &orchestrator
            } else {
                &Dying { at: 0, starts: AtomicU32::new(0) }
            };
            if open(&store, orchestrator, limits).await.is_ok() {
                break;
            }
            store = Store::open(&path).unwrap();
        }
    }
    assert!(store.pending(1).await.unwrap().is_empty());
    let all = Incidents::list(&store, None, u32::MAX).await.unwrap().into_iter();
    all.map(|i| (i.detected.incident, (i.detected, i.events))).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn members(came: &BTreeMap<IncidentId, Came>) -> BTreeMap<IncidentId, BTreeSet<EventId>> {
    came.iter().map(|(id, (_, events))| (*id, events.clone())).collect()
}

fn happened() -> impl Strategy<Value = (Vec<Happened>, Vec<Happened>)> {
    let rules = prop::collection::btree_set(0_u8..3, 1..3);
    let one = (0_u32..9_000, 0_u8..4, 0_u8..3, rules);
    prop::collection::vec(one, 1..24)
        .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
}

/// Both orders as records; an event has the same id in both.
fn records(all: &[Happened], shuffled: &[Happened]) -> (Vec<Recorded>, Vec<Recorded>) {
    let mut left: Vec<(usize, &Happened)> = all.iter().enumerate().collect();
    let other = shuffled.iter().map(|one| {
        let at = left.iter().position(|(_, other)| *other == one).unwrap();
        let (n, one) = left.remove(at);
        record(n, one)
    });
    let other = other.collect();
    (all.iter().enumerate().map(|(n, one)| record(n, one)).collect(), other)
}

/// However often it is stopped, it comes to an end, if each time is long enough for a few.
#[tokio::test]
async fn who_is_stopped_in_the_middle_of_many_has_done_with_the_first() {
    let all: Vec<Happened> = (0..200).map(|n| (0, n, 0, BTreeSet::from([0]))).collect();
    let (records, _) = records(&all, &all);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.sqlite")).unwrap();
    Events::append(&store, records).await.unwrap();
    let mut pending = vec![store.pending(1000).await.unwrap().len()];
    loop {
        let dying = Dying { at: 90, starts: AtomicU32::new(0) };
        let outcome = open(&store, &dying, &Limits::default()).await;
        pending.push(store.pending(1000).await.unwrap().len());
        if outcome.is_ok() {
            break;
        }
        assert!(pending[pending.len() - 1] < pending[pending.len() - 2], "{pending:?}");
    }
    assert_eq!(pending.last(), Some(&0), "{pending:?}");
    assert_eq!(Incidents::list(&store, None, u32::MAX).await.unwrap().len(), 200);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_same_hits_open_the_same_incidents(
        (all, shuffled) in happened(), piece in 1_usize..9, dies_at in 0_u32..4, limit in 0_u32..3,
    ) {
        let (straight, shuffled) = records(&all, &shuffled);
        let limits = Limits::new(limit, BTreeMap::new());
        let way = Way { piece: straight.len(), opens_between: false, dies_at: 0 };
        let expected = run(come(&straight, &limits, &way));
        let way = Way { piece, opens_between: false, dies_at };
        prop_assert_eq!(run(come(&shuffled, &limits, &way)), expected);
    }

    #[test]
    fn repeats_of_one_rule_join_alike_however_often_incidents_open_between(
        (all, shuffled) in happened(), piece in 1_usize..9, dies_at in 0_u32..4,
    ) {
        let one = |all: Vec<Happened>| -> Vec<Happened> {
            all.into_iter().map(|(s, b, c, _)| (s, b, c, BTreeSet::from([0]))).collect()
        };
        let (straight, shuffled) = records(&one(all), &one(shuffled));
        let limits = Limits::default();
        let way = Way { piece: straight.len(), opens_between: false, dies_at: 0 };
        let expected = run(come(&straight, &limits, &way));
        let way = Way { piece, opens_between: true, dies_at };
        prop_assert_eq!(members(&run(come(&shuffled, &limits, &way))), members(&expected));
    }

    #[test]
    fn a_limit_bounds_the_incidents_and_loses_no_hit(
        (all, shuffled) in happened(), piece in 1_usize..9, dies_at in 0_u32..4, limit in 1_u32..3,
    ) {
        let (_, shuffled) = records(&all, &shuffled);
        let limits = Limits::new(limit, BTreeMap::new());
        let way = Way { piece, opens_between: true, dies_at };
        let came = run(come(&shuffled, &limits, &way));
        let mut in_hour: BTreeMap<i64, u32> = BTreeMap::new();
        for (detected, _) in came.values().filter(|(detected, _)| detected.flood.is_none()) {
            *in_hour.entry(detected.time.as_second().div_euclid(3600)).or_default() += 1;
        }
        // Three rules, each with its places.
        prop_assert!(in_hour.values().all(|incidents| *incidents <= 3 * limit), "{in_hour:?}");
        let floods: Vec<&Flood> = came.values().filter_map(|(d, _)| d.flood.as_ref()).collect();
        let hours: BTreeSet<_> = floods.iter().map(|f| (&f.rule, f.hour)).collect();
        prop_assert_eq!(hours.len(), floods.len(), "one flood a rule and hour");
        for record in &shuffled {
            for hit in &record.hits {
                let stands = came.values().any(|(detected, events)| {
                    events.contains(&record.event.id) && detected.rules.contains(&hit.rule)
                });
                prop_assert!(stands, "{} of {} is lost", hit.rule, record.event.id);
            }
        }
        let repairs = |d: &Detected| !d.controls.is_empty() || d.resource.kind != "AWS::::Account";
        let acts = came.values().any(|(d, _)| d.flood.is_some() && repairs(d));
        prop_assert!(!acts, "a flood looks at no resource");
    }
}

/// More events than a page takes, and another rule behind them.
#[test]
fn what_opens_does_not_depend_on_where_a_page_ends() {
    let many = |rules: &[u8], seconds: std::ops::Range<u32>| -> Vec<Happened> {
        seconds.map(|second| (second, 0, 0, rules.iter().copied().collect())).collect()
    };
    let all = [many(&[0], 0..700), many(&[1], 700..701), many(&[0], 3_600..3_700)].concat();
    let (records, _) = records(&all, &all);
    let way = Way { piece: all.len(), opens_between: false, dies_at: 0 };
    let came = run(come(&records, &Limits::default(), &way));
    let mut found: Vec<(usize, usize)> =
        came.values().map(|(detected, events)| (events.len(), detected.rules.len())).collect();
    found.sort_unstable();
    assert_eq!(found, [(100, 1), (701, 2)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// A rule that comes after its incident opened opens the next one. Which rules and events
    /// stand for a resource in a window, over all its incidents, is the same.
    #[test]
    fn over_all_incidents_of_a_window_the_same_rules_stand_for_a_resource(
        (all, shuffled) in happened(), piece in 1_usize..9, dies_at in 0_u32..4,
    ) {
        let (straight, shuffled) = records(&all, &shuffled);
        let stands = |came: BTreeMap<IncidentId, Came>| {
            let mut of_windows: BTreeMap<(String, i64), (BTreeSet<String>, BTreeSet<EventId>)> =
                BTreeMap::new();
            for (detected, events) in came.into_values() {
                let window = detected.time.as_second().div_euclid(3_600);
                let at = of_windows.entry((detected.resource.key(), window)).or_default();
                at.0.extend(detected.rules.iter().map(ToString::to_string));
                at.1.extend(events);
            }
            of_windows
        };
        let limits = Limits::default();
        let way = Way { piece: straight.len(), opens_between: false, dies_at: 0 };
        let expected = stands(run(come(&straight, &limits, &way)));
        let way = Way { piece, opens_between: true, dies_at };
        prop_assert_eq!(stands(run(come(&shuffled, &limits, &way))), expected);
    }
}
