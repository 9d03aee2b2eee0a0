//! Filters: conditions that are added to rules from outside of them.
//!
//! ```yaml
//! title: Calls of the deployment role
//! logsource: { product: aws, service: cloudtrail }
//! filter:
//!   rules: [s3.bucket-policy-public]     # ids, names or titles; or `any`
//!   selection:
//!     userIdentity.arn|endswith: /deploy
//!   condition: not selection
//! ```
//!
//! A rule that a filter names matches where its own condition and that of the filter hold, so
//! what is to be silenced stands behind `not` (Sigma filters specification 2.1).

use std::collections::BTreeMap;

use yaml_serde::{Mapping, Value};

use super::compile::{Compiled, compile};
use super::document::{Meta, Rule};
use super::error::{Place, Problem, RuleError};
use super::matcher::Node;
use super::source::{FILTER as SECTION, Source};

/// The rules a filter is for.
#[derive(Debug, Clone)]
enum Targets {
    /// All whose log source agrees.
    Any,
    /// These, by id, name or title.
    Named(Vec<(String, Place)>),
}

/// A condition that is added to other rules.
#[derive(Debug, Clone)]
pub struct Filter {
    /// What it says of itself.
    pub meta: Meta,
    /// Where it stands.
    pub place: Place,
    targets: Targets,
    node: Node,
    unused: Vec<String>,
}

impl Filter {
    pub(super) fn parse(
        source: &Source<'_>,
        meta: Meta,
        section: &Mapping,
    ) -> Result<Self, RuleError> {
        let wrong = || {
            let attribute = format!("{SECTION}.rules");
            let problem =
                Problem::WrongType { attribute, expected: "`any` or a list of ids or names" };
            source.error(&[SECTION, "rules"], problem)
        };
        let named = |name: &str| (name.to_owned(), source.place_of_item(&[SECTION, "rules"], name));
        let targets = match section.get("rules") {
            Some(Value::String(word))
                if ["any", "all"].iter().any(|all| word.eq_ignore_ascii_case(all)) =>
            {
                Targets::Any
            }
            // As in pySigma.
            Some(Value::Sequence(list)) if list.is_empty() => Targets::Any,
            Some(Value::String(name)) => Targets::Named(vec![named(name)]),
            Some(Value::Sequence(list)) => {
                let names = list.iter().map(|item| item.as_str().map(named));
                Targets::Named(names.collect::<Option<_>>().ok_or_else(wrong)?)
            }
            _ => return Err(wrong()),
        };
        let mut detection = section.clone();
        detection.remove("rules");
        let Compiled { node, unused } = compile(&source.of_section(SECTION), &detection)?;
        Ok(Self { meta, place: source.place(&[SECTION]), targets, node, unused })
    }

    /// Search identifiers that the condition does not use.
    pub fn unused_selections(&self) -> &[String] {
        &self.unused
    }

    /// Adds the condition to the rules it is for.
    pub(super) fn apply(self, rules: &mut BTreeMap<String, Rule>, errors: &mut Vec<RuleError>) {
        let logsource = &self.meta.logsource;
        let names = match self.targets {
            Targets::Any => {
                let fitting = rules.values_mut().filter(|r| logsource.contains(&r.meta.logsource));
                fitting.for_each(|rule| rule.node.restrict(&self.node));
                return;
            }
            Targets::Named(names) => names,
        };
        for (name, place) in names {
            let mut named = rules.values_mut().filter(|r| r.meta.is_called(&name)).peekable();
            if named.peek().is_none() {
                errors.push(RuleError {
                    place: place.clone(),
                    problem: Problem::UnknownRule(name.clone()),
                });
            }
            for rule in named {
                if logsource.contains(&rule.meta.logsource) {
                    rule.node.restrict(&self.node);
                } else {
                    let problem = Problem::OtherLogsource(name.clone());
                    errors.push(RuleError { place: place.clone(), problem });
                }
            }
        }
    }
}
