//! Who watches the watcher: changes to what the responder runs on are told, and links that grant
//! repairs reach nobody else.

use serde_json::{Value, json};

use crate::bus::{ask, lets_through};
use crate::stage::{ACCOUNT, Deployment, REGION, STACK, call, event};

/// The rules about tampering that let the event through, without what their names begin with.
async fn told_by(stage: &Deployment, envelope: &Value) -> Vec<String> {
    let prefix = json!({ "NamePrefix": format!("{STACK}-tampered") });
    let rules = ask(stage, "ListRules", &prefix).await["Rules"].take();
    assert_eq!(rules.as_array().unwrap().len(), 3, "{rules}");
    let mut told = Vec::new();
    for rule in rules.as_array().unwrap() {
        // A quota of EventBridge.
        let pattern = rule["EventPattern"].as_str().unwrap();
        assert!(pattern.chars().count() <= 2_048, "{pattern}");
        if lets_through(stage, pattern, envelope).await {
            let name = rule["Name"].as_str().unwrap();
            told.push(name.trim_start_matches(&format!("{STACK}-tampered")).to_owned());
        }
    }
    told
}

/// Records have the fields that the CloudTrail pages of the services' guides show.
#[tokio::test]
async fn who_changes_what_the_responder_runs_on_is_told_of() {
    let Some(stage) = Deployment::shared().await else { return };
    let topic = stage.output("TopicArn");
    let endpoint = stage.endpoint();
    let (status, keys) =
        call::json(&call::root(), "kms", &endpoint, "TrentService.ListKeys", &json!({})).await;
    assert_eq!(status, 200, "{keys}");
    let keys: Value = serde_json::from_str(&keys).unwrap();
    // The stack makes one, and nobody else does.
    let [key] = keys["Keys"].as_array().unwrap().as_slice() else { panic!("{keys}") };
    let key = key["KeyArn"].as_str().unwrap();
    let other = format!("arn:aws:sns:{REGION}:{ACCOUNT}:weather");
    let subscribe = |topic: &str| json!({ "topicArn": topic, "protocol": "email", "endpoint": "HIDDEN_DUE_TO_SECURITY_REASONS" });
    let function = json!({ "functionName": format!("{STACK}-decide") });
    let rows = [
        ("lambda", "UpdateFunctionConfiguration20150331v2", function, None, Some("")),
        ("dynamodb", "DeleteTable", json!({ "tableName": STACK }), None, Some("-data")),
        ("kms", "DisableKey", json!({ "keyId": key }), Some(key), Some("-data")),
        ("kms", "RevokeGrant", json!({ "keyId": key, "grantId": "g" }), Some(key), Some("-data")),
        ("kms", "RetireGrant", Value::Null, Some(key), Some("-data")),
        ("kms", "RetireGrant", Value::Null, Some("arn:aws:kms:us-east-1:111122223333:key/x"), None),
        ("sns", "Subscribe", subscribe(topic), None, Some("-watch")),
        ("sns", "Subscribe", subscribe(&topic.replace("-alerts", "-alarms")), None, Some("-watch")),
        ("sns", "Subscribe", subscribe(&other), None, None),
        (
            "events",
            "PutPermission",
            json!({ "action": "events:PutEvents", "principal": "*", "statementId": "all" }),
            None,
            Some("-watch"),
        ),
        ("events", "RemovePermission", json!({ "statementId": "members" }), None, Some("-watch")),
        ("events", "PutRule", json!({ "name": "weather" }), None, None),
    ];
    for (service, call, request, on, rule) in rows {
        let mut record = event::record(service, call, &event::user(), &request);
        if let Some(on) = on {
            record["resources"] =
                json!([{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": on }]);
        }
        let mut envelope = event::envelope(&record);
        let told = told_by(&stage, &envelope).await;
        assert_eq!(told, Vec::from_iter(rule), "{service}:{call}");
        // Nobody else raises these alarms.
        envelope["source"] = json!(format!("custom.{service}"));
        assert_eq!(told_by(&stage, &envelope).await, [""; 0], "{service}:{call}");
    }
}

/// The emulator does not know the key of the condition, so that only its form is looked at.
#[tokio::test]
async fn nobody_else_may_subscribe_to_what_carries_the_links() {
    let Some(stage) = Deployment::shared().await else { return };
    let ask = stage.sns.get_topic_attributes().topic_arn(stage.output("TopicArn"));
    let attributes = ask.send().await.unwrap().attributes.unwrap();
    let policy: Value = serde_json::from_str(&attributes["Policy"]).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let denied: Vec<_> = statements.iter().filter(|s| s["Effect"] == "Deny").collect();
    let [denied] = denied.as_slice() else { panic!("{policy:#}") };
    assert_eq!(denied["Principal"], json!("*"));
    // Of the three addresses, the approver's alone is given to this stack.
    let condition = json!({
        "StringNotEquals": { "sns:Endpoint": ["nobody", "alice@example.org", "nobody"] },
        "StringNotLike": { "sns:Endpoint": ["nobody"] },
    });
    assert_eq!(denied["Condition"], condition);
}
