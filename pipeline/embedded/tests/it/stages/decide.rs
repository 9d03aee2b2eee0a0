//! Decide, over a real store.

use std::sync::Arc;

use aisaws_core::canonical::Digest;
use aisaws_core::handoff::{Decided, Score, Scored};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{Call, Entry};
use aisaws_core::port::Incidents as _;
use aisaws_core::risk::{Decision, Risk};
use aisaws_core::stage::Stage as _;
use aisaws_decide::{DEFAULT, Decide, Policy};
use serde_json::Value;

use super::world::World;
use crate::durability::incident;

/// Decides, acting at most so far.
async fn decide(world: &World, max: Decision) -> Decided {
    let mut policy = Policy::parse(DEFAULT).unwrap();
    policy.lower_to(max);
    let decide = Decide::new(policy, Arc::new(world.store.clone()));
    let score = Score { risk: Risk::clamped(0.5), contributions: Vec::new() };
    let scored = Scored { detected: world.detected.clone(), score };
    decide.run(world.cx("decide"), scored).await.unwrap()
}

/// The last decision of the ledger.
async fn recorded(world: &World) -> (Decision, bool) {
    let entries = world.entries().await.into_iter().rev();
    let mut found = entries.filter_map(|entry| match entry {
        Entry::Decided { decision, is_budget_spent, .. } => Some((decision, is_budget_spent)),
        _ => None,
    });
    found.next().unwrap()
}

/// Repairs the resource so often, for that incident.
async fn repair(world: &World, incident: IncidentId, times: u32) {
    for round in 0..times {
        let calls = vec![Call { action: "s3:PutBucketAcl".to_owned(), parameters: Value::Null }];
        let digest = Digest::of(&Value::from(round));
        let entry = Entry::Remediated { digest, calls };
        let key = format!("remediated:{round}");
        world.store.append(incident, &key, entry, world.detected.time).await.unwrap();
    }
}

#[tokio::test]
async fn the_ledger_says_when_the_write_budget_is_spent() {
    // policy.toml allows ten repairs of a resource an hour.
    for (repairs, wanted) in [(9, (Decision::Act, false)), (10, (Decision::AskHuman, true))] {
        let world = World::new(Value::Null).await;
        let earlier = incident("earlier");
        let id = earlier.detected.incident;
        assert_eq!(earlier.detected.resource, world.detected.resource);
        world.store.open(earlier, Vec::new(), world.detected.time).await.unwrap();
        repair(&world, id, repairs).await;
        decide(&world, Decision::Act).await;
        assert_eq!(recorded(&world).await, wanted, "{repairs}");
    }
}

#[tokio::test]
async fn an_incident_does_not_spend_the_budget_of_its_own_next_execution() {
    let world = World::new(Value::Null).await;
    decide(&world, Decision::Act).await;
    repair(&world, world.incident(), 10).await;
    assert_eq!(decide(&world, Decision::Act).await.verdict.decision, Decision::Act);
    assert_eq!(recorded(&world).await, (Decision::Act, false));
}

#[tokio::test]
async fn another_execution_raises_no_decision_and_lowers_none_that_was_carried_out() {
    let (act, ask, log) = (Decision::Act, Decision::AskHuman, Decision::LogOnly);
    let rows = [
        (act, act, false, act),
        (ask, act, false, ask),
        (act, ask, false, ask),
        (act, log, false, log),
        (act, log, true, act),
    ];
    for (before, after, was_written, wanted) in rows {
        let world = World::new(Value::Null).await;
        decide(&world, before).await;
        if was_written {
            repair(&world, world.incident(), 1).await;
        }
        let decided = decide(&world, after).await.verdict.decision;
        let case = format!("{before} {after} {was_written}");
        assert_eq!((decided, recorded(&world).await.0), (wanted, wanted), "{case}");
    }
}
