//! Whether an EventBridge rule of ours lets a record of CloudTrail through, as EventBridge does it.
//!
//! It knows the operators that [`patterns`](crate::event_pattern::patterns) uses. What it does not
//! know counts as let through: a gap that is none is looked at, one that is not named is not.
//!
//! Source: EventBridge user guide, "Comparison operators" and "How event patterns match": any of a
//! field's values, every field of a pattern, an event's list by any of its elements.

use serde_json::{Map, Value};

use crate::event_pattern::{Pattern, State};

/// Calls whose names begin so come only to rules that ask for them.
const READS: [&str; 3] = ["Get", "List", "Describe"];

/// Whether any of the rules lets the record through.
pub fn lets_through(patterns: &[Pattern], record: &Value) -> bool {
    patterns.iter().any(|pattern| is_let(pattern, record))
}

fn is_let(pattern: &Pattern, record: &Value) -> bool {
    let name = record.get("eventName").and_then(Value::as_str).unwrap_or_default();
    let is_management = record.get("managementEvent") != Some(&Value::Bool(false));
    let reads = is_management && READS.iter().any(|verb| name.starts_with(verb));
    match pattern.state {
        State::Enabled if reads => return false,
        State::Enabled | State::EnabledWithAllCloudtrailManagementEvents => {}
    }
    let Some(pattern) = pattern.pattern.as_object() else { return true };
    let envelope = |field: &str| match field {
        "detail-type" => Some(Value::from(detail_type(record))),
        "source" => Some(Value::from(source(record))),
        "detail" => Some(record.clone()),
        _ => None,
    };
    pattern.iter().all(|(field, wanted)| match envelope(field) {
        Some(found) => holds(wanted, Some(&found)),
        None => true,
    })
}

/// As CloudTrail names the kinds of its events on the bus.
fn detail_type(record: &Value) -> &'static str {
    match record.get("eventType").and_then(Value::as_str) {
        Some("AwsServiceEvent") => "AWS Service Event via CloudTrail",
        Some("AwsConsoleSignIn") => "AWS Console Sign In via CloudTrail",
        Some("AwsCloudTrailInsight") => "AWS Insight via CloudTrail",
        _ => "AWS API Call via CloudTrail",
    }
}

fn source(record: &Value) -> String {
    let source = record.get("eventSource").and_then(Value::as_str).unwrap_or_default();
    format!("aws.{}", source.split('.').next().unwrap_or_default())
}

/// Whether a value is as a part of a pattern wants it; `None`: it is not there.
fn holds(wanted: &Value, found: Option<&Value>) -> bool {
    match wanted {
        // One of these.
        Value::Array(ways) => ways.iter().any(|way| any(found, &|one| is(way, one))),
        Value::Object(fields) => any(found, &|one| members(fields, one)),
        _ => true,
    }
}

/// Whether it holds for the value, or for an element of a list.
fn any(found: Option<&Value>, holds: &dyn Fn(Option<&Value>) -> bool) -> bool {
    match found {
        Some(Value::Array(list)) if !list.is_empty() => list.iter().any(|one| holds(Some(one))),
        other => holds(other),
    }
}

fn members(fields: &Map<String, Value>, found: Option<&Value>) -> bool {
    fields.iter().all(|(field, wanted)| match (field.as_str(), wanted) {
        ("$or", Value::Array(ways)) => ways.iter().any(|way| holds(way, found)),
        _ => holds(wanted, found.and_then(|found| found.get(field))),
    })
}

/// Whether one value is as one comparison wants it.
fn is(way: &Value, found: Option<&Value>) -> bool {
    let Some((operator, argument)) = way.as_object().and_then(|way| way.iter().next()) else {
        return found == Some(way);
    };
    let text = found.and_then(Value::as_str);
    let (argument, any_case) = match argument.get("equals-ignore-case") {
        Some(inside) => (inside, true),
        None => (argument, operator == "equals-ignore-case"),
    };
    let given = argument.as_str().unwrap_or_default();
    let fold = |text: &str| if any_case { text.to_lowercase() } else { text.to_owned() };
    match operator.as_str() {
        "exists" => argument.as_bool() == Some(found.is_some()),
        "equals-ignore-case" => text.is_some_and(|text| fold(text) == fold(given)),
        "prefix" => text.is_some_and(|text| fold(text).starts_with(&fold(given))),
        "suffix" => text.is_some_and(|text| fold(text).ends_with(&fold(given))),
        "wildcard" => text.is_some_and(|text| is_like(given, text)),
        _ => true,
    }
}

/// `*` stands for any letters, none too; a backslash takes its meaning from what follows.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = vec![String::new()];
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => parts.push(String::new()),
            letter => {
                let letter = if letter == '\\' { letters.next().unwrap_or('\\') } else { letter };
                if let Some(last) = parts.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    let [first, between @ .., last] = parts.as_slice() else {
        return parts.first().is_some_and(|whole| whole == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in between {
        match rest.split_once(part.as_str()) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pattern(detail: &Value, state: State) -> Vec<Pattern> {
        let pattern = json!({
            "source": [{"prefix": "aws."}], "detail-type": [{"suffix": " via CloudTrail"}],
            "detail": detail,
        });
        vec![Pattern { pattern, state }]
    }

    fn is_let(detail: &Value, record: &Value) -> bool {
        lets_through(&pattern(detail, State::EnabledWithAllCloudtrailManagementEvents), record)
    }

    #[test]
    fn comparisons_are_those_of_the_guide() {
        // Patterns and texts of the user guide's examples, put into a record.
        for (way, text, wanted) in [
            (json!("us-east-1"), "us-east-1", true),
            (json!("us-east-1"), "US-EAST-1", false),
            (json!({"prefix": "us-"}), "us-east-1", true),
            (json!({"prefix": "us-"}), "eu-west-1", false),
            (json!({"prefix": {"equals-ignore-case": "EventB"}}), "eventbridge", true),
            (json!({"suffix": ".png"}), "a.png", true),
            (json!({"suffix": {"equals-ignore-case": ".png"}}), "a.PNG", true),
            (json!({"equals-ignore-case": "alice"}), "ALICE", true),
            (json!({"exists": true}), "x", true),
            (json!({"exists": false}), "x", false),
            (json!({"wildcard": "*test*"}), "a test b", true),
            (json!({"wildcard": "arn:*:role/*"}), "arn:aws:iam::1:role/x", true),
            (json!({"wildcard": "arn:*:role/*"}), "arn:aws:iam::1:user/x", false),
            (json!({"wildcard": "a\\*b"}), "a*b", true),
            (json!({"wildcard": "a\\*b"}), "axb", false),
        ] {
            let found = is_let(&json!({"awsRegion": [way]}), &json!({"awsRegion": text}));
            assert_eq!(found, wanted, "{way} {text}");
        }
    }

    #[test]
    fn every_field_and_one_of_the_ways_has_to_hold() {
        let detail = json!({"$or": [
            {"eventSource": [{"equals-ignore-case": "s3.amazonaws.com"}], "eventName": ["PutBucketAcl", "PutBucketPolicy"]},
            {"requestParameters": {"publicAccess": [{"exists": true}]}},
        ]});
        let s3 = |name: &str| json!({"eventSource": "s3.amazonaws.com", "eventName": name});
        assert!(is_let(&detail, &s3("PutBucketAcl")));
        assert!(!is_let(&detail, &s3("CreateBucket")));
        assert!(is_let(&detail, &json!({"requestParameters": {"publicAccess": true}})));
    }

    #[test]
    fn a_list_of_the_event_matches_by_any_of_its_elements() {
        let detail = json!({"resources": {"type": ["AWS::S3::Bucket"]}});
        let record =
            json!({"resources": [{"type": "AWS::S3::Object"}, {"type": "AWS::S3::Bucket"}]});
        assert!(is_let(&detail, &record));
        assert!(!is_let(&detail, &json!({"resources": []})));
    }

    #[test]
    fn calls_that_only_read_come_to_rules_that_ask_for_them() {
        let read = json!({"eventName": "GetBucketAcl", "managementEvent": true});
        let any = json!({"eventName": [{"exists": true}]});
        assert!(!lets_through(&pattern(&any, State::Enabled), &read));
        assert!(is_let(&any, &read));
        let data = json!({"eventName": "GetObject", "managementEvent": false});
        assert!(lets_through(&pattern(&any, State::Enabled), &data));
    }
}
