//! Lines of text say what the typed events do.

use std::collections::BTreeMap;
use std::fs;

use aisaws_core::id::derive;
use aisaws_core::resource::ResourceRef;
use aisaws_core::source::cloudtrail;
use aisaws_detect::builtin::RULES;
use aisaws_detect::{Detect, Foreign, Lines, Mapping};
use serde_json::Value;

use crate::data::{corpus, rule_files, shared};

/// Every n-th event: all of them take minutes without optimisation.
const STRIDE: usize = if cfg!(debug_assertions) { 61 } else { 1 };

/// The resource of each rule that hit, by the text.
fn of_lines(out: &[u8]) -> BTreeMap<String, Option<ResourceRef>> {
    let lines = std::str::from_utf8(out).unwrap().lines();
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let resource = serde_json::from_value(line["resource"].clone()).unwrap();
        (line["rule_id"].as_str().unwrap().to_owned(), resource)
    };
    lines.map(read).collect()
}

#[test]
fn a_line_names_what_a_hit_on_the_typed_event_names_first() {
    let mut files: Vec<(String, String)> =
        RULES.iter().map(|file| (file.path.to_owned(), file.rule.to_owned())).collect();
    for folder in ["sigma/sigmahq-aws-cloudtrail", "sigma/yamato-suzaku-aws"] {
        let Some(folder) = shared(folder) else { return };
        let paths = rule_files(&folder).into_iter();
        files.extend(paths.map(|p| (p.display().to_string(), fs::read_to_string(p).unwrap())));
    }
    let networks = vec!["192.0.2.0/24".parse().unwrap()];
    let (lines, _) = Lines::new(
        files.iter().map(|(name, text)| (name, text)),
        networks.clone(),
        Mapping::default(),
    );
    let (detect, _) = Detect::with_foreign(
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())),
        networks,
        Foreign::default(),
    );
    let mut out = Vec::new();
    let (mut hits, mut events) = (0, 0);
    for (file, text) in corpus("").iter().step_by(STRIDE) {
        let Ok(event) = cloudtrail::parse(text) else { continue };
        let examined = detect.examine(&event).unwrap();
        let mut expected: BTreeMap<String, Option<ResourceRef>> = BTreeMap::new();
        for hit in examined.hits {
            expected.entry(hit.rule.as_str().to_owned()).or_insert(Some(hit.resource));
        }
        expected.extend(examined.unplaced.iter().map(|rule| (rule.as_str().to_owned(), None)));
        out.clear();
        lines.examine(text, &mut out).unwrap();
        assert_eq!(of_lines(&out), expected, "{file}: {text}");
        hits += expected.len();
        events += 1;
    }
    assert!(events == 0 || hits > 0, "nothing was compared");
}

const RULE: &str = "title: T\nid: r-1\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    a: AbC\n  condition: s\n";
const OWN: &str = "title: Stopped\nid: own\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    eventName: StopLogging\n  condition: s\naisaws:\n  resource: {type: 'AWS::CloudTrail::Trail', id: requestParameters.name}\n  controls: []\n  stage: test\n";

fn lines(text: &str) -> String {
    let (rules, errors) =
        Lines::new([("r.yml", RULE), ("own.yml", OWN)], Vec::new(), Mapping::default());
    assert!(errors.is_empty(), "{errors:?}");
    let mut out = Vec::new();
    rules.examine(text, &mut out).unwrap();
    rules.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn any_object_is_asked_and_a_missing_id_is_derived_from_the_text() {
    let text = r#"{"a":"aBc"}"#;
    let id = derive("event", &[text]);
    let expected = format!(
        "{{\"event_id\":\"{id}\",\"rule_id\":\"r-1\",\"title\":\"T\",\"level\":\"medium\",\"resource\":null}}\n"
    );
    assert_eq!(lines(text), expected);
    assert_eq!(lines(r#"{"a":"b"}"#), "");
}

#[test]
fn a_rule_that_points_at_a_resource_names_it() {
    let record = r#"{"eventID":"e-1","eventTime":"2026-03-01T10:00:00Z","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","awsRegion":"eu-west-1","recipientAccountId":"111122223333","requestParameters":{"name":"main"}}"#;
    let expected = "{\"event_id\":\"e-1\",\"rule_id\":\"own\",\"title\":\"Stopped\",\"level\":\"high\",\"resource\":{\"type\":\"AWS::CloudTrail::Trail\",\"id\":\"main\",\"account\":\"111122223333\",\"region\":\"eu-west-1\"}}\n";
    let envelope = format!(
        r#"{{"version":"0","detail-type":"AWS API Call via CloudTrail","detail":{record}}}"#
    );
    let log = format!(r#"{{"format":1,"Records":[{record}]}}"#);
    let logs = format!(r#"{{"Records":[{envelope},{{}}]}}"#);
    for text in [record, &envelope, &log, &logs] {
        assert_eq!(lines(text), expected, "{text}");
    }
    // Without a time it is no event of the product, and still a hit.
    let bare = r#"{"eventID":"e-1","eventName":"stoplogging"}"#;
    assert!(lines(bare).ends_with("\"resource\":null}\n"), "{}", lines(bare));
}

#[test]
fn what_is_no_object_is_refused() {
    let (rules, _) = Lines::new([("r.yml", RULE)], Vec::new(), Mapping::default());
    for text in ["", "1", "[]", "{", "{\"a\":\"abc\"}{\"a\":2}"] {
        assert!(rules.examine(text, &mut Vec::new()).is_err(), "{text}");
    }
}

const FINDINGS: &str = r"
title: Duty
id: duty
logsource: { product: aws, service: guardduty }
detection: { s: { severity|gte: 4 }, condition: s }
---
title: Compliance
id: compliance
logsource: { product: aws, service: config }
detection: { s: { newEvaluationResult.complianceType: NON_COMPLIANT }, condition: s }
---
title: Hub
id: hub
logsource: { product: aws, service: securityhub }
detection: { s: { Severity.Label: [HIGH, CRITICAL] }, condition: s }
---
title: Every log
id: every
logsource: { product: aws }
detection: { s: { nothing: here }, condition: s }
---
title: Not the samples
logsource: { product: aws, service: guardduty }
filter:
  rules: [duty]
  selection: { id: filtered }
  condition: not selection
---
title: Twice
id: twice
level: high
correlation:
  type: event_count
  rules: [duty]
  group-by: [type]
  timespan: 1d
  condition: { gte: 2 }
  generate: true
";

fn guardduty(id: &str, day: u8, severity: u8) -> String {
    // Shape: GuardDuty user guide, "GuardDuty findings format"; EventBridge in `detail`.
    format!(
        r#"{{"schemaVersion":"2.0","accountId":"111122223333","region":"eu-west-1","partition":"aws","id":"{id}","arn":"arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/{id}","type":"UnauthorizedAccess:EC2/SSHBruteForce","resource":{{"resourceType":"Instance","instanceDetails":{{"instanceId":"i-1"}}}},"service":{{"serviceName":"guardduty","archived":false,"count":1}},"severity":{severity},"createdAt":"2026-03-0{day}T10:00:00Z","updatedAt":"2026-03-0{day}T10:00:00Z","title":"t","description":"d"}}"#
    )
}

#[test]
fn findings_are_asked_by_the_rules_of_their_log() {
    let (rules, errors) = Lines::new([("f.yml", FINDINGS)], Vec::new(), Mapping::default());
    assert!(errors.is_empty(), "{errors:?}");
    let config = r#"{"version":"0","source":"aws.config","detail-type":"Config Rules Compliance Change","detail":{"resourceId":"b","awsRegion":"eu-west-1","awsAccountId":"111122223333","configRuleName":"r","resourceType":"AWS::S3::Bucket","newEvaluationResult":{"complianceType":"NON_COMPLIANT","resultRecordedTime":"2026-03-01T10:00:00Z"},"messageType":"ComplianceChangeNotification","recordVersion":"1.0"}}"#;
    let asff = r#"{"SchemaVersion":"2018-10-08","Id":"h-1","ProductArn":"arn:aws:securityhub:eu-west-1::product/aws/x","GeneratorId":"g","AwsAccountId":"111122223333","Types":["x"],"CreatedAt":"2026-03-01T10:00:00Z","UpdatedAt":"2026-03-01T10:00:00Z","Severity":{"Label":"HIGH"},"Title":"t","Description":"d","Resources":[{"Type":"AwsS3Bucket","Id":"arn:aws:s3:::b"}]}"#;
    let hub = format!(
        r#"{{"source":"aws.securityhub","detail-type":"Security Hub Findings - Imported","detail":{{"findings":[{asff},{asff}]}}}}"#
    );
    let envelope = format!(
        r#"{{"source":"aws.guardduty","detail-type":"GuardDuty Finding","detail":{}}}"#,
        guardduty("f-1", 1, 5)
    );
    let bucket = Some("AWS::S3::Bucket b");
    let instance = Some("AWS::EC2::Instance i-1");
    let rows = [
        (envelope.as_str(), vec![("duty", instance)]),
        (&guardduty("f-2", 3, 2), vec![]),
        (&guardduty("filtered", 3, 8), vec![]),
        (config, vec![("compliance", bucket)]),
        (asff, vec![("hub", bucket)]),
        (&hub, vec![("hub", bucket), ("hub", bucket)]),
        // Another service cannot have found it.
        (&envelope.replace("aws.guardduty", "my.app"), vec![]),
    ];
    for (text, expected) in rows {
        let mut out = Vec::new();
        rules.examine(text, &mut out).unwrap();
        let found: Vec<(String, Option<String>)> = of_text(&out);
        let expected: Vec<_> =
            expected.iter().map(|(rule, r)| ((*rule).to_owned(), r.map(str::to_owned))).collect();
        assert_eq!(found, expected, "{text}");
    }
    let mut out = Vec::new();
    rules.examine(&guardduty("f-3", 2, 8), &mut out).unwrap();
    out.clear();
    assert_eq!(rules.finish(&mut out).unwrap(), 0);
    assert_eq!(of_text(&out), [("twice".to_owned(), instance.map(str::to_owned))]);
    // Of a finding that lacks what its service writes it is said so.
    assert!(
        rules
            .examine(&asff.replace("UpdatedAt", "Then").replace("CreatedAt", "Once"), &mut out)
            .is_err()
    );
}

/// Rules and resources of lines, in their order.
fn of_text(out: &[u8]) -> Vec<(String, Option<String>)> {
    let lines = std::str::from_utf8(out).unwrap().lines();
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let resource: Option<ResourceRef> =
            serde_json::from_value(line["resource"].clone()).unwrap();
        (line["rule_id"].as_str().unwrap().to_owned(), resource.map(|r| r.to_string()))
    };
    lines.map(read).collect()
}

#[test]
fn a_row_of_an_export_hits_as_its_record_does() {
    // Column names: CloudTrail user guide, event data stores; Athena user guide, CloudTrail logs.
    let record = r#"{"eventID":"e-1","eventTime":"2026-03-01T10:00:00Z","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","awsRegion":"eu-west-1","recipientAccountId":"111122223333","requestParameters":{"name":"main"}}"#;
    let text = |value: &str| serde_json::to_string(value).unwrap();
    let parameters = text(r#"{"name":"main"}"#);
    let athena = format!(
        r#"{{"eventid":"e-1","eventtime":"2026-03-01T10:00:00Z","eventname":"StopLogging","eventsource":"cloudtrail.amazonaws.com","awsregion":"eu-west-1","recipientaccountid":"111122223333","requestparameters":{parameters}}}"#
    );
    let own_casing = record.replace(r#"{"name":"main"}"#, &parameters);
    let whole = format!(r#"{{"eventJson":{}}}"#, text(record));
    let expected = lines(record);
    assert!(expected.contains("main"), "{expected}");
    for row in [athena, own_casing, whole] {
        assert_eq!(lines(&row), expected, "{row}");
    }
}
