//! Many rules, filed by what they demand, so that an event costs what could fire on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::assemble::{Assembled, assemble};
use super::correlation::CorrelationKind;
use super::document::{Document, Logsource, Meta, Rule};
use super::error::{Place, RuleError};
use super::index::{demanded, members, needs};
use super::narrow::{Narrow, narrow};
use super::prefilter::{Clue, Prefilter, are_rare, required};
use super::scan::{Head, Label, ScanError};
use super::sieve::{ByHash, Member, Names, Told, folded_hash, is_plain, spelling};
use super::text::fold;

/// The top-level name under which a caller adds what it knows about an event. An event's own
/// member of that name is hidden from rules.
pub(crate) const EXTRA: &str = "aisaws";

/// What a caller adds to an event, under the top-level name `aisaws`.
#[derive(Clone, Copy)]
pub struct Extra<'m>(Option<&'m dyn Fn() -> Map<String, Value>>);

impl<'m> Extra<'m> {
    /// Nothing is added.
    pub const NONE: Self = Self(None);

    /// Adds these members, which are asked for where a rule looks at them.
    pub fn new(members: &'m dyn Fn() -> Map<String, Value>) -> Self {
        Self(Some(members))
    }
}

impl fmt::Debug for Extra<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Extra").field(&self.0.is_some()).finish()
    }
}

/// Rules that are asked whenever the event has their name, at most; where there are more, those
/// that need a rare text besides are found by that.
const MAX_OF_NAME: usize = 8;

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
    /// Hashes of the event names and sources it can match; `None`: any.
    names: Option<Vec<u64>>,
    sources: Option<Vec<u64>>,
    needs_extra: bool,
    /// Whether it looks at what a caller adds, matching or not.
    looks_at_extra: bool,
    /// Top-level members it looks at.
    members: Names,
}

/// What a rule demands of every event it matches, whatever else it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Folded values, one of which `eventName` equals; `None`: it need not.
    pub names: Option<BTreeSet<String>>,
    /// The same of `eventSource`.
    pub sources: Option<BTreeSet<String>>,
    /// Comparisons of other fields too, of which one holds; `None`: none is known.
    pub fields: Option<Vec<Narrow>>,
}

/// What [`RuleSet::sift`] could tell.
#[derive(Debug, Clone)]
pub struct Sifted {
    /// The rules that may match, in order; `None`: nothing could be told.
    candidates: Option<Vec<u32>>,
    is_call: bool,
}

impl Sifted {
    /// Whether no rule matches any event in the text.
    pub fn is_empty(&self) -> bool {
        self.candidates.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether the text names a call as records of CloudTrail do, and is no row of an export.
    pub fn is_call(&self) -> bool {
        self.is_call
    }
}

/// The names or sources an event may have: one, unless something is nested.
#[derive(Debug, Default)]
struct Hashes {
    hashes: [u64; 4],
    count: usize,
}

impl Hashes {
    /// Whether there was room.
    fn add(&mut self, hash: u64) -> bool {
        let place = self.hashes.get_mut(self.count);
        self.count += usize::from(place.is_some());
        place.map(|place| *place = hash).is_some()
    }

    fn as_slice(&self) -> &[u64] {
        self.hashes.get(..self.count).unwrap_or_default()
    }
}

/// Rules over the events of one log.
#[derive(Debug)]
pub struct RuleSet {
    /// Sorted by key, so that hits come in that order.
    entries: Vec<Entry>,
    by_name: ByHash,
    by_source: ByHash,
    name: Member,
    source: Member,
    by_clue: Prefilter,
    /// The same, for rules that look at what a caller adds.
    by_clue_with_extra: Prefilter,
    always: Vec<u32>,
    /// Whether any of the rules does.
    looks_at_extra: bool,
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
        let (mut by_name, mut by_source) = (ByHash::default(), ByHash::default());
        let (mut clues, mut clues_with_extra) = (Vec::new(), Vec::new());
        let mut always = Vec::new();
        let rules: Vec<Rule> = rules.collect();
        let crowded = crowded_names(&rules);
        for (id, rule) in (0_u32..).zip(rules) {
            let node = &rule.node;
            let hashes = |texts: BTreeSet<String>| -> Vec<u64> {
                texts.iter().map(|text| folded_hash(text.as_bytes())).collect()
            };
            let names = demanded(node, "eventName").map(hashes);
            let sources = demanded(node, "eventSource").map(hashes);
            // Sources have many rules, and events.
            let is_crowded =
                names.as_ref().is_none_or(|names| names.iter().any(|n| crowded.contains(n)));
            let rare = is_crowded
                .then(|| required(node, &[EXTRA, "eventName", "eventSource"]))
                .flatten()
                .filter(|clues| are_rare(clues));
            if let Some(clues_of_name) = rare {
                clues.extend(clues_of_name.into_iter().map(|clue| (clue, id)));
            } else if let Some(names) = &names {
                file_under(&mut by_name, names, id);
            } else if let Some(sources) = &sources {
                file_under(&mut by_source, sources, id);
            } else if let Some(required) = required(node, &[EXTRA]) {
                let into = if needs(node, EXTRA) { &mut clues_with_extra } else { &mut clues };
                into.extend(required.into_iter().map(|clue| (clue, id)));
            } else {
                always.push(id);
            }
            let (needs_extra, members) = (needs(node, EXTRA), Names::of(members(node).as_ref()));
            let looks_at_extra = rule.fields().iter().any(|field| {
                field
                    .strip_prefix(EXTRA)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            entries.push(Entry { rule, names, sources, needs_extra, looks_at_extra, members });
        }
        let mut prefilter = |clues: Vec<(Clue, u32)>| {
            Prefilter::new(clues.into_iter()).unwrap_or_else(|_| {
                // Too many literals for one automaton: correctness does not need it.
                always = (0..).take(entries.len()).collect();
                Prefilter::default()
            })
        };
        let (by_clue, by_clue_with_extra) = (prefilter(clues), prefilter(clues_with_extra));
        let looks_at_extra = entries.iter().any(|entry| entry.looks_at_extra);
        Self {
            entries,
            by_name,
            by_source,
            name: Member::new("eventName"),
            source: Member::new("eventSource"),
            by_clue,
            by_clue_with_extra,
            always,
            looks_at_extra,
            not_evaluated,
        }
    }

    /// The rules, by key.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.entries.iter().map(|e| &e.rule)
    }

    /// What each rule demands, by key.
    pub fn demands(&self) -> Vec<Demand> {
        let demand = |rule: &Rule| Demand {
            names: demanded(&rule.node, "eventName"),
            sources: demanded(&rule.node, "eventSource"),
            fields: narrow(&rule.node),
        };
        self.rules().map(demand).collect()
    }

    /// Whether a rule looks at what a caller may add.
    pub fn looks_at_extra(&self) -> bool {
        self.looks_at_extra
    }

    /// What was understood and is not evaluated here.
    pub fn not_evaluated(&self) -> &[NotEvaluated] {
        &self.not_evaluated
    }

    /// The rules that match the event, by key.
    ///
    /// # Errors
    /// Where the event is no JSON object.
    pub fn matching(&self, raw: &str, extra: &Extra<'_>) -> Result<Vec<&Rule>, ScanError> {
        Ok(self.matching_head(&Head::read(raw)?, extra))
    }

    /// As [`Self::matching`], of an event whose top level was read already.
    pub fn matching_head(&self, head: &Head<'_>, extra: &Extra<'_>) -> Vec<&Rule> {
        self.confirm(head, &self.candidates(head, extra), extra)
    }

    fn candidates(&self, head: &Head<'_>, extra: &Extra<'_>) -> Vec<u32> {
        match (head.label("eventName"), head.label("eventSource")) {
            (Label::Other, _) | (_, Label::Other) => (0..self.count()).collect(),
            (name, source) => {
                let hash = |label: Label<'_>| match label {
                    Label::Text(text) => Some(folded_hash(fold(&text).as_bytes())),
                    Label::Missing | Label::Other => None,
                };
                let (name, source) = (hash(name), hash(source));
                let mut candidates = self.filed(name, source);
                for prefilter in self.prefilters(extra.0.is_some()) {
                    prefilter.find(head, &mut candidates);
                }
                self.settle(&mut candidates, name.as_slice(), source.as_slice(), extra.0.is_some());
                candidates
            }
        }
    }

    /// As [`Self::matching_head`]: the places of the rules among [`Self::rules`].
    pub fn places(&self, head: &Head<'_>, extra: &Extra<'_>) -> Vec<usize> {
        self.confirm_places(head, &self.candidates(head, extra), extra)
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
        extra: &Extra<'_>,
    ) -> Result<Vec<&Rule>, ScanError> {
        if !is_plain(raw.as_bytes()) {
            return self.matching(raw, extra);
        }
        let (name, source) = (folded_hash(name.as_bytes()), folded_hash(source.as_bytes()));
        let mut candidates = self.filed(Some(name), Some(source));
        for prefilter in self.prefilters(extra.0.is_some()) {
            prefilter.find_anywhere(raw, &mut candidates);
        }
        self.settle(&mut candidates, &[name], &[source], extra.0.is_some());
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.confirm(&Head::read(raw)?, &candidates, extra))
    }

    /// What can be told of a text without parsing it: the rules that may match the event it
    /// is, or any event inside it. `with_extra`: whether something may be added to the event.
    pub fn sift(&self, raw: &str, with_extra: bool) -> Sifted {
        let bytes = raw.as_bytes();
        let mut candidates = self.always.clone();
        // The longest search comes first: while it goes on, what it has not come to is fetched.
        for prefilter in self.prefilters(with_extra) {
            prefilter.find_anywhere(raw, &mut candidates);
        }
        let spelling = spelling(bytes);
        if !spelling.is_plain {
            return Sifted { candidates: None, is_call: false };
        }
        let mut is_clear = true;
        let mut names = Hashes::default();
        self.name.values(bytes, |value| match value {
            Told::Text(name) => {
                let hash = folded_hash(name);
                is_clear &= names.add(hash);
                candidates.extend(self.by_name.get(&hash).into_iter().flatten());
            }
            Told::Null => {}
            Told::Unclear => is_clear = false,
        });
        let mut sources = Hashes::default();
        if !(self.by_source.is_empty() && candidates.is_empty()) {
            self.source.values(bytes, |value| match value {
                Told::Text(source) => {
                    let hash = folded_hash(source);
                    is_clear &= sources.add(hash);
                    candidates.extend(self.by_source.get(&hash).into_iter().flatten());
                }
                Told::Null => {}
                Told::Unclear => is_clear = false,
            });
        }
        let is_call = names.count > 0 && !spelling.has_object_in_text;
        if !is_clear {
            return Sifted { candidates: None, is_call };
        }
        if !candidates.is_empty() {
            self.settle(&mut candidates, names.as_slice(), sources.as_slice(), with_extra);
        }
        Sifted { candidates: Some(candidates), is_call }
    }

    /// As [`Self::matching_head`], of an event that is or stands in the text that was sifted.
    pub fn matching_sifted(
        &self,
        sifted: &Sifted,
        head: &Head<'_>,
        extra: &Extra<'_>,
    ) -> Vec<&Rule> {
        let places = self.places_sifted(sifted, head, extra);
        places.into_iter().filter_map(|place| Some(&self.entries.get(place)?.rule)).collect()
    }

    /// As [`Self::matching_sifted`]: the places of the rules among [`Self::rules`].
    pub fn places_sifted(&self, sifted: &Sifted, head: &Head<'_>, extra: &Extra<'_>) -> Vec<usize> {
        match &sifted.candidates {
            Some(candidates) => self.confirm_places(head, candidates, extra),
            None => self.confirm_places(head, &self.candidates(head, extra), extra),
        }
    }

    /// As [`Self::matching`], by asking every rule: what the index must agree with.
    ///
    /// # Errors
    /// Where the event is no JSON object.
    pub fn matching_unindexed(
        &self,
        raw: &str,
        extra: &Extra<'_>,
    ) -> Result<Vec<&Rule>, ScanError> {
        let event = with_extra(Head::read(raw)?.build(|_| true), extra);
        Ok(self.rules().filter(|rule| rule.matches(&event)).collect())
    }

    fn count(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// The rules that are filed under the event's name or source, or under nothing.
    fn filed(&self, name: Option<u64>, source: Option<u64>) -> Vec<u32> {
        let under = |map: &ByHash, hash: Option<u64>| {
            hash.and_then(|h| map.get(&h)).map(Vec::as_slice).unwrap_or_default().to_vec()
        };
        let mut found = under(&self.by_name, name);
        found.extend(under(&self.by_source, source));
        found.extend(&self.always);
        found
    }

    /// Sorts the candidates, and drops those whose name, source or extra is another.
    fn settle(&self, candidates: &mut Vec<u32>, names: &[u64], sources: &[u64], with_extra: bool) {
        let fits = |wanted: &Option<Vec<u64>>, are: &[u64]| {
            wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|hash| are.contains(hash)))
        };
        candidates.retain(|id| {
            self.entry(*id).is_some_and(|entry| {
                fits(&entry.names, names)
                    && fits(&entry.sources, sources)
                    && (with_extra || !entry.needs_extra)
            })
        });
        candidates.sort_unstable();
        candidates.dedup();
    }

    fn prefilters(&self, with_extra: bool) -> impl Iterator<Item = &Prefilter> {
        let with_extra = with_extra.then_some(&self.by_clue_with_extra);
        std::iter::once(&self.by_clue).chain(with_extra)
    }

    fn entry(&self, id: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(id).ok()?)
    }

    fn confirm(&self, head: &Head<'_>, candidates: &[u32], extra: &Extra<'_>) -> Vec<&Rule> {
        let places = self.confirm_places(head, candidates, extra);
        places.into_iter().filter_map(|place| Some(&self.entries.get(place)?.rule)).collect()
    }

    /// Asks the candidates, over no more of the event than they look at.
    fn confirm_places(&self, head: &Head<'_>, candidates: &[u32], extra: &Extra<'_>) -> Vec<usize> {
        if candidates.is_empty() {
            return Vec::new();
        }
        let places = || candidates.iter().filter_map(|id| usize::try_from(*id).ok());
        let entries = || places().filter_map(|place| Some((place, self.entries.get(place)?)));
        let mut matching = Vec::new();
        let mut undecided = Vec::new();
        let texts = head.texts_at_top();
        for (place, entry) in entries() {
            match entry.rule.node.decide(&texts) {
                Some(true) => matching.push(place),
                Some(false) => {}
                None => undecided.push((place, entry)),
            }
        }
        if undecided.is_empty() {
            return matching;
        }
        let members = undecided.iter().map(|(_, entry)| entry.members);
        let wanted = members.fold(Names::default(), Names::and);
        let looks_at_extra = undecided.iter().any(|(_, entry)| entry.looks_at_extra);
        let extra = if looks_at_extra { extra } else { &Extra::NONE };
        let event = with_extra(head.build(|name| wanted.may_have(name)), extra);
        let later = undecided.iter().filter(|(_, entry)| entry.rule.matches(&event));
        matching.extend(later.map(|(place, _)| place));
        matching.sort_unstable();
        matching
    }
}

fn with_extra(mut event: Map<String, Value>, extra: &Extra<'_>) -> Value {
    match extra.0 {
        Some(members) => _ = event.insert(EXTRA.to_owned(), Value::Object(members())),
        None => _ = event.remove(EXTRA),
    }
    Value::Object(event)
}

fn file_under(map: &mut ByHash, hashes: &[u64], id: u32) {
    for hash in hashes {
        map.entry(*hash).or_default().push(id);
    }
}

/// The names that more rules demand than are quickly asked.
fn crowded_names(rules: &[Rule]) -> BTreeSet<u64> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for name in rules.iter().filter_map(|rule| demanded(&rule.node, "eventName")).flatten() {
        *counts.entry(folded_hash(name.as_bytes())).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > MAX_OF_NAME).map(|(name, _)| name).collect()
}
