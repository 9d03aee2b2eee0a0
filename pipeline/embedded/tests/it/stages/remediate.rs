//! Remediate: exactly the plan that was allowed, or nothing.

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Ballot, Cleared, Prepared, Rerun, Vote};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Account as _, WriteKey};
use aisaws_core::risk::Decision;
use aisaws_core::stage::Stage as _;
use serde_json::{Value, json};

use super::account::{FakeAccount, Writing};
use super::world::{ACL, World, bucket, digest_of, granted, limit, public, repaired, with};

fn is_write(entry: &Entry) -> bool {
    matches!(entry, Entry::Remediated { .. })
}

/// An incident whose plan was made after that decision.
async fn planned(decision: Decision) -> (World, Prepared) {
    let world = World::new(public()).await;
    let prepared = world.prepared(decision).await;
    (world, prepared)
}

fn other() -> Digest {
    Digest::of_bytes(b"another plan")
}

/// The stage refuses with that fault, and neither bucket nor ledger shows a write.
async fn assert_refused(world: &World, cleared: Cleared, fault: Fault) {
    let before = world.account.state();
    let error = world.remediate().run(world.cx("r"), cleared).await.unwrap_err();
    assert_eq!(error.fault(), fault, "{error}");
    assert_eq!((world.account.writes(), world.count(is_write).await), (0, 0));
    assert_eq!(world.account.state(), before);
}

#[tokio::test]
async fn exactly_the_planned_state_is_written() {
    let (world, prepared) = planned(Decision::Act).await;
    world.remediate().run(world.cx("r"), prepared.into()).await.unwrap();
    assert_eq!(world.account.state(), repaired());
}

#[tokio::test]
async fn the_ledger_has_the_calls_that_were_made() {
    let (world, prepared) = planned(Decision::Act).await;
    let digest = digest_of(&prepared);
    let done = world.remediate().run(world.cx("r"), prepared.into()).await.unwrap();
    let face = aisaws_controls::resource("AWS::S3::Bucket").unwrap();
    let calls = face.calls(&bucket(), &public(), &repaired()).unwrap();
    assert_eq!(usize::try_from(done.remediation.calls).unwrap(), calls.len());
    assert_eq!(world.entries().await.last(), Some(&Entry::Remediated { digest, calls }));
}

#[tokio::test]
async fn what_a_human_granted_is_written() {
    let (world, prepared) = planned(Decision::AskHuman).await;
    world.answered(&digest_of(&prepared), Some(Vote::Grant)).await;
    world.remediate().run(world.cx("r"), granted(prepared)).await.unwrap();
    assert_eq!(world.account.state(), repaired());
}

#[tokio::test]
async fn fields_outside_the_plan_keep_what_others_wrote_meanwhile() {
    let (world, prepared) = planned(Decision::Act).await;
    let tags = json!({ "owner": "ann" });
    world.account.set(with(public(), "Tags", tags.clone()));
    world.remediate().run(world.cx("r"), prepared.into()).await.unwrap();
    assert_eq!(world.account.state(), with(repaired(), "Tags", tags));
}

#[tokio::test]
async fn an_act_that_only_the_payload_knows_is_refused() {
    for decision in [Decision::AskHuman, Decision::LogOnly] {
        let (world, mut prepared) = planned(decision).await;
        prepared.decided.verdict.decision = Decision::Act;
        assert_refused(&world, prepared.into(), Fault::Refused).await;
    }
}

#[tokio::test]
async fn an_act_that_was_lowered_since_is_refused() {
    let world = World::new(public()).await;
    let decided = world.decided(Decision::Act, vec![limit(ACL, Decision::AskHuman)]).await;
    let mut prepared = world.prepare().run(world.cx("p"), decided.into()).await.unwrap();
    prepared.decided.verdict.decision = Decision::Act;
    assert_refused(&world, prepared.into(), Fault::Refused).await;
}

#[tokio::test]
async fn a_payload_that_asks_is_not_written_because_the_ledger_says_act() {
    let (world, mut prepared) = planned(Decision::Act).await;
    prepared.decided.verdict.decision = Decision::AskHuman;
    assert_refused(&world, prepared.into(), Fault::Refused).await;
}

#[tokio::test]
async fn a_ballot_without_a_vote_in_the_store_is_refused() {
    let (world, prepared) = planned(Decision::AskHuman).await;
    assert_refused(&world, granted(prepared.clone()), Fault::Refused).await;
    world.answered(&digest_of(&prepared), None).await;
    assert_refused(&world, granted(prepared), Fault::Refused).await;
}

#[tokio::test]
async fn a_vote_in_the_store_without_a_ballot_is_refused() {
    let (world, prepared) = planned(Decision::AskHuman).await;
    world.answered(&digest_of(&prepared), Some(Vote::Grant)).await;
    assert_refused(&world, prepared.into(), Fault::Refused).await;
}

#[tokio::test]
async fn a_grant_in_the_payload_does_not_undo_a_denial_in_the_store() {
    let (world, prepared) = planned(Decision::AskHuman).await;
    world.answered(&digest_of(&prepared), Some(Vote::Deny)).await;
    assert_refused(&world, granted(prepared), Fault::Refused).await;
}

#[tokio::test]
async fn a_vote_for_another_plan_is_refused() {
    let (world, prepared) = planned(Decision::AskHuman).await;
    world.answered(&other(), Some(Vote::Grant)).await;
    assert_refused(&world, granted(prepared), Fault::Refused).await;
}

#[tokio::test]
async fn a_ballot_for_another_plan_is_refused() {
    let (world, prepared) = planned(Decision::AskHuman).await;
    world.answered(&digest_of(&prepared), Some(Vote::Grant)).await;
    let ballot = Some(Ballot { vote: Vote::Grant, digest: other() });
    assert_refused(&world, Cleared { prepared, ballot }, Fault::Refused).await;
}

#[tokio::test]
async fn a_rerun_writes_the_plan_that_was_shown_and_no_other() {
    let (_, shown) = planned(Decision::Act).await;
    for (digest, is_written) in [(digest_of(&shown), true), (other(), false)] {
        let (of, by) = (IncidentId::from_cause(&["first"]), "ann".to_owned());
        let rerun = Rerun { of, run: 1, by, digest };
        let world = World::of(FakeAccount::new(public()), Some(rerun)).await;
        let mut prepared = world.prepared(Decision::Act).await;
        // What the payload says of it convinces nobody.
        prepared.decided.scored.detected.rerun = None;
        if is_written {
            world.remediate().run(world.cx("r"), prepared.into()).await.unwrap();
            assert_eq!(world.account.state(), repaired());
        } else {
            assert_refused(&world, prepared.into(), Fault::Refused).await;
        }
    }
}

#[tokio::test]
async fn one_grant_is_refused_where_two_people_have_to_grant() {
    let (world, mut prepared) = planned(Decision::AskHuman).await;
    // The question was kept as one person's; what was decided counts.
    prepared.decided.verdict.approvals = 2;
    world.answered(&digest_of(&prepared), Some(Vote::Grant)).await;
    assert_refused(&world, granted(prepared), Fault::Refused).await;
}

#[tokio::test]
async fn a_plan_that_the_ledger_does_not_know_is_refused() {
    let (world, mut prepared) = planned(Decision::Act).await;
    prepared.preparation.digest = Some(other());
    assert_refused(&world, prepared.into(), Fault::BadInput).await;
}

#[tokio::test]
async fn a_payload_without_a_plan_is_refused() {
    let (world, mut prepared) = planned(Decision::Act).await;
    prepared.preparation.digest = None;
    assert_refused(&world, prepared.into(), Fault::BadInput).await;
}

#[tokio::test]
async fn the_plan_of_one_resource_is_not_written_to_another() {
    let (world, mut prepared) = planned(Decision::Act).await;
    prepared.decided.scored.detected.resource.id = "other".to_owned();
    assert_refused(&world, prepared.into(), Fault::BadInput).await;
}

#[tokio::test]
async fn an_incident_without_a_ledger_clears_nothing() {
    let (world, mut prepared) = planned(Decision::Act).await;
    prepared.decided.scored.detected.incident = IncidentId::from_cause(&["nobody's"]);
    assert_refused(&world, prepared.into(), Fault::Refused).await;
}

#[tokio::test]
async fn what_was_decided_to_be_logged_only_is_refused_in_spite_of_a_vote() {
    let (world, prepared) = planned(Decision::LogOnly).await;
    world.answered(&digest_of(&prepared), Some(Vote::Grant)).await;
    assert_refused(&world, granted(prepared), Fault::Refused).await;
}

#[tokio::test]
async fn a_repeated_attempt_writes_once_and_hands_on_the_same() {
    let (world, prepared) = planned(Decision::Act).await;
    let one = world.remediate().run(world.cx("r"), prepared.clone().into()).await.unwrap();
    let two = world.remediate().run(world.cx("r"), prepared.into()).await.unwrap();
    assert_eq!(one, two);
    assert_eq!((world.account.writes(), world.count(is_write).await), (1, 1));
}

#[tokio::test]
async fn a_write_that_was_made_before_a_crash_is_recorded_not_repeated() {
    let (world, prepared) = planned(Decision::Act).await;
    let (incident, step) = (world.incident(), "apply-1".to_owned());
    let key = WriteKey { incident, digest: digest_of(&prepared), step };
    let calls = world.account.write(&bucket(), &public(), &repaired(), &key).await.unwrap();
    world.remediate().run(world.cx("r"), prepared.into()).await.unwrap();
    assert_eq!(world.account.writes(), 1);
    let digest = key.digest;
    assert_eq!(world.entries().await.last(), Some(&Entry::Remediated { digest, calls }));
}

#[tokio::test]
async fn a_state_that_changed_since_the_plan_is_left_alone() {
    let (world, prepared) = planned(Decision::Act).await;
    world.account.set(with(public(), "PublicAccessBlockConfiguration", Value::Null));
    assert_refused(&world, prepared.into(), Fault::PlanChanged).await;
}

#[tokio::test]
async fn a_resource_that_went_since_the_plan_is_left_alone() {
    let (world, prepared) = planned(Decision::Act).await;
    world.account.set(Value::Null);
    assert_refused(&world, prepared.into(), Fault::PlanChanged).await;
}

#[tokio::test]
async fn a_write_that_fails_is_not_recorded_as_made() {
    for fault in [Fault::Transient, Fault::Throttled, Fault::AccessDenied, Fault::Permanent] {
        let (world, prepared) = planned(Decision::Act).await;
        world.account.let_writing(Writing::Fails(fault));
        assert_refused(&world, prepared.into(), fault).await;
    }
}
