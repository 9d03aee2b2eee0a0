//! What a rule matches, a pattern lets through; judged by a small matcher of EventBridge's.

use aisaws_core::event::Source;
use aisaws_detect::builtin::RULES;
use aisaws_detect::event_pattern::{Limits, Pattern, State, patterns};
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
    match (test, value) {
        (Value::String(wanted), Value::String(is)) => wanted == is,
        (Value::Object(operator), Value::String(is)) => {
            let (name, operand) = operator.iter().next().unwrap();
            let operand = operand.as_str().unwrap();
            match name.as_str() {
                "equals-ignore-case" => is.eq_ignore_ascii_case(operand),
                "suffix" => is.ends_with(operand),
                other => panic!("operator `{other}` is not used"),
            }
        }
        _ => false,
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
    ]);
    let field = prop::sample::select(vec![
        "eventName",
        "eventSource",
        "eventName|contains",
        "eventSource|endswith",
        "errorCode",
        "eventName|cased",
        "eventName|re",
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

proptest! {
    #[test]
    fn any_event_that_any_rule_matches_is_let_through(
        one in selection(), two in selection(), condition in prop::sample::select(vec![
            "a", "a and b", "a or b", "a and not b", "not a", "1 of them", "all of them",
        ]),
        name in prop::option::of(json_value()), source in prop::option::of(json_value()),
        error in prop::option::of(json_value()), characters in 120_usize..2_048,
    ) {
        let rule = format!(
            "title: T\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  a:\n{one}  b:\n{two}  condition: {condition}\n"
        );
        let documents: Vec<_> = parse("r.yml", &rule).into_iter().flatten().collect();
        prop_assume!(!documents.is_empty());
        let logs = logs(documents);
        let members = [("eventName", name), ("eventSource", source), ("errorCode", error)];
        let event: Value = members.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?))).collect();
        if matches(&logs, &event.to_string()) {
            let patterns = patterns(&logs, Limits { characters, rules: 300 });
            prop_assert!(any(&patterns, &event), "{rule}\n{event}\n{patterns:?}");
        }
    }
}
