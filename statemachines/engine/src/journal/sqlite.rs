//! Executions in a SQLite file, in tables that can stand beside the host's own.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use aisaws_sqlite::{Db, DbError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::Value;

use super::seal::{open, seal};
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

/// The columns of an execution that its sealed head vouches for.
struct HeadRow<'r> {
    name: &'r str,
    digest: &'r str,
    status: &'r str,
    is_runnable: bool,
    revision: i64,
    deadline_ms: Option<i64>,
}

impl HeadRow<'_> {
    fn context<R>(&self, with: impl FnOnce(&[&dyn std::fmt::Display]) -> R) -> R {
        let deadline = Deadline(self.deadline_ms);
        with(&[
            &self.name,
            &self.digest,
            &self.status,
            &self.is_runnable,
            &self.revision,
            &deadline,
        ])
    }

    fn seal(&self, head: String) -> String {
        self.context(|context| seal(context, head))
    }

    fn open(&self, head: String) -> Option<String> {
        self.context(|context| open(context, head))
    }
}

/// A time or none, as text.
struct Deadline(Option<i64>);

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "{at}"),
            None => f.write_str("none"),
        }
    }
}

fn seal_phase(name: &str, frame: i64, wake_ms: Option<i64>, phase: String) -> String {
    seal(&[&name, &frame, &Deadline(wake_ms)], phase)
}

/// Whether the step was applied; false where the revision was another.
fn apply(
    tx: &Transaction<'_>,
    (name, execution, digest): (&str, i64, &str),
    step: PreparedStep,
) -> Result<bool, rusqlite::Error> {
    let head = HeadRow {
        name,
        digest,
        status: step.status,
        is_runnable: step.is_runnable,
        revision: signed(step.expected_revision) + 1,
        deadline_ms: step.deadline_ms,
    };
    let head = head.seal(step.head);
    let changed = tx
        .prepare_cached(
            "update machine_execution set revision = revision + 1, status = ?3, is_runnable = ?4, deadline_ms = ?5, head = ?6
             where id = ?1 and revision = ?2",
        )?
        .execute(params![execution, signed(step.expected_revision), step.status, step.is_runnable, step.deadline_ms, head])?;
    if changed == 0 {
        return Ok(false);
    }
    for (id, event) in step.events {
        tx.prepare_cached("insert into machine_event (execution, id, event) values (?1, ?2, ?3)")?
            .execute(params![execution, signed(id), seal(&[&name, &id], event)])?;
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

/// An execution as its rows have it, nothing believed yet.
struct Rows {
    definition: String,
    digest: String,
    status: String,
    is_runnable: bool,
    revision: i64,
    deadline_ms: Option<i64>,
    head: String,
    input: String,
    frames: Vec<FrameRow>,
}

struct FrameRow {
    id: i64,
    body: String,
    phase: String,
    wake_ms: Option<i64>,
}

fn read_execution(c: &Connection, name: &str) -> Result<Option<Rows>, rusqlite::Error> {
    let sql = "select e.id, d.definition, e.digest, e.status, e.is_runnable, e.revision, e.deadline_ms, e.head, e.input
               from machine_execution e join machine_definition d using (digest) where e.name = ?1";
    let row = c
        .prepare_cached(sql)?
        .query_row([name], |row| {
            let rows = Rows {
                definition: row.get(1)?,
                digest: row.get(2)?,
                status: row.get(3)?,
                is_runnable: row.get(4)?,
                revision: row.get(5)?,
                deadline_ms: row.get(6)?,
                head: row.get(7)?,
                input: row.get(8)?,
                frames: Vec::new(),
            };
            Ok((row.get::<_, i64>(0)?, rows))
        })
        .optional()?;
    let Some((id, mut rows)) = row else { return Ok(None) };
    let mut statement = c.prepare_cached(
        "select id, body, phase, wake_ms from machine_frame where execution = ?1 order by id",
    )?;
    let frames = statement.query_map([id], |row| {
        Ok(FrameRow {
            id: row.get(0)?,
            body: row.get(1)?,
            phase: row.get(2)?,
            wake_ms: row.get(3)?,
        })
    })?;
    rows.frames = frames.collect::<Result<_, _>>()?;
    Ok(Some(rows))
}

impl Rows {
    /// What the rows say, where they say what was written.
    fn open(self, name: &str) -> Result<Stored, JournalError> {
        let damaged = |what| JournalError::Damaged { name: name.to_owned(), what };
        let head = HeadRow {
            name,
            digest: &self.digest,
            status: &self.status,
            is_runnable: self.is_runnable,
            revision: self.revision,
            deadline_ms: self.deadline_ms,
        };
        let head = head.open(self.head).ok_or_else(|| damaged("its record"))?;
        let input = open(&[&name], self.input).ok_or_else(|| damaged("its input"))?;
        let mut input: serde_json::Map<String, Value> = serde_json::from_str(&input)
            .map_err(|source| JournalError::Corrupt { name: name.to_owned(), source })?;
        let input = input.remove("input").ok_or_else(|| damaged("its input"))?;
        let mut frames = Vec::with_capacity(self.frames.len());
        for row in self.frames {
            let body = open(&[&name, &row.id], row.body);
            let phase = open(&[&name, &row.id, &Deadline(row.wake_ms)], row.phase);
            let (Some(body), Some(phase)) = (body, phase) else {
                return Err(damaged("one of its frames"));
            };
            frames.push(StoredFrame { id: unsigned(row.id), body, phase });
        }
        Ok(Stored {
            definition: self.definition.into(),
            digest: self.digest.into(),
            revision: unsigned(self.revision),
            head,
            input: Arc::new(input),
            frames,
        })
    }
}

fn open_event(name: &str, id: i64, sealed: String) -> Result<Value, JournalError> {
    let text = open(&[&name, &id], sealed).ok_or_else(|| JournalError::Damaged {
        name: name.to_owned(),
        what: "an event of its history",
    })?;
    serde_json::from_str(&text)
        .map_err(|source| JournalError::Corrupt { name: name.to_owned(), source })
}

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

/// Every event opens, and the ids have no gaps.
fn verify_history(
    c: &Connection,
    name: &str,
    execution: i64,
) -> Result<Result<(), JournalError>, rusqlite::Error> {
    let mut events =
        c.prepare_cached("select id, event from machine_event where execution = ?1 order by id")?;
    let mut rows = events.query([execution])?;
    let mut expected = 1_i64;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if id != expected {
            let what = "the order of its history";
            return Ok(Err(JournalError::Damaged { name: name.to_owned(), what }));
        }
        if let Err(damage) = open_event(name, id, row.get(1)?) {
            return Ok(Err(damage));
        }
        expected += 1;
    }
    Ok(Ok(()))
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn create(&self, new: NewExecution) -> Result<Created, JournalError> {
        let (name, step) = PreparedStep::new(new.step);
        let (definition, digest) = (new.definition, new.digest);
        let input = seal(&[&name], format!("{{\"input\":{}}}", new.input));
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
            apply(tx, (&name, tx.last_insert_rowid(), &digest), step)?;
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
            let sql = "select id, event from machine_event where execution = (select id from machine_execution where name = ?1) and id > ?2
                       order by id limit ?3";
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map(
                params![wanted, signed(after), i64::try_from(limit).unwrap_or(i64::MAX)],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            rows.collect::<Result<Vec<(i64, String)>, _>>()
        };
        let rows = self.db.read(read).await.map_err(store)?;
        let parse = |(id, row): (i64, String)| open_event(name, id, row);
        rows.into_iter().map(parse).collect()
    }
}
