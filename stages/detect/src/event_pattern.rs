//! EventBridge event patterns that let through what the rules could match, and little else.
//!
//! A rule that demands an event's name or source becomes a condition on `detail`, and one that
//! demands neither a condition on other fields of the record (`sigma/narrow.rs`). Where a rule
//! demands nothing that few records fulfil, every record of CloudTrail is let through, and
//! [`unnarrowed`] tells which rule it is. Sigma ignores case and EventBridge does not, so values
//! are compared with `equals-ignore-case`. Values that EventBridge could read in another way than
//! Sigma (numbers, other scripts) make no condition; nor does an absent field.
//!
//! Source: EventBridge user guide, "Creating event patterns", "Comparison operators" (`suffix`,
//! `equals-ignore-case`, `prefix`, `wildcard`, `exists`, on leaf nodes only, `$or`) and "Quotas" (2,048 characters a pattern, 300 rules a bus, both
//! adjustable); `PutEventsRequestEntry` (nobody else may send from a source that begins with `aws.`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aisaws_core::event::Source;
use aisaws_core::source::ENVELOPES;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::sigma::{Compared, Demand, Letters, Logs, Narrow, Rule, RuleSet, is_word};

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
    fields: Narrow,
}

/// A rule for which every record of CloudTrail is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnarrowed {
    /// Its key.
    pub rule: String,
    /// The fields it looks at.
    pub fields: Vec<String>,
}

impl fmt::Display for Unnarrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, fields } = self;
        write!(f, "`{rule}` lets every event through: it demands no name, source or other value ")?;
        write!(f, "that EventBridge can compare as Sigma does; it looks at ")?;
        if fields.is_empty() {
            f.write_str("the whole event")
        } else {
            f.write_str(&fields.join(", "))
        }
    }
}

/// The rules, by key, for which every record of CloudTrail is let through.
pub fn unnarrowed(logs: &Logs) -> Vec<Unnarrowed> {
    let Some(rules) = logs.of(Source::CloudTrail) else { return Vec::new() };
    let found = rules.rules().zip(rules.demands());
    let found = found.filter(|(_, demand)| clauses(std::slice::from_ref(demand), true).is_none());
    let tell = |rule: &Rule| Unnarrowed {
        rule: rule.meta.key().to_owned(),
        fields: rule.fields().into_iter().collect(),
    };
    found.map(|(rule, _)| tell(rule)).collect()
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
    let mut by_fields: BTreeSet<&Narrow> = BTreeSet::new();
    for demand in demands {
        let names =
            demand.names.as_ref().filter(|names| with_names && names.iter().all(|n| is_word(n)));
        let sources = demand.sources.as_ref().filter(|sources| sources.iter().all(|s| is_word(s)));
        match (names, sources) {
            (None, None) => by_fields.extend(demand.fields.as_ref()?),
            (Some(names), None) => any_source.extend(names.iter().map(String::as_str)),
            (None, Some(sources)) => match demand.fields.as_ref().filter(|_| with_names) {
                Some(ways) if ways.iter().all(is_within_source) => by_fields.extend(ways),
                Some(_) | None => whole_sources.extend(sources.iter().map(String::as_str)),
            },
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
            let (source, names) = (Some(source.to_owned()), Some(owned(names)));
            clauses.push(Clause { source, names, fields: Narrow::new() });
        }
    }
    clauses.extend(whole_sources.into_iter().map(|s| Clause {
        source: Some(s.to_owned()),
        names: None,
        fields: Narrow::new(),
    }));
    clauses.extend(by_fields.into_iter().map(|f| Clause {
        source: None,
        names: None,
        fields: f.clone(),
    }));
    if !any_source.is_empty() {
        let names = Some(owned(any_source));
        clauses.push(Clause { source: None, names, fields: Narrow::new() });
    }
    Some(clauses)
}

/// Whether the fields tell the source, and more.
fn is_within_source(fields: &Narrow) -> bool {
    fields.len() > 1 && fields.contains_key("eventSource")
}

/// The operators of EventBridge for a comparison.
fn operators(compared: &Compared) -> Vec<Value> {
    let cased = |operator: &str, text: &str, letters: Letters| match letters {
        Letters::AsWritten => json!({ operator: text }),
        Letters::AnyCase => json!({ operator: {"equals-ignore-case": text} }),
    };
    match compared {
        Compared::Exists => vec![json!({"exists": true})],
        Compared::Wildcard(text) => vec![json!({"wildcard": text})],
        Compared::Suffix(text, letters) => vec![cased("suffix", text, *letters)],
        Compared::Prefix(text, letters) => vec![cased("prefix", text, *letters)],
        Compared::Truth(truth) => {
            vec![json!(truth), json!({"equals-ignore-case": truth.to_string()})]
        }
        Compared::Equals(text, Letters::AsWritten) => vec![json!(text)],
        Compared::Equals(text, Letters::AnyCase) => vec![json!({"equals-ignore-case": text})],
    }
}

/// Puts a condition where its field stands, dots nesting.
fn put(members: &mut Map<String, Value>, field: &str, condition: Value) {
    match field.split_once('.') {
        None => _ = members.insert(field.to_owned(), condition),
        Some((first, rest)) => {
            let inside = members.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Some(inside) = inside.as_object_mut() {
                put(inside, rest, condition);
            }
        }
    }
}

impl Clause {
    fn to_json(&self) -> Value {
        let any_case = |texts: &[String]| -> Value {
            texts.iter().map(|text| json!({"equals-ignore-case": text})).collect()
        };
        let mut members = Map::new();
        for (field, compared) in &self.fields {
            put(&mut members, field, compared.iter().flat_map(operators).collect());
        }
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
        let half = |names: &[String]| Self { names: Some(names.to_vec()), ..self.clone() };
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
    // API calls, sign-ins and events of services. Whoever may put events on the bus chooses their
    // `detail-type`; a `source` that begins so is AWS's alone.
    let mut pattern = json!({
        "source": [{"prefix": "aws."}], "detail-type": [{"suffix": " via CloudTrail"}],
    });
    if let (Some(detail), Some(members)) = (detail, pattern.as_object_mut()) {
        members.insert("detail".to_owned(), detail);
    }
    let state =
        if reads { State::EnabledWithAllCloudtrailManagementEvents } else { State::Enabled };
    Pattern { pattern, state }
}
