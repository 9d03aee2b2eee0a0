//! Executions in a SQLite file, in tables that can stand beside the host's own.

mod history;
mod rows;
mod seal;
mod verify;

use std::any::Any;
use std::fmt;

use aisaws_sqlite::{Db, DbError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::Value;

use super::{Commit, Created, Journal, JournalError, NewExecution, Stored};
use history::{Pack, packed, unpacked};
use rows::{HeadRow, read_execution, seal_phase};
use seal::seal;

/// The tables, to be laid by `Db::open` (idempotent).
pub const SCHEMA: &str = "
create table if not exists machine_definition (
    digest text primary key,
    definition text not null
) strict, without rowid;
create table if not exists machine_execution (
    id integer primary key,
    name text not null unique,
    digest text not null references machine_definition (digest),
    status text not null,
    is_runnable integer not null,
    revision integer not null,
    deadline_ms integer,
    head text not null,
    input text not null
) strict;
create index if not exists machine_unfinished on machine_execution (name) where status = 'RUNNING';
create index if not exists machine_runnable on machine_execution (name) where is_runnable = 1;
create index if not exists machine_deadline on machine_execution (deadline_ms) where deadline_ms is not null;
create table if not exists machine_frame (
    execution integer not null references machine_execution (id),
    id integer not null,
    body text not null,
    phase text not null,
    wake_ms integer,
    primary key (execution, id)
) strict, without rowid;
create index if not exists machine_timer on machine_frame (wake_ms) where wake_ms is not null;
create table if not exists machine_history (
    execution integer not null references machine_execution (id),
    first integer not null,
    last integer not null,
    events text not null,
    primary key (execution, first)
) strict, without rowid;
create table if not exists machine_task (
    key text primary key,
    execution integer not null references machine_execution (id),
    resource text not null,
    is_settled integer not null default 0
) strict, without rowid;
";

/// A write that a task wants in the transaction of its result.
pub struct SqlEffect(Write);

/// A write, boxed.
type Write = Box<dyn FnOnce(&Transaction<'_>) -> Result<(), rusqlite::Error> + Send>;

impl SqlEffect {
    /// An effect that runs once, where and when the task's result is committed.
    pub fn new(
        write: impl FnOnce(&Transaction<'_>) -> Result<(), rusqlite::Error> + Send + 'static,
    ) -> Self {
        Self(Box::new(write))
    }
}

impl fmt::Debug for SqlEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqlEffect")
    }
}

/// A [`Journal`] in a SQLite file that the host may share; lay [`SCHEMA`] when opening it.
#[derive(Debug, Clone)]
pub struct SqliteJournal {
    db: Db,
}

impl SqliteJournal {
    /// A journal in `db`, whose schema includes [`SCHEMA`].
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

fn store(error: DbError) -> JournalError {
    JournalError::Store(Box::new(error))
}

/// SQLite's integers are signed; ids and revisions are far from the sign.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// Whether the step was applied; false where the revision was another.
fn apply(
    tx: &Transaction<'_>,
    (name, execution, digest): (&str, i64, &str),
    mut step: PreparedStep,
) -> Result<bool, rusqlite::Error> {
    let head = step.sealed_head(name, digest);
    let changed = tx
        .prepare_cached(
            "update machine_execution set revision = revision + 1, status = ?3, is_runnable = ?4, deadline_ms = ?5, head = ?6
             where id = ?1 and revision = ?2",
        )?
        .execute(params![execution, signed(step.expected_revision), step.status, step.is_runnable, step.deadline_ms, head])?;
    if changed == 0 {
        return Ok(false);
    }
    write_parts(tx, (name, execution), step)?;
    Ok(true)
}

/// What a step writes beside the execution's own row.
fn write_parts(
    tx: &Transaction<'_>,
    (name, execution): (&str, i64),
    step: PreparedStep,
) -> Result<(), rusqlite::Error> {
    for pack in step.events {
        tx.prepare_cached(
            "insert into machine_history (execution, first, last, events) values (?1, ?2, ?3, ?4)",
        )?
        .execute(params![execution, pack.first, pack.last, pack.events])?;
    }
    for frame in step.frames {
        let id = signed(frame.id);
        match (frame.phase, frame.body) {
            (None, _) => {
                tx.prepare_cached("delete from machine_frame where execution = ?1 and id = ?2")?
                    .execute(params![execution, id])?;
            }
            (Some(phase), Some(body)) => {
                let (body, phase) =
                    (seal(&[&name, &id], body), seal_phase(name, id, frame.wake_ms, phase));
                tx.prepare_cached("insert or replace into machine_frame (execution, id, body, phase, wake_ms) values (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![execution, id, body, phase, frame.wake_ms])?;
            }
            (Some(phase), None) => {
                let phase = seal_phase(name, id, frame.wake_ms, phase);
                tx.prepare_cached("update machine_frame set phase = ?3, wake_ms = ?4 where execution = ?1 and id = ?2")?
                    .execute(params![execution, id, phase, frame.wake_ms])?;
            }
        }
    }
    for (key, resource) in step.scheduled {
        tx.prepare_cached(
            "insert into machine_task (key, execution, resource) values (?1, ?2, ?3)",
        )?
        .execute(params![key, execution, resource])?;
    }
    for key in step.settled {
        tx.prepare_cached("update machine_task set is_settled = 1 where key = ?1")?
            .execute(params![key])?;
    }
    for effect in step.effects {
        if let Ok(effect) = effect.downcast::<SqlEffect>() {
            (effect.0)(tx)?;
        }
    }
    Ok(())
}

/// A [`Commit`] whose events are text, so that the writer thread has less to do.
struct PreparedStep {
    expected_revision: u64,
    status: &'static str,
    is_runnable: bool,
    deadline_ms: Option<i64>,
    head: String,
    frames: Vec<super::FrameChange>,
    events: Vec<Pack>,
    scheduled: Vec<(String, String)>,
    settled: Vec<String>,
    effects: Vec<Box<dyn Any + Send>>,
}

impl PreparedStep {
    /// The head as it is stored after this step.
    fn sealed_head(&mut self, name: &str, digest: &str) -> String {
        let head = std::mem::take(&mut self.head);
        let row = HeadRow {
            name,
            digest,
            status: self.status,
            is_runnable: self.is_runnable,
            revision: signed(self.expected_revision) + 1,
            deadline_ms: self.deadline_ms,
        };
        row.seal(head)
    }

    fn new(step: Commit) -> (String, Self) {
        let prepared = Self {
            expected_revision: step.expected_revision,
            status: step.status,
            is_runnable: step.is_runnable,
            deadline_ms: step.deadline_ms,
            head: step.head,
            frames: step.frames,
            events: packed(&step.execution, &step.events),
            scheduled: step.scheduled,
            settled: step.settled,
            effects: step.effects,
        };
        (step.execution, prepared)
    }
}

fn names(
    connection: &Connection,
    sql: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(
        params![after.unwrap_or_default(), i64::try_from(limit).unwrap_or(i64::MAX)],
        |row| row.get(0),
    )?;
    rows.collect()
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn create(&self, new: NewExecution) -> Result<Created, JournalError> {
        let (name, mut step) = PreparedStep::new(new.step);
        let (definition, digest) = (new.definition, new.digest);
        let input = seal(&[&name], format!("{{\"input\":{}}}", new.input));
        let write = move |tx: &Transaction<'_>| {
            tx.prepare_cached(
                "insert or ignore into machine_definition (digest, definition) values (?1, ?2)",
            )?
            .execute(params![&*digest, &*definition])?;
            let head = step.sealed_head(&name, &digest);
            let inserted = tx
                .prepare_cached(
                    "insert or ignore into machine_execution (name, digest, status, is_runnable, revision, deadline_ms, head, input)
                     values (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)",
                )?
                .execute(params![name, &*digest, step.status, step.is_runnable, step.deadline_ms, head, input])?;
            if inserted == 0 {
                return Ok(Created::Already);
            }
            write_parts(tx, (&name, tx.last_insert_rowid()), step)?;
            Ok(Created::New)
        };
        self.db.write(write).await.map_err(store)
    }

    async fn commit(&self, step: Commit) -> Result<(), JournalError> {
        let (name, step) = PreparedStep::new(step);
        let conflict = JournalError::Conflict(name.clone());
        let write = move |tx: &Transaction<'_>| {
            let row = tx
                .prepare_cached("select id, digest from machine_execution where name = ?1")?
                .query_row([&name], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
                .optional()?;
            match row {
                Some((id, digest)) => apply(tx, (&name, id, &digest), step),
                None => Ok(false),
            }
        };
        if self.db.write(write).await.map_err(store)? { Ok(()) } else { Err(conflict) }
    }

    async fn get(&self, name: &str) -> Result<Option<Stored>, JournalError> {
        let wanted = name.to_owned();
        let read = move |c: &Connection| {
            let tx = c.unchecked_transaction()?;
            read_execution(&tx, &wanted)
        };
        match self.db.read(read).await.map_err(store)? {
            None => Ok(None),
            Some(row) => row.open(name).map(Some),
        }
    }

    async fn list_runnable(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        let after = after.map(str::to_owned);
        let sql = "select name from machine_execution where is_runnable = 1 and name > ?1 order by name limit ?2";
        self.db.read(move |c| names(c, sql, after.as_deref(), limit)).await.map_err(store)
    }

    async fn list_unfinished(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        let after = after.map(str::to_owned);
        let sql = "select name from machine_execution where status = 'RUNNING' and name > ?1 order by name limit ?2";
        self.db.read(move |c| names(c, sql, after.as_deref(), limit)).await.map_err(store)
    }

    async fn list_due(&self, now_ms: i64, limit: usize) -> Result<Vec<String>, JournalError> {
        let read = move |c: &Connection| {
            // Both parts come from an index in order, so that a page costs a page.
            let sql = "select name from (
                           select * from (select execution, wake_ms as at from machine_frame
                               where wake_ms <= ?1 order by wake_ms, execution limit ?2)
                           union all
                           select * from (select id, deadline_ms from machine_execution
                               where deadline_ms <= ?1 order by deadline_ms limit ?2)
                       ) due join machine_execution e on e.id = due.execution
                       group by e.id order by min(due.at), e.id limit ?2";
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement
                .query_map(params![now_ms, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    row.get(0)
                })?;
            rows.collect()
        };
        self.db.read(read).await.map_err(store)
    }

    async fn next_timer(&self) -> Result<Option<i64>, JournalError> {
        let read = |c: &Connection| {
            let sql = "select min(at) from (select min(wake_ms) as at from machine_frame where wake_ms is not null
                       union all select min(deadline_ms) from machine_execution where deadline_ms is not null)";
            c.prepare_cached(sql)?.query_row([], |row| row.get(0))
        };
        self.db.read(read).await.map_err(store)
    }

    async fn history(
        &self,
        name: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Value>, JournalError> {
        let wanted = name.to_owned();
        let read = move |c: &Connection| {
            let sql = "select first, last, events from machine_history
                       where execution = (select id from machine_execution where name = ?1) and last > ?2 order by first";
            let mut statement = c.prepare_cached(sql)?;
            let mut rows = statement.query(params![wanted, signed(after)])?;
            let (mut packs, mut count) = (Vec::new(), 0_usize);
            while let (Some(row), true) = (rows.next()?, count < limit) {
                let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
                let news = last.saturating_sub(first.max(signed(after).saturating_add(1)));
                count = count.saturating_add(usize::try_from(news).unwrap_or(0).saturating_add(1));
                packs.push((first, last, row.get::<_, String>(2)?));
            }
            Ok(packs)
        };
        let mut events = Vec::new();
        for (first, last, sealed) in self.db.read(read).await.map_err(store)? {
            let skipped = usize::try_from(signed(after).saturating_sub(first).saturating_add(1));
            events.extend(
                unpacked(name, first, last, sealed)?.into_iter().skip(skipped.unwrap_or(0)),
            );
        }
        events.truncate(limit);
        Ok(events)
    }
}
