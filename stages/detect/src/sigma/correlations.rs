//! Correlations as a graph: which rule's matches count where, and what is silent because of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aisaws_core::canonical::Digest;
use aisaws_core::event::{Event, Source};
use aisaws_core::id::{EventId, RuleId};
use aisaws_core::window::{Entry, Match, WindowKey};
use serde_json::Value;

use super::correlation::{Correlation, CorrelationKind};
use super::document::{Meta, Rule};
use super::error::{Place, Problem, RuleError};
use super::field::Path;
use super::firing::Test;
use super::scan::{Head, ScanError};

/// Bytes of a value that are kept as they are; of longer ones a digest stands for the text.
const MAX_VALUE: usize = 256;
/// Members of a list that count as values of one event.
const MAX_MEMBERS: usize = 64;

/// A correlation whose references are all there.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The rule as written.
    pub correlation: Correlation,
    /// Keys of the rules it is about, in their order.
    pub parts: Vec<String>,
    pub(super) test: Test,
    /// How many correlations stand one upon the other below this one.
    level: u32,
    /// How long after a window's end those below may still fire inside it.
    lag_seconds: i64,
}

/// That matches of one rule count for a correlation.
#[derive(Debug)]
struct Feed {
    /// Index of the correlation.
    to: usize,
    part: u32,
    groups: Vec<Path>,
    fields: Vec<Path>,
}

/// Every correlation of a set of rule files.
#[derive(Debug, Default)]
pub struct Correlations {
    list: Vec<Resolved>,
    by_key: HashMap<String, usize>,
    /// By key of the rule or correlation whose matches count.
    feeds: HashMap<String, Vec<Feed>>,
    silent: BTreeSet<String>,
}

impl Correlations {
    /// Resolves references by id, name or title. A correlation that refers to nothing known, or
    /// in a circle to itself, is an error, as are those that need it.
    pub(super) fn resolve(
        correlations: Vec<Correlation>,
        rules: &BTreeMap<String, Rule>,
        errors: &mut Vec<RuleError>,
    ) -> Self {
        let mut waiting: BTreeMap<String, Correlation> = BTreeMap::new();
        for correlation in correlations {
            let key = correlation.meta.key().to_owned();
            let rule = rules.get(&key).map(|rule| rule.place.clone());
            let first = rule.or_else(|| waiting.get(&key).map(|other| other.place.clone()));
            match first {
                Some(first) => errors.push(RuleError {
                    place: correlation.place,
                    problem: Problem::DuplicateId { id: key, first },
                }),
                None => _ = waiting.insert(key, correlation),
            }
        }
        let of_waiting: Vec<Meta> = waiting.values().map(|c| c.meta.clone()).collect();
        let metas: Vec<&Meta> = rules.values().map(|rule| &rule.meta).chain(&of_waiting).collect();
        let mut resolved = Self::default();
        let mut parts_of = BTreeMap::new();
        waiting.retain(|key, correlation| {
            let mut parts = Vec::new();
            for reference in &correlation.rules {
                match meant(&metas, &reference.word) {
                    Some(meta) => parts.push(meta.key().to_owned()),
                    None => errors.push(RuleError {
                        place: reference.place.clone(),
                        problem: Problem::UnknownRule(reference.word.clone()),
                    }),
                }
            }
            let mut is_whole = parts.len() == correlation.rules.len();
            let aliased: BTreeSet<&String> =
                correlation.aliases.values().flat_map(BTreeMap::keys).collect();
            for word in aliased.into_iter().filter(|word| meant(&metas, word).is_none()) {
                is_whole = false;
                let place = correlation.alias_places.get(word).unwrap_or(&correlation.place);
                let place = place.clone();
                errors.push(RuleError { place, problem: Problem::UnknownRule(word.clone()) });
            }
            if is_whole {
                parts_of.insert(key.clone(), parts);
            }
            is_whole
        });
        // Taken in the order of need: what only needs rules and what was taken before.
        while !waiting.is_empty() {
            let is_ready = |key: &String| {
                parts_of
                    .get(key)
                    .into_iter()
                    .flatten()
                    .all(|part| rules.contains_key(part) || resolved.by_key.contains_key(part))
            };
            let Some(key) = waiting.keys().find(|key| is_ready(key)).cloned() else { break };
            if let (Some(correlation), Some(parts)) = (waiting.remove(&key), parts_of.remove(&key))
            {
                resolved.take(correlation, parts);
            }
        }
        // What is left needs itself, or something that could not be used.
        errors.extend(waiting.into_values().map(|correlation| RuleError {
            place: first_unresolved(&correlation, &metas, &resolved),
            problem: Problem::Circle(correlation.meta.key().to_owned()),
        }));
        resolved.silence();
        resolved
    }

    fn take(&mut self, correlation: Correlation, parts: Vec<String>) {
        let to = self.list.len();
        for ((part, key), reference) in (0_u32..).zip(&parts).zip(&correlation.rules) {
            let field = |name: &String| {
                let aliased = correlation.aliases.get(name);
                // An alias names the rule as the list of rules does, or by its key.
                let of_rule =
                    aliased.and_then(|by| by.get(&reference.word).or_else(|| by.get(key)));
                Path::new(of_rule.unwrap_or(name).as_str())
            };
            self.feeds.entry(key.clone()).or_default().push(Feed {
                to,
                part,
                groups: correlation.group_by.iter().map(field).collect(),
                fields: correlation.fields.iter().map(field).collect(),
            });
        }
        let test = Test {
            kind: correlation.kind,
            bounds: correlation.bounds.clone(),
            percentile: correlation.percentile,
            parts: u32::try_from(parts.len()).unwrap_or(u32::MAX),
            span_seconds: correlation.timespan_seconds,
        };
        let below = || parts.iter().filter_map(|key| self.get(key));
        let level = below().map(|part| part.level.saturating_add(1)).max().unwrap_or(0);
        let lag_seconds = below().map(Resolved::lateness).max().unwrap_or(0);
        self.by_key.insert(correlation.meta.key().to_owned(), to);
        self.list.push(Resolved { correlation, parts, test, level, lag_seconds });
    }

    /// A rule that is only there to be correlated does not hit for itself.
    fn silence(&mut self) {
        let (mut silent, mut heard) = (BTreeSet::new(), BTreeSet::new());
        for resolved in &self.list {
            let into = if resolved.correlation.generate { &mut heard } else { &mut silent };
            into.extend(resolved.parts.iter().cloned());
        }
        self.silent = silent.difference(&heard).cloned().collect();
    }

    /// Every correlation that can be evaluated.
    pub fn list(&self) -> &[Resolved] {
        &self.list
    }

    /// The correlation of that key.
    pub fn get(&self, key: &str) -> Option<&Resolved> {
        self.list.get(*self.by_key.get(key)?)
    }

    /// Whether the rule or correlation is only there to be correlated (`generate` is not set).
    pub fn silences(&self, key: &str) -> bool {
        self.silent.contains(key)
    }

    /// Whether matches of the rule or correlation count for any.
    pub fn counts(&self, key: &str) -> bool {
        self.feeds.contains_key(key)
    }

    /// Where an event counts at which these rules or correlations fired.
    ///
    /// # Errors
    /// Where the event is no JSON object.
    pub fn matches<'k>(
        &self,
        fired: impl Iterator<Item = &'k str>,
        event: &Event,
    ) -> Result<Vec<Match>, ScanError> {
        let feeds: Vec<&Feed> = fired.filter_map(|key| self.feeds.get(key)).flatten().collect();
        if feeds.is_empty() {
            return Ok(Vec::new());
        }
        let paths = feeds.iter().flat_map(|feed| feed.groups.iter().chain(&feed.fields));
        let names: BTreeSet<&str> = paths.flat_map(Path::top_level_names).collect();
        let record = Head::read(&event.raw)?.part(&names);
        let mut matches = Vec::new();
        for feed in feeds {
            let Some(resolved) = self.list.get(feed.to) else { continue };
            // Without a value there is nothing that could be the same: the event counts nowhere.
            let group: Option<Vec<String>> =
                feed.groups.iter().map(|path| first(path, &record)).collect();
            let Some(group) = group else { continue };
            let key = WindowKey {
                correlation: RuleId::new(resolved.correlation.meta.key()),
                group: Value::from(group).to_string(),
            };
            let entry =
                |value| Entry { time: event.time, event: event.id.clone(), part: feed.part, value };
            let bucket = resolved.test.bucket(event.time);
            let values = values(resolved.test.kind, &feed.fields, &record, event);
            matches.extend(values.into_iter().map(|value| Match {
                key: key.clone(),
                bucket,
                entry: entry(value),
                counted: resolved.test.counted(),
            }));
        }
        Ok(matches)
    }
}

impl Resolved {
    /// Times of the entries that decide about a bucket.
    pub fn reach(&self, bucket: i64) -> (jiff::Timestamp, jiff::Timestamp) {
        self.test.reach(bucket)
    }

    /// When a bucket is over; `None` where it need not be.
    pub fn ends(&self, bucket: i64) -> Option<jiff::Timestamp> {
        let lag = jiff::SignedDuration::from_secs(self.lag_seconds);
        let end = self.test.ends(bucket)?;
        Some(end.checked_add(lag).unwrap_or(jiff::Timestamp::MAX))
    }

    /// How many correlations stand one upon the other below this one; 0: only rules do.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// How long after an event it may be told that this fires at it.
    fn lateness(&self) -> i64 {
        let own = if self.test.is_trailing() { 0 } else { self.test.span_seconds };
        self.lag_seconds.saturating_add(i64::from(own))
    }

    /// Events at which it fires because of what is in the bucket; `entries` are sorted.
    pub fn firings(&self, bucket: i64, entries: &[Entry]) -> Vec<EventId> {
        self.test.firings(bucket, entries)
    }
}

/// The document that is meant by a word: by id before name before title.
fn meant<'m>(metas: &[&'m Meta], word: &str) -> Option<&'m Meta> {
    let by = |is: &dyn Fn(&Meta) -> bool| metas.iter().copied().find(|meta| is(meta));
    by(&|meta| meta.id.as_deref() == Some(word))
        .or_else(|| by(&|meta| meta.name.as_deref() == Some(word)))
        .or_else(|| by(&|meta| meta.title == word))
}

/// Where a correlation refers to what could not be used.
fn first_unresolved(correlation: &Correlation, metas: &[&Meta], resolved: &Correlations) -> Place {
    let unusable = correlation.rules.iter().find(|reference| {
        meant(metas, &reference.word).is_some_and(|meta| {
            let is_rule = meta.logsource != super::document::Logsource::default();
            !is_rule && !resolved.by_key.contains_key(meta.key())
        })
    });
    unusable.map_or_else(|| correlation.place.clone(), |reference| reference.place.clone())
}

/// What an event adds for a correlation: nothing where it has no such value.
fn values(
    kind: CorrelationKind,
    fields: &[Path],
    record: &Value,
    event: &Event,
) -> BTreeSet<String> {
    match kind {
        // What copies of one call in several accounts have in common, so that they count once.
        CorrelationKind::EventCount => {
            let call = event.cause.as_deref().filter(|_| event.source == Source::CloudTrail);
            BTreeSet::from([call.map(bounded).unwrap_or_default()])
        }
        CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
            BTreeSet::from([String::new()])
        }
        CorrelationKind::ValueCount
        | CorrelationKind::ValueSum
        | CorrelationKind::ValueAvg
        | CorrelationKind::ValuePercentile
        | CorrelationKind::ValueMedian => match fields {
            [one] => {
                let mut found = BTreeSet::new();
                one.any(record, &mut |value| {
                    found.extend(text(value));
                    found.len() >= MAX_MEMBERS
                });
                found
            }
            several => {
                let all: Option<Vec<String>> =
                    several.iter().map(|path| first(path, record)).collect();
                all.map(|all| bounded(&Value::from(all).to_string())).into_iter().collect()
            }
        },
    }
}

fn first(path: &Path, record: &Value) -> Option<String> {
    let mut found = None;
    path.any(record, &mut |value| {
        found = text(value);
        found.is_some()
    });
    found
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(bounded(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(word) => Some(word.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn bounded(text: &str) -> String {
    if text.len() <= MAX_VALUE {
        text.to_owned()
    } else {
        format!("sha256:{}", Digest::of_bytes(text.as_bytes()).as_str())
    }
}
