//! Correlations through the whole program: what is found, whatever the order of arrival and
//! however often the program is started in between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::program::{aisaws, json as run_json};

const RULES: &str = r"
title: Failed console login
name: login-failed
logsource: { product: aws, service: cloudtrail }
detection:
  s: { eventName: ConsoleLogin, responseElements.ConsoleLogin: Failure }
  condition: s
---
title: Console login
name: login-succeeded
logsource: { product: aws, service: cloudtrail }
detection:
  s: { eventName: ConsoleLogin, responseElements.ConsoleLogin: Success }
  condition: s
---
title: Many failed console logins
name: many-failed
correlation:
  type: event_count
  rules: [login-failed]
  group-by: [sourceIPAddress, userIdentity.userName]
  timespan: 5m
  condition: { gte: 5 }
---
title: A console login succeeded after many that failed
id: test.login-guessed
level: high
correlation:
  type: temporal_ordered
  rules: [many-failed, login-succeeded]
  group-by: [userIdentity.userName]
  timespan: 15m
aisaws:
  resource: { type: AWS::IAM::User, id: userIdentity.userName }
  controls: []
  stage: active
---
title: Object deleted
name: object-deleted
logsource: { product: aws, service: cloudtrail }
detection: { s: { eventName: DeleteObject }, condition: s }
---
title: Many objects were deleted
id: test.mass-deletion
level: high
correlation:
  type: event_count
  rules: [object-deleted]
  group-by: [requestParameters.bucketName]
  timespan: 10m
  condition: { gt: 20 }
aisaws:
  resource: { type: AWS::S3::Bucket, id: requestParameters.bucketName }
  controls: []
  stage: active
---
title: Bucket read
name: bucket-read
logsource: { product: aws, service: cloudtrail }
detection: { s: { eventName: ListObjects }, condition: s }
---
title: One principal looked into many buckets
id: test.bucket-tour
level: medium
correlation:
  type: value_count
  rules: [bucket-read]
  group-by: [userIdentity.arn]
  timespan: 1h
  condition: { field: requestParameters.bucketName, gte: 4 }
aisaws:
  resource: { type: AWS::IAM::User, id: { field: userIdentity.arn, split: '/' } }
  controls: []
  stage: active
";

struct Stream(Vec<Value>);

impl Stream {
    fn add(&mut self, second: u64, name: &str, user: &str, more: &Value) {
        let id = format!("00000000-0000-4000-8000-{:012}", self.0.len());
        let mut record = json!({
            "eventVersion": "1.08", "eventID": id, "eventName": name,
            "eventTime": format!("2026-03-01T10:{:02}:{:02}Z", second / 60, second % 60),
            "eventSource": if name == "ConsoleLogin" { "signin.amazonaws.com" } else { "s3.amazonaws.com" },
            "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
            "sourceIPAddress": "192.0.2.7",
            "userIdentity": {
                "type": "IAMUser", "userName": user,
                "arn": format!("arn:aws:iam::111122223333:user/{user}"),
            },
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.0.push(record);
    }

    /// An attack of each kind, and beside each what only looks like it.
    fn attacks() -> Self {
        let mut stream = Self(Vec::new());
        let failure = json!({ "responseElements": { "ConsoleLogin": "Failure" }, "errorMessage": "Failed authentication" });
        let success = json!({ "responseElements": { "ConsoleLogin": "Success" } });
        for n in 0..5 {
            stream.add(60 + n * 20, "ConsoleLogin", "ann", &failure);
        }
        stream.add(200, "ConsoleLogin", "ann", &success);
        // Four failures, and a success before them.
        stream.add(50, "ConsoleLogin", "bob", &success);
        for n in 0..4 {
            stream.add(60 + n * 20, "ConsoleLogin", "bob", &failure);
        }
        stream.add(210, "ConsoleLogin", "bob", &success);
        let on = |bucket: &str| json!({ "requestParameters": { "bucketName": bucket } });
        for n in 0..25 {
            stream.add(600 + n * 5, "DeleteObject", "eve", &on("acme-archive"));
        }
        for n in 0..20 {
            stream.add(600 + n * 5, "DeleteObject", "eve", &on("acme-scratch"));
        }
        for n in 0..4 {
            stream.add(900 + n * 30, "ListObjects", "eve", &on(&format!("acme-{n}")));
            stream.add(900 + n * 30, "ListObjects", "dan", &on("acme-0"));
        }
        stream
    }
}

/// The stream, written to a file of its own.
pub(crate) fn attacks(folder: &Path) -> PathBuf {
    let path = folder.join("attacks.ndjson");
    let lines: Vec<String> = Stream::attacks().0.iter().map(ToString::to_string).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

pub(crate) fn rules(folder: &Path) -> PathBuf {
    let path = folder.join("rules");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("correlations.yml"), RULES).unwrap();
    path
}

/// Takes the chunks in, one start of the program for each; gives rules and resources by incident.
fn incidents(
    folder: &Path,
    name: &str,
    chunks: &[Vec<Value>],
) -> BTreeMap<String, (String, String)> {
    let store = folder.join(format!("{name}.sqlite"));
    let rules = rules(folder);
    let mut reported = BTreeSet::new();
    for (n, chunk) in chunks.iter().enumerate() {
        let path = folder.join(format!("{name}-{n}.ndjson"));
        let lines: Vec<String> = chunk.iter().map(ToString::to_string).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let report =
            run_json(aisaws(&store).env("AISAWS_DETECT_RULES", &rules).arg("respond").arg(&path));
        let ids = report["incidents"].as_array().unwrap().iter();
        reported.extend(ids.map(|i| i["id"].as_str().unwrap().to_owned()));
    }
    let listed = run_json(aisaws(&store).args(["incident", "list"]));
    let found: BTreeMap<_, _> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|incident| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let (rule, resource) = (text(&incident["rules"][0]), text(&incident["resource"]["id"]));
            (text(&incident["id"]), (rule, resource))
        })
        .collect();
    assert_eq!(reported, found.keys().cloned().collect(), "each is told by the run that found it");
    found
}

fn expected() -> BTreeSet<(String, String)> {
    [
        ("test.login-guessed", "ann"),
        ("test.mass-deletion", "acme-archive"),
        ("test.bucket-tour", "eve"),
    ]
    .map(|(rule, resource)| (rule.to_owned(), resource.to_owned()))
    .into()
}

#[test]
fn attacks_of_many_events_are_found_and_what_only_looks_like_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let found = incidents(folder.path(), "whole", &[Stream::attacks().0]);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(found.into_values().collect::<BTreeSet<_>>(), expected());
}

#[test]
fn shuffled_repeated_and_in_pieces_over_restarts_the_incidents_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Stream::attacks().0;
    let reference = incidents(folder.path(), "reference", std::slice::from_ref(&whole));
    for (turn, stride) in [7_usize, 11, 17, 23].into_iter().enumerate() {
        // A stride that shares no factor with the length visits every event once, far from order.
        let length = whole.len() + usize::from(whole.len().is_multiple_of(stride));
        let mut shuffled: Vec<Value> =
            (0..length).filter_map(|n| whole.get(n * stride % length).cloned()).collect();
        assert_eq!(shuffled.len(), whole.len());
        let again: Vec<Value> = shuffled.iter().step_by(3).cloned().collect();
        shuffled.extend(again);
        let pieces: Vec<Vec<Value>> = shuffled.chunks(19).map(<[Value]>::to_vec).collect();
        assert!(pieces.len() > 3);
        assert_eq!(incidents(folder.path(), &format!("turn{turn}"), &pieces), reference);
    }
}

#[test]
fn a_suppressed_hit_of_a_correlation_is_counted_and_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (events, settings) = (attacks(folder.path()), folder.path().join("aisaws.toml"));
    let entry = "[[suppress]]\nrule = \"test.login-guessed\"\nowner = \"red team\"\nreason = \"exercise\"\n\
                 expires = \"2026-04-01\"\n";
    std::fs::write(&settings, entry).unwrap();
    let store = folder.path().join("s.sqlite");
    let run = || {
        let mut command = aisaws(&store);
        command.env("AISAWS_DETECT_RULES", rules(folder.path())).arg("--config").arg(&settings);
        run_json(command.arg("respond").arg(&events))
    };
    let report = run();
    let rules = report["incidents"].as_array().unwrap().iter().map(|i| i["rules"][0].as_str());
    let rules: BTreeSet<_> = rules.flatten().collect();
    assert_eq!(rules, ["test.bucket-tour", "test.mass-deletion"].into());
    assert_eq!(report["totals"]["suppressed"], 1, "{report:#}");
    // What was there already is not counted again.
    assert!(run()["totals"].get("suppressed").is_none());
}
