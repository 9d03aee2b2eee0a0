//! From the documents of all rule files to the rules as they are asked: each id once, with the
//! filters that are for it.

use std::collections::BTreeMap;

use super::correlation::Correlation;
use super::document::{Document, Meta, Rule};
use super::error::{Place, Problem, RuleError};

/// What a set of rule files comes to.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    /// By key, so that hits come in that order.
    pub(super) rules: BTreeMap<String, Rule>,
    pub(super) correlations: Vec<Correlation>,
    pub(super) errors: Vec<RuleError>,
}

/// Sorts the documents; a second rule of one id, and a filter for a rule that is not there, is
/// an error. An id is optional: what shares its name or title with another is told by its place.
pub(super) fn assemble(documents: impl IntoIterator<Item = Document>) -> Assembled {
    let mut assembled = Assembled::default();
    let (mut rules, mut filters) = (Vec::new(), Vec::new());
    for document in documents {
        match document {
            Document::Rule(rule) => rules.push(rule),
            Document::Correlation(correlation) => assembled.correlations.push(correlation),
            Document::Filter(filter) => filters.push(filter),
        }
    }
    let of_rules = rules.iter_mut().map(|rule| (&mut rule.meta, &rule.place));
    let of_correlations = assembled.correlations.iter_mut().map(|c| (&mut c.meta, &c.place));
    tell_apart(of_rules.chain(of_correlations).collect());
    for rule in rules {
        match assembled.rules.get(rule.meta.key()) {
            Some(first) => assembled.errors.push(duplicate(&rule, first)),
            None => _ = assembled.rules.insert(rule.meta.key().to_owned(), rule),
        }
    }
    for filter in filters {
        filter.apply(&mut assembled.rules, &mut assembled.errors);
    }
    assembled
}

/// Gives those without an id a key of their own where another has the same.
fn tell_apart(mut metas: Vec<(&mut Meta, &Place)>) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (meta, _) in &metas {
        *counts.entry(meta.key().to_owned()).or_default() += 1;
    }
    for (meta, place) in &mut metas {
        if meta.id.is_none() && counts.get(meta.key()).is_some_and(|count| *count > 1) {
            meta.own_key = Some(format!("{} ({place})", meta.key()));
        }
    }
}

fn duplicate(rule: &Rule, first: &Rule) -> RuleError {
    let problem =
        Problem::DuplicateId { id: rule.meta.key().to_owned(), first: first.place.clone() };
    RuleError { place: rule.place.clone(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::parse;

    fn rule(head: &str) -> String {
        format!(
            "{head}\nlogsource: {{ product: aws }}\ndetection: {{ s: {{ a: 1 }}, condition: s }}\n"
        )
    }

    fn keys(text: &str) -> (Vec<String>, usize) {
        let assembled = assemble(parse("f.yml", text).into_iter().map(Result::unwrap));
        (assembled.rules.into_keys().collect(), assembled.errors.len())
    }

    /// Of the attributes of a rule only title, logsource and detection are mandatory.
    #[test]
    fn rules_without_an_id_may_share_a_title() {
        let same = [rule("title: A"), rule("title: A"), rule("title: B")].join("---\n");
        let (told, errors) = keys(&same);
        assert_eq!(told, ["A (f.yml:1)", "A (f.yml:5)", "B"]);
        assert_eq!(errors, 0);
        let ids = [rule("title: A\nid: x"), rule("title: A\nid: x")].join("---\n");
        assert_eq!(keys(&ids), (vec!["x".to_owned()], 1));
        let beside = [rule("title: A\nid: A"), rule("title: A")].join("---\n");
        assert_eq!(keys(&beside), (vec!["A".to_owned(), "A (f.yml:6)".to_owned()], 0));
    }

    #[test]
    fn an_id_that_documents_of_a_collection_take_over_is_not_shared() {
        let text = format!(
            "action: global\ntitle: G\nid: g\nlogsource: {{ product: aws }}\n\
             detection: {{ condition: s }}\n---\ndetection: {{ s: {{ a: 1 }} }}\n---\n\
             detection: {{ s: {{ a: 2 }} }}\n---\nid: own\ndetection: {{ s: {{ a: 3 }} }}\n---\n\
             action: reset\n---\n{}---\naction: repeat\ntitle: R2\n",
            rule("title: R\nid: r"),
        );
        let expected = ["g", "g.2", "own", "r", "r.2"].map(str::to_owned).to_vec();
        assert_eq!(keys(&text), (expected, 0));
    }
}
