//! Executions in a SQLite file, in tables that can stand beside the host's own.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use aisaws_sqlite::{Db, DbError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::Value;

use super::{Commit, Created, Journal, JournalError, NewExecution, Stored, StoredFrame};

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
create table if not exists machine_event (
    execution integer not null references machine_execution (id),
    id integer not null,
    event text not null,
    primary key (execution, id)
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
    execution: i64,
    step: PreparedStep,
) -> Result<bool, rusqlite::Error> {
    let changed = tx
        .prepare_cached(
            "update machine_execution set revision = revision + 1, status = ?3, is_runnable = ?4, deadline_ms = ?5, head = ?6
             where id = ?1 and revision = ?2",
        )?
        .execute(params![execution, signed(step.expected_revision), step.status, step.is_runnable, step.deadline_ms, step.head])?;
    if changed == 0 {
        return Ok(false);
    }
    for (id, event) in step.events {
        tx.prepare_cached("insert into machine_event (execution, id, event) values (?1, ?2, ?3)")?
            .execute(params![execution, signed(id), event])?;
    }
    for frame in step.frames {
        let id = signed(frame.id);
        match (frame.phase, frame.body) {
            (None, _) => {
                tx.prepare_cached("delete from machine_frame where execution = ?1 and id = ?2")?
                    .execute(params![execution, id])?;
            }
            (Some(phase), Some(body)) => {
                tx.prepare_cached("insert or replace into machine_frame (execution, id, body, phase, wake_ms) values (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![execution, id, body, phase, frame.wake_ms])?;
            }
            (Some(phase), None) => {
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
    Ok(true)
}

/// A [`Commit`] whose events are text, so that the writer thread has less to do.
struct PreparedStep {
    expected_revision: u64,
    status: &'static str,
    is_runnable: bool,
    deadline_ms: Option<i64>,
    head: String,
    frames: Vec<super::FrameChange>,
    events: Vec<(u64, String)>,
    scheduled: Vec<(String, String)>,
    settled: Vec<String>,
    effects: Vec<Box<dyn Any + Send>>,
}

impl PreparedStep {
    fn new(step: Commit) -> (String, Self) {
        let prepared = Self {
            expected_revision: step.expected_revision,
            status: step.status,
            is_runnable: step.is_runnable,
            deadline_ms: step.deadline_ms,
            head: step.head,
            frames: step.frames,
            events: step.events.iter().map(|e| (e.id, e.to_json().to_string())).collect(),
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
        let (name, step) = PreparedStep::new(new.step);
        let (definition, digest) = (new.definition, new.digest);
        let input = new.input.to_string();
        let write = move |tx: &Transaction<'_>| {
            tx.prepare_cached(
                "insert or ignore into machine_definition (digest, definition) values (?1, ?2)",
            )?
            .execute(params![&*digest, &*definition])?;
            let inserted = tx
                .prepare_cached(
                    "insert or ignore into machine_execution (name, digest, status, is_runnable, revision, head, input)
                     values (?1, ?2, 'RUNNING', 1, 0, '', ?3)",
                )?
                .execute(params![name, &*digest, input])?;
            if inserted == 0 {
                return Ok(Created::Already);
            }
            apply(tx, tx.last_insert_rowid(), step)?;
            Ok(Created::New)
        };
        self.db.write(write).await.map_err(store)
    }

    async fn commit(&self, step: Commit) -> Result<(), JournalError> {
        let (name, step) = PreparedStep::new(step);
        let conflict = JournalError::Conflict(name.clone());
        let write = move |tx: &Transaction<'_>| {
            let id = tx
                .prepare_cached("select id from machine_execution where name = ?1")?
                .query_row([&name], |row| row.get(0))
                .optional()?;
            match id {
                Some(id) => apply(tx, id, step),
                None => Ok(false),
            }
        };
        if self.db.write(write).await.map_err(store)? { Ok(()) } else { Err(conflict) }
    }

    async fn get(&self, name: &str) -> Result<Option<Stored>, JournalError> {
        let wanted = name.to_owned();
        let read = move |c: &Connection| {
            let tx = c.unchecked_transaction()?;
            let sql = "select e.id, d.definition, e.revision, e.head, e.input
                       from machine_execution e join machine_definition d using (digest) where e.name = ?1";
            let row = tx
                .prepare_cached(sql)?
                .query_row([&wanted], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, i64>(2)?,
                        row.get::<_, String>(3)?,
                        row.get::<_, String>(4)?,
                    ))
                })
                .optional()?;
            let Some((id, definition, revision, head, input)) = row else { return Ok(None) };
            let mut statement = tx.prepare_cached(
                "select id, body, phase from machine_frame where execution = ?1 order by id",
            )?;
            let frames = statement.query_map([id], |row| {
                Ok(StoredFrame { id: unsigned(row.get(0)?), body: row.get(1)?, phase: row.get(2)? })
            })?;
            let frames = frames.collect::<Result<Vec<_>, _>>()?;
            Ok(Some((definition, revision, head, input, frames)))
        };
        let Some((definition, revision, head, input, frames)) =
            self.db.read(read).await.map_err(store)?
        else {
            return Ok(None);
        };
        let input: Value = serde_json::from_str(&input)
            .map_err(|source| JournalError::Corrupt { name: name.to_owned(), source })?;
        Ok(Some(Stored {
            definition: definition.into(),
            revision: unsigned(revision),
            head,
            input: Arc::new(input),
            frames,
        }))
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
            let sql = "select name from (
                           select execution, wake_ms as at from machine_frame where wake_ms <= ?1
                           union all
                           select id, deadline_ms from machine_execution where deadline_ms <= ?1
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
            let sql = "select event from machine_event where execution = (select id from machine_execution where name = ?1) and id > ?2
                       order by id limit ?3";
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map(
                params![wanted, signed(after), i64::try_from(limit).unwrap_or(i64::MAX)],
                |row| row.get::<_, String>(0),
            )?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let rows = self.db.read(read).await.map_err(store)?;
        let parse = |row: String| {
            serde_json::from_str(&row)
                .map_err(|source| JournalError::Corrupt { name: name.to_owned(), source })
        };
        rows.into_iter().map(parse).collect()
    }
}
