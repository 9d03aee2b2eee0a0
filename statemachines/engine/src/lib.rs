//! A durable, embeddable interpreter of the Amazon States Language.
//!
//! The same definition runs here and on AWS Step Functions, with the same result, errors
//! and history. Beside [`integrations`], the crate knows nothing of AWS services, nor of what tasks do.
//!
//! * [`Machine`] is a definition that was parsed and found to be right.
//! * [`Tasks`] runs what Task states ask for: a resource ARN and an input, a result or an error.
//! * [`Journal`] keeps executions; [`MemoryJournal`] forgets them with the process,
//!   `SqliteJournal` (feature `sqlite`) does not.
//! * [`integrations`] are tasks in the manner of AWS: Lambda, SQS, SNS, DynamoDB, executions.
//! * [`Engine`] drives executions: start, drive, tokens, timers, history.
//!
//! Inside, `run` is the pure core: an execution is a tree of frames plus JSON, and a step
//! takes what happened and gives events, changed frames and tasks to run. Everything that is
//! not pure (time, chance, results) comes in from `engine` and is fixed by the commit.
//!
//! Start reading at [`Engine`], then `run/step.rs`.

pub mod conform;
mod definition;
mod engine;
pub mod graph;
mod history;
pub mod integrations;
mod items;
mod journal;
mod lang;
mod mock;
mod path;
mod rehearse;
mod run;
mod tasks;
mod testfile;

pub use definition::{DefinitionErrors, Machine, Problem};
pub use engine::{Clock, Description, Driven, Engine, EngineError, Started, SystemClock};
pub use history::Event;
pub use journal::{
    Commit, Created, FrameChange, Journal, JournalError, MemoryJournal, NewExecution, Stored,
    StoredFrame,
};
#[cfg(feature = "sqlite")]
pub use journal::{SCHEMA, SqlEffect, SqliteJournal};
pub use mock::{MockError, Script, local_cases};
pub use rehearse::{Rehearsed, rehearse};
pub use run::{Identity, Limits, Status};
pub use tasks::{Effects, Submission, TaskCall, TaskFailure, TaskResult, TaskToken, Tasks};
pub use testfile::{CaseReport, run_test_file};

pub(crate) use lang::escape as lang_escape;

/// The README's example is built and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
