//! Whatever bytes come, a parser answers; and it answers the same again.

use aisaws_core::source::{check, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::data::{read, recorded};
use crate::findings::all;

fn seeds() -> Vec<Value> {
    let mut seeds: Vec<Value> = all().into_iter().map(|(_, record)| record).collect();
    seeds.push(json!({
        "eventID": "e-1", "eventTime": "2026-03-01T10:00:00Z", "eventName": "PutBucketAcl",
        "eventSource": "s3.amazonaws.com", "addendum": { "originalEventID": "e-0" },
        "requestParameters": "{\"bucketName\":\"b\"}", "resources": [{ "ARN": "arn:aws:s3:::b" }]
    }));
    seeds.push(json!({ "eventname": "A", "eventsource": "b", "eventtime": "2026-03-01 10:00:00",
                       "useridentity": { "type": "Root" } }));
    seeds
}

/// Replaces one value somewhere in the record.
fn mutate(value: &mut Value, path: &[usize], by: &Value) {
    let Some((step, rest)) = path.split_first() else {
        *value = by.clone();
        return;
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            let at = step % map.len();
            if let Some(inner) = map.values_mut().nth(at) {
                mutate(inner, rest, by);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = step % items.len();
            mutate(&mut items[at], rest, by);
        }
        other => *other = by.clone(),
    }
}

fn odd_values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("")),
        Just(json!([])),
        Just(json!({})),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!([[["x"]]])),
        Just(json!("arn:::::")),
        Just(json!("{\"eventJson\":\"{\\\"eventJson\\\":1}\"}")),
        ".{0,12}".prop_map(Value::String),
    ]
}

/// Reading never panics, and what was read reads as itself again from what is kept of it.
fn is_steady(text: &str) -> Result<(), TestCaseError> {
    let (events, dead) = read(text);
    let (again, dead_again) = read(text);
    prop_assert_eq!(&events, &again);
    prop_assert_eq!(dead, dead_again);
    for event in events {
        let kept = parse(event.source, &event.raw);
        prop_assert!(kept.is_ok(), "{:?} of {}", kept, event.raw);
        if let Ok(kept) = kept {
            prop_assert_eq!(kept, event);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn changed_records_are_read_the_same_twice(
        seed in 0..8_usize,
        changes in proptest::collection::vec((proptest::collection::vec(0..40_usize, 1..5), odd_values()), 1..4),
    ) {
        let mut seeds = seeds();
        let mut record = seeds.swap_remove(seed);
        for (path, by) in &changes {
            mutate(&mut record, path, by);
        }
        is_steady(&record.to_string())?;
    }

    #[test]
    fn cut_and_scrambled_records_are_read_the_same_twice(
        seed in 0..8_usize, cut in 0..2000_usize, at in 0..2000_usize, byte in "[\\[\\]{}\",:0a\\\\]",
    ) {
        let mut text = seeds().swap_remove(seed).to_string();
        let at = at % text.len();
        if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
            text.replace_range(at..=at, &byte);
        }
        let cut = cut % (2 * text.len());
        if text.is_char_boundary(cut) {
            text.truncate(cut);
        }
        is_steady(&text)?;
    }

    #[test]
    fn any_text_is_answered(text in ".{0,200}") {
        is_steady(&text)?;
    }
}

#[test]
fn recordings_read_as_themselves_again() {
    for name in ["guardduty", "securityhub", "config", "cloudtrail_eventbridge", "other"] {
        for record in recorded(&format!("{name}.ndjson")) {
            is_steady(&record.to_string()).unwrap();
        }
    }
}

#[test]
fn brackets_without_end_are_refused_and_do_not_overflow() {
    for open in ["[", "{\"a\":", "{\"detail-type\":\"x\",\"detail\":", "{\"Records\":["] {
        let text = open.repeat(20_000);
        assert!(check(&text).is_err());
        let (events, dead) = read(&text);
        assert!(events.is_empty() && dead.len() == 1);
    }
}
