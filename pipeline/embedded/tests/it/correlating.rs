//! Correlations over the store: what fires does not depend on how events come, nothing that more
//! events may undo is told before its time, and what was told is not read again.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aisaws_app::correlate::{at_the_end_of_input, settle, while_input_goes_on};
use aisaws_core::event::Event;
use aisaws_core::hit::Hit;
use aisaws_core::id::EventId;
use aisaws_core::port::{
    Clock, Correlator as _, DeadLetter, Derived, Detector as _, Disposition, EventFilter, Events,
    Incidents as _, Recorded, StoreError, Stored, Windows as _,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::seen::Seen;
use aisaws_core::source::cloudtrail;
use aisaws_core::window::Closing;
use aisaws_detect::Detect;
use aisaws_embedded::store::Store;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

/// A quarter past a full hour.
const START: i64 = 1_772_359_200 + 900;

/// Time stands still.
struct At(Timestamp);

#[async_trait]
impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
    async fn sleep(&self, _: Duration) {}
}

/// The store, and how often an event was asked for.
struct Counting<'a>(&'a Store, AtomicUsize);

#[async_trait]
impl Events for Counting<'_> {
    async fn get(&self, id: &EventId) -> Result<Option<Event>, StoreError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Events::get(self.0, id).await
    }
    async fn append(&self, records: Vec<Recorded>) -> Result<Vec<Stored>, StoreError> {
        Events::append(self.0, records).await
    }
    async fn derive(&self, hits: Vec<Hit>) -> Result<Derived, StoreError> {
        self.0.derive(hits).await
    }
    async fn bury(&self, letters: Vec<DeadLetter>) -> Result<(), StoreError> {
        self.0.bury(letters).await
    }
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.0.dead_letters(limit).await
    }
    async fn list(
        &self,
        filter: &EventFilter,
        after: Option<(Timestamp, EventId)>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        Events::list(self.0, filter, after, limit).await
    }
    async fn touching(&self, resource: &ResourceRef) -> Result<Vec<Event>, StoreError> {
        self.0.touching(resource).await
    }
    async fn first_seen(&self, what: Seen<'_>) -> Result<Option<Timestamp>, StoreError> {
        self.0.first_seen(what).await
    }
}

fn rules(correlations: &[(&str, &str, &str)]) -> Detect {
    const BASE: &str = "title: Read\nname: read\nlogsource: { product: aws, service: cloudtrail }\n\
                        detection: { s: { eventName: Get }, condition: s }\n---\ntitle: Write\nname: write\n\
                        logsource: { product: aws, service: cloudtrail }\n\
                        detection: { s: { eventName: Put }, condition: s }\n";
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

/// Every type and operator, and what builds on what fires late.
fn every_kind() -> Detect {
    rules(&[
        ("gt", "event_count", "rules: [read]\n  timespan: 10s\n  condition: { gt: 2 }"),
        (
            "gte",
            "value_count",
            "rules: [read]\n  timespan: 12s\n  condition: { field: value, gte: 3 }",
        ),
        ("lt", "event_count", "rules: [read]\n  timespan: 10s\n  condition: { lt: 3 }"),
        (
            "lte",
            "value_count",
            "rules: [read]\n  timespan: 11s\n  condition: { field: value, lte: 2 }",
        ),
        ("eq", "event_count", "rules: [read]\n  timespan: 9s\n  condition: { eq: 2 }"),
        ("neq", "event_count", "rules: [read, write]\n  timespan: 13s\n  condition: { neq: 2 }"),
        (
            "sum",
            "value_sum",
            "rules: [read]\n  timespan: 10s\n  condition: { field: value, gt: 4 }",
        ),
        (
            "avg",
            "value_avg",
            "rules: [read]\n  timespan: 10s\n  condition: { field: value, lt: 2 }",
        ),
        (
            "median",
            "value_median",
            "rules: [read]\n  timespan: 8s\n  condition: { field: value, eq: 1 }",
        ),
        (
            "percentile",
            "value_percentile",
            "rules: [read]\n  timespan: 10s\n  condition: { field: value, percentile: 80, gte: 2 }",
        ),
        ("temporal", "temporal", "rules: [read, write]\n  timespan: 7s"),
        ("ordered", "temporal_ordered", "rules: [read, write]\n  timespan: 7s"),
        ("after-lt", "temporal", "rules: [lt, write]\n  timespan: 20s"),
        ("few-lt", "event_count", "rules: [lt]\n  timespan: 30s\n  condition: { lte: 1 }"),
    ])
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

async fn take(store: &Store, detect: &Detect, events: &[Event], at: Timestamp) {
    let mut records = Vec::new();
    for event in events {
        let found = detect.find(event).unwrap();
        store.add(found.matches, at).await.unwrap();
        let (event, hits) = (event.clone(), found.hits);
        let disposition = Disposition::Examined;
        records.push(Recorded { event, hits, disposition, touches: Vec::new() });
    }
    Events::append(store, records).await.unwrap();
}

async fn settled(store: &Store, detect: &Detect, at: Timestamp, closing: Closing) -> usize {
    let events = Counting(store, AtomicUsize::new(0));
    settle(detect, store, &events, &At(at), closing, &|_, _| {}).await.unwrap();
    events.1.into_inner()
}

/// Rules, events and windows of everything that waits for an incident.
async fn fired(store: &Store) -> BTreeSet<(String, String, Option<u32>)> {
    let pending = store.pending(u32::MAX).await.unwrap();
    let hits = pending.into_iter().flat_map(|pending| pending.hits);
    hits.map(|h| (h.rule.to_string(), h.event.as_str().to_owned(), h.window_seconds)).collect()
}

/// What fires of the chunks, each evaluated while more is to come, and all at the end.
async fn come(detect: &Detect, chunks: &[Vec<Event>]) -> BTreeSet<(String, String, Option<u32>)> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.sqlite")).unwrap();
    // Long after the events, and each chunk at once after the one before: nothing is quiet yet.
    let now = Timestamp::from_second(START).unwrap() + SignedDuration::from_hours(48);
    for chunk in chunks {
        take(&store, detect, chunk, now).await;
        settled(&store, detect, now, while_input_goes_on(now)).await;
    }
    settled(&store, detect, now, at_the_end_of_input(now)).await;
    assert!(store.changed(None, 1).await.unwrap().is_empty());
    fired(&store).await
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Shuffled, repeated, and split.
    #[test]
    fn the_order_of_arrival_never_matters(
        stream in prop::collection::vec((0_i64..70, 0_usize..2, 0_usize..2, 0_u8..4), 1..30),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        piece in 1_usize..14,
    ) {
        let detect = every_kind();
        let events: Vec<Event> = stream
            .iter()
            .enumerate()
            .map(|(id, (second, name, user, value))| {
                event(id, *second, ["Get", "Put"][*name], ["ann", "bob"][*user], *value)
            })
            .collect();
        let expected = run(come(&detect, std::slice::from_ref(&events)));
        let mut arrived: Vec<Event> = order.iter().map(|i| i.get(&events).clone()).collect();
        arrived.extend(events.into_iter().rev());
        let chunks: Vec<Vec<Event>> = arrived.chunks(piece).map(<[Event]>::to_vec).collect();
        prop_assert_eq!(run(come(&detect, &chunks)), expected);
    }
}

#[tokio::test]
async fn what_more_events_may_undo_waits_until_its_window_is_over_and_quiet() {
    let detect =
        rules(&[("few", "event_count", "rules: [read]\n  timespan: 15m\n  condition: { lt: 2 }")]);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.sqlite")).unwrap();
    let minute = |minute: i64| Timestamp::from_second(START + 60 * minute).unwrap();
    take(&store, &detect, &[event(1, 0, "Get", "ann", 0)], minute(1)).await;
    // The window ends at minute 15, and is over a quarter of an hour after that.
    for now in [minute(1), minute(16), minute(29)] {
        settled(&store, &detect, now, while_input_goes_on(now)).await;
        settled(&store, &detect, now, at_the_end_of_input(now)).await;
        assert!(fired(&store).await.is_empty(), "{now}");
    }
    // What comes late is waited for anew, unless the input is at its end.
    take(&store, &detect, &[event(2, 1, "Get", "bob", 0)], minute(40)).await;
    settled(&store, &detect, minute(41), while_input_goes_on(minute(41))).await;
    let of_ann = ("few".to_owned(), "00001".to_owned(), Some(900));
    assert_eq!(fired(&store).await, BTreeSet::from([of_ann.clone()]));
    take(&store, &detect, &[event(3, 2, "Get", "bob", 0)], minute(50)).await;
    settled(&store, &detect, minute(56), while_input_goes_on(minute(56))).await;
    settled(&store, &detect, minute(65), while_input_goes_on(minute(65))).await;
    assert_eq!(fired(&store).await, BTreeSet::from([of_ann]));
    assert!(store.changed(None, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn after_a_flood_one_more_event_reads_no_old_ones() {
    let detect =
        rules(&[("many", "event_count", "rules: [read]\n  timespan: 1h\n  condition: { gte: 5 }")]);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.sqlite")).unwrap();
    let now = Timestamp::from_second(START + 7_200).unwrap();
    let flood: Vec<Event> =
        (0_usize..400).map(|n| event(n, i64::try_from(n).unwrap(), "Get", "ann", 0)).collect();
    take(&store, &detect, &flood, now).await;
    assert_eq!(settled(&store, &detect, now, while_input_goes_on(now)).await, 396);
    take(&store, &detect, &[event(400, 401, "Get", "ann", 0)], now).await;
    assert_eq!(settled(&store, &detect, now, while_input_goes_on(now)).await, 1);
    assert_eq!(fired(&store).await.len(), 397);
    assert_eq!(detect.longest_span(), SignedDuration::from_hours(1));
}
