//! Port `Windows`.

use std::collections::BTreeSet;

use aisaws_core::id::{EventId, RuleId};
use aisaws_core::port::{StoreError, Windows};
use aisaws_core::window::{Changed, Counted, Entry, Match, ROOM, WindowKey, excess};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::Store;
use super::column::{nanos, time_of_nanos};

#[async_trait]
impl Windows for Store {
    async fn add(&self, matches: Vec<Match>, at: Timestamp) -> Result<(), StoreError> {
        if matches.is_empty() {
            return Ok(());
        }
        self.write("keep matches of correlations", move |tx| add(tx, &matches, at)).await
    }

    async fn changed(
        &self,
        after: Option<(WindowKey, i64)>,
        limit: u32,
    ) -> Result<Vec<Changed>, StoreError> {
        let (correlation, group, bucket) = match after {
            Some((key, bucket)) => (key.correlation.as_str().to_owned(), key.group, bucket),
            None => (String::new(), String::new(), i64::MIN),
        };
        self.read("list changed windows", move |db| {
            db.prepare_cached(
                "select correlation, grouping, bucket, version, is_full, added_at from window_bucket \
                 where is_changed = 1 and (correlation, grouping, bucket) > (?1, ?2, ?3) \
                 order by correlation, grouping, bucket limit ?4",
            )?
            .query_map(params![correlation, group, bucket, limit], |row| {
                Ok(Changed {
                    key: WindowKey {
                        correlation: RuleId::new(row.get::<_, String>(0)?),
                        group: row.get(1)?,
                    },
                    bucket: row.get(2)?,
                    version: row.get::<_, i64>(3)?.cast_unsigned(),
                    is_full: row.get(4)?,
                    added_at: time_of_nanos(row, 5)?,
                })
            })?
            .collect()
        })
        .await
    }

    async fn entries(
        &self,
        key: &WindowKey,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Entry>, StoreError> {
        let key = key.clone();
        self.read("read a window", move |db| {
            db.prepare_cached(
                "select time, event, part, value from window_entry \
                 where correlation = ?1 and grouping = ?2 and time >= ?3 and time <= ?4 \
                 order by time, event, part, value",
            )?
            .query_map(
                params![key.correlation.as_str(), key.group, nanos(since), nanos(until)],
                |row| {
                    Ok(Entry {
                        time: time_of_nanos(row, 0)?,
                        event: EventId::new(row.get::<_, String>(1)?),
                        part: row.get(2)?,
                        value: row.get(3)?,
                    })
                },
            )?
            .collect()
        })
        .await
    }

    async fn fired(
        &self,
        key: &WindowKey,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeSet<EventId>, StoreError> {
        let key = key.clone();
        self.read("read what a window fired at", move |db| {
            db.prepare_cached(
                "select event from window_entry where correlation = ?1 and grouping = ?2 \
                 and time >= ?3 and time <= ?4 and is_fired = 1",
            )?
            .query_map(
                params![key.correlation.as_str(), key.group, nanos(since), nanos(until)],
                |row| Ok(EventId::new(row.get::<_, String>(0)?)),
            )?
            .collect()
        })
        .await
    }

    async fn note_fired(&self, key: &WindowKey, entries: Vec<Entry>) -> Result<(), StoreError> {
        let key = key.clone();
        self.write("note what a window fired at", move |tx| {
            let mut note = tx.prepare_cached(
                "update window_entry set is_fired = 1 where correlation = ?1 and grouping = ?2 \
                 and time = ?3 and event = ?4 and part = ?5 and value = ?6",
            )?;
            for Entry { time, event, part, value } in &entries {
                let (rule, group) = (key.correlation.as_str(), &key.group);
                note.execute(params![rule, group, nanos(*time), event.as_str(), part, value])?;
            }
            Ok(())
        })
        .await
    }

    async fn settle(&self, bucket: &Changed) -> Result<bool, StoreError> {
        let bucket = bucket.clone();
        self.write("settle a window", move |tx| {
            let settled = tx
                .prepare_cached(
                    "update window_bucket set is_changed = 0 where correlation = ?1 and grouping = ?2 \
                     and bucket = ?3 and version = ?4",
                )?
                .execute(params![
                    bucket.key.correlation.as_str(),
                    bucket.key.group,
                    bucket.bucket,
                    bucket.version.cast_signed()
                ])?;
            Ok(settled == 1)
        })
        .await
    }

    async fn forget(&self, arrived_before: Timestamp) -> Result<u64, StoreError> {
        self.write("forget old windows", move |tx| forget(tx, arrived_before)).await
    }
}

fn add(tx: &Transaction<'_>, matches: &[Match], at: Timestamp) -> Result<(), rusqlite::Error> {
    let mut known = tx.prepare_cached(
        "select 1 from window_entry where correlation = ?1 and grouping = ?2 and time = ?3 \
         and event = ?4 and part = ?5 and value = ?6",
    )?;
    let mut size = tx.prepare_cached(
        "select size from window_part \
         where correlation = ?1 and grouping = ?2 and bucket = ?3 and part = ?4",
    )?;
    let mut grow = tx.prepare_cached(
        "insert into window_bucket \
         (correlation, grouping, bucket, size, version, is_changed, is_full, added_at) \
         values (?1, ?2, ?3, 1, 1, 1, 0, ?4) on conflict do update \
         set size = size + 1, version = version + 1, is_changed = 1, added_at = ?4",
    )?;
    let mut grow_part = tx.prepare_cached(
        "insert into window_part (correlation, grouping, bucket, part, size) \
         values (?1, ?2, ?3, ?4, 1) on conflict do update set size = size + 1",
    )?;
    let mut insert = tx.prepare_cached(
        "insert into window_entry \
         (correlation, grouping, time, event, part, value, bucket, arrived, is_fired) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
    )?;
    for found in matches {
        let Match { key, bucket, entry, .. } = found;
        let (rule, group) = (key.correlation.as_str(), &key.group);
        let (time, event) = (nanos(entry.time), entry.event.as_str());
        if known.exists(params![rule, group, time, event, entry.part, entry.value])? {
            continue;
        }
        let held: Option<u32> = size
            .query_row(params![rule, group, bucket, entry.part], |row| row.get(0))
            .optional()?;
        if held.is_some_and(|held| held >= ROOM) {
            thin(tx, found)?;
        }
        grow.execute(params![rule, group, bucket, nanos(at)])?;
        grow_part.execute(params![rule, group, bucket, entry.part])?;
        insert.execute(params![
            rule,
            group,
            time,
            event,
            entry.part,
            entry.value,
            bucket,
            nanos(at)
        ])?;
    }
    Ok(())
}

/// Drops what the match's part has too many of.
fn thin(tx: &Transaction<'_>, found: &Match) -> Result<(), rusqlite::Error> {
    let Match { key, bucket, entry, counted } = found;
    let (rule, group) = (key.correlation.as_str(), &key.group);
    let entries = tx
        .prepare_cached(
            "select time, event, value from window_entry \
             where correlation = ?1 and grouping = ?2 and bucket = ?3 and part = ?4",
        )?
        .query_map(params![rule, group, bucket, entry.part], |row| {
            Ok(Entry {
                time: time_of_nanos(row, 0)?,
                event: EventId::new(row.get::<_, String>(1)?),
                part: entry.part,
                value: row.get(2)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let gone = excess(&entries, *counted);
    let number = u32::try_from(gone.len()).unwrap_or(u32::MAX);
    let mut delete = tx.prepare_cached(
        "delete from window_entry where correlation = ?1 and grouping = ?2 and time = ?3 \
         and event = ?4 and part = ?5 and value = ?6",
    )?;
    for Entry { time, event, part, value } in &gone {
        delete.execute(params![rule, group, nanos(*time), event.as_str(), part, value])?;
    }
    tx.execute(
        "update window_part set size = size - ?5 \
         where correlation = ?1 and grouping = ?2 and bucket = ?3 and part = ?4",
        params![rule, group, bucket, entry.part, number],
    )?;
    tx.execute(
        "update window_bucket set size = size - ?4, is_full = is_full or ?5 \
         where correlation = ?1 and grouping = ?2 and bucket = ?3",
        params![rule, group, bucket, number, *counted == Counted::Matches],
    )?;
    Ok(())
}

fn forget(tx: &Transaction<'_>, before: Timestamp) -> Result<u64, rusqlite::Error> {
    let before = nanos(before);
    let settled = "(correlation, grouping, bucket) in \
                   (select correlation, grouping, bucket from window_bucket where is_changed = 0)";
    tx.execute(
        &format!(
            "update window_bucket set size = size - gone.n from \
             (select correlation as c, grouping as g, bucket as b, count(*) as n \
              from window_entry where arrived < ?1 and {settled} group by 1, 2, 3) as gone \
             where correlation = gone.c and grouping = gone.g and bucket = gone.b"
        ),
        [before],
    )?;
    tx.execute(
        &format!(
            "update window_part set size = size - gone.n from \
             (select correlation as c, grouping as g, bucket as b, part as p, count(*) as n \
              from window_entry where arrived < ?1 and {settled} group by 1, 2, 3, 4) as gone \
             where correlation = gone.c and grouping = gone.g and bucket = gone.b and part = gone.p"
        ),
        [before],
    )?;
    let forgotten = tx
        .execute(&format!("delete from window_entry where arrived < ?1 and {settled}"), [before])?;
    tx.execute("delete from window_part where size <= 0", [])?;
    tx.execute("delete from window_bucket where size <= 0 and is_changed = 0", [])?;
    Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
}
