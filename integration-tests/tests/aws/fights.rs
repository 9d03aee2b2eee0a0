//! Two parties want opposite things of one resource: the write budget ends that, people are told,
//! and it alarms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use aisaws_core::ledger::Entry;
use aisaws_core::port::Incidents as _;
use aisaws_core::status::{Status, proven};
use aisaws_decide::Policy;
use serde_json::{Value, json};

use crate::deaths::Scene;
use crate::footing::{Footing, endpoint};
use crate::response::{Functions, respond};
use crate::stage::deployment::WITHIN;
use crate::stage::{Deployment, Story, event};

/// Repairs of one resource in an hour, as shipped.
fn budget() -> u32 {
    Policy::parse(aisaws_decide::DEFAULT).unwrap().writes_per_resource_per_hour()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_opens_a_bucket_after_each_repair_is_stopped_by_the_write_budget() {
    let Some(scene) = Scene::new().await else { return };
    let functions = Functions::new(&scene.footing, &endpoint().unwrap(), None).await;
    let functions = Arc::new(functions);
    let budget = budget();
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

/// The incident about that finding, when it has ended or waits.
async fn answered(stage: &Deployment, bucket: &str, number: usize) -> Story {
    let started = Instant::now();
    loop {
        let stories = stage.stories(bucket).await;
        let stands =
            |story: &Story| story.status.is_final() || story.status == Status::WaitingApproval;
        if stories.len() == number && stories.iter().all(stands) {
            let last = |story: &Story| story.incident.detected.time;
            return stories.into_iter().max_by_key(last).unwrap();
        }
        assert!(started.elapsed() < WITHIN, "{number}: {stories:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Another deployment that protects the same account: its own table, its own memory, and the same
/// controls.
struct Rival {
    footing: Footing,
    functions: Arc<Functions>,
}

impl Rival {
    async fn new(stage: &Deployment) -> Option<Self> {
        let footing = Footing::new().await?;
        let target = stage.target_endpoint();
        let told = [("AISAWS_PREFIX", "rival"), ("AISAWS_TARGET_ENDPOINT_URL", target.as_str())];
        let functions = Functions::told(&footing, &endpoint()?, None, &told).await;
        Some(Self { footing, functions: Arc::new(functions) })
    }

    /// Responds to a finding; how that ended.
    async fn hears(&self, finding: &Value) -> Status {
        let responder = self.functions.responder();
        let message = (event::name("message"), finding.to_string());
        responder.take_in_messages(&[message]).await.unwrap();
        let opened = responder.open().await.unwrap();
        let [detected] = opened.as_slice() else { panic!("{opened:#?}") };
        respond(&self.functions, detected).await;
        let links = self.footing.store.ledger(detected.incident).await.unwrap();
        proven(links.iter().map(|link| &link.entry))
    }
}

/// One control that restores what was there before, in two deployments that remember different keys:
/// each one's repair is what the other one convicts (`pipeline/controls/tests/it/peace.rs` has that
/// no others fight). Both have all of their own; the one that is asked about here is deployed.
#[tokio::test(flavor = "multi_thread")]
async fn two_deployments_whose_control_wants_different_keys_are_stopped_by_the_budget_and_it_alarms()
 {
    let Some(stage) = Deployment::shared().await else { return };
    let Some(rival) = Rival::new(&stage).await else { return };
    let bucket = stage.target.bucket().await;
    let key = |name: &str| format!("arn:aws:kms:us-east-1:111122223333:key/{name}");
    let (ours, theirs) = (key("ours"), key("theirs"));

    // Each sees the bucket with a key that it holds for good.
    stage.target.encrypt(&bucket, &theirs).await;
    assert_eq!(rival.hears(&event::unencrypted(&bucket)).await, Status::AlreadyClean);
    stage.target.encrypt(&bucket, &ours).await;
    stage.send(&event::unencrypted(&bucket)).await;
    assert_eq!(answered(&stage, &bucket, 1).await.status, Status::AlreadyClean);

    let mut number = 1;
    for round in 1..=budget() {
        assert_eq!(rival.hears(&event::unencrypted(&bucket)).await, Status::Remediated, "{round}");
        assert_eq!(stage.target.key(&bucket).await.as_ref(), Some(&theirs), "{round}");
        stage.send(&event::unencrypted(&bucket)).await;
        number += 1;
        let story = answered(&stage, &bucket, number).await;
        assert_eq!(story.status, Status::Remediated, "{round} {story:#?}");
        assert_eq!(stage.target.key(&bucket).await.as_ref(), Some(&ours), "{round}");
    }

    // Whoever is next has written as often as it may, and asks.
    let spent = rival.hears(&event::unencrypted(&bucket)).await;
    assert_eq!(spent, Status::WaitingApproval);
    stage.target.encrypt(&bucket, &theirs).await;
    let listener = stage.listen().await;
    stage.send(&event::unencrypted(&bucket)).await;
    let story = answered(&stage, &bucket, number + 1).await;
    assert_eq!(story.status, Status::WaitingApproval, "{story:#?}");
    assert_eq!(stage.target.key(&bucket).await, Some(theirs));
    let id = story.incident.detected.incident.to_string();
    let asked = listener.hear(|alert| alert.attributes.get("incident") == Some(&id)).await;
    assert!(asked.text.contains(&format!("budget {}", budget())), "{asked:#?}");

    alarms(&stage).await;
}

/// The metric as the function emitted it reaches the alarm of the stack, and the alarm its topic.
async fn alarms(stage: &Deployment) {
    const METRIC: &str = "WriteBudgetTripped";
    let emitted = stage.logged("decide", METRIC).await;
    let [document] = emitted.as_slice() else { panic!("{emitted:#?}") };
    assert_eq!(document[METRIC], 1.0, "{document:#}");

    let names = json!({ "AlarmNames": ["aisaws-write-budget"] });
    let told =
        stage.ask("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", &names).await;
    let [alarm] = told["MetricAlarms"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!(alarm["Statistic"], "Sum", "{alarm:#}");
    assert_eq!(alarm["Threshold"].as_f64(), Some(0.0), "{alarm:#}");
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold", "{alarm:#}");
    let dimensions = alarm["Dimensions"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let watched: BTreeMap<String, String> =
        dimensions.map(|one| (text(&one["Name"]), text(&one["Value"]))).collect();
    assert_eq!(watched, BTreeMap::from([("Deployment".to_owned(), "aisaws".to_owned())]));

    // What the document says in the embedded metric format, as CloudWatch reads it: one value for each
    // metric and each of its sets of dimensions.
    let (mut values, mut is_watched) = (0, false);
    let topic = text(&alarm["AlarmActions"][0]);
    let listener = stage.listen_to(&topic).await;
    for directive in document["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        for set in directive["Dimensions"].as_array().unwrap() {
            let set: BTreeMap<String, String> = set
                .as_array()
                .unwrap()
                .iter()
                .map(|name| (text(name), text(&document[name.as_str().unwrap()])))
                .collect();
            let data: Vec<Value> = directive["Metrics"]
                .as_array()
                .unwrap()
                .iter()
                .map(|metric| {
                    let name = metric["Name"].as_str().unwrap();
                    is_watched |= name == alarm["MetricName"]
                        && directive["Namespace"] == alarm["Namespace"]
                        && set == watched;
                    let set = set.iter().map(|(k, v)| json!({ "Name": k, "Value": v }));
                    json!({ "MetricName": name, "Value": document[name], "Unit": metric["Unit"],
                            "Dimensions": set.collect::<Vec<_>>() })
                })
                .collect();
            values += data.len();
            let put = json!({ "Namespace": directive["Namespace"], "MetricData": data });
            stage.ask("monitoring", "GraniteServiceVersion20100801.PutMetricData", &put).await;
        }
    }
    assert!(is_watched && values == 1, "{document:#} {alarm:#}");
    let heard = listener.hear(|alert| alert.text.contains("aisaws-write-budget")).await;
    let heard: Value = serde_json::from_str(&heard.text).unwrap();
    assert_eq!(heard["NewStateValue"], "ALARM", "{heard:#}");
}
