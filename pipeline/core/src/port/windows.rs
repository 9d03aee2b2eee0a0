//! The windows of correlations.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::id::EventId;
use crate::window::{Changed, Entry, Match, WindowKey};

/// Keeps the matches that correlations count.
///
/// Nothing here decides by the order or the time of arrival: what is read is a set, sorted by
/// the events' own time. Each call can be made of conditional writes to single items.
#[async_trait]
pub trait Windows: Send + Sync {
    /// Files the matches; durable on return. A match that is there already changes nothing.
    /// A new one makes its bucket count as changed. Where a bucket holds [`ROOM`](crate::window::ROOM)
    /// of a part, its [`excess`](crate::window::excess) goes; where that would have counted
    /// ([`Counted::Matches`](crate::window::Counted)), the bucket says so.
    async fn add(&self, matches: Vec<Match>, at: Timestamp) -> Result<(), StoreError>;
    /// Changed buckets by correlation, group and bucket, those after `after`, at most `limit`.
    async fn changed(
        &self,
        after: Option<(WindowKey, i64)>,
        limit: u32,
    ) -> Result<Vec<Changed>, StoreError>;
    /// The group's entries with times in `[since, until]`, sorted by time, event, part, value.
    async fn entries(
        &self,
        key: &WindowKey,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Entry>, StoreError>;
    /// Of the events that [`Self::entries`] gives, those that were noted as done with.
    async fn fired(
        &self,
        key: &WindowKey,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeSet<EventId>, StoreError>;
    /// Notes that the correlation fired at these entries, and that all that follows is kept. It
    /// spares asking again and decides nothing; what is not held any more is not noted.
    async fn note_fired(&self, key: &WindowKey, entries: Vec<Entry>) -> Result<(), StoreError>;
    /// Makes the bucket count as evaluated, unless matches were added since it was read.
    /// Says whether it does.
    async fn settle(&self, bucket: &Changed) -> Result<bool, StoreError>;
    /// Drops entries that arrived before that time and whose bucket is not changed; gives their
    /// number. What a correlation finds never depends on whether this ran, except for events
    /// that arrive later than that.
    async fn forget(&self, arrived_before: Timestamp) -> Result<u64, StoreError>;
}
