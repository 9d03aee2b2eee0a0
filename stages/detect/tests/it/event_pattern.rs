//! What a rule matches, a pattern lets through; judged by a small matcher of EventBridge's.

use aisaws_core::event::Source;
use aisaws_detect::builtin::RULES;
use aisaws_detect::event_pattern::{Limits, Pattern, State, patterns, unnarrowed};
use aisaws_detect::sigma::{Document, Extra, Logs, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::data::{corpus, documents, shared};

/// Whether EventBridge lets the event through, by its user guide: every field of the pattern
/// must fit, a list in the pattern is any of its members, a list in the event is all of them.
fn lets_through(pattern: &Value, event: &Value) -> bool {
    pattern.as_object().unwrap().iter().all(|(field, wanted)| match wanted {
        Value::Array(any) if field == "$or" => any.iter().any(|one| lets_through(one, event)),
        Value::Array(any) => {
            let found = event.get(field);
            any.iter().any(|test| match found {
                Some(Value::Array(values)) => values.iter().any(|value| fits(test, value)),
                Some(value) => fits(test, value),
                None => false,
            })
        }
        nested => event.get(field).is_some_and(|inside| lets_through(nested, inside)),
    })
}

fn fits(test: &Value, value: &Value) -> bool {
    let Value::Object(operator) = test else { return test == value };
    let (name, operand) = operator.iter().next().unwrap();
    // Operators look at leaves only.
    if name == "exists" {
        return operand == &json!(true) && !value.is_object();
    }
    let Value::String(is) = value else { return false };
    let (is, operand) = match operand.get("equals-ignore-case") {
        Some(folded) => (is.to_ascii_lowercase(), folded.as_str().unwrap().to_ascii_lowercase()),
        None => (is.clone(), operand.as_str().unwrap().to_owned()),
    };
    match name.as_str() {
        "equals-ignore-case" => is.eq_ignore_ascii_case(&operand),
        "prefix" => is.starts_with(&operand),
        "suffix" => is.ends_with(&operand),
        "wildcard" => {
            let inside = operand.strip_prefix('*').and_then(|o| o.strip_suffix('*')).unwrap();
            // EventBridge refuses a wildcard beside another.
            assert!(!inside.contains('\\') && !operand.contains("**"), "{operand}");
            let mut rest = is.as_str();
            inside.split('*').all(|part| match rest.split_once(part) {
                Some((_, behind)) => {
                    rest = behind;
                    true
                }
                None => false,
            })
        }
        other => panic!("operator `{other}` is not used"),
    }
}

fn any(patterns: &[Pattern], detail: &Value) -> bool {
    let event = json!({
        "source": "aws.any", "detail-type": "AWS API Call via CloudTrail", "detail": detail,
    });
    patterns.iter().any(|p| lets_through(&p.pattern, &event))
}

fn logs(documents: Vec<Document>) -> Logs {
    Logs::new(documents).0
}

fn own() -> Logs {
    logs(RULES.iter().flat_map(|f| parse(f.path, f.rule)).map(Result::unwrap).collect())
}

fn matches(logs: &Logs, text: &str) -> bool {
    !logs.of(Source::CloudTrail).unwrap().matching(text, &Extra::NONE).unwrap().is_empty()
}

#[test]
fn every_event_that_a_rule_matches_is_let_through() {
    let mut sets = vec![own()];
    for folders in [
        &["sigma/sigmahq-aws-cloudtrail"][..],
        &["sigma/sigmahq-aws-cloudtrail", "sigma/yamato-suzaku-aws"],
    ] {
        let folders: Option<Vec<_>> = folders.iter().map(|folder| shared(folder)).collect();
        let Some(folders) = folders else { return };
        sets.push(logs(folders.iter().flat_map(|f| documents(f).0).collect()));
    }
    let events = corpus("");
    for logs in &sets {
        for (characters, rules) in [(2_048, 300), (512, 300), (2_048, 3)] {
            let patterns = patterns(logs, Limits { characters, rules });
            assert!(patterns.len() <= rules, "{}", patterns.len());
            assert!(patterns.iter().all(|p| p.pattern.to_string().len() <= characters));
            for (file, text) in events.iter().step_by(if cfg!(debug_assertions) { 23 } else { 1 }) {
                if matches(logs, text) {
                    let detail = serde_json::from_str(text).unwrap();
                    assert!(any(&patterns, &detail), "{file}: {text}");
                }
            }
        }
    }
}

#[test]
fn what_no_rule_is_about_stays_outside() {
    let rule = "title: T\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    eventSource: iam.amazonaws.com\n    eventName: [CreateUser, DeleteUser]\n  condition: s\n";
    let documents: Vec<_> = parse("r.yml", rule).into_iter().map(Result::unwrap).collect();
    let patterns = patterns(&logs(documents), Limits::default());
    let [only] = patterns.as_slice() else { panic!("{patterns:?}") };
    let expected = json!({
        "source": [{"prefix": "aws."}],
        "detail-type": [{"suffix": " via CloudTrail"}],
        "detail": {
            "eventSource": [{"equals-ignore-case": "iam.amazonaws.com"}],
            "eventName": [{"equals-ignore-case": "createuser"}, {"equals-ignore-case": "deleteuser"}],
        },
    });
    assert_eq!((&only.pattern, only.state), (&expected, State::Enabled));
    assert!(!any(
        &patterns,
        &json!({"eventSource": "ec2.amazonaws.com", "eventName": "CreateUser"})
    ));
}

#[test]
fn findings_come_from_their_senders_only() {
    let rule = "title: T\nlogsource: {product: aws, service: guardduty}\ndetection:\n  s:\n    severity|gte: 7\n  condition: s\n";
    let documents: Vec<_> = parse("r.yml", rule).into_iter().map(Result::unwrap).collect();
    let patterns = patterns(&logs(documents), Limits::default());
    let [only] = patterns.as_slice() else { panic!("{patterns:?}") };
    assert_eq!(
        only.pattern,
        json!({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]})
    );
}

#[test]
fn what_aws_did_not_send_stays_outside() {
    // Anybody may put events of any type on the bus; only AWS sends from a source `aws.*`.
    let everything = "title: T\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    - needle\n  condition: s\n";
    let everything = parse("r.yml", everything).into_iter().map(Result::unwrap).collect();
    for (logs, limits) in [
        (own(), Limits::default()),
        (own(), Limits { characters: 2_048, rules: 2 }),
        (logs(everything), Limits::default()),
    ] {
        let patterns = patterns(&logs, limits);
        let detail = json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging"});
        let is_let = |source: &str| {
            let kind = "AWS API Call via CloudTrail";
            let event = json!({"source": source, "detail-type": kind, "detail": detail});
            patterns.iter().any(|p| lets_through(&p.pattern, &event))
        };
        assert!(is_let("aws.cloudtrail"), "{patterns:?}");
        assert!(!is_let("custom.cloudtrail") && !is_let("aws"), "{patterns:?}");
        let ours = patterns.iter().filter(|p| p.pattern["source"] == json!([{"prefix": "aws."}]));
        assert_eq!(
            ours.count() + usize::from(patterns[0].pattern["source"][0].is_string()),
            patterns.len(),
            "{patterns:?}"
        );
    }
}

/// A selection about a name and a source, with values that the two systems read differently.
fn selection() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "StopLogging",
        "stoplogging",
        "Get*",
        "'5'",
        "'true'",
        "5",
        "null",
        "K\u{212a}",
        "iam.amazonaws.com",
        "[StopLogging, GetObject]",
        "'{\"a\":1}'",
        "''",
        "true",
        "false",
        "e",
        "Kali",
        "Denied",
        "AccessDenied",
        "Den.*ied",
        "rue",
    ]);
    let field = prop::sample::select(vec![
        "eventName",
        "eventSource",
        "eventName|contains",
        "eventSource|endswith",
        "errorCode",
        "eventName|cased",
        "eventName|re",
        "errorCode|startswith",
        "errorCode|endswith",
        "errorCode|contains",
        "errorCode|contains|cased",
        "errorCode|cased|startswith",
        "errorCode|re",
        "errorCode|exists",
        "userIdentity.type",
        "userIdentity.type|cased|endswith",
        "readOnly",
        "userAgent",
        "userAgent|startswith",
        "requestParameters.x",
    ]);
    prop::collection::btree_map(field, value, 1..4).prop_map(|members| {
        let lines = members.iter().map(|(field, value)| format!("    {field}: {value}\n"));
        lines.collect()
    })
}

fn json_value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("StopLogging"),
        json!("STOPLOGGING"),
        json!("GetObject"),
        json!(5),
        json!("5"),
        json!(true),
        json!("true"),
        Value::Null,
        json!(["x", "StopLogging"]),
        json!([]),
        json!("kk"),
        json!("iam.amazonaws.com"),
        json!({"a": 1}),
        json!(""),
        json!("AccessDenied"),
    ])
}

/// A value of a field that is documented to be one text or truth.
fn leaf() -> impl Strategy<Value = Value> {
    let more = prop::sample::select(vec![
        json!("Kali"),
        json!("\u{212a}ali"),
        json!("kal\u{130}"),
        json!("Client.AccessDenied"),
        json!("denied-by"),
        json!(false),
        json!("FALSE"),
        json!("e"),
        json!(1e5),
    ]);
    prop_oneof![more, json_value().prop_filter("a leaf", |v| !v.is_object() && !v.is_array())]
}

/// The same of a field that AWS writes and no caller: in letters of ASCII.
fn of_aws() -> impl Strategy<Value = Value> {
    leaf().prop_filter("of AWS", |value| value.as_str().is_none_or(str::is_ascii))
}

#[test]
fn rules_about_other_fields_narrow_what_is_let_through() {
    let detection = |section: &str| {
        format!(
            "title: T\nid: t\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n{section}\n"
        )
    };
    // Operators: EventBridge user guide, "Comparison operators".
    let rows = [
        (
            "  s: {userIdentity.accessKeyId|cased|startswith: AKIA, aisaws.source_network: unknown}\n  condition: s",
            json!({"userIdentity": {"accessKeyId": [{"prefix": "AKIA"}]}}),
        ),
        (
            "  s: {userIdentity.type: Root, readOnly: false}\n  n: {eventType: AwsServiceEvent}\n  condition: s and not n",
            json!({
                "userIdentity": {"type": [{"equals-ignore-case": "root"}]},
                "readOnly": [false, {"equals-ignore-case": "false"}],
            }),
        ),
        (
            "  s: {errorCode|startswith: Access, userAgent|contains: x}\n  condition: s",
            json!({"errorCode": [{"prefix": {"equals-ignore-case": "access"}}]}),
        ),
        (
            "  s: {errorCode|contains: Denied}\n  condition: s",
            json!({"errorCode": [{"exists": true}]}),
        ),
        (
            "  s: {errorCode: A}\n  t: {userIdentity.arn|re: '.+:assumed-role/aws:.+'}\n  condition: s or t",
            json!({"$or": [
                {"errorCode": [{"equals-ignore-case": "a"}]},
                {"userIdentity": {"arn": [{"wildcard": "*:assumed-role/aws:*"}]}},
            ]}),
        ),
        (
            "  s: {userIdentity.arn|re: ':assumed-role/.+/i-[0-9a-f]{8,17}$'}\n  condition: s",
            json!({"userIdentity": {"arn": [{"wildcard": "*:assumed-role/*/i-*"}]}}),
        ),
    ];
    for (section, expected) in rows {
        let logs =
            logs(parse("r.yml", &detection(section)).into_iter().map(Result::unwrap).collect());
        let patterns = patterns(&logs, Limits::default());
        let [only] = patterns.as_slice() else { panic!("{patterns:?}") };
        assert_eq!(only.pattern["detail"], expected, "{section}");
        assert!(unnarrowed(&logs).is_empty());
    }
    for section in [
        "  s: {userAgent|contains: kali}\n  condition: s",
        "  s: {userIdentity.arn|re|i: 'role/x'}\n  condition: s",
        "  s: {errorCode: null}\n  condition: s",
        "  s: {errorCode: A}\n  condition: not s",
        "  s: {requestParameters.x|contains: y}\n  condition: s",
        "  s:\n    - needle\n  condition: s",
    ] {
        let logs =
            logs(parse("r.yml", &detection(section)).into_iter().map(Result::unwrap).collect());
        assert_eq!(patterns(&logs, Limits::default())[0].pattern.get("detail"), None, "{section}");
        assert_eq!(unnarrowed(&logs)[0].rule, "t", "{section}");
    }
}

#[test]
fn our_own_rules_let_through_less_than_everything() {
    assert_eq!(unnarrowed(&own()), []);
    let patterns = patterns(&own(), Limits::default());
    let seldom = json!({
        "eventName": "HeadBucket", "eventSource": "s3.amazonaws.com", "readOnly": true,
        "userIdentity": {"type": "AWSService", "invokedBy": "x"}, "userAgent": "x",
    });
    assert!(!any(&patterns, &seldom), "{patterns:?}");
    // Roles read all day; our own do.
    let reads = |session: &str| {
        json!({
            "eventName": "DescribeAlarms", "eventSource": "monitoring.amazonaws.com",
            "readOnly": true, "sourceIPAddress": "203.0.113.7", "userAgent": "x",
            "userIdentity": {
                "type": "AssumedRole", "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
                "arn": format!("arn:aws:sts::111122223333:assumed-role/aisaws-reader/{session}"),
            },
        })
    };
    assert!(!any(&patterns, &reads("aisaws-scan")), "{patterns:?}");
    assert!(any(&patterns, &reads("i-0123456789abcdef0")), "{patterns:?}");
}

proptest! {
    #[test]
    fn any_event_that_any_rule_matches_is_let_through(
        one in selection(), two in selection(), condition in prop::sample::select(vec![
            "a", "a and b", "a or b", "a and not b", "not a", "1 of them", "all of them",
        ]),
        name in prop::option::of(json_value()), source in prop::option::of(json_value()),
        error in prop::option::of(of_aws()), kind in prop::option::of(of_aws()),
        reads in prop::option::of(of_aws()), agent in prop::option::of(leaf()),
        parameter in prop::option::of(json_value()), characters in 120_usize..2_048,
    ) {
        let rule = format!(
            "title: T\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  a:\n{one}  b:\n{two}  condition: {condition}\n"
        );
        let documents: Vec<_> = parse("r.yml", &rule).into_iter().flatten().collect();
        prop_assume!(!documents.is_empty());
        let logs = logs(documents);
        let members = [
            ("eventName", name), ("eventSource", source), ("errorCode", error),
            ("userIdentity", kind.map(|kind| json!({"type": kind}))), ("readOnly", reads),
            ("userAgent", agent), ("requestParameters", parameter.map(|x| json!({"x": x}))),
        ];
        let event: Value = members.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?))).collect();
        if matches(&logs, &event.to_string()) {
            let patterns = patterns(&logs, Limits { characters, rules: 300 });
            prop_assert!(any(&patterns, &event), "{rule}\n{event}\n{patterns:?}");
        }
    }
}
