//! Somebody spoils a resource again after each repair: the write budget ends that, and people are
//! told.

use std::sync::Arc;

use aisaws_core::ledger::Entry;
use aisaws_core::port::Incidents as _;
use aisaws_core::status::{Status, proven};
use aisaws_decide::Policy;

use crate::deaths::Scene;
use crate::footing::endpoint;
use crate::response::{Functions, respond};

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_opens_a_bucket_after_each_repair_is_stopped_by_the_write_budget() {
    let Some(scene) = Scene::new().await else { return };
    let functions = Functions::new(&scene.footing, &endpoint().unwrap(), None).await;
    let functions = Arc::new(functions);
    let budget = Policy::parse(aisaws_decide::DEFAULT).unwrap().writes_per_resource_per_hour();
    let mut writes_before = 0;
    for round in 1..=budget {
        let detected = scene.open(&functions, &format!("event-{round}")).await;
        respond(&functions, &detected).await;
        let links = scene.footing.store.ledger(detected.incident).await.unwrap();
        let entries = links.iter().map(|link| &link.entry);
        assert_eq!(proven(entries), Status::Remediated, "{round} {links:#?}");
        assert!(!scene.is_public().await, "{round}");
        let writes = functions.writes().len();
        assert!(writes > writes_before, "{round}");
        writes_before = writes;
    }
    let detected = scene.open(&functions, "event-last").await;
    respond(&functions, &detected).await;
    let links = scene.footing.store.ledger(detected.incident).await.unwrap();
    let entries = || links.iter().map(|link| &link.entry);
    // A human is asked, and nothing is written until one answers.
    assert_eq!(proven(entries()), Status::WaitingApproval, "{links:#?}");
    assert_eq!(functions.writes().len(), writes_before);
    assert!(scene.is_public().await);
    // From this entry the metric is made that the alarm is about.
    let spent = entries().filter(|e| matches!(e, Entry::Decided { is_budget_spent: true, .. }));
    assert_eq!(spent.count(), 1, "{links:#?}");
    // And the people who are asked read why.
    let told = scene.footing.heard().await;
    let asked = told.iter().filter(|text| text.contains(&detected.incident.to_string()));
    let asked: Vec<&String> = asked.collect();
    assert!(asked.iter().any(|text| text.contains(&format!("budget {budget}"))), "{told:#?}");
}
