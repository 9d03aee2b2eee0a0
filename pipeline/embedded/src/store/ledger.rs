//! The chain of one incident: every append reads its head, links, and moves the head on.

use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{self, Appended, Entry, Link, RawLink};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde_json::Value;

use super::column::{digest, json, nanos, time, to_json};

/// Appends to the chain of an incident that is there; `None`: there is no such incident.
pub(super) fn append(
    tx: &Transaction<'_>,
    id: IncidentId,
    key: &str,
    entry: Entry,
    at: Timestamp,
) -> Result<Option<Appended>, rusqlite::Error> {
    let incident = id.to_string();
    let head = tx
        .prepare_cached("select links, head, resource from incident where id = ?1")?
        .query_row([&incident], |row| {
            Ok((row.get::<_, u32>(0)?, digest(row, 1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let Some((links, hash, resource)) = head else { return Ok(None) };
    let is_there = tx
        .prepare_cached("select 1 from ledger where incident = ?1 and key = ?2")?
        .exists(params![incident, key])?;
    if is_there {
        return Ok(Some(Appended::Already));
    }
    let link = chain(id, Some((links, hash)), key, entry, at)?;
    insert(tx, &incident, &link)?;
    tx.prepare_cached("update incident set links = ?2, head = ?3 where id = ?1")?
        .execute(params![incident, link.seq, link.hash.as_str()])?;
    if matches!(link.entry, Entry::Remediated { .. }) {
        tx.prepare_cached(
            "insert into write_made (resource, at, incident, seq) values (?1, ?2, ?3, ?4)",
        )?
        .execute(params![resource, nanos(at), incident, link.seq])?;
    }
    Ok(Some(Appended::New))
}

/// The link that follows the head.
pub(super) fn chain(
    id: IncidentId,
    head: Option<(u32, aisaws_core::canonical::Digest)>,
    key: &str,
    entry: Entry,
    at: Timestamp,
) -> Result<Link, rusqlite::Error> {
    ledger::link(id, head, key, at, entry)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// Stores the link; the head is its caller's to move.
pub(super) fn insert(
    tx: &Transaction<'_>,
    incident: &str,
    link: &Link,
) -> Result<(), rusqlite::Error> {
    tx.prepare_cached(
        "insert into ledger (incident, seq, key, at, entry, prev, hash) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        incident,
        link.seq,
        link.key,
        link.at.to_string(),
        to_json(&link.entry)?,
        link.prev.as_str(),
        link.hash.as_str(),
    ])?;
    Ok(())
}

const LINKS: &str =
    "select seq, key, at, entry, prev, hash from ledger where incident = ?1 order by seq";

/// The chain as entries of this version.
pub(super) fn links(db: &Connection, id: IncidentId) -> Result<Vec<Link>, rusqlite::Error> {
    db.prepare_cached(LINKS)?
        .query_map([id.to_string()], |row| {
            Ok(Link {
                incident: id,
                seq: row.get(0)?,
                key: row.get(1)?,
                at: time(row, 2)?,
                entry: json(row, 3)?,
                prev: digest(row, 4)?,
                hash: digest(row, 5)?,
            })
        })?
        .collect()
}

/// The chain as it is stored. What somebody made unreadable must not hide behind an error:
/// it becomes a value that cannot match its hash, and the check of the chain names the link.
pub(super) fn raw_links(db: &Connection, id: IncidentId) -> Result<Vec<RawLink>, rusqlite::Error> {
    db.prepare_cached(LINKS)?.query_map([id.to_string()], raw_link)?.collect()
}

fn raw_link(row: &Row<'_>) -> Result<RawLink, rusqlite::Error> {
    let unreadable = |_| Value::String("unreadable".to_owned());
    Ok(RawLink {
        seq: row.get(0)?,
        key: row.get(1)?,
        at: time(row, 2).unwrap_or(Timestamp::MIN),
        entry: json(row, 3).unwrap_or_else(unreadable),
        prev: digest(row, 4)?,
        hash: digest(row, 5)?,
    })
}
