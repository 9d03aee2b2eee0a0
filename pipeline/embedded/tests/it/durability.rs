//! What was answered is in the file, whatever becomes of the process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aisaws_core::canonical::Digest;
use aisaws_core::event::{ActorKind, Event};
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Detected, Signals, Vote};
use aisaws_core::hit::Hit;
use aisaws_core::id::IncidentId;
use aisaws_core::incident::Incident;
use aisaws_core::ledger::Entry;
use aisaws_core::port::{
    Answer, Approvals as _, Disposition, EventFilter, Events, Incidents as _, Recorded, StoreError,
    Stored,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_core::source::cloudtrail;
use aisaws_embedded::store::Store;
use jiff::Timestamp;

pub(crate) fn event(id: &str) -> Event {
    let raw = format!(
        r#"{{"eventID":"{id}","eventTime":"2026-03-01T10:00:00Z","eventName":"PutBucketAcl","eventSource":"s3.amazonaws.com"}}"#
    );
    cloudtrail::parse(&raw).unwrap()
}

fn bucket() -> ResourceRef {
    ResourceRef {
        kind: "AWS::S3::Bucket".to_owned(),
        id: "acme".to_owned(),
        account: "111122223333".into(),
        region: "eu-west-1".into(),
    }
}

fn record(id: &str) -> Recorded {
    let event = event(id);
    let hit = Hit {
        rule: "test.rule".into(),
        title: "A test".to_owned(),
        severity: Severity::High,
        event: event.id.clone(),
        resource: bucket(),
        controls: Vec::new(),
        window_seconds: None,
        techniques: Vec::new(),
        is_trial: false,
        is_correlation: false,
        suppressed_by: None,
    };
    Recorded { event, hits: vec![hit], disposition: Disposition::Examined, touches: vec![bucket()] }
}

pub(crate) fn incident(name: &str) -> Incident {
    let signals = Signals {
        actor: ActorKind::Unknown,
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
    Incident {
        detected: Detected {
            incident: IncidentId::from_cause(&[name]),
            resource: bucket(),
            event: name.into(),
            time: "2026-03-01T10:00:00Z".parse().unwrap(),
            rules: vec!["test.rule".into()],
            controls: Vec::new(),
            severity: Severity::High,
            signals,
            flood: None,
            rerun: None,
        },
        events: BTreeSet::from([name.into()]),
    }
}

/// What a machine that lost power now would find: the file and its log, nothing from memory.
fn after_a_crash(path: &Path, dir: &Path) -> PathBuf {
    let found = dir.join("found.sqlite");
    std::fs::copy(path, &found).unwrap();
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(log(path), log(&found)).unwrap();
    found
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = Store::open(&path).unwrap();
    Events::append(&store, vec![record("a")]).await.unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(Events::get(&store, &"a".into()).await.unwrap(), Some(event("a")));
    assert_eq!(Events::append(&store, vec![record("a")]).await.unwrap(), [Stored::Duplicate]);
}

#[tokio::test]
async fn what_was_answered_is_there_without_a_close() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = Store::open(&path).unwrap();
    for n in 0..50 {
        Events::append(&store, vec![record(&n.to_string())]).await.unwrap();
    }
    let found = Store::open(&after_a_crash(&path, dir.path())).unwrap();
    let listed = Events::list(&found, &EventFilter::default(), None, 100).await.unwrap();
    assert_eq!(listed.len(), 50);
}

#[tokio::test]
async fn a_crash_between_append_and_open_loses_no_hit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = Store::open(&path).unwrap();
    Events::append(&store, vec![record("a"), record("b")]).await.unwrap();
    let mut pending = store.pending(10).await.unwrap();
    let taken = vec![pending.remove(0).mark];
    store.open(incident("a"), taken, Timestamp::UNIX_EPOCH).await.unwrap();
    let found = Store::open(&after_a_crash(&path, dir.path())).unwrap();
    let pending = found.pending(10).await.unwrap();
    let pending: Vec<&str> = pending.iter().map(|p| p.event.id.as_str()).collect();
    assert_eq!(pending, ["b"]);
    let ledger = found.ledger(IncidentId::from_cause(&["a"])).await.unwrap();
    assert!(matches!(ledger[0].entry, Entry::Opened { .. }));
}

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = Store::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch(
            "create trigger no_b before insert on event when new.id = 'b' \
             begin select raise(abort, 'no'); end",
        )
        .unwrap();
    Events::append(&store, vec![record("a"), record("b"), record("c")]).await.unwrap_err();
    other.execute_batch("drop trigger no_b").unwrap();
    for id in ["a", "b", "c"] {
        assert_eq!(Events::get(&store, &id.into()).await.unwrap(), None);
    }
    assert!(store.pending(10).await.unwrap().is_empty());
    assert!(store.touching(&bucket()).await.unwrap().is_empty());
    let again = Events::append(&store, vec![record("a"), record("b")]).await.unwrap();
    assert_eq!(again, [Stored::New, Stored::New]);
}

#[test]
fn a_file_of_a_later_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    drop(Store::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 4_000_000).unwrap();
    let refused = Store::open(&path).unwrap_err().to_string();
    assert!(refused.contains("store.sqlite") && refused.contains("4000000"), "{refused}");
}

#[tokio::test]
async fn a_file_of_the_version_before_is_read_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = Store::open(&path).unwrap();
    Events::append(&store, vec![record("a")]).await.unwrap();
    drop(store);
    // Version 1 had the same tables, and events of CloudTrail alone.
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let store = Store::open(&path).unwrap();
    assert_eq!(Events::get(&store, &"a".into()).await.unwrap(), Some(event("a")));
    assert_eq!(store.pending(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_of_the_version_before_still_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    drop(Store::open(&path).unwrap());
    // Version 3 kept the one answer beside its question.
    let incident = IncidentId::from_cause(&["a"]);
    let digest = Digest::of_bytes(b"plan");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("drop table answer; drop table quorum").unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    connection
        .execute(
            "insert into question (incident, digest, token, asked, asked_at, expires, vote, voter, voted) \
             values (?1, ?2, 't', ?3, 0, ?4, 'grant', 'ann', ?3)",
            [incident.to_string().as_str(), digest.as_str(), "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"],
        )
        .unwrap();
    drop(connection);
    let store = Store::open(&path).unwrap();
    let standing = store.standing(incident).await.unwrap().unwrap();
    let (vote, by, at) = (Vote::Grant, "ann".to_owned(), Timestamp::UNIX_EPOCH);
    assert_eq!(standing.outcome(), Some(vote));
    assert_eq!(standing.question.approvals, 1);
    assert_eq!(standing.answers, [Answer { vote, by, reason: String::new(), at }]);
    assert!(store.open_questions(Timestamp::UNIX_EPOCH).await.unwrap().is_empty());
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "some notes\n".repeat(500)).unwrap();
    let refused = Store::open(&path).unwrap_err().to_string();
    assert!(refused.contains("notes.txt"), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "some notes\n".repeat(500));
}

#[tokio::test]
async fn damage_inside_the_file_is_told_apart_from_a_busy_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = Store::open(&path).unwrap();
    Events::append(&store, (0..2000).map(|n| record(&n.to_string())).collect()).await.unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    // The schema, which stands first, stays whole.
    let quarter = bytes.len() / 4;
    bytes[quarter..quarter * 3].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let store = Store::open(&path).unwrap();
    let damaged = Events::list(&store, &EventFilter::default(), None, 5000).await.unwrap_err();
    assert!(matches!(damaged, StoreError::Corrupt { .. }), "{damaged:?}");
    assert_eq!(damaged.fault(), Fault::Permanent);
}
