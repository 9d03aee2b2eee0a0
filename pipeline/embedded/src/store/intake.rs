//! Writing events: the hot path of the store.
//!
//! Most events have neither hits nor touches and are one row. An event whose id is there is
//! compared as text first, since a second delivery is nearly always the same bytes.

use aisaws_core::canonical::{self, Digest};
use aisaws_core::event::Event;
use aisaws_core::hit::Hit;
use aisaws_core::port::{Derived, Disposition, Recorded, Stored};
use rusqlite::{CachedStatement, OptionalExtension as _, Transaction, params};
use serde_json::Value;

use super::column::{fold, nanos, source_number, to_json};

const HIT: &str = "insert into hit (event, rule, resource, seq, time, principal, content) \
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict do nothing";

/// The statements of one batch, prepared once a connection.
struct Statements<'t> {
    event: CachedStatement<'t>,
    hit: CachedStatement<'t>,
    pending: CachedStatement<'t>,
    touch: CachedStatement<'t>,
    raw: CachedStatement<'t>,
}

/// What is stored under an event's id.
enum Met {
    Nothing,
    /// This content, be it written differently.
    Same,
    /// Others; the digest tells this one from them.
    Other(Digest),
}

/// Keeps the records in order; see [`aisaws_core::port::Events::append`].
pub(super) fn append(
    tx: &Transaction<'_>,
    records: &[Recorded],
) -> Result<Vec<Stored>, rusqlite::Error> {
    let mut statements = Statements {
        event: tx.prepare_cached(
            "insert into event (id, fold, variant, time, source, disposition, name, service, \
             account, region, principal, error, raw) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?,
        hit: tx.prepare_cached(HIT)?,
        pending: tx.prepare_cached("insert into pending (time, id, seq) values (?1, ?2, ?3)")?,
        touch: tx.prepare_cached(
            "insert into touch (resource, time, seq) values (?1, ?2, ?3) on conflict do nothing",
        )?,
        raw: tx
            .prepare_cached("select raw from event where fold = ?1 and variant = ?2 and id = ?3")?,
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
        let fold = fold(&event.id);
        let stored = match self.compare(event, fold)? {
            Met::Nothing => {
                self.insert(event, fold, "", record.disposition)?;
                Stored::New
            }
            Met::Same => return Ok(Stored::Duplicate),
            Met::Other(variant) => {
                self.insert(event, fold, variant.as_str(), record.disposition)?;
                Stored::Variant
            }
        };
        if !record.hits.is_empty() || !record.touches.is_empty() {
            self.attach(record, tx.last_insert_rowid())?;
        }
        Ok(stored)
    }

    /// Looks for the event among those that are there.
    fn compare(&mut self, event: &Event, fold: i64) -> Result<Met, rusqlite::Error> {
        let id = event.id.as_str();
        let met = self
            .raw
            .query_row(params![fold, "", id], |row| {
                let first = row.get_ref(0)?.as_str()?;
                if first == event.raw {
                    return Ok(Met::Same);
                }
                let ours = canonical_or_as_is(&event.raw);
                if canonical_or_as_is(first) == ours {
                    return Ok(Met::Same);
                }
                Ok(Met::Other(Digest::of_bytes(ours.as_bytes())))
            })
            .optional()?;
        match met {
            Some(Met::Other(variant))
                if self.raw.exists(params![fold, variant.as_str(), id])? =>
            {
                Ok(Met::Same)
            }
            Some(met) => Ok(met),
            None => Ok(Met::Nothing),
        }
    }

    fn insert(
        &mut self,
        event: &Event,
        fold: i64,
        variant: &str,
        disposition: Disposition,
    ) -> Result<(), rusqlite::Error> {
        let source = source_number(event.source);
        let disposition = match disposition {
            Disposition::Examined => 0,
            Disposition::Own => 1,
        };
        self.event.execute(params![
            event.id.as_str(),
            fold,
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
        Ok(())
    }

    fn attach(&mut self, record: &Recorded, seq: i64) -> Result<(), rusqlite::Error> {
        let event = &record.event;
        let time = nanos(event.time);
        let mut is_pending = false;
        for hit in &record.hits {
            // A correction that hits as the first content did has nothing new to say.
            let is_new = self.hit.execute(params![
                event.id.as_str(),
                hit.rule.as_str(),
                hit.resource.key(),
                seq,
                time,
                event.actor.principal().filter(|_| hit.weighs()),
                to_json(hit)?,
            ])? == 1;
            // Some hits are on record and ask for nothing.
            is_pending |= is_new && hit.opens_incident();
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

/// Keeps hits at events that are stored; see [`aisaws_core::port::Events::derive`].
pub(super) fn derive(tx: &Transaction<'_>, hits: &[Hit]) -> Result<Derived, rusqlite::Error> {
    let mut event = tx.prepare_cached(
        "select seq, time, principal from event where fold = ?1 and variant = '' and id = ?2",
    )?;
    let mut insert = tx.prepare_cached(HIT)?;
    let mut pending = tx.prepare_cached(
        "insert into pending (time, id, seq) values (?1, ?2, ?3) on conflict do nothing",
    )?;
    let mut derived = Derived::default();
    for hit in hits {
        let id = hit.event.as_str();
        let found = event
            .query_row(params![fold(&hit.event), id], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<String>>(2)?))
            })
            .optional()?;
        let Some((seq, time, principal)) = found else {
            derived.missing.insert(hit.event.clone());
            continue;
        };
        let is_new = insert.execute(params![
            id,
            hit.rule.as_str(),
            hit.resource.key(),
            seq,
            time,
            principal.filter(|_| hit.weighs()),
            to_json(hit)?,
        ])? == 1;
        if is_new {
            derived.hits += 1;
            derived.suppressed += u64::from(hit.suppressed_by.is_some());
            derived.events.insert(hit.event.clone());
        }
        if is_new && hit.opens_incident() {
            pending.execute(params![time, id, seq])?;
        }
    }
    Ok(derived)
}

fn canonical_or_as_is(raw: &str) -> String {
    serde_json::from_str::<Value>(raw)
        .map_or_else(|_| raw.to_owned(), |value| canonical::to_string(&value))
}

#[cfg(test)]
mod tests {
    use aisaws_core::port::{Disposition, Events, Recorded, Stored};
    use aisaws_core::source::cloudtrail;

    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn ids_with_the_same_short_form_are_two_events() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.sqlite")).unwrap();
        let record = |id: &str| {
            Recorded {
            event: cloudtrail::parse(&format!(
                r#"{{"eventID":"{id}","eventTime":"2026-03-01T10:00:00Z","eventName":"A","eventSource":"b"}}"#
            ))
            .unwrap(),
            hits: Vec::new(),
            disposition: Disposition::Examined,
            touches: Vec::new(),
        }
        };
        let (a, b) = (record("a"), record("b"));
        Events::append(&store, vec![a]).await.unwrap();
        let meeting = fold(&b.event.id);
        store
            .write("make them meet", move |tx| tx.execute("update event set fold = ?1", [meeting]))
            .await
            .unwrap();
        assert_eq!(Events::append(&store, vec![b.clone()]).await.unwrap(), [Stored::New]);
        assert_eq!(Events::append(&store, vec![b.clone()]).await.unwrap(), [Stored::Duplicate]);
        assert_eq!(Events::get(&store, &b.event.id).await.unwrap(), Some(b.event));
    }
}
