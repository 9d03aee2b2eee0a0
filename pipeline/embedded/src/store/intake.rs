//! Writing events: the hot path of the store.
//!
//! Most events have neither hits nor touches and are one row. An event whose id is there is
//! compared as text first, since a second delivery is nearly always the same bytes.

use aisaws_core::canonical::{self, Digest};
use aisaws_core::event::{Event, Source};
use aisaws_core::port::{Disposition, Recorded, Stored};
use rusqlite::{CachedStatement, Transaction, params};
use serde_json::Value;

use super::column::{CLOUDTRAIL, nanos, to_json};

/// The statements of one batch, prepared once a connection.
struct Statements<'t> {
    event: CachedStatement<'t>,
    hit: CachedStatement<'t>,
    pending: CachedStatement<'t>,
    touch: CachedStatement<'t>,
    raw: CachedStatement<'t>,
}

/// Keeps the records in order; see [`aisaws_core::port::Events::append`].
pub(super) fn append(
    tx: &Transaction<'_>,
    records: &[Recorded],
) -> Result<Vec<Stored>, rusqlite::Error> {
    let mut statements = Statements {
        event: tx.prepare_cached(
            "insert into event (id, variant, time, source, disposition, name, service, account, \
             region, principal, error, raw) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
             on conflict (id, variant) do nothing",
        )?,
        hit: tx.prepare_cached(
            "insert into hit (event, rule, resource, seq, time, principal, content) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict do nothing",
        )?,
        pending: tx.prepare_cached("insert into pending (time, id, seq) values (?1, ?2, ?3)")?,
        touch: tx.prepare_cached(
            "insert into touch (resource, time, seq) values (?1, ?2, ?3) on conflict do nothing",
        )?,
        raw: tx.prepare_cached("select raw from event where id = ?1 and variant = ''")?,
    };
    let mut answers = Vec::with_capacity(records.len());
    for record in records {
        answers.push(statements.keep(tx, record)?);
    }
    Ok(answers)
}

impl Statements<'_> {
    fn keep(&mut self, tx: &Transaction<'_>, record: &Recorded) -> Result<Stored, rusqlite::Error> {
        let event = &record.event;
        let mut stored = Stored::New;
        if !self.insert(event, "", record.disposition)? {
            let Some(variant) = self.variant_of(event)? else { return Ok(Stored::Duplicate) };
            if !self.insert(event, variant.as_str(), record.disposition)? {
                return Ok(Stored::Duplicate);
            }
            stored = Stored::Variant;
        }
        if !record.hits.is_empty() || !record.touches.is_empty() {
            self.attach(record, tx.last_insert_rowid())?;
        }
        Ok(stored)
    }

    /// Whether the row was new.
    fn insert(
        &mut self,
        event: &Event,
        variant: &str,
        disposition: Disposition,
    ) -> Result<bool, rusqlite::Error> {
        let source = match event.source {
            Source::CloudTrail => CLOUDTRAIL,
        };
        let disposition = match disposition {
            Disposition::Examined => 0,
            Disposition::Own => 1,
        };
        let rows = self.event.execute(params![
            event.id.as_str(),
            variant,
            nanos(event.time),
            source,
            disposition,
            event.name,
            event.service,
            event.account.as_str(),
            event.region.as_str(),
            event.actor.principal(),
            event.error_code,
            event.raw,
        ])?;
        Ok(rows == 1)
    }

    /// What tells this content from the first one stored under its id; `None`: it is the same.
    fn variant_of(&mut self, event: &Event) -> Result<Option<Digest>, rusqlite::Error> {
        let ours = &event.raw;
        self.raw.query_row([event.id.as_str()], |row| {
            let first = row.get_ref(0)?.as_str()?;
            if first == ours {
                return Ok(None);
            }
            let ours = canonical_or_as_is(ours);
            Ok((canonical_or_as_is(first) != ours).then(|| Digest::of_bytes(ours.as_bytes())))
        })
    }

    fn attach(&mut self, record: &Recorded, seq: i64) -> Result<(), rusqlite::Error> {
        let event = &record.event;
        let time = nanos(event.time);
        let mut is_pending = false;
        for hit in &record.hits {
            // A correction that hits as the first content did has nothing new to say.
            is_pending |= self.hit.execute(params![
                event.id.as_str(),
                hit.rule.as_str(),
                hit.resource.key(),
                seq,
                time,
                event.actor.principal(),
                to_json(hit)?,
            ])? == 1;
        }
        if is_pending {
            self.pending.execute(params![time, event.id.as_str(), seq])?;
        }
        for resource in &record.touches {
            self.touch.execute(params![resource.key(), time, seq])?;
        }
        Ok(())
    }
}

fn canonical_or_as_is(raw: &str) -> String {
    serde_json::from_str::<Value>(raw)
        .map_or_else(|_| raw.to_owned(), |value| canonical::to_string(&value))
}
