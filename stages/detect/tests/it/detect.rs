//! What a hit says, and what happens to rules that cannot be used.

use std::error::Error as _;
use std::time::Duration;

use aisaws_core::event::{Event, Source};
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::port::{Clock, Detector as _};
use aisaws_core::risk::Severity;
use aisaws_core::source::{cloudtrail, read_one};
use aisaws_core::stage::{Cx, invoke};
use aisaws_detect::sigma::{Extra, Logs, Problem, RuleSet, Why, parse};
use aisaws_detect::{Detect, Foreign, Mapping, StageError, lint};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

const RULE: &str = r"
title: Something happened
id: test.something
logsource: { product: aws, service: cloudtrail }
detection:
  selection: { eventName: Something }
  condition: selection
level: high
tags: [attack.impact, attack.t1562.008]
aisaws:
  resource:
    type: AWS::IAM::AccessKey
    id: [requestParameters.first, { field: requestParameters.second, split: ':' }]
    account: userIdentity.accountId
  controls: [iam.access-key-exposed]
  stage: test
  window: 24h
";

fn detect(rule: &str) -> Detect {
    let (detect, errors) = Detect::new([("rule.yml", rule)], Vec::new());
    assert!(errors.is_empty(), "{errors:?}");
    detect
}

fn event(parameters: &serde_json::Value) -> Event {
    cloudtrail::parse(
        &json!({
            "eventID": "e-1", "eventTime": "2026-03-01T10:00:00Z", "eventName": "Something",
            "eventSource": "iam.amazonaws.com", "awsRegion": "eu-west-1",
            "recipientAccountId": "111122223333",
            "userIdentity": {"accountId": "444455556666"},
            "requestParameters": parameters,
        })
        .to_string(),
    )
    .unwrap()
}

#[test]
fn a_hit_says_what_the_rule_and_the_event_say() {
    let hits = detect(RULE).detect(&event(&json!({"second": "arn:x:key-1"}))).unwrap();
    let [hit] = hits.as_slice() else { panic!("{hits:?}") };
    assert_eq!(hit.rule.as_str(), "test.something");
    assert_eq!(hit.severity, Severity::High);
    assert_eq!(hit.event.as_str(), "e-1");
    assert_eq!(hit.resource.key(), "444455556666/us-east-1/AWS::IAM::AccessKey/key-1");
    assert_eq!(hit.window_seconds, Some(86_400));
    assert_eq!(hit.techniques, ["T1562.008"]);
    assert!(hit.is_trial);
}

#[test]
fn several_resources_of_one_event_are_several_hits() {
    let examined = detect(RULE).examine(&event(&json!({"first": ["b", "a", "b"]}))).unwrap();
    let ids: Vec<&str> = examined.hits.iter().map(|h| h.resource.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn a_rule_that_fires_without_a_resource_is_told() {
    let examined = detect(RULE).examine(&event(&json!(null))).unwrap();
    assert!(examined.hits.is_empty());
    assert_eq!(examined.unplaced.len(), 1);
}

/// A rule as others write them: it does not say what its hits are about.
fn foreign() -> String {
    RULE.split_once("aisaws:").unwrap().0.replace("id: test.something", "id: f-1")
}

#[test]
fn a_foreign_rule_is_on_probation_and_points_where_the_event_does() {
    let mut record: serde_json::Value =
        serde_json::from_str(&event(&json!({"userName": "u"})).raw).unwrap();
    record["eventName"] = json!("UpdateAccessKey");
    record["requestParameters"]["accessKeyId"] = json!("AKIAIOSFODNN7EXAMPLE");
    let event = cloudtrail::parse(&record.to_string()).unwrap();
    let rule = foreign().replace("eventName: Something", "eventName: UpdateAccessKey");
    for promoted in [false, true] {
        let ids = promoted.then(|| "f-1".to_owned());
        let foreign = Foreign { mapping: Mapping::default(), promoted: ids.into_iter().collect() };
        let (detect, errors) = Detect::with_foreign([("f.yml", &*rule)], Vec::new(), foreign);
        assert!(errors.is_empty(), "{errors:?}");
        let hits = detect.detect(&event).unwrap();
        let [hit] = hits.as_slice() else { panic!("{hits:?}") };
        assert_eq!(hit.resource.to_string(), "AWS::IAM::AccessKey AKIAIOSFODNN7EXAMPLE");
        assert_eq!(hit.controls[0].as_str(), "iam.access-key-exposed");
        assert_eq!(hit.is_trial, !promoted);
        let loaded = detect.rules().next().unwrap();
        assert_eq!(detect.resource_of(loaded, &event).unwrap().resources[0], hit.resource);
    }
}

#[test]
fn a_hit_that_nothing_can_place_is_about_the_account() {
    let event = event(&json!(null));
    for rule in [RULE, &foreign()] {
        let detect = detect(rule);
        let loaded = detect.rules().next().unwrap();
        let located = detect.resource_of(loaded, &event).unwrap();
        assert_eq!(located.resources[0].to_string(), "AWS::::Account 111122223333");
        assert!(located.controls.is_empty());
        assert_eq!(detect.detect(&event).unwrap()[0].resource, located.resources[0]);
    }
}

/// Lambda's events carry the version of its API (Stratus Red Team, cloud-custodian#3292). Names
/// are matched as they are logged, since rules from elsewhere spell versions out.
#[test]
fn a_rule_says_whether_it_means_every_version_of_an_event() {
    let record = json!({
        "eventName": "AddPermission20150331v2", "eventSource": "lambda.amazonaws.com",
        "eventTime": "2026-03-01T10:00:00Z",
    });
    let event = cloudtrail::parse(&record.to_string()).unwrap();
    let rows = [
        ("eventName: AddPermission", 0),
        ("eventName: AddPermission20150331v2", 1),
        ("eventName|startswith: AddPermission", 1),
    ];
    for (wanted, expected) in rows {
        let detect = detect(&RULE.replace("eventName: Something", wanted));
        assert_eq!(detect.detect(&event).unwrap().len(), expected, "{wanted}");
    }
}

#[test]
fn a_rule_for_findings_points_at_what_the_finding_names() {
    let rule = RULE
        .replace("service: cloudtrail", "service: guardduty")
        .replace("eventName: Something", "type: 'Policy:S3/BucketPublicAccessGranted'")
        .replace("type: AWS::IAM::AccessKey", "type: AWS::S3::Bucket")
        .replace(
            "id: [requestParameters.first, { field: requestParameters.second, split: ':' }]",
            "from: finding",
        )
        .replace("    account: userIdentity.accountId\n", "");
    let detect = detect(&rule);
    let finding = |severity: f64| {
        let record = json!({
            "id": "f-1", "arn": "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/f-1",
            "type": "Policy:S3/BucketPublicAccessGranted", "severity": severity, "service": {},
            "accountId": "111122223333", "region": "eu-west-1", "updatedAt": "2026-03-01T10:00:00Z",
            "resource": { "s3BucketDetails": [{ "name": "acme-reports" }] },
        });
        read_one(&record.to_string()).unwrap()
    };
    // The rule says `high`; a finding can only make it graver.
    for (severity, expected) in [(2.0, Severity::High), (9.5, Severity::Critical)] {
        let hits = detect.detect(&finding(severity)).unwrap();
        let [hit] = hits.as_slice() else { panic!("{hits:?}") };
        assert_eq!(hit.resource.to_string(), "AWS::S3::Bucket acme-reports");
        assert_eq!(hit.severity, expected);
    }
    let both = rule.replace("from: finding", "from: finding\n    id: requestParameters.first");
    let (_, errors) = Detect::new([("rule.yml", both.as_str())], Vec::new());
    assert!(errors[0].to_string().contains("rule.yml"), "{errors:?}");
}

struct NoClock;

#[async_trait]
impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, _: Duration) {}
}

#[tokio::test]
async fn the_stage_takes_a_record_and_refuses_what_is_none() {
    let detect = detect(RULE);
    let cx = Cx { clock: &NoClock, key: "k" };
    let raw = event(&json!({"first": "a"})).raw;
    let hits = invoke(&detect, cx, serde_json::from_str(&raw).unwrap()).await.unwrap();
    assert_eq!(hits[0]["resource"]["id"], "a");
    let failure = invoke(&detect, cx, json!({"no": "record"})).await.unwrap_err();
    assert_eq!(failure.error, Fault::BadInput.name());
    let malformed = cloudtrail::parse("{}").unwrap_err();
    assert_eq!(StageError::from(malformed).fault(), Fault::BadInput);
}

#[test]
fn a_rule_that_cannot_be_used_is_named_with_its_line_and_the_others_work() {
    let rows = [
        ("window: 24h", "window: soon", "bad.yml:17: attribute `aisaws.window`"),
        ("  stage: test", "  stage: perhaps", "bad.yml:10: section `aisaws` is not as it must be"),
        ("eventName: Something", "eventName|nonsense: x", "bad.yml:6: field `eventName|nonsense`"),
        ("condition: selection", "condition: selektion", "bad.yml:7: condition `selektion`"),
        ("level: high", "level: huge", "bad.yml:8: attribute `level`"),
        ("eventName: Something", "eventName|re: '(?=x)'", "bad.yml:6: field `eventName|re`"),
        ("title: Something happened", "x: 1", "bad.yml:2: attribute `title` is missing"),
        ("level: high", "level: : high", "bad.yml:8: the rule is not valid YAML"),
    ];
    for (good, bad, expected) in rows {
        assert!(RULE.contains(good));
        let rule = RULE.replace(good, bad);
        let (detect, errors) = Detect::new([("bad.yml", &*rule), ("good.yml", RULE)], Vec::new());
        let [error] = errors.as_slice() else { panic!("{bad}: {errors:?}") };
        assert!(error.to_string().starts_with(expected), "{error}, expected {expected}");
        assert_eq!(detect.rules().count(), 1, "{bad}");
    }
    let (_, errors) = Detect::new([("a.yml", RULE), ("b.yml", RULE)], Vec::new());
    assert_eq!(
        errors[0].to_string(),
        "b.yml:2: rule id `test.something` is already used in a.yml:2"
    );
}

#[test]
fn a_cause_is_told_once() {
    let [Err(error)] = &parse("f.yml", &RULE.replace("eventName: Something", "a|re: '['"))[..]
    else {
        panic!()
    };
    assert!(matches!(error.problem, Problem::Regex { .. }));
    assert!(!error.to_string().contains("unclosed"));
    assert!(error.source().unwrap().to_string().contains("unclosed"));
}

#[test]
fn lint_remarks_on_what_is_missing_and_what_is_broken() {
    let remarks = lint::lint("r.yml", RULE);
    let texts: Vec<String> = remarks.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "r.yml:2: warning: the rule has no `description` of what it finds and why it matters",
            "r.yml:2: warning: the rule names no `falsepositives`",
        ]
    );
    let broken = RULE.replace("condition: selection", "condition: a | count() > 5");
    let [remark] = &lint::lint("r.yml", &broken)[..] else { panic!() };
    assert_eq!(remark.gravity, lint::Gravity::Error);
    let unused = RULE.replace("  condition", "  other: { a: 1 }\n  condition");
    let remark = lint::lint("r.yml", &unused).into_iter().find(|r| r.text.contains("`other`"));
    assert_eq!(remark.unwrap().place.line, Some(7));
    let rows = [
        ("attack.t1562.008", "attack.t1562.8", Some(9), lint::Gravity::Error),
        ("eventName: Something", "eventname: x", Some(6), lint::Gravity::Warning),
        ("eventName: Something", "a.b: x", Some(6), lint::Gravity::Warning),
        ("id: test.something", "author: me", Some(2), lint::Gravity::Error),
        ("level: high", "date: 2026-03-01", Some(2), lint::Gravity::Warning),
        ("controls: [iam.access-key-exposed]", "controls: nothing", Some(10), lint::Gravity::Error),
    ];
    for (good, bad, line, gravity) in rows {
        let remarks = lint::lint("r.yml", &RULE.replace(good, bad));
        let found = remarks.iter().any(|r| (r.place.line, r.gravity) == (line, gravity));
        assert!(found, "{bad}: {remarks:#?}");
        assert!(remarks.iter().all(|r| !r.next.is_empty()));
    }
    let files = [("a.yml", RULE), ("b.yml", RULE)];
    let texts: Vec<String> = lint::across(files, &|id| id.as_str() == "s3.bucket-acl-public")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "a.yml:15: error: control `iam.access-key-exposed` is not known",
            "b.yml:3: error: rule id `test.something` is already used in a.yml:2",
            "b.yml:15: error: control `iam.access-key-exposed` is not known",
        ]
    );
}

#[test]
fn what_is_understood_and_not_evaluated_is_told() {
    let text = r"
title: Windows
logsource: { product: windows, service: security }
detection: { s: { EventID: 1 }, condition: s }
";
    let documents = parse("f.yml", text).into_iter().map(Result::unwrap);
    let (rules, errors) = Logs::new(documents);
    assert!(errors.is_empty());
    let whys: Vec<(&str, usize)> = rules
        .not_evaluated()
        .iter()
        .map(|n| {
            let kind = match n.why {
                Why::Correlation(_) => "correlation",
                Why::Logsource(_) => "logsource",
            };
            (kind, n.place.line.unwrap())
        })
        .collect();
    assert_eq!(whys, [("logsource", 2)]);
    assert_eq!(
        rules.not_evaluated()[0].to_string(),
        "f.yml:2: `Windows` is for a log that is not read here"
    );
    for source in Source::ALL {
        let rules = rules.of(source).unwrap();
        assert_eq!(rules.matching(r#"{"EventID":1}"#, &Extra::NONE).unwrap().len(), 0);
    }
}

#[test]
fn a_member_that_cannot_be_read_hides_no_other() {
    let named = |id: &str, more: &str| {
        RULE.replace("eventName: Something", &format!("eventName: Something{more}"))
            .replace("test.something", id)
    };
    let texts = [
        named("by-name", ""),
        named("by-agent", ", userAgent: curl"),
        named("broken", ", requestParameters.a: 1"),
        named("not-broken", ", requestParameters.a: null"),
        named("searched", ", requestParameters|contains: evil"),
    ];
    let all = parse("f.yml", &texts.join("---\n"));
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    let deep = format!("{}1{}", "[".repeat(9999), "]".repeat(9999));
    for (value, is_searched) in [
        (r#"{"a":1,"b":"evil\ud800"}"#, true),
        (r#"{"a":1,"b":1e999}"#, false),
        (deep.as_str(), false),
    ] {
        let event = format!(
            r#"{{"eventName":"Something","requestParameters":{value},"userAgent":"curl"}}"#
        );
        let mut expected = vec!["by-agent", "by-name", "not-broken"];
        expected.extend(is_searched.then_some("searched"));
        let (rules, errors) = RuleSet::new(all.clone());
        assert!(errors.is_empty());
        let keys = |found: Vec<&aisaws_detect::sigma::Rule>| -> Vec<String> {
            found.iter().map(|rule| rule.meta.key().to_owned()).collect()
        };
        assert_eq!(keys(rules.matching(&event, &Extra::NONE).unwrap()), expected);
        assert_eq!(keys(rules.matching_unindexed(&event, &Extra::NONE).unwrap()), expected);
        // Each alone says what it says among the others.
        for document in &all {
            let (rules, _) = RuleSet::new([document.clone()]);
            let alone = keys(rules.matching(&event, &Extra::NONE).unwrap());
            assert!(alone.iter().all(|key| expected.contains(&key.as_str())), "{alone:?}");
        }
    }
}
