//! Verify: two reads that agree, or it is not repaired.

use std::sync::Arc;
use std::time::Duration;

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Remediated, Verification};
use aisaws_core::ledger::Entry;
use aisaws_core::stage::Stage as _;
use aisaws_verify::{Verify, VerifyError};
use serde_json::{Value, json};

use super::world::{World, public, repaired, with};

const PAUSE: Duration = Duration::from_secs(3);

fn verify(world: &World) -> Verify {
    let store = Arc::new(world.store.clone());
    Verify::new(world.account.clone(), store.clone(), store, PAUSE)
}

fn is_verified(entry: &Entry) -> bool {
    matches!(entry, Entry::Verified { .. })
}

async fn written() -> (World, Remediated) {
    let world = World::new(public()).await;
    let remediated = world.remediated().await;
    (world, remediated)
}

/// The stage does not verify, says this among its problems, and records nothing.
async fn assert_not_verified(world: &World, remediated: Remediated, problem: &str) {
    let error = verify(world).run(world.cx("v"), remediated).await.unwrap_err();
    assert_eq!(error.fault(), Fault::NotVerified);
    let VerifyError::NotVerified(problems) = error else { panic!("{error}") };
    assert!(problems.iter().any(|p| p.contains(problem)), "{problems:?}");
    assert_eq!(world.count(is_verified).await, 0);
}

#[tokio::test]
async fn a_right_write_holds_by_two_reads() {
    let (world, remediated) = written().await;
    let reads_before = world.account.reads();
    let verified = verify(&world).run(world.cx("v"), remediated).await.unwrap();
    assert_eq!(verified.verification, Verification { holds: true, reads: 2 });
    assert_eq!(world.account.reads() - reads_before, 2);
}

#[tokio::test]
async fn the_ledger_has_the_state_that_was_read_back() {
    let (world, remediated) = written().await;
    verify(&world).run(world.cx("v"), remediated).await.unwrap();
    let (holds, reads, problems) = (true, 2, Vec::new());
    let entry = Entry::Verified { holds, reads, problems, state: Digest::of(&repaired()) };
    assert_eq!(world.entries().await.last(), Some(&entry));
}

#[tokio::test]
async fn a_pause_lies_between_the_two_reads() {
    let (world, remediated) = written().await;
    verify(&world).run(world.cx("v"), remediated).await.unwrap();
    assert_eq!(world.clock.slept(), [PAUSE]);
}

#[tokio::test]
async fn a_repeated_attempt_is_recorded_once() {
    let (world, remediated) = written().await;
    let one = verify(&world).run(world.cx("v"), remediated.clone()).await.unwrap();
    let two = verify(&world).run(world.cx("v"), remediated).await.unwrap();
    assert_eq!((one, world.count(is_verified).await), (two, 1));
}

#[tokio::test]
async fn a_control_that_still_convicts_is_named() {
    let (world, remediated) = written().await;
    world.account.set(public());
    assert_not_verified(&world, remediated, "`s3.bucket-acl-public` still finds").await;
}

/// Whoever may set a tag must not be able to have a repair taken back.
#[tokio::test]
async fn a_change_outside_the_plan_is_told_and_the_repair_holds() {
    let (world, remediated) = written().await;
    let tagged = with(repaired(), "Tags", json!({ "owner": "ann" }));
    world.account.set(tagged.clone());
    verify(&world).run(world.cx("v"), remediated).await.unwrap();
    let problems = vec!["`/Tags/owner` changed, which was not planned".to_owned()];
    let entry = Entry::Verified { holds: true, reads: 2, problems, state: Digest::of(&tagged) };
    assert_eq!(world.entries().await.last(), Some(&entry));
}

#[tokio::test]
async fn where_the_plan_does_not_hold_what_changed_beside_it_is_named_too() {
    let (world, remediated) = written().await;
    world.account.set(with(public(), "Tags", json!({ "owner": "ann" })));
    assert_not_verified(&world, remediated, "`/Tags/owner` changed").await;
}

#[tokio::test]
async fn a_resource_that_went_is_not_repaired() {
    let (world, remediated) = written().await;
    world.account.set(Value::Null);
    assert_not_verified(&world, remediated, "does not hold what was written").await;
}

#[tokio::test]
async fn one_good_read_is_not_enough() {
    for reads in [[repaired(), public()], [public(), repaired()]] {
        let (world, remediated) = written().await;
        world.account.will_read(reads);
        assert_not_verified(&world, remediated, "still finds").await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_not_verified() {
    for fault in [Fault::Transient, Fault::Throttled, Fault::AccessDenied] {
        let (world, remediated) = written().await;
        world.account.refuse_reads(fault);
        let error = verify(&world).run(world.cx("v"), remediated).await.unwrap_err();
        assert_eq!((error.fault(), world.count(is_verified).await), (fault, 0));
    }
}

#[tokio::test]
async fn a_plan_that_the_ledger_does_not_know_is_not_compared() {
    let (world, mut remediated) = written().await;
    remediated.remediation.digest = Digest::of_bytes(b"another plan");
    let error = verify(&world).run(world.cx("v"), remediated).await.unwrap_err();
    assert_eq!(error.fault(), Fault::BadInput);
}
