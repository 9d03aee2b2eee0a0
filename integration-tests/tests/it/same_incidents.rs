//! The same events give the same incidents: twice, shuffled, in pieces, from two processes.

use std::path::Path;

use serde_json::Value;

use crate::program::{aisaws, demo_events, json, ledger, writes};

/// What of a report must not depend on how the events came: everything but the counts of this
/// run.
fn outcome(report: &Value) -> Value {
    report["incidents"].clone()
}

fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    document["Records"].as_array().unwrap().clone()
}

#[test]
fn the_same_input_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let events = demo_events(folder.path());
    let first = json(aisaws(&store).arg("respond").arg(&events));
    let (told, written) = (ledger(&store), writes(&store));
    let second = json(aisaws(&store).arg("respond").arg(&events));
    assert_eq!(outcome(&first), outcome(&second));
    assert_eq!(second["totals"]["duplicates"], second["totals"]["events"]);
    assert_eq!((ledger(&store), writes(&store)), (told, written));
}

#[test]
fn shuffled_input_gives_the_same_incidents() {
    let folder = tempfile::tempdir().unwrap();
    let events = demo_events(folder.path());
    let reference = json(aisaws(&folder.path().join("r.sqlite")).arg("respond").arg(&events));
    let told = ledger(&folder.path().join("r.sqlite"));
    let mut records = records(&events);
    // Rotations and a reversal: deterministic, and every event comes first and last once.
    for turn in 0..=records.len() {
        if turn == records.len() {
            records.reverse();
        } else {
            records.rotate_left(1);
        }
        let path = folder.path().join(format!("{turn}.ndjson"));
        let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let store = folder.path().join(format!("{turn}.sqlite"));
        let report = json(aisaws(&store).arg("respond").arg(&path));
        assert_eq!(outcome(&report), outcome(&reference), "turn {turn}");
        assert_eq!(ledger(&store), told, "turn {turn}");
    }
}

#[test]
fn two_processes_at_once_on_one_store_write_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let events = demo_events(folder.path());
    let reference = folder.path().join("r.sqlite");
    json(aisaws(&reference).arg("respond").arg(&events));
    for turn in 0..5 {
        let store = folder.path().join(format!("{turn}.sqlite"));
        let mut children: Vec<_> = (0..2)
            .map(|_| {
                aisaws(&store)
                    .arg("respond")
                    .arg(&events)
                    .stdout(std::process::Stdio::null())
                    .stderr(std::process::Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for child in &mut children {
            assert_eq!(child.wait().unwrap().code(), Some(1));
        }
        assert_eq!(ledger(&store), ledger(&reference));
        assert_eq!(writes(&store), writes(&reference));
    }
}
