//! The way that events really come: from the bus, by the rules of the stack.
//!
//! Only AWS itself may send from a source `aws.*`, here as there. So the rules of the stack are
//! asked about an event of AWS, and a rule that differs by the source alone brings one that a test
//! can send.

use serde_json::{Value, json};

use crate::stage::{Deployment, STACK, call, event};

pub(crate) async fn ask(stage: &Deployment, operation: &str, body: &Value) -> Value {
    let operation = format!("AWSEvents.{operation}");
    let (status, answer) =
        call::json(&call::root(), "events", &stage.endpoint(), &operation, body).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    serde_json::from_str(&answer).unwrap()
}

/// The rules that let events in, with their patterns.
async fn rules(stage: &Deployment) -> Vec<Value> {
    let prefix = json!({ "NamePrefix": format!("{STACK}-events-") });
    let rules = ask(stage, "ListRules", &prefix).await["Rules"].take();
    rules.as_array().unwrap().clone()
}

pub(crate) async fn lets_through(stage: &Deployment, pattern: &str, event: &Value) -> bool {
    let asked = json!({ "EventPattern": pattern, "Event": event.to_string() });
    ask(stage, "TestEventPattern", &asked).await["Result"].as_bool().unwrap()
}

#[tokio::test]
async fn the_rules_let_in_what_aws_sent_and_nobody_else() {
    let Some(stage) = Deployment::shared().await else { return };
    let mut envelope = event::acl_opened("some-bucket", &event::user());
    let mut let_in = Vec::new();
    for source in ["aws.s3", "custom.s3", "aws", ""] {
        envelope["source"] = source.into();
        let mut by = 0;
        for rule in rules(&stage).await {
            let pattern = rule["EventPattern"].as_str().unwrap();
            by += usize::from(lets_through(&stage, pattern, &envelope).await);
        }
        let_in.push((source, by > 0));
    }
    assert_eq!(let_in, [("aws.s3", true), ("custom.s3", false), ("aws", false), ("", false)]);
}

#[tokio::test]
async fn the_bus_brings_events_and_intake_takes_none_that_aws_did_not_send() {
    let Some(stage) = Deployment::shared().await else { return };
    let bucket = stage.target.open_bucket().await;
    let envelope = event::acl_opened(&bucket, &event::user());
    let mut matching = None;
    for rule in rules(&stage).await {
        if lets_through(&stage, rule["EventPattern"].as_str().unwrap(), &envelope).await {
            matching = Some(rule);
        }
    }
    let rule = matching.unwrap();
    // The rule of the stack and its target, but for the source.
    let mut pattern: Value = serde_json::from_str(rule["EventPattern"].as_str().unwrap()).unwrap();
    assert_eq!(pattern["source"], json!([{ "prefix": "aws." }]));
    pattern["source"] = json!(["test.cloudtrail"]);
    let name = event::name("rule");
    let put = json!({ "Name": name, "EventPattern": pattern.to_string() });
    ask(&stage, "PutRule", &put).await;
    let targets = ask(&stage, "ListTargetsByRule", &json!({ "Rule": rule["Name"] })).await;
    let put = json!({ "Rule": name, "Targets": targets["Targets"] });
    assert_eq!(ask(&stage, "PutTargets", &put).await["FailedEntryCount"], 0);
    let entries = json!({ "Entries": [{
        "Source": "test.cloudtrail", "DetailType": envelope["detail-type"],
        "Detail": envelope["detail"].to_string(),
    }] });
    let sent = ask(&stage, "PutEvents", &entries).await;
    assert_eq!(sent["FailedEntryCount"], 0, "{sent}");
    let dead = stage.dead(|dead| dead.body.contains(&bucket)).await;
    assert!(dead.reason.contains("`test.cloudtrail`"), "{}", dead.reason);
    let came: Value = serde_json::from_str(&dead.body).unwrap();
    assert_eq!(came["detail"], envelope["detail"]);
    assert!(stage.target.is_public(&bucket).await && stage.stories(&bucket).await.is_empty());
}
