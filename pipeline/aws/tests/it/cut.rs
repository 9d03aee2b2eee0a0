//! The line is cut at every request of a step, before it arrives and after it was obeyed: repeating
//! the step always leads to the state of a step that was not disturbed.

use std::collections::BTreeSet;
use std::sync::Arc;

use aisaws_aws::archive::Archive;
use aisaws_aws::store::Store;
use aisaws_aws::{Aws, SystemClock};
use aisaws_core::handoff::Vote;
use aisaws_core::id::EventId;
use aisaws_core::ledger::{self, verify_chain};
use aisaws_core::port::{
    Answer, Approvals, Cast, EventFilter, Events, Incidents, Opened, Pending, Question, StoreError,
    Windows,
};
use aisaws_core::window::{Counted, Entry, Match, WindowKey};
use aisaws_emulators::proxy::{Cut, CutAfter, Proxy};
use jiff::Timestamp;

use crate::place::{endpoint, name};
use crate::scene::{bucket, incident, record};

/// A store, and a handle on it over a line that is cut after so many requests.
async fn stores(requests: usize, cut: Cut) -> (Store, Store) {
    let (table, bucket) = (name("cut"), name("cut"));
    let store = async |address: &str| {
        let aws = Aws::emulator(address).await;
        let archive = Archive::new(&aws, &bucket);
        archive
            .ensure_bucket()
            .await
            .map(|()| Store::new(&aws, &table, archive, Arc::new(SystemClock)))
    };
    let whole = store(&endpoint()).await.unwrap();
    whole.ensure_table().await.unwrap();
    let line = CutAfter { calls: requests, cut };
    let cut = Aws::emulator(&Proxy::before(&endpoint(), line).unwrap().kept()).await;
    let archive = Archive::new(&cut, &bucket);
    (whole, Store::new(&cut, &table, archive, Arc::new(SystemClock)))
}

/// Runs a step that is cut after 0, 1, 2, ... requests, until one is not cut any more. Says how
/// many were.
async fn at_every_request<F: Future<Output = bool>>(step: impl Fn(usize, Cut) -> F) -> usize {
    for requests in 0..100 {
        let (lost, unanswered) =
            tokio::join!(step(requests, Cut::Request), step(requests, Cut::Answer));
        if !lost && !unanswered {
            return requests;
        }
    }
    panic!("the step does not end");
}

fn was_cut<T>(result: Result<T, StoreError>) -> bool {
    match result {
        Ok(_) => false,
        Err(StoreError::Unavailable { .. }) => true,
        Err(e) => panic!("{e:?}"),
    }
}

fn hits(pending: &[Pending]) -> Vec<(String, usize)> {
    pending.iter().map(|p| (p.event.id.to_string(), p.hits.len())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_cut_is_completed_by_repeating_it() {
    let rules = ["rule.a".to_owned(), "rule.b".to_owned()];
    let touched = ["acme".to_owned()];
    let batch =
        [record("a", 1, &rules, &touched), record("b", 2, &[], &[]), record("c", 3, &rules, &[])];
    let cuts = at_every_request(async |requests, cut| {
        let (whole, line) = stores(requests, cut).await;
        let was_cut = was_cut(Events::append(&line, batch.to_vec()).await);
        Events::append(&whole, batch.to_vec()).await.unwrap();
        let expected = [("a".to_owned(), 2), ("c".to_owned(), 2)];
        assert_eq!(hits(&whole.pending(10).await.unwrap()), expected, "{requests} {cut:?}");
        assert_eq!(whole.touching(&bucket("acme")).await.unwrap().len(), 1);
        let listed = Events::list(&whole, &EventFilter::default(), None, 10).await.unwrap();
        assert_eq!(listed.len(), 3, "{requests} {cut:?}");
        was_cut
    })
    .await;
    assert!(cuts > 4, "{cuts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opening_that_was_cut_is_completed_by_repeating_it() {
    let cuts = at_every_request(async |requests, cut| {
        let (whole, line) = stores(requests, cut).await;
        let record = record("a", 1, &["rule.a".to_owned()], &[]);
        Events::append(&whole, vec![record]).await.unwrap();
        let seen = whole.pending(10).await.unwrap();
        let taken = || seen.iter().map(|pending| pending.mark.clone()).collect();
        let incident = incident("cut", BTreeSet::from([EventId::new("a")]));
        let (id, at) = (incident.detected.incident, Timestamp::UNIX_EPOCH);
        let first = line.open(incident.clone(), taken(), at).await;
        // What is taken is taken by an incident that is there.
        if whole.pending(10).await.unwrap().is_empty() {
            assert!(Incidents::get(&whole, id).await.unwrap().is_some(), "{requests} {cut:?}");
        }
        let opened = whole.open(incident.clone(), taken(), at).await.unwrap();
        if first.is_ok() {
            assert_eq!(opened, Opened::Already);
        }
        assert_eq!(Incidents::get(&whole, id).await.unwrap(), Some(incident));
        assert_eq!(hits(&whole.pending(10).await.unwrap()), []);
        let (links, head) = whole.raw_ledger(id).await.unwrap();
        assert_eq!((links.len(), verify_chain(id, &links, head.as_ref())), (1, Ok(())));
        was_cut(first)
    })
    .await;
    assert!(cuts > 2, "{cuts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_was_cut_is_written_once() {
    let cuts = at_every_request(async |requests, cut| {
        let (whole, line) = stores(requests, cut).await;
        let incident = incident("cut", BTreeSet::new());
        let (id, at) = (incident.detected.incident, Timestamp::UNIX_EPOCH);
        whole.open(incident, Vec::new(), at).await.unwrap();
        let was_cut =
            was_cut(Incidents::append(&line, id, "k", ledger::Entry::FoundGone, at).await);
        Incidents::append(&whole, id, "k", ledger::Entry::FoundGone, at).await.unwrap();
        let (links, head) = whole.raw_ledger(id).await.unwrap();
        assert_eq!((links.len(), verify_chain(id, &links, head.as_ref())), (2, Ok(())));
        was_cut
    })
    .await;
    assert!(cuts > 2, "{cuts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_that_was_cut_counts_once() {
    let cuts = at_every_request(async |requests, cut| {
        let (whole, line) = stores(requests, cut).await;
        let incident = incident("cut", BTreeSet::new()).detected.incident;
        let digest = aisaws_core::canonical::Digest::of_bytes(b"plan");
        let question = Question {
            incident,
            digest: digest.clone(),
            token: "token".to_owned(),
            asked: Timestamp::UNIX_EPOCH,
            expires: Timestamp::MAX,
            approvals: 1,
        };
        whole.ask(question).await.unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let answer = |vote, by: &str| Answer { vote, by: by.to_owned(), reason: String::new(), at };
        let first = line.cast(incident, &digest, answer(Vote::Grant, "ann")).await;
        let again = whole.cast(incident, &digest, answer(Vote::Grant, "ann")).await.unwrap();
        // Where the answer was lost, the vote may count or not; it never counts twice.
        match &first {
            Ok(cast) => assert_eq!((*cast, again), (Cast::Counted, Cast::Already)),
            Err(_) => assert!(matches!(again, Cast::Counted | Cast::Already)),
        }
        let other = whole.cast(incident, &digest, answer(Vote::Deny, "bob")).await.unwrap();
        assert_eq!(other, Cast::TooLate);
        was_cut(first)
    })
    .await;
    assert!(cuts >= 2, "{cuts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matches_that_were_cut_count_once() {
    let key = WindowKey { correlation: "test.correlation".into(), group: "[]".to_owned() };
    let time = Timestamp::UNIX_EPOCH;
    let found = |id: &str, bucket| Match {
        key: key.clone(),
        bucket,
        entry: Entry { time, event: EventId::new(id), part: 0, value: String::new() },
        counted: Counted::Matches,
    };
    let matches = [found("a", 1), found("b", 1), found("c", 2)];
    let cuts = at_every_request(async |requests, cut| {
        let (whole, line) = stores(requests, cut).await;
        let was_cut = was_cut(line.add(matches.to_vec(), time).await);
        whole.add(matches.to_vec(), time).await.unwrap();
        assert_eq!(whole.entries(&key, time, time).await.unwrap().len(), 3);
        let changed = whole.changed(None, 10).await.unwrap();
        let versions: Vec<_> = changed.iter().map(|c| (c.bucket, c.version)).collect();
        assert_eq!(versions, [(1, 2), (2, 1)], "{requests} {cut:?}");
        was_cut
    })
    .await;
    assert!(cuts > 2, "{cuts}");
}
