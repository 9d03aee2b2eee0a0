//! Our evaluator against another one, on real events and foreign rules.

use std::collections::BTreeMap;
use std::fs;

use aisaws_detect::sigma::{Document, Extra, RuleSet};
use rsigma_eval::Engine;
use rsigma_eval::event::JsonEvent;
use rsigma_parser::parse_sigma_yaml;
use serde_json::Value;

use crate::data::{corpus, documents, rule_files, shared};

/// Every n-th event: the other evaluator takes minutes over all of them without optimisation.
const STRIDE: usize = if cfg!(debug_assertions) { 97 } else { 1 };

/// Rules that the two judge differently, and why.
const OTHERWISE: &[(&str, &str)] = &[(
    "a136ac98-b2bc-4189-a14d-f0d0388e57a7",
    "`requestParameters|contains: Suspended`: an object is searched as its compact JSON here; \
     the other evaluator compares no object with a text, so that the rule cannot match any event",
)];

/// The other evaluator over every rule of these files, correlations left out.
fn other(folders: &[std::path::PathBuf]) -> Engine {
    let mut engine = Engine::new();
    let mut seen = std::collections::BTreeSet::new();
    for path in folders.iter().flat_map(|folder| rule_files(folder)) {
        let collection = parse_sigma_yaml(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(collection.errors.is_empty(), "{}: {:?}", path.display(), collection.errors);
        for rule in &collection.rules {
            // One rule stands in a collection twice.
            if seen.insert(rule.id.clone().unwrap_or_else(|| rule.title.clone())) {
                engine.add_rule(rule).unwrap();
            }
        }
    }
    engine
}

#[test]
fn another_evaluator_says_the_same_but_for_the_reasons_given() {
    let mut folders = Vec::new();
    let mut all: Vec<Document> = Vec::new();
    for folder in ["sigma/sigmahq-aws-cloudtrail", "sigma/yamato-suzaku-aws"] {
        let Some(folder) = shared(folder) else { return };
        all.extend(documents(&folder).0);
        folders.push(folder);
    }
    let (ours, theirs) = (RuleSet::new(all).0, other(&folders));
    assert_eq!(ours.rules().len(), theirs.rule_count());
    let mut hits = 0;
    // By rule: events that only we say it matches, events that only they do, and one of them.
    let mut different: BTreeMap<String, (usize, usize, String)> = BTreeMap::new();
    for (file, line) in corpus("").into_iter().step_by(STRIDE) {
        let found = ours.matching(&line, &Extra::NONE).unwrap();
        let mut found: Vec<&str> = found.iter().map(|rule| rule.meta.key()).collect();
        let event: Value = serde_json::from_str(&line).unwrap();
        let judged = theirs.evaluate(&JsonEvent::borrow(&event));
        let key = |r: &rsigma_eval::EvaluationResult| {
            r.header.rule_id.clone().unwrap_or_else(|| r.header.rule_title.clone())
        };
        let mut judged: Vec<String> = judged.iter().map(key).collect();
        found.sort_unstable();
        judged.sort_unstable();
        hits += judged.len();
        for rule in found.iter().filter(|rule| !judged.iter().any(|j| j == *rule)) {
            different.entry((*rule).to_owned()).or_insert((0, 0, format!("{file}: {line}"))).0 += 1;
        }
        for rule in judged.iter().filter(|rule| !found.contains(&rule.as_str())) {
            different.entry(rule.clone()).or_insert((0, 0, format!("{file}: {line}"))).1 += 1;
        }
    }
    assert!(hits > 0);
    let unexplained: BTreeMap<_, _> = different
        .iter()
        .filter(|(rule, _)| !OTHERWISE.iter().any(|(known, _)| known == rule))
        .collect();
    assert!(unexplained.is_empty(), "{hits} hits, {unexplained:#?}");
    if STRIDE == 1 {
        // What no longer differs is no reason any more.
        let known: Vec<&str> = OTHERWISE.iter().map(|(rule, _)| *rule).collect();
        assert_eq!(different.keys().map(String::as_str).collect::<Vec<_>>(), known);
    }
}
