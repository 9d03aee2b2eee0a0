//! Reading everything to see whether it is what was written.

use rusqlite::Connection;

use super::history::unpacked;
use super::rows::read_execution;
use super::{SqliteJournal, store};
use crate::journal::JournalError;

impl SqliteJournal {
    /// Reads everything and says whether it is what was written. Takes as long as reading the
    /// file; single executions are checked whenever they are loaded.
    ///
    /// # Errors
    /// [`JournalError::Broken`] or [`JournalError::Damaged`] with the first damage found.
    pub async fn verify(&self) -> Result<(), JournalError> {
        let read = |c: &Connection| {
            // One transaction: what is written meanwhile must not look like damage.
            let tx = c.unchecked_transaction()?;
            verify(&tx)
        };
        self.db.read(read).await.map_err(store)?
    }
}

fn verify(c: &Connection) -> Result<Result<(), JournalError>, rusqlite::Error> {
    let said: String = c.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Ok(Err(JournalError::Broken(said)));
    }
    let mut definitions = c.prepare("select digest, definition from machine_definition")?;
    let mut rows = definitions.query([])?;
    while let Some(row) = rows.next()? {
        let (digest, definition): (String, String) = (row.get(0)?, row.get(1)?);
        if crate::definition::digest(&definition) != digest {
            return Ok(Err(JournalError::Broken(format!("definition `{digest}` was changed"))));
        }
    }
    let mut executions = c.prepare("select name, id from machine_execution")?;
    let mut rows = executions.query([])?;
    while let Some(row) = rows.next()? {
        let (name, id): (String, i64) = (row.get(0)?, row.get(1)?);
        let stored = match read_execution(c, &name)? {
            Some(stored) => stored.open(&name),
            None => Err(JournalError::Damaged { name: name.clone(), what: "its definition" }),
        };
        if let Err(damage) = stored {
            return Ok(Err(damage));
        }
        if let Err(damage) = verify_history(c, &name, id)? {
            return Ok(Err(damage));
        }
    }
    Ok(Ok(()))
}

/// Every event is there, and the ids have no gaps.
fn verify_history(
    c: &Connection,
    name: &str,
    execution: i64,
) -> Result<Result<(), JournalError>, rusqlite::Error> {
    let mut packs = c.prepare_cached(
        "select first, last, events from machine_history where execution = ?1 order by first",
    )?;
    let mut rows = packs.query([execution])?;
    let mut expected = 1_i64;
    while let Some(row) = rows.next()? {
        let (first, last) = (row.get(0)?, row.get(1)?);
        let events = match unpacked(name, first, last, row.get(2)?) {
            Ok(events) => events,
            Err(damage) => return Ok(Err(damage)),
        };
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        if first != expected || last.saturating_sub(first).saturating_add(1) != count {
            let what = "the order of its history";
            return Ok(Err(JournalError::Damaged { name: name.to_owned(), what }));
        }
        expected = last.saturating_add(1);
    }
    Ok(Ok(()))
}
