//! Real events, changed at random: nothing panics or hangs, and no index loses a hit.
//!
//! `AISAWS_MUTATED` sets how many are tried; a million take minutes with optimisation.

use std::fmt::Write as _;

use aisaws_core::source::cloudtrail;
use aisaws_detect::sigma::{Document, Extra, Head, Rule, RuleSet, parse};
use aisaws_detect::{Detect, Lines, Mapping};
use serde_json::Value;

use crate::data::{corpus, documents, rule_files, shared};

const COUNT: usize = if cfg!(debug_assertions) { 1_000 } else { 20_000 };

/// Numbers that look random and are the same every time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end.max(1) as u64)).unwrap()
    }
}

/// What is put into texts and bytes: what rules look for, and what readers stumble over.
const PASTED: [&str; 16] = [
    "\"eventName\":\"PutObject\",",
    "\\u0065ventName",
    "\\\"",
    "\u{212a}",
    "synthetic-31-tool",
    "StopLogging",
    "AssumedRole",
    "\"errorCode\":\"AccessDenied\",",
    "{",
    "]",
    "\\",
    "1e999",
    "-0",
    "null",
    "\"eventSource\":[\"s3.amazonaws.com\"],",
    "[[[[[[[[[[[[[[[[",
];

/// Changes bytes, as a broken writer would.
fn mangled(event: &str, numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = event.as_bytes().to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len());
        match numbers.below(5) {
            0 => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
            1 => bytes.truncate(at.max(1)),
            2 => drop(bytes.drain(at..(at + numbers.below(40)).min(bytes.len()))),
            3 => drop(bytes.splice(at..at, PASTED[numbers.below(PASTED.len())].bytes())),
            _ => {
                let piece = bytes[at..(at + numbers.below(200)).min(bytes.len())].to_vec();
                let to = numbers.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
        if bytes.is_empty() {
            bytes.push(b'{');
        }
    }
    bytes
}

/// Changes a value, as an attacker may: it stays JSON.
fn changed(value: &mut Value, numbers: &mut Numbers) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let key = members.keys().nth(numbers.below(members.len())).unwrap().clone();
            match numbers.below(6) {
                0 => drop(members.remove(&key)),
                1 => {
                    let value = members.remove(&key).unwrap();
                    members.insert(PASTED[numbers.below(PASTED.len())].to_owned(), value);
                }
                _ => changed(members.get_mut(&key).unwrap(), numbers),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = numbers.below(items.len());
            changed(&mut items[at], numbers);
        }
        Value::String(text) => match numbers.below(5) {
            0 => *text = text.to_uppercase(),
            1 => *text = PASTED[numbers.below(PASTED.len())].to_owned(),
            2 => text.push_str(PASTED[numbers.below(PASTED.len())]),
            3 => *value = Value::from(vec![value.clone(), Value::Null]),
            _ => *value = Value::Null,
        },
        other => *other = Value::from(PASTED[numbers.below(PASTED.len())]),
    }
}

/// Many rules of one name, each of which needs a rare text besides.
fn crowd() -> String {
    let mut rules = String::new();
    for n in 0..40 {
        let field = ["userAgent|contains", "userIdentity.arn|endswith", "errorCode"][n % 3];
        write!(
            rules,
            "title: S{n}\nid: synthetic-{n}\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  s:\n    eventName: [PutObject, GetObject, AssumeRole]\n    {field}: 'synthetic-{n}-tool'\n  condition: s\n---\n"
        )
        .unwrap();
    }
    rules
}

#[test]
fn mutated_events_neither_panic_nor_hang_and_hit_the_same_rules_on_every_way() {
    let folders = ["sigma/sigmahq-aws-cloudtrail", "sigma/yamato-suzaku-aws"];
    let folders: Option<Vec<_>> = folders.iter().map(|folder| shared(folder)).collect();
    let Some(folders) = folders else { return };
    let count = std::env::var("AISAWS_MUTATED").ok().and_then(|n| n.parse().ok()).unwrap_or(COUNT);
    let crowd = crowd();
    let mut all: Vec<Document> = folders.iter().flat_map(|folder| documents(folder).0).collect();
    all.extend(parse("crowd.yml", &crowd).into_iter().map(Result::unwrap));
    let rules = RuleSet::new(all).0;
    let texts = folders
        .iter()
        .flat_map(|folder| rule_files(folder))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    let texts = texts.chain([("crowd.yml".to_owned(), crowd.clone())]);
    let lines = Lines::new(texts, Vec::new(), Mapping::default()).0;
    let own = Detect::builtin(Vec::new()).unwrap();
    let events = corpus("");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut hits, mut broken) = (0, 0);
    let mut out = Vec::new();
    for n in 0..count {
        let (_, event) = &events[numbers.below(events.len())];
        let text = if n % 2 == 0 {
            String::from_utf8_lossy(&mangled(event, &mut numbers)).into_owned()
        } else {
            let mut value: Value = serde_json::from_str(event).unwrap();
            for _ in 0..=numbers.below(3) {
                changed(&mut value, &mut numbers);
            }
            value.to_string()
        };
        out.clear();
        let written = lines.examine(text.trim(), &mut out);
        if let Ok(event) = cloudtrail::parse(&text) {
            own.examine(&event).ok();
        }
        let Ok(asked) = rules.matching_unindexed(&text, &Extra::NONE) else {
            broken += 1;
            assert!(rules.matching(&text, &Extra::NONE).is_err() || Head::read(&text).is_ok());
            continue;
        };
        let keys = |rules: &[&Rule]| -> Vec<String> {
            rules.iter().map(|rule| rule.meta.key().to_owned()).collect()
        };
        let asked = keys(&asked);
        hits += asked.len();
        assert_eq!(keys(&rules.matching(&text, &Extra::NONE).unwrap()), asked, "{text}");
        let (sifted, head) = (rules.sift(&text, false), Head::read(&text).unwrap());
        let sifted = rules.matching_sifted(&sifted, &head, &Extra::NONE);
        assert_eq!(keys(&sifted), asked, "{text}");
        assert!(written.is_ok() || !asked.is_empty(), "{text}");
    }
    assert!(hits > count / 2 && broken > count / 10, "{hits} hits, {broken} broken of {count}");
}

#[test]
fn deep_nesting_overflows_nothing_and_hides_no_other_member() {
    let rule = "title: T\nid: t\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    requestParameters.a: 1\n  k:\n    - needle\n  condition: s or k\n";
    let (rules, _) = RuleSet::new(parse("r.yml", rule).into_iter().map(Result::unwrap));
    let lines = Lines::new([("r.yml", rule)], Vec::new(), Mapping::default()).0;
    let own = Detect::builtin(Vec::new()).unwrap();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let (open, close) = (open.repeat(200_000), close.repeat(200_000));
        let text = format!(
            "{{\"eventName\":\"StopLogging\",\"eventSource\":\"cloudtrail.amazonaws.com\",\"eventTime\":\"2026-03-01T10:00:00Z\",\"requestParameters\":{open}1{close}}}"
        );
        assert!(rules.matching(&text, &Extra::NONE).unwrap().is_empty());
        assert!(rules.matching_unindexed(&text, &Extra::NONE).unwrap().is_empty());
        assert_eq!(lines.examine(&text, &mut Vec::new()).unwrap(), 0);
        let told = text.replace("StopLogging", "a needle");
        assert_eq!(rules.matching(&told, &Extra::NONE).unwrap().len(), 1);
        assert_eq!(rules.matching_unindexed(&told, &Extra::NONE).unwrap().len(), 1);
        if let Ok(event) = cloudtrail::parse(&text) {
            // What is nested is read as far as it may name the trail.
            assert!(own.examine(&event).map_or(true, |found| found.hits.is_empty()));
        }
    }
}

#[test]
fn an_expression_that_would_take_too_much_is_refused_with_its_line() {
    // Too large when it is compiled; a back reference; too large with few letters.
    for expression in ["(a{1000}){1000}", "(x+x+)+y\\\\1", "\\\\pL{9999}"] {
        let rule = format!(
            "title: T\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  s:\n    a|re: \"{expression}\"\n  condition: s\n"
        );
        let documents = parse("r.yml", &rule);
        let [Err(error)] = documents.as_slice() else { panic!("{expression}") };
        assert!(error.to_string().starts_with("r.yml:5: field `a|re`"), "{error}");
    }
}
