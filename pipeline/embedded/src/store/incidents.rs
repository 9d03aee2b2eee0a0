//! Port `Incidents`.

use std::collections::BTreeSet;

use aisaws_core::canonical::Digest;
use aisaws_core::hit::Hit;
use aisaws_core::id::{EventId, IncidentId, RuleId};
use aisaws_core::incident::Incident;
use aisaws_core::ledger::{Appended, Entry, Link, RawLink};
use aisaws_core::port::{Incidents, Mark, Opened, Pending, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::column::{digest, event, incident as incident_id, json, nanos, to_json};
use super::{Store, ledger};

#[async_trait]
impl Incidents for Store {
    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        self.read("list pending hits", move |db| pending(db, limit)).await
    }

    async fn open(
        &self,
        incident: Incident,
        taken: Vec<Mark>,
        at: Timestamp,
    ) -> Result<Opened, StoreError> {
        self.write("open an incident", move |tx| open(tx, incident, &taken, at)).await
    }

    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        self.read("read an incident", move |db| {
            db.prepare_cached("select id, detected from incident where id = ?1")?
                .query_row([id.to_string()], |row| incident(db, row))
                .optional()
        })
        .await
    }

    async fn list(
        &self,
        after: Option<(Timestamp, IncidentId)>,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError> {
        let (time, id) =
            after.map_or((i64::MIN, String::new()), |(time, id)| (nanos(time), id.to_string()));
        self.read("list incidents", move |db| {
            db.prepare_cached(
                "select id, detected from incident where (time, id) > (?1, ?2) \
                 order by time, id limit ?3",
            )?
            .query_map(params![time, id, limit], |row| incident(db, row))?
            .collect()
        })
        .await
    }

    async fn of_events(&self, events: &[EventId]) -> Result<Vec<IncidentId>, StoreError> {
        let events = events.to_vec();
        self.read("find the incidents of events", move |db| {
            let mut select =
                db.prepare_cached("select incident from incident_event where event = ?1")?;
            let mut found = BTreeSet::new();
            for event in &events {
                for id in select.query_map([event.as_str()], |row| incident_id(row, 0))? {
                    found.insert(id?);
                }
            }
            Ok(found.into_iter().collect())
        })
        .await
    }

    async fn rules_of_principal(
        &self,
        principal: &str,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RuleId>, StoreError> {
        let principal = principal.to_owned();
        self.read("list the rules of a principal", move |db| {
            db.prepare_cached(
                "select distinct rule from hit \
                 where principal = ?1 and time >= ?2 and time < ?3 order by rule",
            )?
            .query_map(params![principal, nanos(since), nanos(until)], |row| {
                row.get::<_, String>(0).map(RuleId::new)
            })?
            .collect()
        })
        .await
    }

    async fn admit(&self, name: &str, id: IncidentId, limit: u32) -> Result<bool, StoreError> {
        let (name, id) = (name.to_owned(), id.to_string());
        self.write("count an incident", move |tx| {
            tx.prepare_cached(
                "insert into admitted (name, incident) select ?1, ?2 \
                 where (select count(*) from admitted where name = ?1) < ?3 on conflict do nothing",
            )?
            .execute(params![name, id, limit])?;
            tx.prepare_cached("select 1 from admitted where name = ?1 and incident = ?2")?
                .exists(params![name, id])
        })
        .await
    }

    async fn append(
        &self,
        id: IncidentId,
        key: &str,
        entry: Entry,
        at: Timestamp,
    ) -> Result<Appended, StoreError> {
        let key = key.to_owned();
        self.write("append to a ledger", move |tx| ledger::append(tx, id, &key, entry, at))
            .await?
            .ok_or_else(|| StoreError::NotFound { what: "incident", id: id.to_string() })
    }

    async fn ledger(&self, id: IncidentId) -> Result<Vec<Link>, StoreError> {
        self.read("read a ledger", move |db| ledger::links(db, id)).await
    }

    async fn raw_ledger(
        &self,
        id: IncidentId,
    ) -> Result<(Vec<RawLink>, Option<(u32, Digest)>), StoreError> {
        self.read("read a ledger", move |db| {
            // One snapshot for chain and head: another process may append between two reads.
            let snapshot = db.unchecked_transaction()?;
            let head = snapshot
                .prepare_cached("select links, head from incident where id = ?1")?
                .query_row([id.to_string()], |row| Ok((row.get(0)?, digest(row, 1)?)))
                .optional()?;
            Ok((ledger::raw_links(&snapshot, id)?, head))
        })
        .await
    }

    async fn writes_since(&self, resource_key: &str, since: Timestamp) -> Result<u32, StoreError> {
        let resource = resource_key.to_owned();
        self.read("count the writes to a resource", move |db| {
            db.prepare_cached("select count(*) from write_made where resource = ?1 and at >= ?2")?
                .query_row(params![resource, nanos(since)], |row| row.get(0))
        })
        .await
    }
}

fn pending(db: &Connection, limit: u32) -> Result<Vec<Pending>, rusqlite::Error> {
    let mut select = db.prepare_cached(
        "select e.source, e.id, e.account, e.raw, e.seq from pending p join event e on e.seq = p.seq \
         order by p.time, p.id, p.seq limit ?1",
    )?;
    let mut hits =
        db.prepare_cached("select content from hit where seq = ?1 order by rule, resource")?;
    let mut found = Vec::new();
    let mut rows = select.query([limit])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(4)?;
        let hits: Vec<Hit> =
            hits.query_map([seq], |row| json(row, 0))?.collect::<Result<_, _>>()?;
        let event = event(row, 0)?;
        // No hit is ever removed, so their number tells whether one was added.
        let mark = Mark {
            event: event.id.clone(),
            content: seq.to_string(),
            seen: hits.len().to_string(),
        };
        found.push(Pending { event, hits, mark });
    }
    Ok(found)
}

fn open(
    tx: &Transaction<'_>,
    incident: Incident,
    taken: &[Mark],
    at: Timestamp,
) -> Result<Opened, rusqlite::Error> {
    let Incident { detected, events } = incident;
    let id = detected.incident;
    let id_text = id.to_string();
    let is_there = tx.prepare_cached("select 1 from incident where id = ?1")?.exists([&id_text])?;
    if !is_there {
        let (time, resource) = (nanos(detected.time), detected.resource.key());
        let record = to_json(&detected)?;
        let first = ledger::chain(id, None, "opened", Entry::Opened { detected }, at)?;
        tx.prepare_cached(
            "insert into incident (id, time, resource, detected, links, head) \
             values (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            id_text,
            time,
            resource,
            record,
            first.seq,
            first.hash.as_str()
        ])?;
        ledger::insert(tx, &id_text, &first)?;
    }
    let mut belongs = tx.prepare_cached(
        "insert into incident_event (event, incident) values (?1, ?2) on conflict do nothing",
    )?;
    for event in &events {
        belongs.execute(params![event.as_str(), id_text])?;
    }
    let mut take = tx.prepare_cached(
        "delete from pending where (time, id, seq) in \
         (select time, id, seq from event where seq = ?1 and id = ?2) \
         and (select count(*) from hit where seq = ?1) = cast(?3 as integer)",
    )?;
    for Mark { event, content, seen } in taken {
        take.execute(params![content, event.as_str(), seen])?;
    }
    Ok(if is_there { Opened::Already } else { Opened::New })
}

fn incident(db: &Connection, row: &Row<'_>) -> Result<Incident, rusqlite::Error> {
    let id = row.get_ref(0)?.as_str()?;
    let events = db
        .prepare_cached("select event from incident_event where incident = ?1")?
        .query_map([id], |row| row.get::<_, String>(0).map(EventId::new))?
        .collect::<Result<_, _>>()?;
    Ok(Incident { detected: json(row, 1)?, events })
}
