//! A human is asked: what they answer is done, and nothing else.

use std::collections::BTreeMap;

use aisaws_core::handoff::Vote;
use aisaws_core::ledger::Entry;
use aisaws_core::port::Approvals as _;
use aisaws_core::status::Status;
use serde_json::json;

use crate::stage::listener::{Alert, Listener};
use crate::stage::page::Link;
use crate::stage::{Deployment, Options, Story, event};

/// A public bucket of root's making, and the question about it.
struct Asked {
    bucket: String,
    link: Link,
    listener: Listener,
    story: Story,
}

async fn asked(stage: &Deployment) -> Asked {
    let listener = stage.listen().await;
    let bucket = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&bucket, &event::root())).await;
    let story = stage.incident(&bucket, |status| status == Status::WaitingApproval).await;
    let id = story.incident.detected.incident.to_string();
    let asks = |alert: &Alert| {
        alert.attributes.get("incident") == Some(&id)
            && alert.attributes["status"] == "waiting_approval"
    };
    let alert = listener.hear(asks).await;
    let link = Link::in_text(&stage.endpoint(), &alert.text);
    Asked { bucket, link, listener, story }
}

impl Asked {
    /// Whether nothing happened yet.
    async fn is_open(&self, stage: &Deployment) -> bool {
        let id = self.story.incident.detected.incident;
        let standing = stage.store.standing(id).await.unwrap().unwrap();
        standing.outcome().is_none() && stage.target.is_public(&self.bucket).await
    }

    async fn closing_alert(&self) -> Alert {
        let id = self.story.incident.detected.incident.to_string();
        let ends = |alert: &Alert| {
            alert.attributes.get("incident") == Some(&id)
                && alert.attributes["status"] != "waiting_approval"
        };
        self.listener.hear(ends).await
    }
}

fn votes(story: &Story) -> Vec<(Vote, String, String)> {
    let vote = |entry: &Entry| match entry {
        Entry::Voted { vote, by, reason, .. } => Some((*vote, by.clone(), reason.clone())),
        _ => None,
    };
    story.entries().filter_map(vote).collect()
}

#[tokio::test]
async fn what_is_granted_is_repaired_and_the_link_is_good_for_one_answer() {
    let Some(stage) = Deployment::shared().await else { return };
    let asked = asked(&stage).await;
    let (status, page) = asked.link.open("GET").await;
    assert_eq!(status, 200, "{page}");
    let digest = asked.story.entries().find_map(|entry| match entry {
        Entry::Prepared { digest, .. } => Some(digest.as_str().to_owned()),
        _ => None,
    });
    for shown in [asked.bucket.as_str(), &digest.unwrap(), "AllUsers"] {
        assert!(page.contains(shown), "{shown} is not on {page}");
    }
    assert_eq!(asked.link.answer("grant", "it's <fine>").await.0, 200);
    // The same again changes nothing, the other comes too late.
    assert_eq!(asked.link.answer("grant", "again").await.0, 200);
    assert_eq!(asked.link.answer("deny", "no").await.0, 409);
    let story = stage.ended(&asked.bucket).await;
    assert_eq!(story.status, Status::Remediated, "{story:#?}");
    assert!(!stage.target.is_public(&asked.bucket).await);
    let expected = (Vote::Grant, "alice@example.org".to_owned(), "it's <fine>".to_owned());
    assert_eq!(votes(&story), [expected]);
    assert!(asked.closing_alert().await.subject.contains("was repaired"));

    // Replayed when all is over.
    let (status, page) = asked.link.answer("deny", "no").await;
    assert!(status == 409 && page.contains("Too late"), "{page}");
    let (status, page) = asked.link.open("GET").await;
    assert!(status == 200 && page.contains("answered"), "{page}");
    assert_eq!(stage.ended(&asked.bucket).await.links.len(), story.links.len());
}

#[tokio::test]
async fn what_is_denied_is_left_as_it_is() {
    let Some(stage) = Deployment::shared().await else { return };
    let asked = asked(&stage).await;
    assert_eq!(asked.link.answer("deny", "on purpose").await.0, 200);
    let story = stage.ended(&asked.bucket).await;
    assert_eq!(story.status, Status::Denied, "{story:#?}");
    assert!(stage.target.is_public(&asked.bucket).await);
    assert!(!story.entries().any(|entry| matches!(entry, Entry::Remediated { .. })));
    let alert = asked.closing_alert().await;
    assert!(alert.subject.contains("was denied"), "{alert:?}");
    assert!(alert.text.contains("on purpose") && alert.text.contains("alice@example.org"));
}

#[tokio::test]
async fn nothing_but_an_answer_under_a_token_of_ours_changes_anything() {
    let Some(stage) = Deployment::shared().await else { return };
    let (asked, another) = (asked(&stage).await, asked(&stage).await);
    // Whoever looks, however often, and whatever their scanner sends.
    for (method, wanted) in
        [("GET", 200), ("HEAD", 200), ("GET", 200), ("PUT", 405), ("DELETE", 405)]
    {
        assert_eq!(asked.link.open(method).await.0, wanted, "{method}");
    }
    let token = asked.link.token.as_str();
    let (head, mac) = token.rsplit_once('.').unwrap();
    let other_mac = another.link.token.rsplit_once('.').unwrap().1;
    let mac = mac.split_at(1);
    let turned = if mac.0 == "A" { 'B' } else { 'A' };
    let forged = [
        String::new(),
        "v1".to_owned(),
        head.to_owned(),
        format!("{head}."),
        format!("{head}.{turned}{}", mac.1),
        // A signature of ours under other claims.
        format!("{head}.{other_mac}"),
        token.replacen("v1", "v0", 1),
        token.repeat(8),
    ];
    for token in &forged {
        let link = asked.link.with(token);
        for (status, page) in [link.open("GET").await, link.answer("grant", "").await] {
            assert!(status == 403 && !page.contains(&asked.bucket), "{token}: {status} {page}");
        }
    }
    // A token of ours, and no answer of the form.
    for vote in ["", "Grant", "yes"] {
        assert_eq!(asked.link.answer(vote, "").await.0, 400, "{vote}");
    }
    assert!(asked.is_open(&stage).await && another.is_open(&stage).await);
    // Both are still open to a real one.
    assert_eq!(asked.link.answer("deny", "").await.0, 200);
    assert_eq!(stage.ended(&asked.bucket).await.status, Status::Denied);
    assert!(another.is_open(&stage).await);
}

/// In a deployment of its own, whose humans have a minute: the least that the template takes.
#[tokio::test]
async fn a_question_that_nobody_answers_ends_in_those_words_and_alarms() {
    let parameters = BTreeMap::from([("ApprovalTimeoutSeconds".to_owned(), "60".to_owned())]);
    let options = Options { parameters, seconds_to_answer: Some(60), ..Options::default() };
    let Some(stage) = Deployment::start(options).await else { return };
    let asked = asked(&stage).await;
    // The alarm looks at metric `ApprovalsStuck`, which the sweep counts past half of the time.
    while stage.invoke("sweep", &json!({})).await.unwrap()["stuck"] != 1 {
        assert!(
            asked.is_open(&stage).await && !stage.stories(&asked.bucket).await[0].status.is_final()
        );
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let story = stage.ended(&asked.bucket).await;
    assert_eq!(story.status, Status::Expired, "{story:#?}");
    assert!(stage.target.is_public(&asked.bucket).await);
    let alert = asked.closing_alert().await;
    assert!(alert.subject.contains("nobody answered in time"), "{alert:?}");
    // The answer comes too late.
    let (status, page) = asked.link.answer("grant", "").await;
    assert!(status == 403 && page.contains("lapsed"), "{status} {page}");
    assert!(stage.target.is_public(&asked.bucket).await);
}
