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

/// Matches that are kept of one part of a group in one bucket. Further ones are not counted, and
/// the bucket says that it is full. No correlation may ask for a count above it. Each part has
/// room of its own: a flood of failures must not keep out the success that follows.
pub const PER_BUCKET: u32 = 10_000;

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
    /// Whether it only matters which parts and values there are, not how often: where its room
    /// is full, [`repeats`] make place.
    #[serde(default)]
    pub is_distinct: bool,
}

impl Match {
    /// How many matches of its part its bucket takes. Where values count once and fewer than
    /// [`PER_BUCKET`] of so many are repeats, there are more values than any condition asks for.
    pub fn room(&self) -> u32 {
        if self.is_distinct { PER_BUCKET.saturating_mul(3) } else { PER_BUCKET }
    }
}

/// Of entries of one part in one bucket, those between the first and the last of their value.
///
/// A span is as long as a bucket. One that ends in the bucket holds the first entry of a value
/// if it holds any, and one that ends in the next bucket holds the last. So what only asks which
/// values there are finds the same without those between.
pub fn repeats(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut by_value: BTreeMap<String, BTreeSet<Entry>> = BTreeMap::new();
    for entry in entries {
        by_value.entry(entry.value.clone()).or_default().insert(entry);
    }
    let mut between = Vec::new();
    for mut of_value in by_value.into_values() {
        of_value.pop_first();
        of_value.pop_last();
        between.extend(of_value);
    }
    between
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
    /// Matches beyond the room of their part were turned away.
    pub is_full: bool,
}
