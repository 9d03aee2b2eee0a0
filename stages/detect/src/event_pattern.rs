//! EventBridge event patterns that let through what the rules could match, and little else.
//!
//! A rule that demands an event's name or source becomes a condition on `detail`; where any rule
//! demands neither, every record of CloudTrail is let through. Sigma ignores case and EventBridge
//! does not, so values are compared with `equals-ignore-case`. Values that EventBridge could
//! read in another way than Sigma (numbers, truth values, other scripts) make no condition.
//!
//! Source: EventBridge user guide, "Creating event patterns", "Comparison operators" (`suffix`,
//! `equals-ignore-case`, `$or`) and "Quotas" (2,048 characters a pattern, 300 rules a bus, both
//! adjustable).

use std::collections::{BTreeMap, BTreeSet};

use aisaws_core::event::Source;
use aisaws_core::source::ENVELOPES;
use serde::Serialize;
use serde_json::{Value, json};

use crate::sigma::{Demand, Logs, RuleSet};

/// Quotas of an event bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Characters of a pattern.
    pub characters: usize,
    /// Rules that may be made on the bus; two at least.
    pub rules: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { characters: 2_048, rules: 300 }
    }
}

/// One rule of EventBridge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pattern {
    /// Its pattern.
    pub pattern: Value,
    /// Its state: events of reading calls come only to rules that ask for them.
    pub state: State,
}

/// The state of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Without the calls whose names begin with `Get`, `List` or `Describe`.
    Enabled,
    /// With them.
    EnabledWithAllCloudtrailManagementEvents,
}

/// A condition on `detail`; `None`: no condition on the name or the source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    source: Option<String>,
    names: Option<Vec<String>>,
}

/// The patterns for these rules, within the limits: where conditions are too many, they are
/// dropped, names first, so that more is let through and never less.
pub fn patterns(logs: &Logs, limits: Limits) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = findings(logs).into_iter().collect();
    let demands: Vec<Demand> =
        logs.of(Source::CloudTrail).map(RuleSet::demands).unwrap_or_default();
    if demands.is_empty() {
        return patterns;
    }
    let room = limits.rules.saturating_sub(patterns.len());
    let full = clauses(&demands, true).map(|c| pack(c, limits.characters));
    let coarse = || clauses(&demands, false).map(|c| pack(c, limits.characters));
    let fitting = full
        .filter(|patterns| patterns.len() <= room)
        .or_else(|| coarse().filter(|patterns| patterns.len() <= room));
    patterns.extend(fitting.unwrap_or_else(|| vec![of_cloudtrail(None, true)]));
    patterns
}

/// One pattern for the findings of every service that a rule is for.
fn findings(logs: &Logs) -> Option<Pattern> {
    let (mut senders, mut kinds) = (BTreeSet::new(), Vec::new());
    for (kind, sender, source) in ENVELOPES {
        if logs.of(source).is_some_and(|rules| rules.rules().len() > 0) {
            senders.insert(sender);
            kinds.push(kind);
        }
    }
    let pattern = json!({"source": senders, "detail-type": kinds});
    (!kinds.is_empty()).then_some(Pattern { pattern, state: State::Enabled })
}

/// The conditions, of which one holds for every event a rule matches; `None`: there are none.
fn clauses(demands: &[Demand], with_names: bool) -> Option<Vec<Clause>> {
    let mut any_source: BTreeSet<&str> = BTreeSet::new();
    let mut whole_sources: BTreeSet<&str> = BTreeSet::new();
    let mut by_source: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for demand in demands {
        let names =
            demand.names.as_ref().filter(|names| with_names && names.iter().all(|n| is_word(n)));
        let sources = demand.sources.as_ref().filter(|sources| sources.iter().all(|s| is_word(s)));
        match (names, sources) {
            (None, None) => return None,
            (Some(names), None) => any_source.extend(names.iter().map(String::as_str)),
            (None, Some(sources)) => whole_sources.extend(sources.iter().map(String::as_str)),
            (Some(names), Some(sources)) => {
                for source in sources {
                    by_source.entry(source).or_default().extend(names.iter().map(String::as_str));
                }
            }
        }
    }
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut clauses = Vec::new();
    for (source, mut names) in by_source {
        names.retain(|name| !any_source.contains(name));
        if !names.is_empty() && !whole_sources.contains(source) {
            clauses.push(Clause { source: Some(source.to_owned()), names: Some(owned(names)) });
        }
    }
    clauses.extend(
        whole_sources.into_iter().map(|s| Clause { source: Some(s.to_owned()), names: None }),
    );
    if !any_source.is_empty() {
        clauses.push(Clause { source: None, names: Some(owned(any_source)) });
    }
    Some(clauses)
}

/// Whether EventBridge compares the value with texts as Sigma does: a word of ASCII that no
/// number or truth value equals.
fn is_word(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c))
        && !["true", "false", "null"].contains(&value)
}

impl Clause {
    fn to_json(&self) -> Value {
        let any_case = |texts: &[String]| -> Value {
            texts.iter().map(|text| json!({"equals-ignore-case": text})).collect()
        };
        let mut members = serde_json::Map::new();
        if let Some(source) = &self.source {
            members.insert("eventSource".to_owned(), any_case(std::slice::from_ref(source)));
        }
        if let Some(names) = &self.names {
            members.insert("eventName".to_owned(), any_case(names));
        }
        Value::Object(members)
    }

    /// Whether it lets through calls that only read.
    fn reads(&self) -> bool {
        let is_read =
            |name: &String| ["get", "list", "describe"].iter().any(|verb| name.starts_with(verb));
        self.names.as_ref().is_none_or(|names| names.iter().any(is_read))
    }

    /// Two, each with half of the names.
    fn halves(&self) -> Option<[Self; 2]> {
        let names = self.names.as_ref().filter(|names| names.len() > 1)?;
        let (first, second) = names.split_at_checked(names.len() / 2)?;
        let half =
            |names: &[String]| Self { source: self.source.clone(), names: Some(names.to_vec()) };
        Some([half(first), half(second)])
    }
}

/// As many patterns as it takes, each with as many clauses as it holds.
fn pack(clauses: Vec<Clause>, characters: usize) -> Vec<Pattern> {
    let mut waiting: Vec<Clause> = clauses.into_iter().rev().collect();
    let mut patterns = Vec::new();
    let mut packed: Vec<Clause> = Vec::new();
    while let Some(clause) = waiting.pop() {
        packed.push(clause);
        if length(&packed) <= characters {
            continue;
        }
        let Some(last) = packed.pop() else { break };
        if !packed.is_empty() {
            patterns.push(together(&packed));
            packed.clear();
            waiting.push(last);
        } else if let Some([first, second]) = last.halves() {
            waiting.extend([second, first]);
        } else {
            // One name that fills a pattern: nothing is asked of it.
            return vec![of_cloudtrail(None, true)];
        }
    }
    if !packed.is_empty() {
        patterns.push(together(&packed));
    }
    patterns
}

fn length(clauses: &[Clause]) -> usize {
    together(clauses).pattern.to_string().chars().count()
}

fn together(clauses: &[Clause]) -> Pattern {
    let detail = match clauses {
        [only] => only.to_json(),
        // `$or` takes two at least.
        more => json!({"$or": more.iter().map(Clause::to_json).collect::<Value>()}),
    };
    of_cloudtrail(Some(detail), clauses.iter().any(Clause::reads))
}

fn of_cloudtrail(detail: Option<Value>, reads: bool) -> Pattern {
    // API calls, sign-ins and events of services.
    let mut pattern = json!({"detail-type": [{"suffix": " via CloudTrail"}]});
    if let (Some(detail), Some(members)) = (detail, pattern.as_object_mut()) {
        members.insert("detail".to_owned(), detail);
    }
    let state =
        if reads { State::EnabledWithAllCloudtrailManagementEvents } else { State::Enabled };
    Pattern { pattern, state }
}
