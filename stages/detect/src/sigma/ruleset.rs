//! Many rules, filed by what they demand, so that an event costs what could fire on it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde_json::{Map, Value};

use super::assemble::{Assembled, assemble};
use super::correlation::CorrelationKind;
use super::document::{Document, Logsource, Meta, Rule};
use super::error::{Place, RuleError};
use super::index::{demanded, members, needs};
use super::prefilter::{Clue, Prefilter, required};
use super::scan::{Head, Label, ScanError};
use super::text::fold;

/// The top-level name under which a caller adds what it knows about an event. An event's own
/// member of that name is hidden from rules.
pub(crate) const EXTRA: &str = "aisaws";

/// What a caller adds to an event, under the top-level name `aisaws`.
#[derive(Debug, Clone, Default)]
pub struct Extra(Option<Value>);

impl Extra {
    /// Nothing is added.
    pub const NONE: Self = Self(None);

    /// Adds these members.
    pub fn new(members: Map<String, Value>) -> Self {
        Self(Some(Value::Object(members)))
    }
}

/// Why a document is loaded but not evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A correlation rule; this stage evaluates single events.
    Correlation(CorrelationKind),
    /// Written for a log that is not read here.
    Logsource(Logsource),
}

/// A document that was understood and is not evaluated here.
#[derive(Debug, Clone)]
pub struct NotEvaluated {
    /// Id, name or title.
    pub key: String,
    /// Title.
    pub title: String,
    /// Where it stands.
    pub place: Place,
    /// Why.
    pub why: Why,
}

impl NotEvaluated {
    pub(super) fn new(meta: Meta, place: Place, why: Why) -> Self {
        Self { key: meta.key().to_owned(), title: meta.title, place, why }
    }
}

impl fmt::Display for NotEvaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.why {
            Why::Correlation(_) => "is a correlation rule, which this stage does not evaluate",
            Why::Logsource(_) => "is for a log that is not read here",
        };
        write!(f, "{}: `{}` {what}", self.place, self.title)
    }
}

#[derive(Debug)]
struct Entry {
    rule: Rule,
    /// Folded event sources it can match; `None`: any.
    sources: Option<BTreeSet<String>>,
    needs_extra: bool,
    /// Top-level members it looks at; `None`: all.
    members: Option<BTreeSet<String>>,
}

/// Rules over the events of one log.
#[derive(Debug)]
pub struct RuleSet {
    /// Sorted by key, so that hits come in that order.
    entries: Vec<Entry>,
    by_name: HashMap<String, Vec<u32>>,
    by_source: HashMap<String, Vec<u32>>,
    by_clue: Prefilter,
    /// The same, for rules that look at what a caller adds.
    by_clue_with_extra: Prefilter,
    always: Vec<u32>,
    not_evaluated: Vec<NotEvaluated>,
}

impl RuleSet {
    /// Files the rules among these documents, whatever log they are written for; a second rule
    /// of one id is an error.
    pub fn new(documents: impl IntoIterator<Item = Document>) -> (Self, Vec<RuleError>) {
        let Assembled { rules, correlations, errors } = assemble(documents);
        let correlations = correlations.into_iter();
        let not_evaluated = correlations
            .map(|c| NotEvaluated::new(c.meta, c.place, Why::Correlation(c.kind)))
            .collect();
        (Self::file(rules.into_values(), not_evaluated), errors)
    }

    fn file(rules: impl Iterator<Item = Rule>, not_evaluated: Vec<NotEvaluated>) -> Self {
        let mut entries = Vec::new();
        let (mut by_name, mut by_source) = (HashMap::new(), HashMap::new());
        let (mut clues, mut clues_with_extra) = (Vec::new(), Vec::new());
        let mut always = Vec::new();
        for (id, rule) in (0_u32..).zip(rules) {
            let node = &rule.node;
            let sources = demanded(node, "eventSource");
            if let Some(names) = demanded(node, "eventName") {
                file_under(&mut by_name, names, id);
            } else if let Some(sources) = sources.clone() {
                file_under(&mut by_source, sources, id);
            } else if let Some(required) = required(node, EXTRA) {
                let into = if needs(node, EXTRA) { &mut clues_with_extra } else { &mut clues };
                into.extend(required.into_iter().map(|clue| (clue, id)));
            } else {
                always.push(id);
            }
            let (needs_extra, members) = (needs(node, EXTRA), members(node));
            entries.push(Entry { rule, sources, needs_extra, members });
        }
        let mut prefilter = |clues: Vec<(Clue, u32)>| {
            Prefilter::new(clues.into_iter()).unwrap_or_else(|_| {
                // Too many literals for one automaton: correctness does not need it.
                always = (0..).take(entries.len()).collect();
                Prefilter::default()
            })
        };
        let (by_clue, by_clue_with_extra) = (prefilter(clues), prefilter(clues_with_extra));
        Self { entries, by_name, by_source, by_clue, by_clue_with_extra, always, not_evaluated }
    }

    /// The rules, by key.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.entries.iter().map(|e| &e.rule)
    }

    /// What was understood and is not evaluated here.
    pub fn not_evaluated(&self) -> &[NotEvaluated] {
        &self.not_evaluated
    }

    /// The rules that match the event, by key.
    ///
    /// # Errors
    /// Where the event is no JSON object, or a part that a rule looks at cannot be read.
    pub fn matching(&self, raw: &str, extra: &Extra) -> Result<Vec<&Rule>, ScanError> {
        self.matching_head(&Head::read(raw)?, extra)
    }

    /// As [`Self::matching`], of an event whose top level was read already.
    ///
    /// # Errors
    /// Where a part that a rule looks at cannot be read.
    pub fn matching_head(&self, head: &Head<'_>, extra: &Extra) -> Result<Vec<&Rule>, ScanError> {
        let candidates = match (head.label("eventName"), head.label("eventSource")) {
            (Label::Other, _) | (_, Label::Other) => (0..self.count()).collect(),
            (name, source) => {
                let text = |label: Label<'_>| match label {
                    Label::Text(text) => Some(fold(&text).into_owned()),
                    Label::Missing | Label::Other => None,
                };
                let (name, source) = (text(name), text(source));
                let mut candidates = self.filed(name.as_deref(), source.as_deref());
                for prefilter in self.prefilters(extra) {
                    prefilter.find(head, &mut candidates);
                }
                self.settle(candidates, source.as_deref(), extra)
            }
        };
        self.confirm(head, &candidates, extra)
    }

    /// As [`Self::matching`], for an event whose name and source were read already, so that it
    /// is known to be JSON: an event that no rule can match is not parsed again.
    ///
    /// # Errors
    /// As [`Self::matching`], for events that a rule may match.
    pub fn matching_named(
        &self,
        name: &str,
        source: &str,
        raw: &str,
        extra: &Extra,
    ) -> Result<Vec<&Rule>, ScanError> {
        let (name, source) = (fold(name), fold(source));
        let mut candidates = self.filed(Some(&name), Some(&source));
        for prefilter in self.prefilters(extra) {
            prefilter.find_anchored(raw, &mut candidates);
        }
        let candidates = self.settle(candidates, Some(&source), extra);
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        self.confirm(&Head::read(raw)?, &candidates, extra)
    }

    /// As [`Self::matching`], by asking every rule: what the index must agree with.
    ///
    /// # Errors
    /// Where the event is no JSON object.
    pub fn matching_unindexed(&self, raw: &str, extra: &Extra) -> Result<Vec<&Rule>, ScanError> {
        let event = with_extra(Head::read(raw)?.build(None)?, extra);
        Ok(self.rules().filter(|rule| rule.matches(&event)).collect())
    }

    fn count(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// The rules that are filed under the event's name or source, or under nothing.
    fn filed(&self, name: Option<&str>, source: Option<&str>) -> Vec<u32> {
        let under = |map: &HashMap<String, Vec<u32>>, key: Option<&str>| {
            key.and_then(|k| map.get(k)).map(Vec::as_slice).unwrap_or_default().to_vec()
        };
        let mut found = under(&self.by_name, name);
        found.extend(under(&self.by_source, source));
        found.extend(&self.always);
        found
    }

    /// Sorts the candidates, and drops those whose source or extra is another.
    fn settle(&self, mut candidates: Vec<u32>, source: Option<&str>, extra: &Extra) -> Vec<u32> {
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|id| {
            self.entry(*id).is_some_and(|entry| {
                let source_fits = match (&entry.sources, source) {
                    (None, _) => true,
                    (Some(wanted), Some(is)) => wanted.contains(is),
                    (Some(_), None) => false,
                };
                source_fits && (extra.0.is_some() || !entry.needs_extra)
            })
        });
        candidates
    }

    fn prefilters(&self, extra: &Extra) -> impl Iterator<Item = &Prefilter> {
        let with_extra = extra.0.is_some().then_some(&self.by_clue_with_extra);
        std::iter::once(&self.by_clue).chain(with_extra)
    }

    fn entry(&self, id: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(id).ok()?)
    }

    /// Asks the candidates, over no more of the event than they look at.
    fn confirm(
        &self,
        head: &Head<'_>,
        candidates: &[u32],
        extra: &Extra,
    ) -> Result<Vec<&Rule>, ScanError> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let entries: Vec<&Entry> = candidates.iter().filter_map(|id| self.entry(*id)).collect();
        let mut wanted = Some(BTreeSet::new());
        for entry in &entries {
            match (&mut wanted, &entry.members) {
                (Some(wanted), Some(members)) => wanted.extend(members.iter().map(String::as_str)),
                _ => wanted = None,
            }
        }
        let event = with_extra(head.build(wanted.as_ref())?, extra);
        let matching = entries.into_iter().map(|e| &e.rule).filter(|r| r.matches(&event));
        Ok(matching.collect())
    }
}

fn with_extra(mut event: Map<String, Value>, extra: &Extra) -> Value {
    match &extra.0 {
        Some(members) => _ = event.insert(EXTRA.to_owned(), members.clone()),
        None => _ = event.remove(EXTRA),
    }
    Value::Object(event)
}

fn file_under(map: &mut HashMap<String, Vec<u32>>, keys: BTreeSet<String>, id: u32) {
    for key in keys {
        map.entry(key).or_default().push(id);
    }
}
