//! Alert: the word that the ledger proves, told once.

use std::sync::Arc;
use std::time::Duration;

use aisaws_alert::{Alert, TellLogged};
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Detected, Found, Preparation, Story, Verdict, Vote};
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Channel, Clock as _};
use aisaws_core::risk::{Decision, Severity};
use aisaws_core::stage::Stage as _;
use aisaws_core::status::Status;

use super::world::{FakeChannel, World, clean, failure};

fn alert(world: &World, channels: &[&Arc<FakeChannel>]) -> Alert {
    let channels = channels.iter().map(|c| Arc::clone(c) as Arc<dyn Channel>).collect();
    Alert::new(Arc::new(world.store.clone()), channels, TellLogged::Never)
}

fn digest() -> Digest {
    Digest::of_bytes(b"the plan")
}

fn decided(decision: Decision) -> Entry {
    Entry::Decided { decision, reasons: Vec::new(), is_budget_spent: false }
}

fn prepared() -> Entry {
    Entry::Prepared {
        round: 1,
        digest: digest(),
        findings: Vec::new(),
        patch: serde_json::Value::Null,
        inverse: serde_json::Value::Null,
        snapshot: digest(),
        target: digest(),
    }
}

fn written() -> Entry {
    let call = aisaws_core::ledger::Call {
        action: "s3:PutBucketAcl".to_owned(),
        parameters: serde_json::Value::Null,
    };
    Entry::Remediated { digest: digest(), calls: vec![call] }
}

fn verified(holds: bool) -> Entry {
    Entry::Verified { holds, reads: 2, problems: Vec::new(), state: digest() }
}

fn taken_back() -> Entry {
    Entry::RolledBack { digest: digest(), calls: Vec::new(), left: Vec::new() }
}

fn asked() -> Entry {
    Entry::ApprovalAsked { digest: digest(), expires: jiff::Timestamp::MAX, approvals: 1 }
}

fn voted(vote: Vote) -> Entry {
    Entry::Voted { vote, by: "ann".to_owned(), reason: "so".to_owned(), digest: digest() }
}

/// What of a story besides its beginning reaches Alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Lapse,
    Failure,
    BothFailures,
}

fn story(world: &World, told: Told) -> Story {
    let plan = Preparation { found: Found::Convicted, digest: Some(digest()), round: 1 };
    let failed = matches!(told, Told::Failure | Told::BothFailures);
    Story {
        preparation: Some(plan),
        lapse: (told == Told::Lapse).then(failure),
        failure: failed.then(failure),
        rollback_failure: (told == Told::BothFailures).then(failure),
        ..world.story()
    }
}

/// An incident with that ledger.
async fn world(entries: Vec<Entry>) -> World {
    let world = World::new(clean()).await;
    for (i, entry) in entries.into_iter().enumerate() {
        world.append(&format!("k{i}"), entry).await;
    }
    world
}

async fn remediated() -> World {
    world(vec![decided(Decision::Act), prepared(), written(), verified(true)]).await
}

#[tokio::test]
async fn the_incident_closes_with_the_word_that_its_ledger_proves() {
    let act = || decided(Decision::Act);
    let ask = || vec![decided(Decision::AskHuman), prepared(), asked()];
    let after_asking = |entry| [ask(), vec![entry]].concat();
    let clean = Entry::FoundClean { state: digest() };
    let rows = [
        (vec![act(), prepared(), written(), verified(true)], Told::Nothing, Status::Remediated),
        (vec![act(), clean.clone()], Told::Nothing, Status::AlreadyClean),
        (vec![act(), prepared(), clean], Told::Nothing, Status::AlreadyClean),
        (vec![act(), Entry::FoundGone], Told::Nothing, Status::Gone),
        (vec![decided(Decision::LogOnly)], Told::Nothing, Status::Logged),
        (vec![act(), prepared(), decided(Decision::LogOnly)], Told::Nothing, Status::Logged),
        (after_asking(voted(Vote::Deny)), Told::Nothing, Status::Denied),
        (ask(), Told::Lapse, Status::Expired),
        (
            vec![act(), prepared(), written(), verified(false), taken_back()],
            Told::Failure,
            Status::RolledBack,
        ),
        (vec![act(), prepared(), written(), verified(false)], Told::BothFailures, Status::Failed),
        (vec![act(), prepared()], Told::Failure, Status::Failed),
        (vec![], Told::Failure, Status::Failed),
        // A write alone, or a grant alone, is no repair.
        (vec![act(), prepared(), written()], Told::Nothing, Status::Failed),
        (after_asking(voted(Vote::Grant)), Told::Nothing, Status::Failed),
    ];
    for (entries, told, status) in rows {
        let world = world(entries.clone()).await;
        let alerted =
            alert(&world, &[]).run(world.cx("a"), story(&world, told)).await.unwrap().status;
        assert_eq!(alerted, status, "{entries:?}, {told:?}");
        assert_eq!(world.entries().await.last(), Some(&Entry::Closed { status }));
    }
}

#[tokio::test]
async fn the_message_has_the_word_of_the_ledger() {
    let (world, channel) = (remediated().await, FakeChannel::working("one"));
    alert(&world, &[&channel]).run(world.cx("a"), world.story()).await.unwrap();
    assert_eq!(channel.told()[0].status, Status::Remediated);
}

#[tokio::test]
async fn a_failure_is_recorded_with_its_cause() {
    let world = world(vec![decided(Decision::Act), prepared()]).await;
    alert(&world, &[]).run(world.cx("a"), story(&world, Told::Failure)).await.unwrap();
    let (error, cause) = (failure().error, failure().cause);
    assert!(world.entries().await.contains(&Entry::Faulted { error, cause }));
}

#[tokio::test]
async fn a_repeated_attempt_closes_once() {
    let (world, channel) = (remediated().await, FakeChannel::working("one"));
    let one = alert(&world, &[&channel]).run(world.cx("a"), world.story()).await.unwrap();
    let entries = world.entries().await;
    let two = alert(&world, &[&channel]).run(world.cx("a"), world.story()).await.unwrap();
    assert_eq!((one, entries), (two, world.entries().await));
}

#[tokio::test]
async fn what_is_closed_keeps_its_word_whatever_is_told_later() {
    let world = remediated().await;
    alert(&world, &[]).run(world.cx("a"), world.story()).await.unwrap();
    let later = alert(&world, &[]).run(world.cx("b"), story(&world, Told::Failure)).await.unwrap();
    assert_eq!(later.status, Status::Remediated);
}

#[tokio::test]
async fn a_repeated_attempt_tells_nobody_again() {
    let (world, channel) = (remediated().await, FakeChannel::working("one"));
    for _ in 0..2 {
        alert(&world, &[&channel]).run(world.cx("a"), world.story()).await.unwrap();
    }
    assert_eq!(channel.told().len(), 1);
}

#[tokio::test]
async fn an_attempt_that_died_before_closing_tells_nobody_again() {
    let (world, channel) = (remediated().await, FakeChannel::working("one"));
    let channels = vec![("one".to_owned(), None)];
    world.append("alerted", Entry::Alerted { channels }).await;
    let end = alert(&world, &[&channel]).run(world.cx("a"), world.story()).await.unwrap();
    assert_eq!((channel.told().len(), end.status), (0, Status::Remediated));
}

#[tokio::test]
async fn a_failing_channel_is_recorded_and_keeps_nothing_open() {
    let (world, bad) = (remediated().await, FakeChannel::broken("bad"));
    let good = FakeChannel::working("good");
    alert(&world, &[&bad, &good]).run(world.cx("a"), world.story()).await.unwrap();
    let why = "channel `bad` did not take the message: out of order".to_owned();
    let channels = vec![("bad".to_owned(), Some(why)), ("good".to_owned(), None)];
    let closed = Entry::Closed { status: Status::Remediated };
    assert!(world.entries().await.ends_with(&[Entry::Alerted { channels }, closed]));
}

#[tokio::test]
async fn an_end_that_nobody_heard_is_told_again_for_a_while_and_closed_then() {
    let (world, channel) = (remediated().await, FakeChannel::busy("busy"));
    let stage = alert(&world, &[&channel]);
    for _ in 0..3 {
        let error = stage.run(world.cx("a"), world.story()).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Transient, "{error}");
        world.clock.sleep(Duration::from_secs(15)).await;
    }
    world.clock.sleep(Duration::from_mins(1)).await;
    let end = stage.run(world.cx("a"), world.story()).await.unwrap();
    assert_eq!((end.status, channel.told().len()), (Status::Remediated, 4));
    assert!(channel.told().iter().all(|message| message.id == channel.told()[0].id));
}

#[tokio::test]
async fn a_failing_channel_does_not_silence_the_next() {
    let (world, bad) = (remediated().await, FakeChannel::broken("bad"));
    let good = FakeChannel::working("good");
    alert(&world, &[&bad, &good]).run(world.cx("a"), world.story()).await.unwrap();
    assert_eq!(good.told().len(), 1);
}

fn logged_verdict(by_risk: Decision, reasons: Vec<String>) -> Verdict {
    Verdict {
        decision: Decision::LogOnly,
        by_risk: Some(by_risk),
        reasons,
        limits: Vec::new(),
        approval_timeout_seconds: 60,
        approvals: 1,
    }
}

/// How many messages an incident that was only logged makes; what is known of it, and what the
/// risk alone asked for.
async fn told_of_logged(
    logged: TellLogged,
    change: impl Fn(&mut Detected),
    by_risk: Decision,
) -> usize {
    let world = world(vec![decided(Decision::LogOnly)]).await;
    let channel = FakeChannel::working("one");
    let stage = Alert::new(Arc::new(world.store.clone()), vec![channel.clone()], logged);
    let mut story = world.story();
    change(&mut story.detected);
    story.verdict = Some(logged_verdict(by_risk, Vec::new()));
    stage.run(world.cx("a"), story).await.unwrap();
    channel.told().len()
}

#[tokio::test]
async fn what_was_only_logged_is_told_from_the_severity_that_is_wanted() {
    let rows = [
        (TellLogged::All, Severity::Low, 1),
        (TellLogged::Never, Severity::Critical, 0),
        (TellLogged::From(Severity::High), Severity::Medium, 0),
        (TellLogged::From(Severity::High), Severity::High, 1),
        (TellLogged::From(Severity::High), Severity::Critical, 1),
        (TellLogged::From(Severity::Critical), Severity::High, 0),
    ];
    for (logged, severity, messages) in rows {
        let grave = |detected: &mut Detected| detected.severity = severity;
        let told = told_of_logged(logged, grave, Decision::Act).await;
        assert_eq!(told, messages, "{logged:?} {severity:?}");
    }
}

#[tokio::test]
async fn what_concerns_nobody_is_told_only_where_everything_is() {
    type Change = fn(&mut Detected);
    let rows: [(&str, Change, Decision); 4] = [
        ("refused", |d| d.signals.error_code = Some("AccessDenied".to_owned()), Decision::Act),
        ("on probation", |d| d.signals.is_trial = true, Decision::Act),
        ("a sample", |d| d.signals.is_sample = true, Decision::Act),
        ("of low risk", |_| {}, Decision::LogOnly),
    ];
    for (what, change, by_risk) in rows {
        for (logged, messages) in
            [(TellLogged::From(Severity::Informational), 0), (TellLogged::All, 1)]
        {
            let told = told_of_logged(logged, change, by_risk).await;
            assert_eq!(told, messages, "{what}, {logged:?}");
        }
    }
}

#[tokio::test]
async fn the_message_about_what_was_logged_says_what_was_found_and_why_nothing_was_done() {
    let reasons = vec!["a human is asked".to_owned(), "no control answers these rules".to_owned()];
    let entry = Entry::Decided {
        decision: Decision::LogOnly,
        reasons: reasons.clone(),
        is_budget_spent: false,
    };
    let world = world(vec![entry]).await;
    let channel = FakeChannel::working("one");
    let stage = Alert::new(Arc::new(world.store.clone()), vec![channel.clone()], TellLogged::All);
    let mut story = world.story();
    story.verdict = Some(logged_verdict(Decision::AskHuman, reasons));
    stage.run(world.cx("a"), story).await.unwrap();
    let message = channel.told()[0].clone();
    assert!(message.subject.contains(world.detected.rules[0].as_str()), "{}", message.subject);
    // What the risk alone asked for was not done, so it is not said.
    assert_eq!(message.lines[0], "no control answers these rules");
}
