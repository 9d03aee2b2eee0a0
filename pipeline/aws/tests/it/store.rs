//! What the claims of the ports do not say, because only this store can get it wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aisaws_aws::archive::Archive;
use aisaws_aws::store::Store;
use aisaws_aws::{Aws, SystemClock};
use aisaws_core::canonical::Digest;
use aisaws_core::event::Event;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::id::{EventId, IncidentId};
use aisaws_core::ledger::{Broken, Call, Entry, verify_chain};
use aisaws_core::port::{
    Approvals as _, Clock, EventFilter, Events, Incidents, Opened, Question, Snapshots as _,
    StoreError, Stored, WriteKey,
};
use aisaws_core::source::cloudtrail;
use aisaws_core::status::Status;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde_json::json;

use crate::place::{archive, aws, name, s3, sdk};
use crate::scene::{bucket, incident, record};

/// A store, with the name of its table.
async fn store() -> (Store, String) {
    let table = name("aisaws");
    let store = Store::new(&aws().await, &table, archive().await, Arc::new(SystemClock));
    store.ensure_table().await.unwrap();
    (store, table)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_event_that_has_expired_is_left_out_of_lists_and_told_of() {
    let table = name("aisaws");
    let bucket = name("expiring");
    let archive = Archive::new(&aws().await, &bucket);
    archive.ensure_bucket().await.unwrap();
    let store = Store::new(&aws().await, &table, archive, Arc::new(SystemClock));
    store.ensure_table().await.unwrap();
    // A text too large for an item, of every second event but the last.
    let mut records = Vec::new();
    for (day, id) in (1..).zip(["a", "b", "c", "d"]) {
        let mut record = record(id, day, &[], &["acme".to_owned()]);
        if day % 2 == 1 {
            let mut raw: serde_json::Value = serde_json::from_str(&record.event.raw).unwrap();
            raw["requestParameters"] = json!({ "text": "x".repeat(100_000) });
            record.event = cloudtrail::parse(&raw.to_string()).unwrap();
        }
        records.push(record);
    }
    Events::append(&store, records.clone()).await.unwrap();
    let ids = |events: Vec<Event>| -> Vec<String> {
        events.into_iter().map(|event| event.id.as_str().to_owned()).collect()
    };
    let all = EventFilter::default();
    let list = |after, limit| Events::list(&store, &all, after, limit);
    assert_eq!(ids(list(None, 10).await.unwrap()).join(""), "abcd");
    assert_eq!(store.expired().await, 0);

    // What the bucket's rule does when their days are over.
    let objects = s3().await.list_objects_v2().bucket(&bucket).prefix("raw-events/").send().await;
    for object in objects.unwrap().contents() {
        let delete = s3().await.delete_object().bucket(&bucket).key(object.key().unwrap());
        delete.send().await.unwrap();
    }
    assert_eq!(ids(list(None, 10).await.unwrap()).join(""), "bd");
    // No page is empty before the end.
    let first = list(None, 1).await.unwrap();
    let after = first.last().map(|event| (event.time, event.id.clone()));
    assert_eq!(ids(first).join(""), "b");
    assert_eq!(ids(list(after, 1).await.unwrap()).join(""), "d");
    assert_eq!(ids(store.touching(&crate::scene::bucket("acme")).await.unwrap()).join(""), "bd");
    assert_eq!(store.expired().await, 2);
    // Of one alone it is said.
    let error = Events::get(&store, &EventId::new("a")).await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
    assert!(Events::get(&store, &EventId::new("b")).await.unwrap().is_some());
}

fn numbered(prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{prefix}{n:03}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_with_more_hits_and_touches_than_a_transaction_takes_is_kept_whole() {
    let (store, _) = store().await;
    let (rules, buckets) = (numbered("rule", 120), numbered("bucket", 150));
    let record = record("a", 1, &rules, &buckets);
    assert_eq!(Events::append(&store, vec![record.clone()]).await.unwrap(), [Stored::New]);
    assert_eq!(Events::append(&store, vec![record.clone()]).await.unwrap(), [Stored::Duplicate]);
    let pending = store.pending(10).await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].hits, record.hits);
    let event = std::slice::from_ref(&record.event);
    for id in ["bucket000", "bucket099", "bucket149"] {
        assert_eq!(store.touching(&bucket(id)).await.unwrap(), event, "{id}");
    }
    let (since, until) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
    let principal = "arn:aws:iam::111122223333:user/ann";
    assert_eq!(store.rules_of_principal(principal, since, until).await.unwrap().len(), 120);
    for rule in ["rule000", "rule119"] {
        let hit = store.hit_by(&rule.into(), since, until, 10).await.unwrap();
        assert_eq!(hit, event, "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_of_more_events_than_a_transaction_takes_opens_whole() {
    let (store, _) = store().await;
    let ids = numbered("event", 130);
    let rule = ["test.rule".to_owned()];
    let records: Vec<_> = ids.iter().map(|id| record(id, 1, &rule, &[])).collect();
    Events::append(&store, records).await.unwrap();
    let pending = store.pending(1000).await.unwrap();
    assert_eq!(pending.len(), 130);
    let events: BTreeSet<EventId> = ids.iter().map(EventId::new).collect();
    let taken = pending.into_iter().map(|pending| pending.mark).collect();
    let incident = incident("large", events);
    let (id, at) = (incident.detected.incident, Timestamp::UNIX_EPOCH);
    assert_eq!(store.open(incident.clone(), taken, at).await.unwrap(), Opened::New);
    assert_eq!(store.pending(1000).await.unwrap().len(), 0);
    let read = Incidents::get(&store, id).await.unwrap();
    assert_eq!(read, Some(incident));
    assert_eq!(store.of_events(&[EventId::new("event129")]).await.unwrap(), [id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_on_over_days_and_names() {
    let (store, _) = store().await;
    let mut records: Vec<_> =
        (1..=9).map(|day| record(&format!("e{day}"), day, &[], &[])).collect();
    records.reverse();
    Events::append(&store, records).await.unwrap();
    for name in [None, Some("PutBucketAcl".to_owned())] {
        let filter = EventFilter {
            since: Some("2026-03-02T00:00:00Z".parse().unwrap()),
            name,
            ..EventFilter::default()
        };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = Events::list(&store, &filter, after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.time, last.id.clone()));
            found.extend(page.into_iter().map(|event| event.id.to_string()));
        }
        assert_eq!(found, ["e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9"]);
    }
}

#[tokio::test]
async fn of_two_that_keep_the_calls_of_a_write_the_first_stands() {
    let (store, _) = store().await;
    let key = WriteKey {
        incident: IncidentId::from_cause(&["a"]),
        digest: aisaws_core::canonical::Digest::of_bytes(b"plan"),
        step: "apply/1".to_owned(),
    };
    assert_eq!(store.calls_of(&key).await.unwrap(), None);
    let call = |action: &str| Call { action: action.to_owned(), parameters: json!({ "n": 1.5 }) };
    let first = vec![call("s3:PutBucketAcl")];
    assert_eq!(store.keep_calls(&key, first.clone()).await.unwrap(), first);
    assert_eq!(store.keep_calls(&key, vec![call("s3:Other")]).await.unwrap(), first);
    assert_eq!(store.calls_of(&key).await.unwrap(), Some(first));
    let other = WriteKey { step: "undo/1".to_owned(), ..key };
    assert_eq!(store.calls_of(&other).await.unwrap(), None);
}

/// Changes one attribute behind the store's back.
async fn forge(table: &str, pk: &str, sk: &str, attribute: &str, value: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    aws_sdk_dynamodb::Client::new(&sdk().await)
        .update_item()
        .table_name(table)
        .key("pk", text(pk))
        .key("sk", text(sk))
        .update_expression("set #a = :v")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_names("#a", attribute)
        .expression_attribute_values(":v", text(value))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_link_that_was_changed_or_made_unreadable_is_named() {
    for forged in [r#"{"kind":"found_clean","state":"00"}"#, "no json"] {
        let (store, table) = store().await;
        let incident = incident("tampered", BTreeSet::new());
        let id = incident.detected.incident;
        store.open(incident, Vec::new(), Timestamp::UNIX_EPOCH).await.unwrap();
        let append = Incidents::append;
        append(&store, id, "k", Entry::FoundGone, Timestamp::UNIX_EPOCH).await.unwrap();
        let (links, head) = store.raw_ledger(id).await.unwrap();
        assert_eq!(verify_chain(id, &links, head.as_ref()), Ok(()));
        forge(&table, &format!("incident {id}"), "link 0000000002", "body", forged).await;
        let (links, head) = store.raw_ledger(id).await.unwrap();
        let broken = verify_chain(id, &links, head.as_ref());
        assert_eq!(broken, Err(Broken::Altered { incident: id, seq: 2 }), "{forged}");
    }
}

#[tokio::test]
async fn a_state_that_was_changed_is_not_found() {
    let (store, table) = store().await;
    let digest = store.keep(&json!({ "a": 1 })).await.unwrap();
    forge(&table, &format!("state {digest}"), "state", "body", r#"{"a":2}"#).await;
    let error = store.load(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { what: "unchanged state", .. }), "{error:?}");
}

#[tokio::test]
async fn a_large_body_that_is_lost_is_corruption_and_not_absence() {
    let bucket = name("archive");
    let aws = aws().await;
    let archive = aisaws_aws::archive::Archive::new(&aws, &bucket);
    archive.ensure_bucket().await.unwrap();
    let store = Store::new(&aws, &name("aisaws"), archive, Arc::new(SystemClock));
    store.ensure_table().await.unwrap();
    let digest = store.keep(&json!("x".repeat(500_000))).await.unwrap();
    assert!(store.load(&digest).await.is_ok());
    let client = s3().await;
    let listed = client.list_objects_v2().bucket(&bucket).send().await.unwrap();
    for object in listed.contents() {
        client.delete_object().bucket(&bucket).key(object.key().unwrap()).send().await.unwrap();
    }
    let error = store.load(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_may_be_later_and_one_without_a_table_refuses() {
    let digest = aisaws_core::canonical::Digest::of_bytes(b"");
    // Nothing listens on the port of discarding.
    let nowhere = Aws::emulator("http://127.0.0.1:9").await;
    let store = Store::new(&nowhere, "aisaws", archive().await, Arc::new(SystemClock));
    let error = store.load(&digest).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Transient, "{error:?}");
    let store = Store::new(&aws().await, &name("missing"), archive().await, Arc::new(SystemClock));
    let error = store.load(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { fault: Fault::Permanent, .. }), "{error:?}");
}

#[tokio::test]
async fn a_question_of_an_incident_that_ended_leaves_the_list() {
    let (store, _) = store().await;
    let incident = incident("asked", BTreeSet::new());
    let (id, at) = (incident.detected.incident, Timestamp::UNIX_EPOCH);
    store.open(incident, Vec::new(), at).await.unwrap();
    let question = Question {
        incident: id,
        digest: Digest::of_bytes(b"plan"),
        token: "token".to_owned(),
        asked: at,
        expires: at + std::time::Duration::from_hours(1),
        approvals: 1,
    };
    store.ask(question.clone()).await.unwrap();
    assert_eq!(store.open_questions(at).await.unwrap(), std::slice::from_ref(&question));
    let closed = Entry::Closed { status: Status::Failed };
    Incidents::append(&store, id, "closed", closed, at).await.unwrap();
    assert_eq!(store.open_questions(at).await.unwrap(), []);
    let standing = store.standing(id).await.unwrap().unwrap();
    assert_eq!(standing.question, question, "it is on record");
}

/// A message is laid aside for ever where the fault is its own. That of a deployment is not.
#[tokio::test]
async fn a_table_or_a_bucket_that_is_missing_is_no_bad_input() {
    let large = "x".repeat(100 * 1024);
    let clock = Arc::new(SystemClock);
    let table = Store::new(&aws().await, &name("missing"), archive().await, clock.clone());
    let error = Events::append(&table, vec![record("a", 1, &[], &[])]).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permanent, "{error:?}");
    let nowhere = aisaws_aws::archive::Archive::new(&aws().await, &name("missing"));
    let bucket = Store::new(&aws().await, &name("aisaws"), nowhere, clock);
    bucket.ensure_table().await.unwrap();
    let mut long = record("a", 1, &[], &[]);
    long.event.raw = json!({ "long": large }).to_string();
    let error = Events::append(&bucket, vec![long]).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permanent, "{error:?}");
}

/// A clock that stands.
#[derive(Debug)]
struct At(Timestamp);

#[async_trait::async_trait]
impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _: std::time::Duration) {}
}

/// The second at which the item with that `sk` may go, by what its `pk` begins with.
async fn expiries(table: &str) -> BTreeMap<(String, String), i64> {
    let items = aws_sdk_dynamodb::Client::new(&sdk().await).scan().table_name(table);
    let mut expiries = BTreeMap::new();
    for item in items.send().await.unwrap().items() {
        if let Some(AttributeValue::N(second)) = item.get("expires_at") {
            let word = |name: &str| {
                let text = item[name].as_s().unwrap();
                text.split(' ').next().unwrap().to_owned()
            };
            expiries.insert((word("pk"), word("sk")), second.parse().unwrap());
        }
    }
    expiries
}

#[tokio::test]
async fn only_what_no_rule_hit_and_what_spares_work_goes_by_itself() {
    let table = name("aisaws");
    let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let store = Store::new(&aws().await, &table, archive().await, Arc::new(At(now))).keeping(3);
    store.ensure_table().await.unwrap();
    let (acme, rules) = (["acme".to_owned()], ["rule".to_owned()]);
    // 2026-03-04T00:00:00Z.
    let then = 1_772_582_400;
    let at = |pk: &str, sk: &str| ((pk.to_owned(), sk.to_owned()), then);

    let hit = record("hit", 1, &rules, &acme);
    Events::append(&store, vec![hit.clone()]).await.unwrap();
    let actor = at("actor", "2026-03-01T10:00:00.000000000Z");
    assert_eq!(expiries(&table).await, BTreeMap::from([actor.clone()]));

    let id = IncidentId::from_cause(&["one"]);
    assert!(store.admit("rule/hour", id, 5).await.unwrap());
    let write = WriteKey {
        incident: id,
        step: "remediate:1".to_owned(),
        digest: Digest::of_bytes(b"plan"),
    };
    store.keep_calls(&write, Vec::new()).await.unwrap();
    let event = record("none", 1, &[], &acme);
    Events::append(&store, vec![event.clone()]).await.unwrap();
    let touched = at("touched", "2026-03-01T10:00:00.000000000Z");
    let spared = [actor, at("admitted", "admitted"), at("write", "calls"), touched];
    let mut all = BTreeMap::from(spared.clone());
    all.extend([at("event", "content")]);
    assert_eq!(expiries(&table).await, all);

    // A correlation found it to be one after all.
    let mut found = hit.hits[0].clone();
    found.event = event.event.id.clone();
    assert_eq!(store.derive(vec![found]).await.unwrap().hits, 1);
    assert_eq!(expiries(&table).await, BTreeMap::from(spared.clone()));

    // So did a correction, of which the first content is the event that people are shown.
    Events::append(&store, vec![record("late", 1, &[], &[])]).await.unwrap();
    assert_eq!(expiries(&table).await, all);
    let mut corrected = record("late", 1, &rules, &[]);
    corrected.event.raw = corrected.event.raw.replace("PutBucketAcl", "PutBucketPolicy");
    assert_eq!(Events::append(&store, vec![corrected]).await.unwrap(), [Stored::Variant]);
    assert_eq!(expiries(&table).await, BTreeMap::from(spared));
}
