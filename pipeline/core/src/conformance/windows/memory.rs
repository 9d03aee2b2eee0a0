//! The port in memory: what the claims were written against, and for tests without a store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::id::EventId;
use crate::port::{StoreError, Windows};
use crate::window::{Changed, Counted, Entry, Match, ROOM, WindowKey, excess};

#[derive(Debug, Default)]
struct Bucket {
    entries: BTreeSet<Entry>,
    /// Entries by part.
    sizes: BTreeMap<u32, usize>,
    version: u64,
    is_changed: bool,
    is_full: bool,
    added_at: Timestamp,
}

impl Bucket {
    fn remove(&mut self, entry: &Entry) {
        if self.entries.remove(entry)
            && let Some(size) = self.sizes.get_mut(&entry.part)
        {
            *size = size.saturating_sub(1);
        }
    }
}

#[derive(Debug, Default)]
struct Held {
    buckets: BTreeMap<(WindowKey, i64), Bucket>,
    arrived: BTreeMap<(WindowKey, i64, Entry), Timestamp>,
    fired: BTreeSet<(WindowKey, Entry)>,
}

/// Windows that are gone with the process.
#[derive(Debug, Default)]
pub struct MemoryWindows(Mutex<Held>);

impl MemoryWindows {
    fn with<T>(&self, job: impl FnOnce(&mut Held) -> T) -> T {
        // A panic of another holder leaves the maps whole: each job changes them at its end.
        job(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Windows for MemoryWindows {
    async fn add(&self, matches: Vec<Match>, at: Timestamp) -> Result<(), StoreError> {
        self.with(|held| {
            for found in matches {
                let room = usize::try_from(ROOM).unwrap_or(usize::MAX);
                let Match { key, bucket: number, entry, counted } = found;
                let bucket = held.buckets.entry((key.clone(), number)).or_default();
                if bucket.entries.contains(&entry) {
                    continue;
                }
                if bucket.sizes.get(&entry.part).is_some_and(|size| *size >= room) {
                    let part = bucket.entries.iter().filter(|e| e.part == entry.part);
                    bucket.is_full |= counted == Counted::Matches;
                    for entry in excess(part, counted) {
                        bucket.remove(&entry);
                        held.fired.remove(&(key.clone(), entry.clone()));
                        held.arrived.remove(&(key.clone(), number, entry));
                    }
                }
                bucket.added_at = at;
                *bucket.sizes.entry(entry.part).or_default() += 1;
                bucket.version += 1;
                bucket.is_changed = true;
                bucket.entries.insert(entry.clone());
                held.arrived.insert((key, number, entry), at);
            }
        });
        Ok(())
    }

    async fn changed(
        &self,
        after: Option<(WindowKey, i64)>,
        limit: u32,
    ) -> Result<Vec<Changed>, StoreError> {
        Ok(self.with(|held| {
            held.buckets
                .iter()
                .filter(|(at, bucket)| bucket.is_changed && after.as_ref().is_none_or(|a| *at > a))
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .map(|((key, number), bucket)| Changed {
                    key: key.clone(),
                    bucket: *number,
                    version: bucket.version,
                    is_full: bucket.is_full,
                    added_at: bucket.added_at,
                })
                .collect()
        }))
    }

    async fn entries(
        &self,
        key: &WindowKey,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Entry>, StoreError> {
        let found: BTreeSet<Entry> = self.with(|held| {
            let of_key = held.buckets.iter().filter(|((k, _), _)| k == key);
            let entries = of_key.flat_map(|(_, bucket)| &bucket.entries);
            entries.filter(|e| e.time >= since && e.time <= until).cloned().collect()
        });
        Ok(found.into_iter().collect())
    }

    async fn fired(
        &self,
        key: &WindowKey,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeSet<EventId>, StoreError> {
        let is_asked = |(of, entry): &&(WindowKey, Entry)| {
            of == key && entry.time >= since && entry.time <= until
        };
        Ok(self.with(|held| {
            held.fired.iter().filter(is_asked).map(|(_, entry)| entry.event.clone()).collect()
        }))
    }

    async fn note_fired(&self, key: &WindowKey, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.with(|held| {
            let Held { buckets, fired, .. } = held;
            let of_key = || buckets.iter().filter(|((of, _), _)| of == key);
            let is_held = |entry: &Entry| of_key().any(|(_, b)| b.entries.contains(entry));
            let noted = entries.into_iter().filter(is_held);
            fired.extend(noted.map(|entry| (key.clone(), entry)));
        });
        Ok(())
    }

    async fn settle(&self, bucket: &Changed) -> Result<bool, StoreError> {
        Ok(self.with(|held| {
            let at = (bucket.key.clone(), bucket.bucket);
            match held.buckets.get_mut(&at) {
                Some(found) if found.version == bucket.version => {
                    found.is_changed = false;
                    true
                }
                Some(_) | None => false,
            }
        }))
    }

    async fn forget(&self, arrived_before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.with(|held| {
            let Held { buckets, arrived, fired } = held;
            let mut count = 0;
            arrived.retain(|(key, number, entry), at| {
                let Some(bucket) = buckets.get_mut(&(key.clone(), *number)) else { return false };
                if *at >= arrived_before || bucket.is_changed {
                    return true;
                }
                bucket.remove(entry);
                fired.remove(&(key.clone(), entry.clone()));
                count += 1;
                false
            });
            buckets.retain(|_, bucket| !bucket.entries.is_empty());
            count
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_keeps_windows_as_claimed() {
        let windows = MemoryWindows::default();
        let report = super::super::run_all(&windows, &windows).await;
        assert!(report.verdict().is_ok_and(|held| held > 5));
    }
}
