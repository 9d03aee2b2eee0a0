//! Where executions are kept: the port, and its implementations.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::history::Event;

pub use memory::MemoryJournal;
#[cfg(feature = "sqlite")]
pub use sqlite::{SCHEMA, SqlEffect, SqliteJournal};

/// Keeps executions. Every method is atomic and durable when it returns.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Creates an execution unless one of that name exists, whatever its state.
    async fn create(&self, new: NewExecution) -> Result<Created, JournalError>;

    /// Commits one step: all of it, or nothing where the revision is another.
    ///
    /// # Errors
    /// [`JournalError::Conflict`] where another driver committed first.
    async fn commit(&self, step: Commit) -> Result<(), JournalError>;

    /// An execution as it was committed last.
    async fn get(&self, name: &str) -> Result<Option<Stored>, JournalError>;

    /// Names of unfinished executions that have work to do, in order, after `after`.
    async fn list_runnable(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError>;

    /// Names of all unfinished executions, in order, after `after`.
    async fn list_unfinished(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError>;

    /// Executions with a timer at or before `now_ms`, the earliest first.
    async fn list_due(&self, now_ms: i64, limit: usize) -> Result<Vec<String>, JournalError>;

    /// When the next timer fires.
    async fn next_timer(&self) -> Result<Option<i64>, JournalError>;

    /// Events of an execution after the event `after`, as `GetExecutionHistory` gives them.
    async fn history(
        &self,
        name: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Value>, JournalError>;
}

/// Why the journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another driver committed first; load and try again.
    #[error("execution `{0}` was changed by another driver")]
    Conflict(String),
    /// What is stored cannot be read back.
    #[error("execution `{name}` is stored in a form that cannot be read")]
    Corrupt {
        /// The execution.
        name: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// What is stored is not what was written.
    #[error(
        "execution `{name}` is damaged in its store: {what} is not what was written; restore the store from a copy"
    )]
    Damaged {
        /// The execution.
        name: String,
        /// Which part of it.
        what: &'static str,
    },
    /// The store's file is damaged.
    #[error("the store is damaged: {0}; restore it from a copy")]
    Broken(String),
    /// The store failed.
    #[error("the journal could not reach its store")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Whether an execution was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It was.
    New,
    /// One of that name existed; nothing was changed.
    Already,
}

/// A new execution with its first step.
#[derive(Debug)]
pub struct NewExecution {
    /// The definition it is pinned to.
    pub definition: Arc<str>,
    /// SHA-256 of the definition.
    pub digest: Arc<str>,
    /// The input.
    pub input: Arc<Value>,
    /// The first step; its expected revision is 0.
    pub step: Commit,
}

/// One step of an execution.
pub struct Commit {
    /// The execution's name.
    pub execution: String,
    /// The revision this step was made from; the commit makes it one more.
    pub expected_revision: u64,
    /// `RUNNING` or how it ended.
    pub status: &'static str,
    /// Whether it can go on without anything happening first.
    pub is_runnable: bool,
    /// When the whole execution times out.
    pub deadline_ms: Option<i64>,
    /// The execution's record, opaque.
    pub head: String,
    /// Frames that changed.
    pub frames: Vec<FrameChange>,
    /// Events that are new.
    pub events: Vec<Event>,
    /// Idempotency keys and resources of tasks that are to be run from now on.
    pub scheduled: Vec<(String, String)>,
    /// Idempotency keys of tasks whose result is known or no longer wanted.
    pub settled: Vec<String>,
    /// Writes of tasks that belong to this step.
    pub effects: Vec<Box<dyn Any + Send>>,
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("execution", &self.execution)
            .field("expected_revision", &self.expected_revision)
            .field("status", &self.status)
            .field("frames", &self.frames.len())
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

/// What to write about one frame.
#[derive(Debug, Clone)]
pub struct FrameChange {
    /// The frame's number in its execution.
    pub id: u64,
    /// The heavy part; `None` where it did not change.
    pub body: Option<String>,
    /// The part that changes often; `None` where the frame is gone.
    pub phase: Option<String>,
    /// When time alone moves it.
    pub wake_ms: Option<i64>,
}

/// An execution as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The definition it is pinned to.
    pub definition: Arc<str>,
    /// SHA-256 of the definition, as it was when the execution started.
    pub digest: Arc<str>,
    /// How many steps were committed.
    pub revision: u64,
    /// The execution's record, opaque.
    pub head: String,
    /// The input.
    pub input: Arc<Value>,
    /// Its frames.
    pub frames: Vec<StoredFrame>,
}

/// A frame as it is stored.
#[derive(Debug, Clone)]
pub struct StoredFrame {
    /// The frame's number in its execution.
    pub id: u64,
    /// The heavy part.
    pub body: String,
    /// The part that changes often.
    pub phase: String,
}
