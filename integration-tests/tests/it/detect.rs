//! `aisaws detect`, from files to lines.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::program::{aisaws, run, shared, text};

const RULE: &str = "title: Logging stopped\nid: r-1\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    eventName: StopLogging\n  condition: s\nlevel: high\n";

fn detect(folder: &std::path::Path) -> Command {
    let mut command = aisaws(&folder.join("s.sqlite"));
    command.env_remove("AISAWS_NETWORK_KNOWN").arg("detect");
    command
}

fn hits(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn labelled_events_hit_exactly_the_expected_rules() {
    let (Some(cases), Some(rules)) =
        (shared("data/labelled/sigma_aws_dev.ndjson"), shared("data/sigma/sigmahq-aws-cloudtrail"))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.ndjson");
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut contested: BTreeSet<(String, String)> = BTreeSet::new();
    let mut lines = String::new();
    for (n, case) in std::fs::read_to_string(cases).unwrap().lines().enumerate() {
        let mut case: Value = serde_json::from_str(case).unwrap();
        // Ids repeat in the set: every case gets one of its own.
        case["event"]["eventID"] = json!(format!("case-{n}"));
        lines.push_str(&case["event"].to_string());
        lines.push('\n');
        let texts = |key: &str| -> Vec<String> {
            case[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
        };
        expected.insert(format!("case-{n}"), texts("expected").into_iter().collect());
        contested.extend(texts("contested").into_iter().map(|file| (format!("case-{n}"), file)));
    }
    std::fs::write(&events, lines).unwrap();
    let output = run(detect(folder.path()).arg("--rules").arg(&rules).arg(&events));
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let ids_of_files: BTreeMap<String, String> = std::fs::read_dir(&rules)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let rule = std::fs::read_to_string(&path).unwrap();
            let id = rule.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
            (id.trim().to_owned(), path.file_name().unwrap().to_string_lossy().into_owned())
        })
        .collect();
    let mut found: BTreeMap<String, BTreeSet<String>> =
        expected.keys().map(|case| (case.clone(), BTreeSet::new())).collect();
    for hit in hits(&output) {
        let members: Vec<&String> = hit.as_object().unwrap().keys().collect();
        assert_eq!(members.len(), 5, "{hit}");
        let (case, rule) = (hit["event_id"].as_str().unwrap(), hit["rule_id"].as_str().unwrap());
        assert!(hit["title"].is_string() && hit["level"].is_string());
        // Where the event is one of the product, the mapping says what the hit is about.
        assert!(hit["resource"].is_null() || hit["resource"]["type"].is_string(), "{hit}");
        if !contested.contains(&(case.to_owned(), ids_of_files[rule].clone())) {
            found.get_mut(case).unwrap().insert(rule.to_owned());
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn every_shape_of_input_gives_the_same_lines_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules/deep");
    std::fs::create_dir_all(&rules).unwrap();
    std::fs::write(rules.join("r.yaml"), RULE).unwrap();
    let record = |n: usize| {
        let name = if usize::is_multiple_of(n, 3) { "StopLogging" } else { "StartLogging" };
        format!(r#"{{"eventID":"e-{n}","eventName":"{name}"}}"#)
    };
    let records = |from, to| (from..to).map(record).collect::<Vec<_>>();
    let gzip = |content: String| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let envelope = format!(
        r#"{{"detail-type":"AWS API Call via CloudTrail","source":"aws.cloudtrail","detail":{}}}"#,
        record(9000)
    );
    let files: [(&str, Vec<u8>); 5] = [
        ("a", records(0, 3000).join("\n").into_bytes()),
        ("b.gz", gzip(format!("{{\"Records\":[{}]}}", records(3000, 6000).join(",")))),
        ("c", format!("[{}]", records(6000, 6001).join(",")).into_bytes()),
        ("d", gzip(records(6001, 9000).join("\n"))),
        ("e", envelope.into_bytes()),
    ];
    for (name, content) in &files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let mut command = detect(folder.path());
    command.arg("--rules").arg(folder.path().join("rules"));
    for (name, _) in &files {
        command.arg(folder.path().join(name));
    }
    let output = run(&mut command);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let expected: Vec<Value> = (0..=9000)
        .step_by(3)
        .map(|n| {
            json!({"event_id": format!("e-{n}"), "rule_id": "r-1", "title": "Logging stopped", "level": "high", "resource": null})
        })
        .collect();
    assert_eq!(hits(&output), expected);
}

#[test]
fn standard_input_is_read_and_bad_rules_and_records_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir_all(&rules).unwrap();
    std::fs::write(rules.join("good.yml"), RULE).unwrap();
    let bad = "title: Bad\nid: r-2\nlogsource: {product: aws}\ndetection:\n  s:\n    a|re: '('\n  condition: s\n";
    std::fs::write(rules.join("bad.yml"), bad).unwrap();
    let mut command = detect(folder.path());
    command.arg("--rules").arg(&rules).arg("-");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let deep = "[".repeat(200_000);
    let events = format!(
        "{{\"eventName\":\"StopLogging\"}}\nnot json\n{{\"eventName\":\"StopLogging\",\"x\":{deep}}}\n{{\"eventName\":\"stoplogging\",\"eventID\":\"last\"}}\n"
    );
    child.stdin.take().unwrap().write_all(events.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("bad.yml:6: field `a|re`"), "{errors}");
    assert!(errors.contains("-:2: ") && errors.contains("-:3: "), "{errors}");
    let hits = hits(&output);
    assert_eq!(hits.len(), 2, "{hits:?}");
    // An event without an id is told apart by its text.
    assert!(hits[0]["event_id"].as_str().is_some_and(|id| id.len() == 36));
    assert_eq!(hits[1]["event_id"], "last");
}

#[test]
fn findings_of_other_services_and_of_our_scans_hit_our_rules() {
    // Shapes: Security Hub user guide, "OCSF findings in Security Hub" and OCSF 1.6; IAM user guide,
    // "Monitoring IAM Access Analyzer with Amazon EventBridge"; our own is documented.
    let ocsf = json!({
        "class_uid": 2003, "category_uid": 2, "activity_id": 1, "severity_id": 4, "status_id": 1,
        "metadata": { "product": { "uid": "arn:aws:securityhub:eu-west-1::productv2/aws/securityhub" } },
        "cloud": { "provider": "AWS", "region": "eu-west-1", "account": { "uid": "111122223333" } },
        "compliance": { "control": "S3.2", "status": "Fail", "status_id": 3 },
        "finding_info": {
            "uid": "hub", "title": "S3.2", "types": ["Posture Management"],
            "modified_time_dt": "2026-03-01T10:00:00Z"
        },
        "resources": [{
            "type": "AWS::S3::Bucket", "uid": "arn:aws:s3:::acme-reports", "region": "eu-west-1",
            "owner": { "account": { "uid": "111122223333" } }
        }]
    });
    let analyzer = json!({
        "version": "1.0", "id": "analyzer", "status": "ACTIVE", "resourceType": "AWS::S3::Bucket",
        "resource": "arn:aws:s3:::acme-reports", "createdAt": "2026-03-01T09:00:00Z",
        "analyzedAt": "2026-03-01T10:00:00Z", "updatedAt": "2026-03-01T10:00:00Z",
        "accountId": "111122223333", "region": "eu-west-1", "principal": { "AWS": "*" },
        "action": ["s3:GetObject"], "condition": {}, "isDeleted": false, "isPublic": true
    });
    let posture = json!({
        "postureFinding": 1, "scan": "0b0f4b0e-6b1f-5a8e-9a53-0d2f6a41c8e2",
        "time": "2026-03-01T10:00:00Z", "control": "s3.bucket-acl-public", "severity": "high",
        "resource": {
            "type": "AWS::S3::Bucket", "id": "acme-reports", "account": "111122223333",
            "region": "eu-west-1"
        }
    });
    let envelope = |source: &str, kind: &str, detail: Value| {
        json!({
            "version": "0", "id": "e", "detail-type": kind, "source": source,
            "account": "111122223333", "time": "2026-03-01T10:00:09Z", "region": "eu-west-1",
            "resources": [], "detail": detail
        })
    };
    let changed = |record: &Value, pointer: &str, value: Value| {
        let mut record = record.clone();
        *record.pointer_mut(pointer).unwrap() = value;
        record
    };
    let hub = |finding: Value| {
        envelope("aws.securityhub", "Findings Imported V2", json!({ "findings": [finding] }))
    };
    let found =
        |finding: Value| envelope("aws.access-analyzer", "Access Analyzer Finding", finding);
    let closed = [
        hub(changed(&ocsf, "/status_id", json!(4))),
        found(changed(&analyzer, "/status", json!("RESOLVED"))),
    ];
    let records = [
        ocsf.clone(),
        hub(ocsf),
        analyzer.clone(),
        found(analyzer),
        posture.clone(),
        closed[0].clone(),
        closed[1].clone(),
    ];
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("findings.ndjson");
    let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    std::fs::write(&events, lines.join("\n")).unwrap();
    let output = run(detect(folder.path()).arg(&events));
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let hits = hits(&output);
    for hit in &hits {
        assert_eq!(hit["resource"], posture["resource"], "{hit}");
    }
    let rules: Vec<&str> = hits.iter().map(|hit| hit["rule_id"].as_str().unwrap()).collect();
    let expected = [
        "securityhub.bucket-public",
        "securityhub.bucket-public",
        "accessanalyzer.bucket-shared-with-the-world",
        "accessanalyzer.bucket-shared-with-the-world",
        "posture.bucket-misconfigured",
    ];
    assert_eq!(rules, expected);
}

#[test]
fn a_member_whose_name_cannot_be_read_hides_no_event() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.yml"), RULE).unwrap();
    let events = folder.path().join("e.ndjson");
    let event = r#"{"eventID":"e-1","\ud800":{"x":1},"eventName":"StopLogging"}"#;
    std::fs::write(&events, event).unwrap();
    let output = run(detect(folder.path()).arg("--rules").arg(folder.path()).arg(&events));
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert_eq!(hits(&output)[0]["event_id"], "e-1");
}

#[test]
fn rules_are_read_from_files_only_and_nothing_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (given, inside) = (folder.path().join("r.yml"), folder.path().join("rules/r.yml"));
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    for queue in [&given, &inside] {
        assert!(Command::new("mkfifo").arg(queue).status().unwrap().success());
    }
    let events = folder.path().join("e.json");
    std::fs::write(&events, "{}").unwrap();
    std::fs::write(folder.path().join("rules/good.yml"), RULE).unwrap();
    for (rules, queue) in [(given.as_path(), &given), (inside.parent().unwrap(), &inside)] {
        let detected = run(detect(folder.path()).arg("--rules").arg(rules).arg(&events));
        let mut respond = aisaws(&folder.path().join("s.sqlite"));
        let responded = run(respond.env("AISAWS_DETECT_RULES", rules).arg("respond").arg(&events));
        for output in [detected, responded] {
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{told}");
            let reason = "is no file; rules are read from files and folders";
            assert!(told.contains(&format!("`{}` {reason}", queue.display())), "{told}");
        }
    }
}

#[test]
fn our_own_rules_name_the_resource() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("e.json");
    let event = json!({"eventID": "e-1", "eventTime": "2026-03-01T10:00:00Z", "eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com", "awsRegion": "eu-west-1", "recipientAccountId": "111122223333", "requestParameters": {"name": "main"}});
    std::fs::write(&events, event.to_string()).unwrap();
    let output = run(detect(folder.path()).arg(&events));
    let [hit] = &*hits(&output) else { panic!("{}", text(&output.stdout)) };
    assert_eq!(hit["rule_id"], "cloudtrail.logging-stopped");
    let resource = json!({"type": "AWS::CloudTrail::Trail", "id": "main", "account": "111122223333", "region": "eu-west-1"});
    assert_eq!(hit["resource"], resource);
}
