//! Port `Events`.

use aisaws_core::canonical::Digest;
use aisaws_core::event::Event;
use aisaws_core::hit::Hit;
use aisaws_core::id::EventId;
use aisaws_core::port::{DeadLetter, Derived, EventFilter, Events, Recorded, StoreError, Stored};
use aisaws_core::resource::ResourceRef;
use aisaws_core::seen::Seen;
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::types::Value as Column;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params, params_from_iter};
use serde_json::json;

use super::column::{event, fold, nanos};
use super::{Store, intake};

#[async_trait]
impl Events for Store {
    async fn append(&self, records: Vec<Recorded>) -> Result<Vec<Stored>, StoreError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let news = self.seen().news(records.iter().map(|record| &record.event));
        let stored = self.write("keep events", move |tx| {
            see(tx, &news)?;
            Ok((intake::append(tx, &records)?, news))
        });
        let (stored, news) = stored.await?;
        // Not before it is committed: what is known is not written again.
        self.seen().learn(news);
        Ok(stored)
    }

    async fn derive(&self, hits: Vec<Hit>) -> Result<Derived, StoreError> {
        if hits.is_empty() {
            return Ok(Derived::default());
        }
        self.write("keep hits of correlations", move |tx| intake::derive(tx, &hits)).await
    }

    async fn bury(&self, letters: Vec<DeadLetter>) -> Result<(), StoreError> {
        self.write("keep dead letters", move |tx| {
            let mut insert = tx.prepare_cached(
                "insert into dead_letter (fingerprint, origin, line, reason, content) \
                 values (?1, ?2, ?3, ?4, ?5) on conflict do nothing",
            )?;
            for letter in &letters {
                let fingerprint = Digest::of(&json!([letter.origin, letter.line, letter.content]));
                insert.execute(params![
                    fingerprint.as_str(),
                    letter.origin,
                    letter.line.cast_signed(),
                    letter.reason,
                    letter.content,
                ])?;
            }
            Ok(())
        })
        .await
    }

    async fn get(&self, id: &EventId) -> Result<Option<Event>, StoreError> {
        let id = id.clone();
        self.read("read an event", move |db| {
            db.prepare_cached(
                "select source, id, account, raw from event where fold = ?1 and variant = '' and id = ?2",
            )?
            .query_row(params![fold(&id), id.as_str()], |row| event(row, 0))
            .optional()
        })
        .await
    }

    async fn list(
        &self,
        filter: &EventFilter,
        after: Option<(Timestamp, EventId)>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let (sql, values) = matching(filter, after.as_ref());
        self.read("list events", move |db| page(db, &sql, values, limit)).await
    }

    async fn touching(&self, resource: &ResourceRef) -> Result<Vec<Event>, StoreError> {
        let resource = resource.clone();
        self.read("list the events of a resource", move |db| touching(db, &resource)).await
    }

    async fn first_seen(&self, what: Seen<'_>) -> Result<Option<Timestamp>, StoreError> {
        let key = what.key();
        self.read("tell what was seen first", move |db| {
            db.prepare_cached("select time from seen where what = ?1")?
                .query_row([key], |row| {
                    let nanos = i128::from(row.get::<_, i64>(0)?);
                    Ok(Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::MAX))
                })
                .optional()
        })
        .await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.read("list dead letters", move |db| {
            db.prepare_cached(
                "select origin, line, reason, content from dead_letter order by seq limit ?1",
            )?
            .query_map([limit], |row| {
                Ok(DeadLetter {
                    origin: row.get(0)?,
                    line: row.get::<_, i64>(1)?.cast_unsigned(),
                    reason: row.get(2)?,
                    content: row.get(3)?,
                })
            })?
            .collect()
        })
        .await
    }
}

/// Keeps the earliest times of what was seen.
fn see(tx: &Transaction<'_>, news: &[(String, Timestamp)]) -> Result<(), rusqlite::Error> {
    let mut upsert = tx.prepare_cached(
        "insert into seen (what, time) values (?1, ?2) on conflict (what) \
         do update set time = excluded.time where excluded.time < time",
    )?;
    for (what, time) in news {
        upsert.execute(params![what, nanos(*time)])?;
    }
    Ok(())
}

/// The query for matching events in order, without its limit.
fn matching(filter: &EventFilter, after: Option<&(Timestamp, EventId)>) -> (String, Vec<Column>) {
    let mut clauses = vec!["true"];
    let mut values: Vec<Column> = Vec::new();
    if let Some(since) = filter.since {
        clauses.push("time >= ?");
        values.push(nanos(since).into());
    }
    if let Some(until) = filter.until {
        clauses.push("time < ?");
        values.push(nanos(until).into());
    }
    if let Some(name) = &filter.name {
        clauses.push("name = ?");
        values.push(name.clone().into());
    }
    if let Some(id) = &filter.id {
        clauses.push("fold = ? and id = ?");
        values.push(fold(id).into());
        values.push(id.as_str().to_owned().into());
    }
    if let Some((time, id)) = after {
        clauses.push("(time, id) > (?, ?)");
        values.push(nanos(*time).into());
        values.push(id.as_str().to_owned().into());
    }
    let order = "order by time, id, seq";
    (
        format!(
            "select source, id, account, raw from event where {} {order}",
            clauses.join(" and ")
        ),
        values,
    )
}

/// Runs the query for one page. Different contents under one id share their place in the
/// order, which is all that the next page knows: they stay on one page, and where they alone
/// are more than the limit, the page is longer.
fn page(
    db: &Connection,
    sql: &str,
    mut values: Vec<Column>,
    limit: u32,
) -> Result<Vec<Event>, rusqlite::Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values.drain(..)))?;
    let mut events: Vec<Event> = Vec::new();
    if limit == 0 {
        return Ok(events);
    }
    while let Some(row) = rows.next()? {
        let next = event(row, 0)?;
        if events.len() >= limit {
            let is_of = |e: &Event| e.id == next.id && e.time == next.time;
            if !events.last().is_some_and(is_of) {
                break;
            }
            if !events.first().is_some_and(is_of) {
                while events.last().is_some_and(is_of) {
                    events.pop();
                }
                break;
            }
        }
        events.push(next);
    }
    Ok(events)
}

/// Events that changed the resource, in order of time then id.
pub(crate) fn touching(
    db: &Connection,
    resource: &ResourceRef,
) -> Result<Vec<Event>, rusqlite::Error> {
    db.prepare_cached(
        "select e.source, e.id, e.account, e.raw from touch t join event e on e.seq = t.seq \
         where t.resource = ?1 order by t.time, e.id, e.seq",
    )?
    .query_map([resource.key()], |row| event(row, 0))?
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    /// What SQLite means to do for a query.
    fn plan(sql: &str, values: Vec<Column>) -> String {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("schema.sql")).unwrap();
        let mut statement = db.prepare(&format!("explain query plan {sql}")).unwrap();
        let lines: Vec<String> = statement
            .query_map(params_from_iter(values), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        lines.join("; ")
    }

    #[test]
    fn listing_needs_no_sorting_whatever_the_filter() {
        let id = EventId::new("e");
        let after = (Timestamp::UNIX_EPOCH, id.clone());
        let filters = [
            EventFilter::default(),
            EventFilter { since: Some(Timestamp::UNIX_EPOCH), ..EventFilter::default() },
            EventFilter { name: Some("A".to_owned()), ..EventFilter::default() },
        ];
        for filter in filters {
            for after in [None, Some(&after)] {
                let (sql, values) = matching(&filter, after);
                let plan = plan(&sql, values);
                assert!(plan.contains("event_by_time") && !plan.contains("TEMP"), "{sql}: {plan}");
            }
        }
    }

    #[test]
    fn one_event_is_found_by_its_id() {
        let filter = EventFilter { id: Some(EventId::new("e")), ..EventFilter::default() };
        let (sql, values) = matching(&filter, None);
        let plan = plan(&sql, values);
        assert!(plan.contains("event_by_fold"), "{plan}");
    }
}
