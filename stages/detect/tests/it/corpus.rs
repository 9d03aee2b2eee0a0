//! The index loses nothing on real events.

use aisaws_detect::sigma::{Document, Extra, Rule, RuleSet};

use crate::data::{corpus, documents, shared};

/// Each file's first events and every n-th after: all of them take minutes without optimisation.
const STRIDE: usize = if cfg!(debug_assertions) { 23 } else { 1 };

fn differences(rules: &RuleSet, events: &[(String, String)]) -> Vec<String> {
    let mut different = Vec::new();
    let keys = |rules: Vec<&Rule>| -> Vec<String> {
        rules.iter().map(|r| r.meta.key().to_owned()).collect()
    };
    for (number, (file, event)) in events.iter().enumerate().step_by(STRIDE) {
        let indexed = keys(rules.matching(event, &Extra::NONE).unwrap());
        let asked = keys(rules.matching_unindexed(event, &Extra::NONE).unwrap());
        if indexed != asked {
            different.push(format!("{file} #{number}: {indexed:?} against {asked:?}"));
        }
    }
    different
}

#[test]
fn every_event_hits_the_same_rules_with_and_without_the_index() {
    let events = corpus();
    let mut all: Vec<Document> = Vec::new();
    for folder in ["sigma/sigmahq-aws-cloudtrail", "sigma/yamato-suzaku-aws"] {
        let Some(folder) = shared(folder) else { return };
        all.extend(documents(&folder).0);
    }
    let (rules, _) = RuleSet::new(all);
    let different = differences(&rules, &events);
    assert!(different.is_empty(), "{different:#?}");
}
