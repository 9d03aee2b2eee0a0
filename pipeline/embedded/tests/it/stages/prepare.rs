//! Prepare: what it finds, what it records, what it lowers.

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Decided, Found, Limit, Planning, Prepared, Vote};
use aisaws_core::ledger::Entry;
use aisaws_core::port::Snapshots as _;
use aisaws_core::risk::Decision;
use aisaws_core::stage::Stage as _;
use serde_json::Value;

use super::account::FakeAccount;
use super::world::{ACL, BLOCK, World, clean, failure, limit, public, repaired, with};

fn is_plan(entry: &Entry) -> bool {
    matches!(entry, Entry::Prepared { .. })
}

fn is_decision(entry: &Entry) -> bool {
    matches!(entry, Entry::Decided { .. })
}

/// What the stage is handed when the plan before could not be applied.
fn anew(decided: &Decided) -> Planning {
    Planning { decided: decided.clone(), failure: Some(failure()) }
}

async fn prepared(world: &World, decision: Decision, limits: Vec<Limit>) -> Prepared {
    let decided = world.decided(decision, limits).await;
    world.prepare().run(world.cx("k"), decided.into()).await.unwrap()
}

#[tokio::test]
async fn a_repeated_attempt_hands_on_the_same_whatever_the_state_is_now() {
    for (first, later) in [(public(), clean()), (clean(), public()), (Value::Null, public())] {
        let world = World::new(first).await;
        let decided = world.decided(Decision::Act, vec![limit(ACL, Decision::AskHuman)]).await;
        let one = world.prepare().run(world.cx("k"), decided.clone().into()).await.unwrap();
        world.account.set(later);
        let two = world.prepare().run(world.cx("k"), decided.into()).await.unwrap();
        assert_eq!(one, two);
    }
}

#[tokio::test]
async fn a_repeated_attempt_records_nothing_more() {
    for state in [public(), clean(), Value::Null] {
        let world = World::new(state).await;
        let decided = world.decided(Decision::Act, vec![limit(ACL, Decision::AskHuman)]).await;
        world.prepare().run(world.cx("k"), decided.clone().into()).await.unwrap();
        let entries = world.entries().await;
        world.prepare().run(world.cx("k"), decided.into()).await.unwrap();
        assert_eq!(world.entries().await, entries);
    }
}

#[tokio::test]
async fn two_attempts_at_once_hand_on_what_the_ledger_has() {
    let world = World::over(FakeAccount::where_readers_meet(public())).await;
    world.account.will_read([public(), clean()]);
    let decided = world.decided(Decision::Act, Vec::new()).await;
    let (stage, again) = (world.prepare(), world.prepare());
    let (one, two) = tokio::join!(
        stage.run(world.cx("k"), decided.clone().into()),
        again.run(world.cx("k"), decided.clone().into()),
    );
    assert_eq!(one.unwrap(), two.unwrap());
}

#[tokio::test]
async fn a_state_is_called_what_it_is() {
    let rows = [
        (clean(), Found::Clean, false),
        (Value::Null, Found::Gone, false),
        (public(), Found::Convicted, true),
    ];
    for (state, found, has_plan) in rows {
        let world = World::new(state).await;
        let preparation = prepared(&world, Decision::Act, Vec::new()).await.preparation;
        assert_eq!((preparation.found, preparation.digest.is_some()), (found, has_plan));
    }
}

#[tokio::test]
async fn the_ledger_tells_what_was_found() {
    let clean_entry = Entry::FoundClean { state: Digest::of(&clean()) };
    for (state, entry) in [(clean(), clean_entry), (Value::Null, Entry::FoundGone)] {
        let world = World::new(state).await;
        prepared(&world, Decision::Act, Vec::new()).await;
        assert_eq!(world.entries().await.last(), Some(&entry));
    }
}

#[tokio::test]
async fn a_plan_leads_from_the_state_read_to_the_repaired_one() {
    let world = World::new(public()).await;
    prepared(&world, Decision::Act, Vec::new()).await;
    let entries = world.entries().await;
    let Some(Entry::Prepared { snapshot, target, .. }) = entries.last() else {
        panic!("no plan: {entries:?}");
    };
    let states = (world.store.load(snapshot).await, world.store.load(target).await);
    assert_eq!((states.0.unwrap(), states.1.unwrap()), (public(), repaired()));
}

#[tokio::test]
async fn nothing_is_written_while_planning() {
    let world = World::new(public()).await;
    prepared(&world, Decision::Act, Vec::new()).await;
    assert_eq!((world.account.writes(), world.account.state()), (0, public()));
}

#[tokio::test]
async fn the_strictest_limit_of_what_convicts_holds() {
    let (ask, log) = (Decision::AskHuman, Decision::LogOnly);
    let rows = [
        (Decision::Act, vec![limit(ACL, ask)], ask),
        (Decision::Act, vec![limit(ACL, log), limit(BLOCK, ask)], log),
        (Decision::Act, vec![limit(ACL, ask), limit(BLOCK, log)], log),
        (Decision::AskHuman, vec![limit(ACL, log)], log),
        // A limit above what was decided raises nothing.
        (Decision::AskHuman, vec![limit(ACL, Decision::Act)], ask),
        (Decision::LogOnly, vec![limit(ACL, Decision::Act), limit(BLOCK, ask)], log),
        // Nor does one of a control that was not asked.
        (Decision::Act, vec![limit("s3.bucket-policy-public", log)], Decision::Act),
    ];
    for (decision, limits, expected) in rows {
        let world = World::new(public()).await;
        let after = prepared(&world, decision, limits.clone()).await.decided.verdict.decision;
        assert_eq!(after, expected, "{decision}, {limits:?}");
    }
}

#[tokio::test]
async fn the_most_people_that_what_convicts_asks_for_are_asked() {
    let asks = |control, approvals| Limit { approvals, ..limit(control, Decision::AskHuman) };
    let rows = [
        (vec![], 1),
        (vec![asks(ACL, 2)], 2),
        (vec![asks(ACL, 1), asks(BLOCK, 3)], 3),
        (vec![asks("s3.bucket-policy-public", 2)], 1),
    ];
    for (limits, expected) in rows {
        let world = World::new(public()).await;
        let after = prepared(&world, Decision::AskHuman, limits.clone()).await;
        assert_eq!(after.decided.verdict.approvals, expected, "{limits:?}");
    }
}

#[tokio::test]
async fn a_control_that_is_silent_limits_nothing() {
    let block = "PublicAccessBlockConfiguration";
    let world = World::new(with(public(), block, clean()[block].clone())).await;
    let prepared = prepared(&world, Decision::Act, vec![limit(BLOCK, Decision::LogOnly)]).await;
    assert_eq!(prepared.decided.verdict.decision, Decision::Act);
}

#[tokio::test]
async fn the_ledger_has_the_lowered_decision_with_its_reason() {
    let world = World::new(public()).await;
    let limit = limit(ACL, Decision::AskHuman);
    prepared(&world, Decision::Act, vec![limit.clone()]).await;
    let lowered = Entry::Decided {
        decision: Decision::AskHuman,
        reasons: vec![limit.reason],
        is_budget_spent: false,
    };
    assert_eq!(world.entries().await.last(), Some(&lowered));
}

#[tokio::test]
async fn what_is_not_lowered_is_not_decided_again() {
    let world = World::new(public()).await;
    prepared(&world, Decision::AskHuman, vec![limit(ACL, Decision::Act)]).await;
    assert_eq!(world.count(is_decision).await, 1);
}

#[tokio::test]
async fn a_repeated_attempt_lowers_where_the_first_died_before_it_could() {
    let world = World::new(public()).await;
    let mut decided = world.decided(Decision::Act, Vec::new()).await;
    world.prepare().run(world.cx("k"), decided.clone().into()).await.unwrap();
    decided.verdict.limits = vec![limit(ACL, Decision::AskHuman)];
    world.prepare().run(world.cx("k"), decided.into()).await.unwrap();
    assert_eq!(world.count(is_decision).await, 2);
}

#[tokio::test]
async fn each_attempt_is_a_round_and_the_sixth_is_refused() {
    let world = World::new(public()).await;
    let decided = world.decided(Decision::Act, Vec::new()).await;
    for round in 1..=5 {
        let key = format!("k{round}");
        let prepared = world.prepare().run(world.cx(&key), anew(&decided)).await.unwrap();
        assert_eq!(prepared.preparation.round, round);
    }
    let error = world.prepare().run(world.cx("k6"), anew(&decided)).await.unwrap_err();
    assert_eq!((error.fault(), world.count(is_plan).await), (Fault::Permanent, 5));
}

#[tokio::test]
async fn the_fifth_round_can_still_be_repeated() {
    let world = World::new(public()).await;
    let decided = world.decided(Decision::Act, Vec::new()).await;
    for key in ["k1", "k2", "k3", "k4", "k5"] {
        world.prepare().run(world.cx(key), anew(&decided)).await.unwrap();
    }
    let again = world.prepare().run(world.cx("k5"), anew(&decided)).await.unwrap();
    assert_eq!(again.preparation.round, 5);
}

#[tokio::test]
async fn what_cannot_be_read_is_not_judged() {
    for fault in [Fault::Transient, Fault::Throttled, Fault::AccessDenied, Fault::Permanent] {
        let world = World::new(public()).await;
        let decided = world.decided(Decision::Act, Vec::new()).await;
        world.account.refuse_reads(fault);
        let error = world.prepare().run(world.cx("k"), decided.into()).await.unwrap_err();
        assert_eq!((error.fault(), world.entries().await.len()), (fault, 1));
    }
}

#[tokio::test]
async fn what_was_begun_is_carried_on_by_another_execution() {
    let rows = [
        (Decision::Act, None, true),
        (Decision::AskHuman, Some(Vote::Grant), true),
        (Decision::AskHuman, Some(Vote::Deny), false),
        (Decision::AskHuman, None, false),
    ];
    for (decision, vote, is_carried_on) in rows {
        let world = World::new(public()).await;
        let decided = world.decided(decision, Vec::new()).await;
        let one = world.prepare().run(world.cx("one"), decided.clone().into()).await.unwrap();
        let digest = one.preparation.digest.clone().unwrap();
        if let Some(vote) = vote {
            let (by, reason) = ("ann".to_owned(), String::new());
            world.append("voted", Entry::Voted { vote, by, reason, digest }).await;
        }
        // As the repair leaves it, which nobody recorded.
        world.account.set(repaired());
        let two = world.prepare().run(world.cx("two"), decided.into()).await.unwrap();
        assert_eq!(two == one, is_carried_on, "{decision} {vote:?}");
        let found = if is_carried_on { Found::Convicted } else { Found::Clean };
        assert_eq!(two.preparation.found, found, "{decision} {vote:?}");
    }
}

#[tokio::test]
async fn a_plan_that_could_not_be_applied_is_not_carried_on() {
    let world = World::new(public()).await;
    let decided = world.decided(Decision::Act, Vec::new()).await;
    world.prepare().run(world.cx("one"), decided.clone().into()).await.unwrap();
    world.account.set(clean());
    let two = world.prepare().run(world.cx("two"), anew(&decided)).await.unwrap();
    assert_eq!(two.preparation.found, Found::Clean);
}
