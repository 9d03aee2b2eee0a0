//! From the documents of all rule files to the rules as they are asked: each id once, with the
//! filters that are for it.

use std::collections::BTreeMap;

use super::correlation::Correlation;
use super::document::{Document, Rule};
use super::error::{Problem, RuleError};

/// What a set of rule files comes to.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    /// By key, so that hits come in that order.
    pub(super) rules: BTreeMap<String, Rule>,
    pub(super) correlations: Vec<Correlation>,
    pub(super) errors: Vec<RuleError>,
}

/// Sorts the documents; a second rule of one id, and a filter for a rule that is not there, is
/// an error.
pub(super) fn assemble(documents: impl IntoIterator<Item = Document>) -> Assembled {
    let mut assembled = Assembled::default();
    let mut filters = Vec::new();
    for document in documents {
        match document {
            Document::Rule(rule) => match assembled.rules.get(rule.meta.key()) {
                Some(first) => assembled.errors.push(duplicate(&rule, first)),
                None => _ = assembled.rules.insert(rule.meta.key().to_owned(), rule),
            },
            Document::Correlation(correlation) => assembled.correlations.push(correlation),
            Document::Filter(filter) => filters.push(filter),
        }
    }
    for filter in filters {
        filter.apply(&mut assembled.rules, &mut assembled.errors);
    }
    assembled
}

fn duplicate(rule: &Rule, first: &Rule) -> RuleError {
    let problem =
        Problem::DuplicateId { id: rule.meta.key().to_owned(), first: first.place.clone() };
    RuleError { place: rule.place.clone(), problem }
}
