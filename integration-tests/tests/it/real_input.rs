//! Real events: nothing crashes, nothing is dropped, and known attacks yield incidents.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::program::{aisaws, json, shared};

fn respond(path: &str) -> Option<(u64, Value)> {
    let path = shared(path)?;
    let folder = tempfile::tempdir().unwrap();
    let mut lines = 0;
    let files = if path.is_dir() {
        std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).collect()
    } else {
        vec![path]
    };
    let mut command = aisaws(&folder.path().join("s.sqlite"));
    // Nothing is known about the networks of these accounts.
    command.env_remove("AISAWS_NETWORK_KNOWN").arg("respond");
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "gz")) {
        let unpacked = flate2::read::MultiGzDecoder::new(std::fs::File::open(file).unwrap());
        let text = std::io::read_to_string(unpacked).unwrap();
        lines += text.lines().filter(|l| !l.trim().is_empty()).count() as u64;
        command.arg(file);
    }
    Some((lines, json(&mut command)))
}

#[test]
fn no_record_of_the_corpus_is_dropped() {
    let Some((lines, report)) = respond("data/cloudtrail") else { return };
    let totals = &report["totals"];
    let events = totals["events"].as_u64().unwrap();
    let dead = totals["dead_letters"].as_u64().unwrap();
    assert_eq!(events + dead, lines, "{totals:#}");
    assert!(events > 27_990, "{totals:#}");
    // What cannot be an event at all is hand-made test input without name or time.
    assert!(dead < 50, "{totals:#}");
    let open =
        report["incidents"].as_array().unwrap().iter().filter(|i| i["status"] == "open").count();
    assert_eq!(open, 0);
}

/// Techniques of Stratus Red Team whose logs lie in the corpus, and the resource that must be
/// named. Names are those in the logs.
const STRATUS: &[(&str, &str, &str)] = &[
    (
        "aws.exfiltration.ec2-security-group-open-port-22-ingress",
        "AWS::EC2::SecurityGroup",
        "sg-003dc7f1f1c686164",
    ),
    (
        "aws.defense-evasion.cloudtrail-stop",
        "AWS::CloudTrail::Trail",
        "stratus-red-team-ct-stop-trail-buykxbqejv",
    ),
    (
        "aws.defense-evasion.cloudtrail-delete",
        "AWS::CloudTrail::Trail",
        "stratus-red-team-cloudtraild-trail-kvrwohmiai",
    ),
    (
        "aws.defense-evasion.cloudtrail-event-selectors",
        "AWS::CloudTrail::Trail",
        "stratus-red-team-ctes-trail-khlvciwdor",
    ),
    ("aws.persistence.iam-backdoor-user", "AWS::IAM::AccessKey", "AKIAL80DWDVKKM0UXEER"),
    ("aws.persistence.iam-create-admin-user", "AWS::IAM::AccessKey", "AKIAXAFZN8JEPF6L682H"),
];

#[test]
fn stratus_techniques_yield_incidents_with_the_right_resource() {
    let Some((_, report)) = respond("data/cloudtrail/stratus-detonation-logs.ndjson.gz") else {
        return;
    };
    let found: BTreeMap<(String, String), &Value> = report["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| {
            let text = |key: &str| i["resource"][key].as_str().unwrap().to_owned();
            ((text("type"), text("id")), i)
        })
        .collect();
    for (technique, kind, id) in STRATUS {
        let key = ((*kind).to_owned(), (*id).to_owned());
        let incident =
            found.get(&key).unwrap_or_else(|| panic!("{technique}: {:#?}", found.keys()));
        assert_ne!(incident["status"], "open", "{technique}");
    }
    // Every incident of the log is about a resource that an attack there was about.
    assert_eq!(found.len(), STRATUS.len(), "{:#?}", found.keys());
}
