//! Port `Windows`. The matches of a group, and its buckets, are one partition. A match is added in one
//! transaction with the count of its bucket and the mark that the bucket has changed, so that whoever
//! settles a bucket meets every match or is told that more came.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use aisaws_core::id::EventId;
use aisaws_core::port::{StoreError, Windows};
use aisaws_core::window::{Changed, Counted, Entry, Match, ROOM, WindowKey, excess};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::call::{Range, TRANSACTION, Transacted, pause};
use super::handle::{Store, Trouble, doing};
use super::item::{Attributes, Item, Row, key_attributes};
use super::layout::{self, BY_TIME, Key};

/// Of a match: what was added, and the number of its bucket.
const MATCH: &str = "match";
/// Of a match: that the correlation fired at it, and all that follows is kept.
const IS_FIRED: &str = "is_fired";
/// Of a bucket.
const KEY: &str = "window";
const NUMBER: &str = "number";
const SIZE: &str = "size";
const VERSION: &str = "version";
const IS_CHANGED: &str = "is_changed";
const IS_FULL: &str = "is_full";
const ADDED_AT: &str = "added_at";

/// Matches of one transaction, beside their bucket and its mark.
const ADDED: usize = TRANSACTION - 2;
/// Matches that are forgotten in one transaction, beside their bucket.
const FORGOTTEN: usize = TRANSACTION - 1;
/// Buckets that are written at a time.
const CONCURRENT: usize = 16;
/// How often a bucket may have changed before a call gives up.
const ATTEMPTS: u32 = 64;

#[async_trait]
impl Windows for Store {
    async fn add(&self, matches: Vec<Match>, at: Timestamp) -> Result<(), StoreError> {
        add(self, matches, at).await.map_err(doing("keep matches of correlations"))
    }

    async fn changed(
        &self,
        after: Option<(WindowKey, i64)>,
        limit: u32,
    ) -> Result<Vec<Changed>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        changed(self, after, limit).await.map_err(doing("list changed windows"))
    }

    async fn entries(
        &self,
        key: &WindowKey,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Entry>, StoreError> {
        let read = async {
            let mut entries = Vec::new();
            for item in self.query(&between(key, since, until), usize::MAX).await? {
                entries.push(Row(&item).json::<Match>(MATCH)?.entry);
            }
            // Keys of long texts sort by their beginnings only.
            entries.sort();
            Ok(entries)
        };
        read.await.map_err(doing("read a window"))
    }

    async fn fired(
        &self,
        key: &WindowKey,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeSet<EventId>, StoreError> {
        let read = async {
            let mut fired = BTreeSet::new();
            for item in self.query(&between(key, since, until), usize::MAX).await? {
                if Row(&item).is(IS_FIRED) {
                    fired.insert(Row(&item).json::<Match>(MATCH)?.entry.event);
                }
            }
            Ok(fired)
        };
        read.await.map_err(doing("read what a window fired at"))
    }

    async fn note_fired(&self, key: &WindowKey, entries: Vec<Entry>) -> Result<(), StoreError> {
        note_fired(self, key, entries).await.map_err(doing("note what a window fired at"))
    }

    async fn settle(&self, bucket: &Changed) -> Result<bool, StoreError> {
        settle(self, bucket).await.map_err(doing("settle a window"))
    }

    async fn forget(&self, arrived_before: Timestamp) -> Result<u64, StoreError> {
        forget(self, arrived_before).await.map_err(doing("forget old windows"))
    }
}

/// The matches of those times, both included.
fn between(key: &WindowKey, since: Timestamp, until: Timestamp) -> Range {
    let bound = |time| format!("{}{}", layout::ENTRY, layout::time(time));
    Range::of(layout::window(key)).between(Some(bound(since)), Some(format!("{}~", bound(until))))
}

/// Each by itself: one that was dropped meanwhile must not keep the others from being noted.
async fn note_fired(store: &Store, key: &WindowKey, entries: Vec<Entry>) -> Result<(), Trouble> {
    futures::stream::iter(entries)
        .map(|entry| async move {
            let update = Update::builder()
                .table_name(&*store.table)
                .set_key(Some(key_attributes(&layout::entry(key, &entry))))
                .update_expression("set #fired = :true")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_names("#fired", IS_FIRED)
                .expression_attribute_values(":true", AttributeValue::Bool(true))
                .build()?;
            let write = TransactWriteItem::builder().update(update).build();
            match store.transact(vec![write]).await? {
                // Refused: it is held no more.
                Transacted::Done | Transacted::Refused => Ok(()),
            }
        })
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await
}

/// Of a bucket: matches of one part that it holds.
fn size_of(part: u32) -> String {
    format!("size {part}")
}

/// Matches of one part in one bucket of one group, each once, by their keys.
type Bucket = BTreeMap<Key, Match>;

async fn add(store: &Store, matches: Vec<Match>, at: Timestamp) -> Result<(), Trouble> {
    let mut buckets: BTreeMap<(WindowKey, i64), BTreeMap<u32, Bucket>> = BTreeMap::new();
    for found in matches {
        let parts = buckets.entry((found.key.clone(), found.bucket)).or_default();
        let bucket = parts.entry(found.entry.part).or_default();
        bucket.insert(layout::entry(&found.key, &found.entry), found);
    }
    futures::stream::iter(buckets)
        .map(|((key, number), parts)| async move {
            // One after the other: all of them write to the bucket.
            for (part, bucket) in parts {
                fill(store, Room { key: &key, number, part }, bucket, at).await?;
            }
            Ok(())
        })
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await
}

/// Where matches of one part are kept.
#[derive(Clone, Copy)]
struct Room<'k> {
    key: &'k WindowKey,
    number: i64,
    part: u32,
}

/// Adds to one bucket what is new of a part, as far as there is room.
async fn fill(
    store: &Store,
    place: Room<'_>,
    mut bucket: Bucket,
    at: Timestamp,
) -> Result<(), Trouble> {
    let Room { key, number, part: of_part } = place;
    let size = size_of(of_part);
    let counted = bucket.values().map(|found| found.counted).next().unwrap_or_default();
    let there = store.get_all(bucket.keys().cloned().collect()).await?;
    bucket.retain(|key, _| !there.contains_key(key));
    let mut refused = 0;
    while !bucket.is_empty() {
        pause(refused).await;
        if refused >= ATTEMPTS {
            return Err(Trouble::Contended(layout::window(key)));
        }
        let there = store.get(&layout::bucket(key, number)).await?.unwrap_or_default();
        let held = count(&there, &size)?;
        let room = usize::try_from(ROOM.saturating_sub(held)).unwrap_or(usize::MAX);
        if room == 0 {
            refused += 1;
            thin(store, place, counted).await?;
            continue;
        }
        let part: Bucket =
            bucket.iter().take(room.min(ADDED)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if store.transact(addition(store, place, &part, held, at)?).await? == Transacted::Done {
            bucket.retain(|key, _| !part.contains_key(key));
            refused = 0;
        } else {
            // Somebody added to the bucket meanwhile, or one of these very matches.
            refused += 1;
            let there = store.get_all(part.into_keys().collect()).await?;
            bucket.retain(|key, _| !there.contains_key(key));
        }
    }
    Ok(())
}

fn addition(
    store: &Store,
    place: Room<'_>,
    part: &Bucket,
    held: u32,
    at: Timestamp,
) -> Result<Vec<TransactWriteItem>, Trouble> {
    let Room { key, number, part: of_part } = place;
    let mut writes = Vec::new();
    for (item_key, found) in part {
        let event = &found.entry.event;
        let item = Item::new(item_key.clone())
            .in_index(
                BY_TIME,
                layout::arrived(layout::shard(event)),
                layout::arrived_order(at, event),
            )
            .with_json(MATCH, found)?;
        writes.push(store.put_if_new(item)?);
    }
    // The room was counted from this size: another one may leave less.
    let condition =
        if held == 0 { "attribute_not_exists(#room) or #room = :held" } else { "#room = :held" };
    let update = bucket_update(store, key, number)
        .update_expression(
            "set #window = :window, #number = :number, #changed = :true, #added = :added \
             add #size :n, #room :n, #version :n",
        )
        .condition_expression(condition)
        .expression_attribute_names("#window", KEY)
        .expression_attribute_names("#number", NUMBER)
        .expression_attribute_names("#changed", IS_CHANGED)
        .expression_attribute_names("#added", ADDED_AT)
        .expression_attribute_names("#size", SIZE)
        .expression_attribute_names("#room", size_of(of_part))
        .expression_attribute_names("#version", VERSION)
        .expression_attribute_values(":added", AttributeValue::S(at.to_string()))
        .expression_attribute_values(":window", AttributeValue::S(serde_json::to_string(key)?))
        .expression_attribute_values(":number", AttributeValue::S(number.to_string()))
        .expression_attribute_values(":true", AttributeValue::Bool(true))
        .expression_attribute_values(":held", AttributeValue::N(held.to_string()))
        .expression_attribute_values(":n", AttributeValue::N(part.len().to_string()))
        .build()?;
    writes.push(TransactWriteItem::builder().update(update).build());
    let bucket = layout::bucket(key, number);
    let mark = Item::new(layout::changed_mark(key, number))
        .with("bucket_pk", bucket.pk)
        .with("bucket_sk", bucket.sk);
    writes.push(store.put_anyway(mark)?);
    Ok(writes)
}

fn bucket_update(
    store: &Store,
    key: &WindowKey,
    number: i64,
) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
    Update::builder()
        .table_name(&*store.table)
        .set_key(Some(key_attributes(&layout::bucket(key, number))))
}

/// A number of an item; 0 where there is none.
fn count(item: &Attributes, name: &str) -> Result<u32, Trouble> {
    let Some(text) = item.get(name).and_then(|value| value.as_n().ok()) else { return Ok(0) };
    Ok(text
        .parse()
        .map_err(|e| Row(item).unreadable(SIZE, Some(Box::<dyn Error + Send + Sync>::from(e))))?)
}

/// Drops what the part has too many of.
async fn thin(store: &Store, place: Room<'_>, counted: Counted) -> Result<(), Trouble> {
    let range = Range::of(layout::window(place.key)).begins(layout::ENTRY);
    let mut entries = Vec::new();
    for item in store.query(&range, usize::MAX).await? {
        let found: Match = Row(&item).json(MATCH)?;
        if found.bucket == place.number && found.entry.part == place.part {
            entries.push(found.entry);
        }
    }
    let gone = excess(&entries, counted);
    if counted == Counted::Matches && !gone.is_empty() {
        say_full(store, place).await?;
    }
    let keys: Vec<Key> = gone.iter().map(|entry| layout::entry(place.key, entry)).collect();
    for part in keys.chunks(FORGOTTEN) {
        match store.transact(removal(store, place, part, Allowed::Anyway)?).await? {
            // Refused: somebody else thins it too. The caller looks again.
            Transacted::Done | Transacted::Refused => {}
        }
    }
    Ok(())
}

async fn say_full(store: &Store, place: Room<'_>) -> Result<(), Trouble> {
    let update = bucket_update(store, place.key, place.number)
        .update_expression("set #full = :true")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_names("#full", IS_FULL)
        .expression_attribute_values(":true", AttributeValue::Bool(true))
        .build()?;
    let write = TransactWriteItem::builder().update(update).build();
    match store.transact(vec![write]).await? {
        // Refused: the bucket was forgotten meanwhile, and with it what filled it.
        Transacted::Done | Transacted::Refused => Ok(()),
    }
}

async fn changed(
    store: &Store,
    after: Option<(WindowKey, i64)>,
    limit: usize,
) -> Result<Vec<Changed>, Trouble> {
    let after = after.map(|(key, number)| layout::changed_order(&key, number));
    let ranges: Vec<Range> = (0..layout::SHARDS)
        .map(|shard| Range::of(layout::changed(shard)).between(after.clone(), None))
        .collect();
    let mut keys = Vec::new();
    for mark in store.query_together(&ranges, limit).await? {
        let row = Row(&mark);
        let (pk, sk) = (row.text("bucket_pk")?.to_owned(), row.text("bucket_sk")?.to_owned());
        keys.push(Key { pk, sk });
    }
    let found = store.get_all(keys.clone()).await?;
    keys.iter().filter_map(|key| found.get(key)).map(read).collect()
}

fn read(bucket: &Attributes) -> Result<Changed, Trouble> {
    let row = Row(bucket);
    Ok(Changed {
        key: row.json(KEY)?,
        bucket: row.parsed(NUMBER, str::parse)?,
        version: u64::from(row.number(VERSION)?),
        is_full: row.is(IS_FULL),
        added_at: row.parsed(ADDED_AT, str::parse)?,
    })
}

async fn settle(store: &Store, bucket: &Changed) -> Result<bool, Trouble> {
    let Changed { key, bucket: number, version, .. } = bucket;
    let update = bucket_update(store, key, *number)
        .update_expression("set #changed = :false")
        .condition_expression("#version = :version")
        .expression_attribute_names("#changed", IS_CHANGED)
        .expression_attribute_names("#version", VERSION)
        .expression_attribute_values(":false", AttributeValue::Bool(false))
        .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
        .build()?;
    let unmark = Delete::builder()
        .table_name(&*store.table)
        .set_key(Some(key_attributes(&layout::changed_mark(key, *number))))
        .build()?;
    let writes = vec![
        TransactWriteItem::builder().update(update).build(),
        TransactWriteItem::builder().delete(unmark).build(),
    ];
    Ok(store.transact(writes).await? == Transacted::Done)
}

/// Which matches arrived early is read from an index, which may lag: what it does not show yet is
/// forgotten next time.
async fn forget(store: &Store, before: Timestamp) -> Result<u64, Trouble> {
    let mut buckets: BTreeMap<(WindowKey, i64, u32), BTreeSet<Key>> = BTreeMap::new();
    for shard in 0..layout::SHARDS {
        let range = Range::indexed(BY_TIME, layout::arrived(shard))
            .between(None, Some(layout::time(before)));
        let keys = store.query(&range, usize::MAX).await?;
        let keys = keys.iter().map(|item| Row(item).key()).collect::<Result<Vec<_>, _>>()?;
        for (key, item) in store.get_all(keys).await? {
            let found: Match = Row(&item).json(MATCH)?;
            buckets.entry((found.key, found.bucket, found.entry.part)).or_default().insert(key);
        }
    }
    let mut forgotten = 0;
    for ((key, number, part), entries) in buckets {
        let place = Room { key: &key, number, part };
        let entries: Vec<Key> = entries.into_iter().collect();
        for part in entries.chunks(FORGOTTEN) {
            if store.transact(removal(store, place, part, Allowed::Settled)?).await?
                == Transacted::Done
            {
                forgotten += u64::try_from(part.len()).unwrap_or(0);
            }
        }
        drop_empty(store, &key, number).await?;
    }
    Ok(forgotten)
}

/// Where matches may be removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// In a bucket that is not changed.
    Settled,
    /// In any.
    Anyway,
}

/// Removes matches of a part; refused where it is not allowed, and where one is gone.
fn removal(
    store: &Store,
    place: Room<'_>,
    entries: &[Key],
    allowed: Allowed,
) -> Result<Vec<TransactWriteItem>, Trouble> {
    let count = AttributeValue::N(entries.len().to_string());
    let mut update = bucket_update(store, place.key, place.number)
        .update_expression("set #size = #size - :n, #room = if_not_exists(#room, :n) - :n")
        .expression_attribute_names("#size", SIZE)
        .expression_attribute_names("#room", size_of(place.part))
        .expression_attribute_values(":n", count);
    update = match allowed {
        Allowed::Settled => update
            .condition_expression("#changed = :false and #size >= :n")
            .expression_attribute_names("#changed", IS_CHANGED)
            .expression_attribute_values(":false", AttributeValue::Bool(false)),
        Allowed::Anyway => update.condition_expression("#size >= :n"),
    };
    let update = update.build()?;
    let mut writes = vec![TransactWriteItem::builder().update(update).build()];
    for entry in entries {
        let delete = Delete::builder()
            .table_name(&*store.table)
            .set_key(Some(key_attributes(entry)))
            .condition_expression("attribute_exists(pk)")
            .build()?;
        writes.push(TransactWriteItem::builder().delete(delete).build());
    }
    Ok(writes)
}

async fn drop_empty(store: &Store, key: &WindowKey, number: i64) -> Result<(), Trouble> {
    let delete = Delete::builder()
        .table_name(&*store.table)
        .set_key(Some(key_attributes(&layout::bucket(key, number))))
        .condition_expression("#size <= :none and #changed = :false")
        .expression_attribute_names("#changed", IS_CHANGED)
        .expression_attribute_names("#size", SIZE)
        .expression_attribute_values(":false", AttributeValue::Bool(false))
        .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
        .build()?;
    match store.transact(vec![TransactWriteItem::builder().delete(delete).build()]).await? {
        // Refused: something is left in it, or came meanwhile.
        Transacted::Done | Transacted::Refused => Ok(()),
    }
}
