//! `aisaws rule`, and rules of others in the configuration.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{aisaws, demo_events, json, run, text};

/// A rule as others write it, with a case that goes right and one that goes wrong.
const RULE: &str = "title: Logging stopped
id: theirs-1
logsource: { product: aws, service: cloudtrail }
detection:
  selection: { eventName: StopLogging }
  condition: selection
level: high
";
const CASES: &str =
    "base: { eventSource: cloudtrail.amazonaws.com, requestParameters: { name: main } }
cases:
  - { name: stopped, event: { eventName: StopLogging }, hits: [main] }
  - { name: started, event: { eventName: StartLogging }, hits: [WRONG] }
";

fn rule(folder: &Path) -> Command {
    let mut command = aisaws(&folder.join("s.sqlite"));
    command.arg("rule");
    command
}

fn written(text: &str, cases: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.yml"), text).unwrap();
    std::fs::write(folder.path().join("r.cases.yml"), cases).unwrap();
    folder
}

#[test]
fn our_own_rules_are_clean_and_do_as_their_cases_say() {
    let folder = tempfile::tempdir().unwrap();
    let lint = json(rule(folder.path()).arg("lint"));
    assert_eq!(lint["remarks"], Value::Array(Vec::new()));
    let tested = json(rule(folder.path()).arg("test"));
    assert_eq!((tested["failed"].as_u64(), tested["skipped"].as_u64()), (Some(0), Some(0)));
}

#[test]
fn every_watched_event_has_a_rule() {
    let folder = tempfile::tempdir().unwrap();
    let coverage = json(rule(folder.path()).arg("coverage"));
    assert_eq!(coverage["without_rule"], Value::Array(Vec::new()));
    let nameless = |t: &&Value| t["name"].is_null();
    assert!(!coverage["techniques"].as_array().unwrap().iter().any(|t| nameless(&t)));
}

#[test]
fn a_rule_is_shown_with_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let shown = json(rule(folder.path()).args(["show", "cloudtrail.logging-stopped"]));
    assert_eq!(shown["resource_type"], "AWS::CloudTrail::Trail");
    assert_eq!(shown["controls"][0], "cloudtrail.trail-logging-stopped");
    assert!(shown["text"].as_str().unwrap().starts_with("title: "));
    let unknown = run(rule(folder.path()).args(["show", "no-such-rule"]));
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("aisaws rule list"));
}

#[test]
fn a_case_that_goes_wrong_says_what_was_expected_and_what_came() {
    let folder = written(RULE, CASES);
    let output = run(rule(folder.path()).arg("test").arg(folder.path()));
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("stopped: expected a hit on main\n"), "{said}");
    assert!(said.contains("started: expected a hit on WRONG, but there was no hit"), "{said}");
    let right = written(RULE, &CASES.replace("[WRONG]", "[]"));
    let output = run(rule(right.path()).arg("test").arg(right.path()));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn an_error_of_a_rule_has_its_line_and_a_way_out() {
    let rows = [
        ("eventName: StopLogging", "eventName|contian: Stop", "r.yml:5: error", "contains"),
        ("condition: selection", "condition: selektion", "r.yml:6: error", "`detection`"),
        ("level: high", "level: : high", "r.yml:7: error", "YAML"),
    ];
    for (good, bad, place, next) in rows {
        let folder = written(&RULE.replace(good, bad), CASES);
        let output = run(rule(folder.path()).arg("lint").arg(folder.path().join("r.yml")));
        assert_eq!(output.status.code(), Some(1), "{bad}");
        let said = text(&output.stdout);
        assert!(said.contains(place) && said.contains(next), "{bad}: {said}");
    }
    let folder = written(RULE, CASES);
    let output = run(rule(folder.path()).arg("lint").arg(folder.path()));
    assert_eq!(output.status.code(), Some(0), "warnings are no errors");
}

#[test]
fn a_rule_of_others_acts_only_once_it_is_promoted() {
    let folder = written(RULE, CASES);
    for (promoted, is_trial) in [("", true), ("theirs-1", false)] {
        let store = folder.path().join(format!("{promoted}.sqlite"));
        let mut command = aisaws(&store);
        command
            .env("AISAWS_DETECT_RULES", folder.path().join("r.yml"))
            .env("AISAWS_DETECT_PROMOTE", promoted);
        let rules = json(command.args(["rule", "list"]));
        let theirs = rules.as_array().unwrap().iter().find(|r| r["id"] == "theirs-1").unwrap();
        assert_eq!(theirs["stage"] == "test", is_trial);
        assert_eq!(theirs["resource_type"], "by event");
    }
    let mut command = aisaws(&folder.path().join("x.sqlite"));
    let output = run(command.env("AISAWS_DETECT_PROMOTE", "theirs-2").args(["rule", "list"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`theirs-2`"), "{}", text(&output.stderr));
}

#[test]
fn a_rule_of_others_joins_the_incident_of_the_resource_its_event_names() {
    let folder = written(RULE, CASES);
    let events = demo_events(folder.path());
    let mut command = aisaws(&folder.path().join("s.sqlite"));
    command.env("AISAWS_DETECT_RULES", folder.path().join("r.yml"));
    let report = json(command.arg("respond").arg(&events));
    let incidents = report["incidents"].as_array().unwrap();
    let trail = incidents.iter().find(|i| i["resource"]["id"] == "org-trail").unwrap();
    let rules: Vec<&str> =
        trail["rules"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    assert_eq!(rules, ["cloudtrail.logging-stopped", "theirs-1"]);
    assert_eq!(trail["status"], "remediated");
}
