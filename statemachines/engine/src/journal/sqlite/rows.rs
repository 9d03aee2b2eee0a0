//! An execution's rows: sealed when written, opened when read.

use std::fmt;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use super::seal::{open, seal};
use super::unsigned;
use crate::journal::{JournalError, Stored, StoredFrame};

/// The columns of an execution that its sealed head vouches for.
pub(super) struct HeadRow<'r> {
    pub(super) name: &'r str,
    pub(super) digest: &'r str,
    pub(super) status: &'r str,
    pub(super) is_runnable: bool,
    pub(super) revision: i64,
    pub(super) deadline_ms: Option<i64>,
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

    pub(super) fn seal(&self, head: String) -> String {
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

pub(super) fn seal_phase(name: &str, frame: i64, wake_ms: Option<i64>, phase: String) -> String {
    seal(&[&name, &frame, &Deadline(wake_ms)], phase)
}

/// An execution as its rows have it, nothing believed yet.
pub(super) struct Rows {
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

pub(super) fn read_execution(c: &Connection, name: &str) -> Result<Option<Rows>, rusqlite::Error> {
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
    pub(super) fn open(self, name: &str) -> Result<Stored, JournalError> {
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
