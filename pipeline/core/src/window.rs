//! What correlations count: events that matched, by group and by time.
//!
//! A correlation rule looks at the matching events of one group (the same caller, say) within a
//! span of time. Time is cut into buckets as long as that span, counted from 1970. A match is
//! filed under its group and the bucket of its event's time, so what belongs together is found
//! without reading more than the buckets beside it, whatever order events arrive in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{EventId, RuleId};

/// Matches that are kept of one group in one bucket. Further ones are not counted, and the
/// bucket says that it is full. No correlation may ask for a count above it.
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
    /// Matches beyond [`PER_BUCKET`] were turned away.
    pub is_full: bool,
}
