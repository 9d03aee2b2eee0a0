//! The windows of correlations.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::window::{Changed, Entry, Match, WindowKey};

/// Keeps the matches that correlations count.
///
/// Nothing here decides by the order or the time of arrival: what is read is a set, sorted by
/// the events' own time. Each call can be made of conditional writes to single items.
#[async_trait]
pub trait Windows: Send + Sync {
    /// Files the matches; durable on return. A match that is there already changes nothing.
    /// A new one makes its bucket count as changed. Where a bucket
    /// holds as many of a part as there is [room](Match::room) for, [`repeats`](crate::window::repeats)
    /// go where matches are distinct; else it takes no more of that part and says so.
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
    /// Makes the bucket count as evaluated, unless matches were added since it was read.
    /// Says whether it does.
    async fn settle(&self, bucket: &Changed) -> Result<bool, StoreError>;
    /// Drops entries that arrived before that time and whose bucket is not changed; gives their
    /// number. What a correlation finds never depends on whether this ran, except for events
    /// that arrive later than that.
    async fn forget(&self, arrived_before: Timestamp) -> Result<u64, StoreError>;
}
