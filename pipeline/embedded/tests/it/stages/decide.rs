//! Decide, over a real store.

use aisaws_core::handoff::{Score, Scored};
use aisaws_core::ledger::{Call, Entry};
use aisaws_core::risk::{Decision, Risk};
use aisaws_core::stage::Stage as _;
use aisaws_decide::{DEFAULT, Decide, Policy};
use serde_json::Value;
use std::sync::Arc;

use super::world::World;

/// Decides about a resource that was repaired so often just now.
async fn decided(world: &World) -> (Decision, bool) {
    let policy = Policy::parse(DEFAULT).unwrap();
    let decide = Decide::new(policy, Arc::new(world.store.clone()));
    let score = Score { risk: Risk::clamped(0.5), contributions: Vec::new() };
    let scored = Scored { detected: world.detected.clone(), score };
    decide.run(world.cx("decide"), scored).await.unwrap();
    let entries = world.entries().await.into_iter().rev();
    let found = entries.filter_map(|entry| match entry {
        Entry::Decided { decision, is_budget_spent, .. } => Some((decision, is_budget_spent)),
        _ => None,
    });
    found.take(1).next().unwrap()
}

#[tokio::test]
async fn the_ledger_says_when_the_write_budget_is_spent() {
    // policy.toml allows ten repairs of a resource an hour.
    for (repairs, wanted) in [(9, (Decision::Act, false)), (10, (Decision::AskHuman, true))] {
        let world = World::new(Value::Null).await;
        for round in 0..repairs {
            let calls =
                vec![Call { action: "s3:PutBucketAcl".to_owned(), parameters: Value::Null }];
            let digest = aisaws_core::canonical::Digest::of(&Value::from(round));
            world.append(&format!("remediated:{round}"), Entry::Remediated { digest, calls }).await;
        }
        assert_eq!(decided(&world).await, wanted, "{repairs}");
    }
}
