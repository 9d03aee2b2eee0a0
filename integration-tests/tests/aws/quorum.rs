//! Repairs that two people have to grant, each by a link of their own.

use std::collections::BTreeMap;

use aisaws_core::handoff::Vote;
use aisaws_core::ledger::Entry;
use aisaws_core::port::Approvals as _;
use aisaws_core::status::Status;

use crate::stage::listener::Alert;
use crate::stage::page::Link;
use crate::stage::{Deployment, Options, Story, event};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";

async fn two() -> Option<Deployment> {
    let parameters = [("Approvers", "2"), ("SecondApproverEmail", BOB)];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let parameters = BTreeMap::from(parameters);
    Deployment::start(Options { parameters, ..Options::default() }).await
}

/// A public bucket of root's making, and the links that Alice and Bob were sent.
async fn asked(stage: &Deployment) -> (String, Link, Link) {
    let listener = stage.listen().await;
    let bucket = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&bucket, &event::root())).await;
    let story = stage.incident(&bucket, |status| status == Status::WaitingApproval).await;
    let id = story.incident.detected.incident.to_string();
    let mut links = Vec::new();
    for approver in [ALICE, BOB] {
        let sent = |alert: &Alert| {
            alert.attributes.get("incident") == Some(&id)
                && alert.attributes.get("approver").is_some_and(|name| name == approver)
        };
        links.push(Link::in_text(&stage.endpoint(), &listener.hear(sent).await.text));
    }
    let bob = links.pop().unwrap();
    (bucket, links.pop().unwrap(), bob)
}

fn votes(story: &Story) -> Vec<(Vote, &str)> {
    let votes = story.entries().filter_map(|entry| match entry {
        Entry::Voted { vote, by, .. } => Some((*vote, by.as_str())),
        _ => None,
    });
    votes.collect()
}

async fn is_open(stage: &Deployment, bucket: &str) -> bool {
    let story = stage.incident(bucket, |_| true).await;
    let standing = stage.store.standing(story.incident.detected.incident).await.unwrap().unwrap();
    standing.outcome().is_none()
        && story.status == Status::WaitingApproval
        && stage.target.is_public(bucket).await
}

#[tokio::test]
async fn a_repair_needs_both_and_either_may_deny() {
    let Some(stage) = two().await else { return };

    // Both, of whom one twice.
    let (bucket, alice, bob) = asked(&stage).await;
    for _ in 0..2 {
        let (status, page) = alice.answer("grant", "fine").await;
        assert!(status == 200 && page.contains("Somebody else has to grant"), "{page}");
        assert!(is_open(&stage, &bucket).await);
    }
    let (_, page) = bob.open("GET").await;
    assert!(page.contains("1 of 2 people granted it") && page.contains(ALICE), "{page}");
    assert_eq!(bob.answer("grant", "too").await.0, 200);
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Remediated, "{story:?}");
    assert_eq!(votes(&story), [(Vote::Grant, ALICE), (Vote::Grant, BOB)]);
    assert!(!stage.target.is_public(&bucket).await);

    // One grants, the other denies.
    let (bucket, alice, bob) = asked(&stage).await;
    assert_eq!(alice.answer("grant", "").await.0, 200);
    assert_eq!(bob.answer("deny", "not now").await.0, 200);
    assert_eq!(alice.answer("grant", "").await.0, 409);
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Denied, "{story:?}");
    assert_eq!(votes(&story), [(Vote::Grant, ALICE), (Vote::Deny, BOB)]);
    assert!(stage.target.is_public(&bucket).await);

    // Both at once.
    let (bucket, alice, bob) = asked(&stage).await;
    let (one, other) = tokio::join!(alice.answer("grant", ""), bob.answer("grant", ""));
    assert_eq!((one.0, other.0), (200, 200));
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Remediated, "{story:?}");
    let mut both = votes(&story);
    both.sort_by_key(|(_, by)| *by);
    assert_eq!(both, [(Vote::Grant, ALICE), (Vote::Grant, BOB)]);
}
