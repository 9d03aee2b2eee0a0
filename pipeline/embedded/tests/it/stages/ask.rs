//! AskHuman: one question a round, and a secret that stays one.

use std::sync::Arc;
use std::time::Duration;

use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Prepared, Vote};
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Approvals as _, Channel, Clock as _, Incidents as _, Question};
use aisaws_core::risk::Decision;
use aisaws_core::stage::Stage as _;
use aisaws_core::status::Status;
use aisaws_decide::{Ask, AskHuman};

use super::world::{FakeChannel, PATIENCE_SECONDS, World, digest_of, public};

const TOKEN: &str = "s3cret-token";

fn ask_human(world: &World, channels: &[&Arc<FakeChannel>]) -> AskHuman {
    let store = Arc::new(world.store.clone());
    let channels = channels.iter().map(|c| Arc::clone(c) as Arc<dyn Channel>).collect();
    AskHuman::new(store.clone(), store, channels)
}

fn ask(prepared: &Prepared, token: &str) -> Ask {
    Ask { prepared: prepared.clone(), token: token.to_owned() }
}

fn is_question(entry: &Entry) -> bool {
    matches!(entry, Entry::ApprovalAsked { .. })
}

async fn planned() -> (World, Prepared) {
    let world = World::new(public()).await;
    let prepared = world.prepared(Decision::AskHuman).await;
    (world, prepared)
}

#[tokio::test]
async fn the_question_names_the_plan_the_token_and_its_end() {
    let (world, prepared) = planned().await;
    ask_human(&world, &[]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    let asked = world.clock.now();
    let question = Question {
        incident: world.incident(),
        digest: digest_of(&prepared),
        token: TOKEN.to_owned(),
        asked,
        expires: asked + Duration::from_secs(u64::from(PATIENCE_SECONDS)),
        approvals: 1,
    };
    assert_eq!(world.store.open_questions(world.clock.now()).await.unwrap(), [question]);
}

#[tokio::test]
async fn the_ledger_has_the_question() {
    let (world, prepared) = planned().await;
    ask_human(&world, &[]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    let expires = world.clock.now() + Duration::from_secs(u64::from(PATIENCE_SECONDS));
    let entry = Entry::ApprovalAsked { digest: digest_of(&prepared), expires, approvals: 1 };
    assert_eq!(world.entries().await.last(), Some(&entry));
}

#[tokio::test]
async fn a_round_is_asked_and_recorded_once() {
    let (world, prepared) = planned().await;
    for key in ["q", "q", "q2"] {
        ask_human(&world, &[]).run(world.cx(key), ask(&prepared, TOKEN)).await.unwrap();
    }
    assert_eq!(world.count(is_question).await, 1);
    assert_eq!(world.store.open_questions(world.clock.now()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_answer_returns_by_the_newest_token() {
    let (world, prepared) = planned().await;
    for token in ["old", "new"] {
        ask_human(&world, &[]).run(world.cx(token), ask(&prepared, token)).await.unwrap();
    }
    assert_eq!(world.store.open_questions(world.clock.now()).await.unwrap()[0].token, "new");
}

#[tokio::test]
async fn another_round_is_another_question() {
    let (world, prepared) = planned().await;
    ask_human(&world, &[]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    let again = world.prepare().run(world.cx("p2"), prepared.decided.into()).await.unwrap();
    ask_human(&world, &[]).run(world.cx("q2"), ask(&again, TOKEN)).await.unwrap();
    assert_eq!(world.count(is_question).await, 2);
}

#[tokio::test]
async fn people_are_told_which_plan_waits_for_them() {
    let (world, prepared) = planned().await;
    let channel = FakeChannel::working("one");
    ask_human(&world, &[&channel]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    let told = channel.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].status, Status::WaitingApproval);
    assert_eq!(told[0].digest, prepared.preparation.digest);
}

#[tokio::test]
async fn neither_message_nor_ledger_has_the_token() {
    let (world, prepared) = planned().await;
    let channel = FakeChannel::working("one");
    ask_human(&world, &[&channel]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    let seen = serde_json::to_string(&(channel.told(), world.entries().await)).unwrap();
    assert!(!seen.contains(TOKEN), "{seen}");
}

#[tokio::test]
async fn a_repeated_message_is_known_by_its_id() {
    let (world, prepared) = planned().await;
    let channel = FakeChannel::working("one");
    for _ in 0..2 {
        ask_human(&world, &[&channel]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    }
    let told = channel.told();
    assert!(told.iter().all(|message| message.id == told[0].id));
}

#[tokio::test]
async fn a_failing_channel_is_recorded_and_the_question_stands() {
    let (world, prepared) = planned().await;
    let channel = FakeChannel::broken("bad");
    ask_human(&world, &[&channel]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    let why = "channel `bad` did not take the message: out of order".to_owned();
    let channels = vec![("bad".to_owned(), Some(why))];
    assert_eq!(world.entries().await.last(), Some(&Entry::Alerted { channels }));
    assert_eq!(world.store.open_questions(world.clock.now()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_question_that_nobody_heard_is_put_again_for_a_while_and_stands_then() {
    let (world, prepared) = planned().await;
    let (broken, busy) = (FakeChannel::broken("bad"), FakeChannel::busy("busy"));
    let stage = ask_human(&world, &[&broken, &busy]);
    for second in [1, 2, 4, 8, 16] {
        let error = stage.run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Transient, "{error}");
        assert!(matches!(world.entries().await.last(), Some(Entry::ApprovalAsked { .. })));
        world.clock.sleep(Duration::from_secs(second)).await;
    }
    world.clock.sleep(Duration::from_secs(30)).await;
    stage.run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    assert!(matches!(world.entries().await.last(), Some(Entry::Alerted { .. })));
    assert_eq!(world.store.open_questions(world.clock.now()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_was_told_is_not_told_again_for_a_channel_that_is_busy() {
    let (world, prepared) = planned().await;
    let (busy, working) = (FakeChannel::busy("busy"), FakeChannel::working("one"));
    let stage = ask_human(&world, &[&busy, &working]);
    stage.run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    assert_eq!(working.told().len(), 1);
}

#[tokio::test]
async fn nobody_is_asked_about_no_plan() {
    let (world, mut prepared) = planned().await;
    prepared.preparation.digest = None;
    let channel = FakeChannel::working("one");
    let stage = ask_human(&world, &[&channel]);
    let error = stage.run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap_err();
    assert_eq!((error.fault(), channel.told().len()), (Fault::BadInput, 0));
    assert_eq!(world.store.open_questions(world.clock.now()).await.unwrap(), []);
}

#[tokio::test]
async fn a_question_of_an_incident_that_ended_is_not_open() {
    let (world, prepared) = planned().await;
    ask_human(&world, &[]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
    let now = world.clock.now();
    let closed = Entry::Closed { status: Status::Failed };
    world.store.append(world.incident(), "closed", closed, now).await.unwrap();
    assert_eq!(world.store.open_questions(now).await.unwrap(), []);
    assert!(world.store.standing(world.incident()).await.unwrap().is_some(), "it is on record");
}

#[tokio::test]
async fn what_was_answered_is_not_asked_again() {
    for vote in [Vote::Grant, Vote::Deny] {
        let (world, prepared) = planned().await;
        let channel = FakeChannel::working("mail");
        world.answered(&digest_of(&prepared), Some(vote)).await;
        // By another execution, which waits for the answer.
        ask_human(&world, &[&channel]).run(world.cx("q"), ask(&prepared, TOKEN)).await.unwrap();
        assert_eq!(channel.told(), [], "{vote}");
        let standing = world.store.standing(world.incident()).await.unwrap().unwrap();
        assert_eq!((standing.outcome(), standing.question.token.as_str()), (Some(vote), TOKEN));
    }
}
