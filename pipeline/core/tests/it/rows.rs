//! Exports of CloudTrail Lake and Athena, made records again.

use aisaws_core::event::ActorKind;
use serde_json::{Value, json};

use crate::data::read;
use crate::findings::event;

fn record() -> Value {
    json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:alice",
            "arn": "arn:aws:sts::111122223333:assumed-role/ops/alice", "accountId": "111122223333",
            "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {
                "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::111122223333:role/ops" },
                "attributes": { "mfaAuthenticated": "false" }
            }
        },
        "eventTime": "2026-03-01T10:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "PutBucketAcl",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.7",
        "requestParameters": { "bucketName": "acme-reports", "x-amz-acl": ["public-read"] },
        "responseElements": null,
        "eventID": "e-1",
        "recipientAccountId": "111122223333",
        "resources": [{ "ARN": "arn:aws:s3:::acme-reports", "accountId": "111122223333", "type": "AWS::S3::Bucket" }]
    })
}

fn lower(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.to_lowercase(), lower(v))).collect(),
        Value::Array(items) => items.iter().map(lower).collect(),
        other => other.clone(),
    }
}

/// A row as Athena exports it: lower case, what services wrote as text, times without zone.
fn athena() -> Value {
    let record = record();
    let mut row = lower(&record);
    row["requestparameters"] = json!(record["requestParameters"].to_string());
    row["responseelements"] = json!("null");
    row["eventtime"] = json!("2026-03-01 10:00:00.000");
    row
}

/// A row of CloudTrail Lake: maps of texts.
fn lake() -> Value {
    let mut row = athena();
    row["requestparameters"] =
        json!({ "bucketName": "acme-reports", "x-amz-acl": "[\"public-read\"]" });
    row
}

#[test]
fn a_row_is_the_event_it_was_made_from() {
    let original = event(&record());
    let mut in_cloudtrails_case = record();
    for column in ["userIdentity", "requestParameters", "resources"] {
        in_cloudtrails_case[column] = json!(record()[column].to_string());
    }
    for row in [athena(), lake(), in_cloudtrails_case] {
        let event = event(&row);
        let raw: Value = serde_json::from_str(&event.raw).unwrap();
        assert_eq!(raw["requestParameters"], record()["requestParameters"]);
        assert_eq!(raw["userIdentity"], record()["userIdentity"]);
        assert_eq!(raw["resources"], record()["resources"]);
        assert_eq!(event.actor, original.actor);
        assert_eq!(event.actor.kind, ActorKind::AssumedRole);
        assert_eq!(
            (event.id, event.time, event.account),
            (original.id.clone(), original.time, original.account.clone())
        );
    }
}

#[test]
fn a_row_with_the_whole_event_is_that_event() {
    let row = json!({ "eventjson": record().to_string(), "eventname": "PutBucketAcl" });
    assert_eq!(event(&row), event(&record()));
}

#[test]
fn the_answer_of_a_query_is_taken_apart() {
    // AWS: CloudTrail API Reference, `GetQueryResults`: each column is an object of its own.
    let columns: Vec<Value> =
        athena().as_object().unwrap().iter().map(|(k, v)| json!({ k: v })).collect();
    let answer = json!({ "QueryStatus": "FINISHED", "QueryResultRows": [columns, columns] });
    let (events, dead) = read(&answer.to_string());
    assert_eq!((events.len(), dead.len()), (2, 0), "{dead:?}");
    assert_eq!(events[0].id.as_str(), "e-1");
}

#[test]
fn a_column_that_lost_its_structure_is_named_with_a_way_out() {
    let mut row = athena();
    row["useridentity"] = json!("{type=AssumedRole, principalid=AROAEXAMPLE:alice}");
    let (events, dead) = read(&row.to_string());
    assert!(events.is_empty());
    assert!(dead[0].contains("`userIdentity`") && dead[0].contains("eventJson"), "{dead:?}");
}
