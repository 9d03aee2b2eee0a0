//! The index loses nothing on real events.

use std::fmt::Write as _;

use aisaws_core::source::cloudtrail;
use aisaws_detect::sigma::{Document, Extra, Head, Rule, RuleSet};

use serde_json::{Value, json};

use crate::data::{corpus, documents, lines, shared};

/// Every n-th event: all of them take minutes without optimisation, and run in release.
const STRIDE: usize = if cfg!(debug_assertions) { 97 } else { 1 };

fn every_difference(rules: &RuleSet, events: &[(String, String)]) -> Vec<String> {
    let mut different = Vec::new();
    let keys = |rules: Vec<&Rule>| -> Vec<String> {
        rules.iter().map(|r| r.meta.key().to_owned()).collect()
    };
    for (number, (file, event)) in events.iter().enumerate() {
        let indexed = keys(rules.matching(event, &Extra::NONE).unwrap());
        // An event without a name or source is none that the other way is for.
        if let Ok(typed) = cloudtrail::parse(event) {
            let found = rules.matching_named(&typed.name, &typed.service, event, &Extra::NONE);
            let named = keys(found.unwrap());
            if indexed != named {
                different.push(format!("{file} #{number}: {indexed:?} against named {named:?}"));
            }
        }
        let head = Head::read(event).unwrap();
        for with_extra in [false, true] {
            let sifted = rules.sift(event, with_extra);
            let found = keys(rules.matching_sifted(&sifted, &head, &Extra::NONE));
            if indexed != found {
                different.push(format!("{file} #{number}: {indexed:?} against sifted {found:?}"));
            }
        }
        let asked = keys(rules.matching_unindexed(event, &Extra::NONE).unwrap());
        if indexed != asked {
            different.push(format!("{file} #{number}: {indexed:?} against {asked:?}"));
        }
    }
    different
}

#[test]
fn every_event_hits_the_same_rules_with_and_without_the_index() {
    let events: Vec<_> = corpus("").into_iter().step_by(STRIDE).collect();
    let mut all: Vec<Document> = Vec::new();
    for folder in ["sigma/sigmahq-aws-cloudtrail", "sigma/yamato-suzaku-aws"] {
        let Some(folder) = shared(folder) else { return };
        all.extend(documents(&folder).0);
    }
    let (rules, _) = RuleSet::new(all);
    let different = every_difference(&rules, &events);
    assert!(different.is_empty(), "{different:#?}");
}

/// Writes the event so that it means the same and looks different.
fn disguises(event: &Value) -> Vec<String> {
    let compact = event.to_string();
    let begun = compact.strip_suffix('}').unwrap();
    let rest = compact.strip_prefix('{').unwrap();
    vec![
        serde_json::to_string_pretty(event).unwrap(),
        compact.replace('/', "\\/"),
        escape_letters(&compact),
        compact.replace("mazonaws", "MAZONAWS").replace("Assumed", "aSSUMED"),
        // Of repeated members the last counts; what is nested or quoted is another member.
        format!("{{\"eventName\":\"None\",\"eventSource\":[],{rest}"),
        format!("{{\"x\":{{\"eventName\":\"None\",\"y\":{compact}}},{rest}"),
        format!("{begun},\"eventName\":\"None\"}}"),
        format!("{begun},\"eventSource\" : \"none\"}}"),
        json!({"x": compact, "y": {"eventName": 7}}).to_string(),
        compact.replace("eventName\":\"", "eventName\":\"\\u0020"),
        compact.replace("\"eventName\"", "\"event\\u004eame\""),
        compact.replace("\":\"", "\" :\n\t\""),
        // Lower-cased, U+212A is the letter k.
        compact.replace("\"AKIA", "\"A\u{212a}IA"),
    ]
}

/// Writes every small letter of every string as an escape.
fn escape_letters(json: &str) -> String {
    let mut escaped = String::new();
    let (mut in_string, mut after_backslash) = (false, false);
    for c in json.chars() {
        if c == '"' && !after_backslash {
            in_string = !in_string;
        }
        if in_string && !after_backslash && c.is_ascii_lowercase() {
            write!(escaped, "\\u{:04x}", u32::from(c)).unwrap();
        } else {
            escaped.push(c);
        }
        after_backslash = c == '\\' && !after_backslash;
    }
    escaped
}

#[test]
fn the_index_sees_through_every_way_to_write_an_event() {
    let Some(path) = shared("labelled/sigma_aws_dev.ndjson") else { return };
    let mut all: Vec<Document> = Vec::new();
    for folder in ["sigma/sigmahq-aws-cloudtrail", "sigma/yamato-suzaku-aws"] {
        let Some(folder) = shared(folder) else { return };
        all.extend(documents(&folder).0);
    }
    let rules = RuleSet::new(all).0;
    let cases = lines(&path);
    let events: Vec<(String, String)> = cases
        .iter()
        .filter(|case| case["kind"] == "positive")
        .step_by(if cfg!(debug_assertions) { 8 } else { 1 })
        .flat_map(|case| disguises(&case["event"]))
        .map(|event| ("disguised".to_owned(), event))
        .collect();
    let plain = serde_json::from_str::<Value>(&events[2].1).unwrap();
    assert_eq!(plain, serde_json::from_str::<Value>(&events[0].1).unwrap());
    let different = every_difference(&rules, &events);
    assert!(different.is_empty(), "{different:#?}");
}
