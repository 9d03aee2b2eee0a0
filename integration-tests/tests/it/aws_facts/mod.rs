//! What AWS does with events that surprises: each a test, with the page that says so. Pages are
//! those of the AWS guides as published on GitHub, unless named in full.
//!
//! Facts about the infrastructure that carries events (targets, queues, functions, tables, state
//! machines) are not here.

mod calls;
mod findings;

use serde_json::{Value, json};

use crate::program::{aisaws, json as report_of};

/// Responds to the records, one a line, with a store of its own.
fn respond(records: &[Value]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    let path = folder.path().join("records");
    std::fs::write(&path, lines.join("\n")).unwrap();
    report_of(aisaws(&folder.path().join("s.sqlite")).arg("respond").arg(&path))
}

/// Responds to each group of records in a run of its own, on one store; the last report.
fn respond_in_turn(runs: &[&[Value]]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let mut report = Value::Null;
    for (n, records) in runs.iter().enumerate() {
        let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
        let path = folder.path().join(n.to_string());
        std::fs::write(&path, lines.join("\n")).unwrap();
        report = report_of(aisaws(&folder.path().join("s.sqlite")).arg("respond").arg(&path));
    }
    report
}

fn incidents(report: &Value) -> &[Value] {
    report["incidents"].as_array().unwrap()
}

/// The only incident of a report.
fn only(report: &Value) -> &Value {
    let [incident] = incidents(report) else { panic!("not one incident: {report:#}") };
    incident
}

fn reasons(incident: &Value) -> String {
    incident["reasons"].to_string()
}

/// A call that opens a bucket to the world.
fn opened(id: &str, time: &str) -> Value {
    call(
        id,
        time,
        "s3",
        "PutBucketAcl",
        &json!({ "bucketName": "acme-reports", "x-amz-acl": "public-read" }),
    )
}

fn call(id: &str, time: &str, service: &str, name: &str, request: &Value) -> Value {
    json!({
        "eventVersion": "1.09", "eventID": id, "eventTime": time, "eventName": name,
        "eventSource": format!("{service}.amazonaws.com"), "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "sourceIPAddress": "192.0.2.10",
        "userIdentity": {
            "type": "AssumedRole", "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE",
            "arn": "arn:aws:sts::111122223333:assumed-role/developer/alice",
            "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/developer" } }
        },
        "requestParameters": request, "responseElements": null
    })
}

fn envelope(id: &str, source: &str, kind: &str, detail: &Value) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": kind, "source": source,
        "account": "111122223333", "time": "2026-03-01T10:00:09Z", "region": "eu-west-1",
        "resources": [], "detail": detail
    })
}

/// A record with other values at these places.
fn with(mut record: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        record.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    record
}

const NINE: &str = "2026-03-01T09:00:00Z";
const TEN: &str = "2026-03-01T10:00:00Z";
