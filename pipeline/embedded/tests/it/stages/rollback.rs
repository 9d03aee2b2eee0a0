//! RollBack: takes back what was written, and says no more than that.

use std::sync::Arc;

use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::Prepared;
use aisaws_core::ledger::Entry;
use aisaws_core::risk::Decision;
use aisaws_core::stage::Stage as _;
use aisaws_verify::RollBack;
use serde_json::{Value, json};

use super::account::Writing;
use super::world::{World, failure, public, repaired, undo, with};

fn roll_back(world: &World) -> RollBack {
    let store = Arc::new(world.store.clone());
    RollBack::new(world.account.clone(), store.clone(), store)
}

fn is_rolled_back(entry: &Entry) -> bool {
    matches!(entry, Entry::RolledBack { .. })
}

/// What others changed meanwhile, as the ledger lists it.
async fn left(world: &World) -> Vec<String> {
    let entries = world.entries().await;
    let Some(Entry::RolledBack { left, .. }) = entries.last() else {
        panic!("nothing was taken back: {entries:?}");
    };
    left.clone()
}

const BLOCK: &str = "PublicAccessBlockConfiguration";

fn unblocked(state: Value) -> Value {
    with(state, BLOCK, Value::Null)
}

/// A repair that was written, and of which somebody else undid a part.
async fn disturbed() -> (World, Prepared) {
    let world = World::new(public()).await;
    let prepared = world.remediated().await.prepared;
    world.account.set(unblocked(repaired()));
    (world, prepared)
}

#[tokio::test]
async fn what_the_plan_wrote_is_restored_and_what_others_changed_is_left_and_listed() {
    let (world, prepared) = disturbed().await;
    roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    assert_eq!(world.account.state(), unblocked(public()));
    let left = left(&world).await;
    assert!(!left.is_empty() && left.iter().all(|field| field.contains(BLOCK)), "{left:?}");
}

#[tokio::test]
async fn a_repair_that_stands_is_left_alone_whoever_made_it() {
    let world = World::new(public()).await;
    let ours = world.remediated().await.prepared;
    let entries = world.entries().await;
    roll_back(&world).run(world.cx("u"), undo(ours)).await.unwrap();
    assert_eq!((world.account.state(), world.entries().await), (repaired(), entries));

    let world = World::new(public()).await;
    let refused = world.prepared(Decision::Act).await;
    world.account.set(repaired());
    roll_back(&world).run(world.cx("u"), undo(refused)).await.unwrap();
    assert_eq!((world.account.state(), world.count(is_rolled_back).await), (repaired(), 0));
}

/// A tag that somebody sets must not open the bucket again.
#[tokio::test]
async fn what_others_changed_beside_the_plan_takes_nothing_back() {
    let world = World::new(public()).await;
    let prepared = world.remediated().await.prepared;
    let tagged = with(repaired(), "Tags", json!({ "owner": "ann" }));
    world.account.set(tagged.clone());
    roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    assert_eq!((world.account.state(), world.count(is_rolled_back).await), (tagged, 0));
}

#[tokio::test]
async fn the_ledger_says_why_it_did_not_hold() {
    let (world, prepared) = disturbed().await;
    world.account.set(with(unblocked(repaired()), "Tags", json!({ "owner": "ann" })));
    roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    let entries = world.entries().await;
    let unverified = entries.iter().find_map(|entry| match entry {
        Entry::Verified { holds: false, problems, .. } => Some(problems.clone()),
        _ => None,
    });
    let problems = unverified.unwrap();
    for problem in
        ["does not hold what was written", "`/Tags/owner` changed, which was not planned"]
    {
        assert!(problems.iter().any(|p| p.contains(problem)), "{problems:?}");
    }
}

/// What was read is older than the write: the repair stands, and is not said to be taken back.
#[tokio::test]
async fn nothing_is_said_to_be_taken_back_by_a_read_of_the_past() {
    let world = World::new(public()).await;
    let prepared = world.remediated().await.prepared;
    world.account.will_read([public(), public()]);
    roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    assert_eq!((world.account.state(), world.count(is_rolled_back).await), (repaired(), 0));
}

#[tokio::test]
async fn a_write_that_stopped_half_way_is_restored_too() {
    let world = World::new(public()).await;
    let prepared = world.prepared(Decision::Act).await;
    world.account.let_writing(Writing::FailsHalfWay(Fault::Permanent));
    world.remediate().run(world.cx("r"), prepared.clone().into()).await.unwrap_err();
    assert_ne!(world.account.state(), public());
    world.account.let_writing(Writing::Works);
    roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    assert_eq!((world.account.state(), world.count(is_rolled_back).await), (public(), 1));
}

#[tokio::test]
async fn fields_outside_the_plan_stay_as_others_wrote_them() {
    let (world, prepared) = disturbed().await;
    let tags = json!({ "owner": "ann" });
    world.account.set(with(unblocked(repaired()), "Tags", tags.clone()));
    roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    assert_eq!(world.account.state(), with(unblocked(public()), "Tags", tags));
}

#[tokio::test]
async fn nothing_is_said_to_be_taken_back_where_nothing_was_written() {
    let world = World::new(public()).await;
    let prepared = world.prepared(Decision::Act).await;
    let entries = world.entries().await;
    roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    assert_eq!((world.entries().await, world.account.writes()), (entries, 0));
}

#[tokio::test]
async fn what_the_read_back_does_not_show_is_not_taken_back() {
    let (world, prepared) = disturbed().await;
    world.account.let_writing(Writing::IsLost);
    let error = roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::NotVerified);
    assert_eq!(world.count(is_rolled_back).await, 0);
}

#[tokio::test]
async fn a_read_back_that_shows_it_later_is_enough() {
    let (world, prepared) = disturbed().await;
    world.account.will_read([unblocked(repaired()), unblocked(repaired())]);
    roll_back(&world).run(world.cx("u"), undo(prepared.clone())).await.unwrap_err();
    roll_back(&world).run(world.cx("u2"), undo(prepared)).await.unwrap();
    assert_eq!(
        (world.account.state(), world.count(is_rolled_back).await),
        (unblocked(public()), 1)
    );
}

#[tokio::test]
async fn a_repeated_attempt_writes_and_records_once() {
    let (world, prepared) = disturbed().await;
    let one = roll_back(&world).run(world.cx("u"), undo(prepared.clone())).await.unwrap();
    let entries = world.entries().await;
    let two = roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    // One write to repair, one to take back.
    assert_eq!((one, world.entries().await, world.account.writes()), (two, entries, 2));
}

#[tokio::test]
async fn a_refusal_of_the_account_leaves_the_ledger_without_a_roll_back() {
    for fault in [Fault::Transient, Fault::AccessDenied, Fault::Permanent] {
        let (world, prepared) = disturbed().await;
        world.account.let_writing(Writing::Fails(fault));
        let error = roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap_err();
        assert_eq!((error.fault(), world.count(is_rolled_back).await), (fault, 0));
    }
}

#[tokio::test]
async fn the_story_keeps_the_failure_that_made_it_necessary() {
    let world = World::new(public()).await;
    let prepared = world.remediated().await.prepared;
    let story = roll_back(&world).run(world.cx("u"), undo(prepared)).await.unwrap();
    assert_eq!(story.failure, Some(failure()));
}
