//! At which events a correlation fires: a pure function of a set of matches.
//!
//! Two ways of looking, by what a late event may change:
//!
//! - **Trailing**: conditions that more events can only fulfil (`gt`, `gte` over counts, and the
//!   temporal types). The correlation fires at every event at which it holds over the span that
//!   ends there, both ends included. A firing stays one whatever else arrives.
//! - **Tumbling**: conditions that more events may break (`lt`, `lte`, `eq`, `neq`, and all
//!   measures). Time is cut into buckets as long as the span; the correlation fires once a
//!   bucket in which it holds, at its last event. A bucket is looked at when it is over.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aisaws_core::id::EventId;
use aisaws_core::window::{Counted, Entry, PER_BUCKET, excess};
use jiff::{SignedDuration, Timestamp};

use super::correlation::{Bound, CorrelationKind, Operator};

/// What decides whether a correlation fires.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) kind: CorrelationKind,
    pub(super) bounds: Vec<Bound>,
    pub(super) percentile: f64,
    /// Number of its rules.
    pub(super) parts: u32,
    pub(super) span_seconds: u32,
}

impl Test {
    /// Number of the bucket of a time.
    pub(super) fn bucket(&self, time: Timestamp) -> i64 {
        time.as_nanosecond()
            .div_euclid(i128::from(self.span_seconds).saturating_mul(1_000_000_000))
            .try_into()
            .unwrap_or(i64::MAX)
    }

    /// The first and the last nanosecond of so many buckets from `first` on.
    fn times(&self, first: i64, count: i64) -> (Timestamp, Timestamp) {
        let span = i128::from(self.span_seconds).saturating_mul(1_000_000_000);
        let start = |bucket: i64| span.saturating_mul(i128::from(bucket));
        let time = |nanos: i128| {
            let bounded =
                nanos.clamp(Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
            Timestamp::from_nanosecond(bounded).unwrap_or(Timestamp::UNIX_EPOCH)
        };
        (time(start(first)), time(start(first.saturating_add(count)).saturating_sub(1)))
    }

    /// Whether more events can only fulfil it.
    pub(super) fn is_trailing(&self) -> bool {
        let only_grows = |b: &Bound| matches!(b.operator, Operator::Gt | Operator::Gte);
        self.kind == CorrelationKind::TemporalOrdered
            || (!self.kind.measures() && self.bounds.iter().all(only_grows))
    }

    /// What it counts.
    pub(super) fn counted(&self) -> Counted {
        match self.kind {
            CorrelationKind::EventCount => Counted::Calls,
            CorrelationKind::ValueCount | CorrelationKind::Temporal => Counted::Values,
            CorrelationKind::TemporalOrdered
            | CorrelationKind::ValueSum
            | CorrelationKind::ValueAvg
            | CorrelationKind::ValuePercentile
            | CorrelationKind::ValueMedian => Counted::Matches,
        }
    }

    /// The last moment of a bucket, where it is looked at only when it is over.
    pub(super) fn ends(&self, bucket: i64) -> Option<Timestamp> {
        (!self.is_trailing()).then(|| self.times(bucket, 1).1)
    }

    /// The entries without those that a store may hold or not, by when it last made place.
    fn lasting<'e>(&self, entries: &'e [Entry]) -> Cow<'e, [Entry]> {
        let settled = usize::try_from(PER_BUCKET.saturating_mul(2)).unwrap_or(usize::MAX);
        if entries.len() <= settled || self.counted() == Counted::Values {
            return Cow::Borrowed(entries);
        }
        let mut parts: BTreeMap<(i64, u32), Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            parts.entry((self.bucket(entry.time), entry.part)).or_default().push(entry);
        }
        parts.retain(|_, part| part.len() > settled);
        let gone: BTreeSet<Entry> =
            parts.into_values().flat_map(|part| excess(part, self.counted())).collect();
        Cow::Owned(entries.iter().filter(|entry| !gone.contains(entry)).cloned().collect())
    }

    /// Times of the entries that decide about firings because of a bucket: a trailing span
    /// that ends in the next bucket may begin in this one.
    pub(super) fn reach(&self, bucket: i64) -> (Timestamp, Timestamp) {
        if self.is_trailing() {
            self.times(bucket.saturating_sub(1), 3)
        } else {
            self.times(bucket, 1)
        }
    }

    /// Events at which it fires because of what is in the bucket, over sorted entries.
    pub(super) fn firings(&self, bucket: i64, entries: &[Entry]) -> Vec<EventId> {
        let entries = &*self.lasting(entries);
        let (start, mut end) = self.times(bucket, 1);
        if !self.is_trailing() {
            let inside = entries.iter().filter(|e| e.time >= start && e.time <= end);
            return self.tumbling(&inside.collect::<Vec<_>>()).into_iter().collect();
        }
        (_, end) = self.times(bucket, 2);
        let mut fired: Vec<EventId> = Vec::new();
        let mut trail = Trail::new(self);
        let mut rest = entries;
        while let Some(first) = rest.first() {
            let together = rest.iter().take_while(|e| e.time == first.time).count();
            let (now, after) = rest.split_at(together);
            rest = after;
            for entry in trail.advance(now) {
                let is_new = fired.last() != Some(&entry.event);
                if is_new && entry.time >= start && entry.time <= end {
                    fired.push(entry.event.clone());
                }
            }
        }
        fired
    }

    /// The last event of a bucket in which the condition holds.
    fn tumbling(&self, entries: &[&Entry]) -> Option<EventId> {
        let last = entries.last()?;
        let found = self.measure(entries)?;
        self.bounds.iter().all(|b| b.holds(found)).then(|| last.event.clone())
    }

    /// The count or measure over entries; `None` where there is nothing to measure.
    fn measure(&self, entries: &[&Entry]) -> Option<f64> {
        let count = |number: usize| u32::try_from(number).map_or(f64::INFINITY, f64::from);
        let distinct = |names: Vec<String>| count(names.into_iter().collect::<BTreeSet<_>>().len());
        let mut numbers: Vec<f64> = entries
            .iter()
            .filter_map(|e| e.value.parse().ok())
            .filter(|n: &f64| n.is_finite())
            .collect();
        // Sorted, so that a sum does not depend on the order in which events came.
        numbers.sort_by(f64::total_cmp);
        let (length, sum) = (count(numbers.len()), numbers.iter().sum::<f64>());
        let at = |rank: usize| numbers.get(rank.clamp(1, numbers.len().max(1)) - 1).copied();
        match self.kind {
            CorrelationKind::EventCount => {
                Some(distinct(entries.iter().map(|e| call(e)).collect()))
            }
            CorrelationKind::ValueCount => {
                Some(distinct(entries.iter().map(|e| e.value.clone()).collect()))
            }
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
                Some(distinct(entries.iter().map(|e| e.part.to_string()).collect()))
            }
            CorrelationKind::ValueSum => (!numbers.is_empty()).then_some(sum),
            CorrelationKind::ValueAvg => (!numbers.is_empty()).then(|| sum / length),
            CorrelationKind::ValueMedian => {
                let middle = numbers.len().div_ceil(2);
                Some(f64::midpoint(at(middle)?, at(numbers.len() / 2 + 1)?))
            }
            CorrelationKind::ValuePercentile => {
                // The smallest number that at least so many per cent are not above.
                let share = self.percentile / 100.0;
                let rank = (1..=numbers.len()).find(|rank| count(*rank) >= share * length);
                at(rank.unwrap_or(numbers.len()))
            }
        }
    }
}

/// What an event counts as: the call that its copies have in common, else itself.
fn call(entry: &Entry) -> String {
    let name = if entry.value.is_empty() { entry.event.as_str() } else { &entry.value };
    name.to_owned()
}

/// What trails behind the present event, as far back as the span.
struct Trail<'t> {
    test: &'t Test,
    span: SignedDuration,
    held: VecDeque<Entry>,
    /// How often each event, value or part is among them.
    counts: BTreeMap<String, u32>,
    /// For `temporal_ordered`: by number of rules matched in order, the latest start of it.
    chains: Vec<Option<Timestamp>>,
}

impl<'t> Trail<'t> {
    fn new(test: &'t Test) -> Self {
        Self {
            test,
            span: SignedDuration::from_secs(i64::from(test.span_seconds)),
            held: VecDeque::new(),
            counts: BTreeMap::new(),
            chains: vec![None; usize::try_from(test.parts).unwrap_or(0)],
        }
    }

    /// Moves on to the entries of one point in time, and gives those at which it fires.
    fn advance<'e>(&mut self, now: &'e [Entry]) -> Vec<&'e Entry> {
        let Some(time) = now.first().map(|e| e.time) else { return Vec::new() };
        // Far before all times there is nothing to drop.
        let since = time.checked_sub(self.span).unwrap_or(Timestamp::MIN);
        if self.test.kind == CorrelationKind::TemporalOrdered {
            return self.chain(now, since);
        }
        while self.held.front().is_some_and(|e| e.time < since) {
            if let Some(gone) = self.held.pop_front() {
                let name = self.counted(&gone);
                if let Some(count) = self.counts.get_mut(&name) {
                    *count -= 1;
                    if *count == 0 {
                        self.counts.remove(&name);
                    }
                }
            }
        }
        let mut fired = Vec::new();
        for entry in now {
            *self.counts.entry(self.counted(entry)).or_default() += 1;
            self.held.push_back(entry.clone());
            let found = u32::try_from(self.counts.len()).map_or(f64::INFINITY, f64::from);
            let holds = if self.test.bounds.is_empty() {
                found >= f64::from(self.test.parts)
            } else {
                self.test.bounds.iter().all(|b| b.holds(found))
            };
            if holds {
                fired.push(entry);
            }
        }
        fired
    }

    fn counted(&self, entry: &Entry) -> String {
        match self.test.kind {
            CorrelationKind::ValueCount => entry.value.clone(),
            CorrelationKind::Temporal => entry.part.to_string(),
            CorrelationKind::EventCount
            | CorrelationKind::TemporalOrdered
            | CorrelationKind::ValueSum
            | CorrelationKind::ValueAvg
            | CorrelationKind::ValuePercentile
            | CorrelationKind::ValueMedian => call(entry),
        }
    }

    /// Events of one second have no order among them: they fit in whatever order is asked for.
    fn chain<'e>(&mut self, now: &'e [Entry], since: Timestamp) -> Vec<&'e Entry> {
        let mut before: Option<Timestamp> = now.first().map(|e| e.time);
        let mut completed = None;
        for (part, chain) in (0_u32..).zip(&mut self.chains) {
            completed = None;
            if now.iter().any(|e| e.part == part) {
                // A chain that ends here is as young as the youngest one it goes on from.
                completed = before;
                *chain = (*chain).max(before);
            }
            before = *chain;
        }
        let last = self.test.parts.saturating_sub(1);
        if completed.is_none_or(|start| start < since) {
            return Vec::new();
        }
        now.iter().filter(|e| e.part == last).collect()
    }
}
