//! Lines of text say what the typed events do.

use std::collections::BTreeMap;
use std::fs;

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
        let mut found = of_lines(&out);
        found.retain(|rule, _| !detect.correlations().silences(rule));
        assert_eq!(found, expected, "{file}: {text}");
        hits += expected.len();
        events += 1;
    }
    assert!(events == 0 || hits > 0, "nothing was compared");
}
