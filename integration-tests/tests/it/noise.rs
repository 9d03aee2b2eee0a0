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
fn an_id_that_copies_of_a_call_share_keeps_no_call_from_joining() {
    let folder = tempfile::tempdir().unwrap();
    let shared = |mut event: Value, id: &str| {
        event["sharedEventID"] = id.into();
        event
    };
    let calls = (2..8).map(|n| shared(acl(n, n), &format!("call-{n}")));
    let events: Vec<Value> = std::iter::once(created()).chain(calls).collect();
    let report = respond(folder.path(), &folder.path().join("s.sqlite"), "", &events);
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{report:#}");
    assert_eq!(incidents[0]["events"].as_array().unwrap().len(), 6);
    // Where nothing is joined, copies of one call still are one.
    let apart = "[noise]\nwindow_seconds = 0\n";
    let copies = [created(), shared(acl(2, 1), "a"), shared(acl(3, 1), "a"), acl(4, 2)];
    let report = respond(folder.path(), &folder.path().join("apart.sqlite"), apart, &copies);
    assert_eq!(report["incidents"].as_array().unwrap().len(), 2, "{report:#}");
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

/// A public-read ACL on the bucket of that number, at its minute.
fn open_bucket(n: u32) -> [Value; 2] {
    let bucket = format!("acme-{n}");
    let acl = json!({ "bucketName": bucket, "x-amz-acl": "public-read" });
    [
        event(100 + n, n, "CreateBucket", &json!({ "bucketName": bucket })),
        event(200 + n, n, "PutBucketAcl", &acl),
    ]
}

#[test]
fn what_a_rule_hits_beyond_its_limit_is_one_incident_that_people_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("alerts.jsonl");
    let config = format!(
        "[noise]\nincidents_per_rule_per_hour = 50\n[noise.limits]\n\"s3.public-acl-granted\" = 2\n\
         [alert]\nfile = \"{}\"\n",
        told.display()
    );
    let mut events: Vec<Value> = (0..6).flat_map(open_bucket).collect();
    let report = respond(folder.path(), &folder.path().join("s.sqlite"), &config, &events);
    // Those of the first two minutes are repaired; the others stand with one incident.
    assert_eq!(statuses(&report), ["remediated", "remediated", "logged"], "{report:#}");
    let flood = &report["incidents"][2];
    let named: Vec<String> =
        (2..6).map(|n| format!("00000000-0000-4000-8000-{:012}", 200 + n)).collect();
    assert_eq!(flood["events"], json!(named), "{report:#}");
    let alerts = std::fs::read_to_string(&told).unwrap();
    let alerts: Vec<Value> = alerts.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let subject = |id: &Value| -> &str {
        alerts.iter().find(|a| a["incident"] == *id).unwrap()["subject"].as_str().unwrap()
    };
    let words = subject(&flood["id"]);
    assert!(words.contains("`s3.public-acl-granted` opened its 2 incidents"), "{words}");
    assert!(words.contains("4 hits"), "{words}");
    // In any other order they are the same.
    events.reverse();
    let reversed = respond(folder.path(), &folder.path().join("r.sqlite"), &config, &events);
    assert_eq!(reversed["incidents"], report["incidents"]);
    // One that comes later joins the flood, and tells nobody again.
    let before = alerts.len() * 2;
    let late = respond(folder.path(), &folder.path().join("s.sqlite"), &config, &open_bucket(7));
    assert_eq!(late["incidents"][0]["id"], flood["id"]);
    assert_eq!(late["incidents"][0]["events"].as_array().unwrap().len(), 5);
    assert_eq!(std::fs::read_to_string(&told).unwrap().lines().count(), before);
}
