//! What correlations count: events that matched, by group and by time.
//!
//! A correlation rule looks at the matching events of one group (the same caller, say) within a
//! span of time. Time is cut into buckets as long as that span, counted from 1970. A match is
//! filed under its group and the bucket of its event's time, so what belongs together is found
//! without reading more than the buckets beside it, whatever order events arrive in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{EventId, RuleId};

/// How many things a correlation may ask for, and how many of a part are told apart in a bucket
/// from either end. Each part has room of its own: a flood of failures must not keep out the
/// success that follows.
pub const PER_BUCKET: u32 = 10_000;

/// Matches of one part that a bucket takes before [`excess`] makes place. What is left of them is
/// at most two thirds.
pub const ROOM: u32 = 3 * PER_BUCKET;

/// The group of a correlation that a match counts in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WindowKey {
    /// The correlation rule.
    pub correlation: RuleId,
    /// The values of its group-by fields as a JSON array of texts and nulls.
    pub group: String,
}

/// A matching event in a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// When the event happened.
    pub time: Timestamp,
    /// The event.
    pub event: EventId,
    /// The rule that matched, as the correlation calls it by its place in the list.
    pub part: u32,
    /// The value that is counted or measured. Where the correlation counts events: what copies
    /// of one call in several accounts have in common, else empty.
    pub value: String,
}

/// One matching event, where it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The group.
    pub key: WindowKey,
    /// Number of the bucket: the event's time divided by the correlation's span, rounded down.
    pub bucket: i64,
    /// The event.
    pub entry: Entry,
    /// What makes two matches one.
    #[serde(default)]
    pub counted: Counted,
}

/// What a correlation counts, and so which matches of one part are the same to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Every match is one more.
    #[default]
    Matches,
    /// Matches of copies of one call are one: those that have a value in common.
    Calls,
    /// Matches that have their value in common are one.
    Values,
}

impl Counted {
    /// What is one and the same for it.
    fn key(self, entry: &Entry) -> (&str, &str, Option<Timestamp>) {
        match self {
            Self::Matches => (entry.event.as_str(), &entry.value, Some(entry.time)),
            Self::Calls if entry.value.is_empty() => (entry.event.as_str(), "", None),
            Self::Calls | Self::Values => ("", &entry.value, None),
        }
    }
}

/// Of entries of one part in one bucket, those that may go: all but the first of each of the
/// [`PER_BUCKET`] things that come first, and the last of each of the as many that come last.
///
/// A span is as long as a bucket. One that ends in the bucket begins before it or with it, one
/// that ends in the next bucket holds this one's end. So of what only counts or tells apart
/// (`Calls`, `Values`), up to that many, the same is found in the same window without those
/// between. What goes depends on the events' times alone: to go by parts, whatever the order in
/// which entries come, leaves what to go at once leaves.
pub fn excess<'e>(entries: impl IntoIterator<Item = &'e Entry>, counted: Counted) -> Vec<Entry> {
    let all: BTreeSet<&Entry> = entries.into_iter().collect();
    let mut ends: BTreeMap<_, (&Entry, &Entry)> = BTreeMap::new();
    for entry in &all {
        ends.entry(counted.key(entry)).or_insert((entry, entry)).1 = entry;
    }
    let mut firsts: Vec<&Entry> = ends.values().map(|(first, _)| *first).collect();
    let mut lasts: Vec<&Entry> = ends.values().map(|(_, last)| *last).collect();
    firsts.sort_unstable();
    lasts.sort_unstable();
    let many = usize::try_from(PER_BUCKET).unwrap_or(usize::MAX);
    let kept: BTreeSet<&Entry> =
        firsts.into_iter().take(many).chain(lasts.into_iter().rev().take(many)).collect();
    all.difference(&kept).map(|entry| (*entry).clone()).collect()
}

/// A bucket that got new matches since it was last evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The group.
    pub key: WindowKey,
    /// The bucket.
    pub bucket: i64,
    /// How often matches were added; tells whether more came since this was read.
    pub version: u64,
    /// Matches were dropped that would have counted, because there were too many.
    pub is_full: bool,
    /// When the last match was added.
    pub added_at: Timestamp,
}

/// When windows are over about which something can be told only then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Those whose last moment was before this time of events, ...
    pub ended_before: Timestamp,
    /// ... and for which nothing came since that time of ours.
    pub quiet_since: Timestamp,
}

impl Closing {
    /// Whether a window that ends then is over.
    pub fn is_over(self, ends: Timestamp, changed: &Changed) -> bool {
        ends < self.ended_before && changed.added_at <= self.quiet_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: i64, value: &str) -> Entry {
        let time = Timestamp::from_second(second).unwrap();
        Entry { time, event: format!("e{second}").as_str().into(), part: 0, value: value.into() }
    }

    #[test]
    fn the_first_and_the_last_of_what_is_the_same_stay() {
        let same: Vec<Entry> = (0..5).map(|n| entry(n, "v")).collect();
        assert_eq!(excess(&same, Counted::Values), same[1..4]);
        assert_eq!(excess(&same, Counted::Calls), same[1..4]);
        assert_eq!(excess(&same, Counted::Matches), []);
        let alone: Vec<Entry> = (0..5).map(|n| entry(n, "")).collect();
        assert_eq!(excess(&alone, Counted::Calls), []);
    }

    #[test]
    fn of_too_many_those_at_both_ends_stay_whatever_the_order() {
        let many = i64::from(PER_BUCKET);
        let all: Vec<Entry> = (0..3 * many).map(|n| entry(n, &n.to_string())).collect();
        let middle: BTreeSet<&Entry> = all[10_000..20_000].iter().collect();
        for counted in [Counted::Matches, Counted::Calls, Counted::Values] {
            let gone = excess(&all, counted);
            assert_eq!(gone.iter().collect::<BTreeSet<_>>(), middle);
            // The middle first, then the ends: by parts.
            let mut held: BTreeSet<Entry> = all[5_000..28_000].iter().cloned().collect();
            for gone in excess(&held, counted) {
                held.remove(&gone);
            }
            held.extend(all[28_000..].iter().chain(&all[..5_000]).cloned());
            for gone in excess(&held, counted) {
                held.remove(&gone);
            }
            assert!(held.iter().all(|entry| !middle.contains(entry)));
            assert_eq!(held.len(), 20_000);
        }
    }
}
