//! Rules by the log they are written for: an event is put before the rules of its own log only.

use std::collections::BTreeMap;

use aisaws_core::event::Source;

use super::assemble::{Assembled, assemble};
use super::correlations::Correlations;
use super::document::{Document, Logsource, Rule};
use super::error::RuleError;
use super::ruleset::{NotEvaluated, RuleSet, Why};

/// The rules of every log that is read here.
#[derive(Debug)]
pub struct Logs {
    sets: BTreeMap<Source, RuleSet>,
    correlations: Correlations,
    not_evaluated: Vec<NotEvaluated>,
}

impl Logs {
    /// Files the rules among these documents under each log that their `logsource` covers; a
    /// rule that names no service is one for every log of its product. A second rule of one id
    /// is an error.
    pub fn new(documents: impl IntoIterator<Item = Document>) -> (Self, Vec<RuleError>) {
        let Assembled { rules, correlations, mut errors } = assemble(documents);
        let correlations = Correlations::resolve(correlations, &rules, &mut errors);
        let mut not_evaluated = Vec::new();
        let mut by_source: BTreeMap<Source, Vec<Document>> =
            Source::ALL.into_iter().map(|source| (source, Vec::new())).collect();
        for rule in rules.into_values() {
            let mut sources = sources(&rule.meta.logsource);
            let Some(last) = sources.pop() else {
                let why = Why::Logsource(rule.meta.logsource.clone());
                not_evaluated.push(NotEvaluated::new(rule.meta, rule.place, why));
                continue;
            };
            for source in sources {
                let documents = by_source.entry(source).or_default();
                documents.push(Document::Rule(rule.clone()));
            }
            by_source.entry(last).or_default().push(Document::Rule(rule));
        }
        let mut sets = BTreeMap::new();
        for (source, documents) in by_source {
            let (set, more) = RuleSet::new(documents);
            errors.extend(more);
            sets.insert(source, set);
        }
        (Self { sets, correlations, not_evaluated }, errors)
    }

    /// The rules for that log; `None` never comes, every log has a set.
    pub fn of(&self, source: Source) -> Option<&RuleSet> {
        self.sets.get(&source)
    }

    /// Every rule once, by key.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        let by_key: BTreeMap<&str, &Rule> = self
            .sets
            .values()
            .flat_map(|set| set.rules().map(|rule| (rule.meta.key(), rule)))
            .collect();
        by_key.into_values()
    }

    /// The correlations over rules of whatever log.
    pub fn correlations(&self) -> &Correlations {
        &self.correlations
    }

    /// What was understood and is not evaluated here.
    pub fn not_evaluated(&self) -> &[NotEvaluated] {
        &self.not_evaluated
    }
}

/// The logs a rule is written for, of those that are read here.
pub(crate) fn sources(logsource: &Logsource) -> Vec<Source> {
    let covers = |source: &Source| {
        let (product, service) = source.logsource();
        logsource.covers(product, service)
    };
    Source::ALL.into_iter().filter(covers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::{Extra, parse};

    fn logs(text: &str) -> (Logs, Vec<RuleError>) {
        Logs::new(parse("f.yml", text).into_iter().map(Result::unwrap))
    }

    fn rule(id: &str, logsource: &str) -> String {
        format!(
            "title: T\nid: {id}\nlogsource: {logsource}\ndetection: {{ s: {{ a: 1 }}, condition: s }}\n"
        )
    }

    #[test]
    fn a_rule_is_asked_about_events_of_its_own_log_only() {
        let text = [
            rule("trail", "{ product: aws, service: cloudtrail }"),
            rule("duty", "{ product: aws, service: guardduty }"),
            rule("any", "{ product: aws }"),
            rule("scan", "{ product: aisaws, service: posture }"),
        ]
        .join("---\n");
        let (logs, errors) = logs(&text);
        assert!(errors.is_empty() && logs.not_evaluated().is_empty());
        let fired = |source| -> Vec<&str> {
            let set = logs.of(source).unwrap();
            set.matching(r#"{"a":1}"#, &Extra::NONE).unwrap().iter().map(|r| r.meta.key()).collect()
        };
        assert_eq!(fired(Source::CloudTrail), ["any", "trail"]);
        assert_eq!(fired(Source::GuardDuty), ["any", "duty"]);
        assert_eq!(fired(Source::Config), ["any"]);
        assert_eq!(fired(Source::Posture), ["scan"]);
        let keys: Vec<_> = logs.rules().map(|rule| rule.meta.key()).collect();
        assert_eq!(keys, ["any", "duty", "scan", "trail"]);
    }

    #[test]
    fn one_id_in_two_logs_is_an_error_and_another_product_is_named() {
        let text = [
            rule("a", "{ product: aws, service: cloudtrail }"),
            rule("a", "{ product: aws, service: guardduty }"),
            rule("b", "{ product: windows }"),
        ]
        .join("---\n");
        let (logs, errors) = logs(&text);
        assert_eq!(errors.len(), 1);
        let told = logs.not_evaluated()[0].to_string();
        assert_eq!(told, "f.yml:11: `T` is for a log that is not read here");
    }
}
