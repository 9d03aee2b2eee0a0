//! What is one incident, and what is none.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{aisaws, json as run_json};

/// A public-read ACL, its policy twin, and what else happens to one bucket.
fn event(id: u32, minute: u32, name: &str, parameters: &Value) -> Value {
    json!({
        "eventVersion": "1.08", "eventID": format!("00000000-0000-4000-8000-{id:012}"),
        "eventTime": format!("2026-03-01T10:{minute:02}:00Z"), "eventName": name,
        "eventSource": "s3.amazonaws.com", "awsRegion": "us-east-1",
        "recipientAccountId": "111122223333", "sourceIPAddress": "192.0.2.7",
        "userIdentity": {
            "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/deploy/ci",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::111122223333:role/deploy" } },
        },
        "requestParameters": parameters,
    })
}

fn acl(id: u32, minute: u32) -> Value {
    event(
        id,
        minute,
        "PutBucketAcl",
        &json!({ "bucketName": "acme-web", "x-amz-acl": "public-read" }),
    )
}

fn created() -> Value {
    event(1, 0, "CreateBucket", &json!({ "bucketName": "acme-web" }))
}

fn respond(folder: &Path, store: &Path, config: &str, events: &[Value]) -> Value {
    let (path, settings) = (folder.join("events.ndjson"), folder.join("aisaws.toml"));
    let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    std::fs::write(&settings, config).unwrap();
    run_json(aisaws(store).arg("--config").arg(&settings).arg("respond").arg(&path))
}

fn statuses(report: &Value) -> Vec<&str> {
    let incidents = report["incidents"].as_array().unwrap().iter();
    incidents.map(|i| i["status"].as_str().unwrap()).collect()
}

#[test]
fn repeats_and_several_rules_on_one_resource_are_one_incident() {
    let folder = tempfile::tempdir().unwrap();
    let unblocked =
        event(9, 8, "DeleteBucketPublicAccessBlock", &json!({ "bucketName": "acme-web" }));
    let events = [created(), acl(2, 1), acl(3, 2), unblocked, acl(4, 30)];
    let report = respond(folder.path(), &folder.path().join("s.sqlite"), "", &events);
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{report:#}");
    assert_eq!(incidents[0]["events"].as_array().unwrap().len(), 4);
    assert!(incidents[0]["rules"].as_array().unwrap().len() >= 2, "{report:#}");
    assert_eq!(statuses(&report), ["remediated"]);
    // The same events where nothing is joined.
    let apart = "[noise]\nwindow_seconds = 0\n";
    let report = respond(folder.path(), &folder.path().join("apart.sqlite"), apart, &events);
    assert_eq!(report["incidents"].as_array().unwrap().len(), 4);
}

#[test]
fn what_comes_after_the_repair_is_an_incident_of_its_own_and_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let first = respond(folder.path(), &store, "", &[created(), acl(2, 1)]);
    let second = respond(folder.path(), &store, "", &[acl(3, 20), acl(4, 21)]);
    assert_eq!((statuses(&first), statuses(&second)), (vec!["remediated"], vec!["remediated"]));
    assert_ne!(first["incidents"][0]["id"], second["incidents"][0]["id"]);
    assert_eq!(second["incidents"][0]["events"].as_array().unwrap().len(), 2);
    // Delivered again, they are what they were.
    let again = respond(folder.path(), &store, "", &[acl(4, 21), acl(2, 1)]);
    let ids = |report: &Value| -> Vec<Value> {
        report["incidents"].as_array().unwrap().iter().map(|i| i["id"].clone()).collect()
    };
    assert_eq!(ids(&again), [ids(&first), ids(&second)].concat());
}

#[test]
fn a_suppressed_hit_is_on_record_and_opens_nothing_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let entry = |expires: &str| {
        format!(
            "[[suppress]]\nrule = \"s3.public-acl-*\"\nresource = \"acme-web\"\nowner = \"web team\"\n\
             reason = \"a website\"\nexpires = \"{expires}\"\n"
        )
    };
    let store = folder.path().join("s.sqlite");
    let report = respond(folder.path(), &store, &entry("2026-03-02"), &[created(), acl(2, 1)]);
    assert_eq!(report["incidents"], json!([]));
    assert_eq!(report["totals"]["suppressed"], 1, "{report:#}");
    let db = rusqlite::Connection::open(&store).unwrap();
    let hit: String = db
        .query_row("select content from hit where rule = 's3.public-acl-granted'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(hit.contains("web team, until 2026-03-02: a website"), "{hit}");
    // By the time of the event, whatever the day of the run.
    let expired = folder.path().join("expired.sqlite");
    let report = respond(folder.path(), &expired, &entry("2026-03-01"), &[created(), acl(2, 1)]);
    assert_eq!(statuses(&report), ["remediated"]);
    assert!(report["totals"].get("suppressed").is_none());
}
