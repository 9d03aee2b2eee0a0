//! The port through which Task states reach the world.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

/// Runs what Task states ask for.
///
/// A call may be made again with the same [`TaskCall::idempotency_key`] after a crash: do the
/// work at most once for a key, or do work that may be repeated.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Runs one task to its end, or, where it has a token, until its request was taken.
    ///
    /// A `.sync` task ends with its work; it says through [`TaskCall::submission`] that the
    /// request was taken.
    async fn run(&self, call: TaskCall) -> TaskResult;
}

/// What a task gave: its result, or a named error that Retry and Catch can match.
pub type TaskResult = Result<Value, TaskFailure>;

/// A task's error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct TaskFailure {
    /// The name that `ErrorEquals` is compared with, such as `Lambda.TooManyRequestsException`.
    pub error: String,
    /// What happened, for people.
    pub cause: String,
}

impl TaskFailure {
    /// A failure with this name and cause.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }
}

/// The secret with which a task is answered later.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskToken(String);

impl TaskToken {
    pub(crate) fn new(token: String) -> Self {
        Self(token)
    }

    /// The token as text, at most 1,024 characters; whoever knows it can answer the task.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// One task to run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskCall {
    /// The ARN in `Resource`.
    pub resource: String,
    /// `Parameters` or `Arguments` after evaluation, or the state's input.
    pub input: Value,
    /// `execution/event-id/attempt`: the same for a call that is made again after a crash.
    pub idempotency_key: String,
    /// Where the task is answered later (`.waitForTaskToken`, activities).
    pub token: Option<TaskToken>,
    /// The execution's name.
    pub execution: String,
    /// The state's name.
    pub state: String,
    /// 0 for the first attempt, counting retries.
    pub attempt: u32,
    /// What is to be committed together with the result.
    pub effects: Effects,
    /// Of a `.sync` task: that its request was taken, now or by an earlier call.
    pub submission: Submission,
}

/// The moment between the request of a `.sync` task and the end of its work.
///
/// The history shows it as `TaskSubmitted`. A task that fails before it is one whose request
/// was refused: `TaskSubmitFailed`.
#[derive(Debug, Clone)]
pub struct Submission {
    pub(crate) frame: u64,
    pub(crate) key: String,
    pub(crate) earlier: Option<Arc<Value>>,
    pub(crate) sender: UnboundedSender<Submitted>,
}

/// A submission on its way to the driver.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) frame: u64,
    pub(crate) key: String,
    pub(crate) output: Value,
}

impl Submission {
    /// Says that the request was taken, and what the service answered: for an execution that
    /// was started, `{"ExecutionArn": …, "StartDate": …}`. It is committed at once and once;
    /// later words on the same attempt change nothing, nor does one on a task of another kind.
    pub fn taken(&self, output: Value) {
        let submitted = Submitted { frame: self.frame, key: self.key.clone(), output };
        // Without a driver nobody waits for the task any more.
        drop(self.sender.send(submitted));
    }

    /// The answer that an earlier call with the same key committed: the work goes on, and is
    /// to be followed rather than asked for again.
    pub fn earlier(&self) -> Option<&Value> {
        self.earlier.as_deref()
    }
}

/// Writes that a task wants committed in the same transaction as its result.
///
/// What can be added depends on the journal: the one on SQLite takes `SqlEffect`s; others
/// ignore what they do not know.
#[derive(Clone, Default)]
pub struct Effects(Arc<Mutex<Pending>>);

#[derive(Default)]
struct Pending {
    writes: Vec<Box<dyn Any + Send>>,
    is_spent: bool,
}

impl Effects {
    /// Adds a write to the commit of this task's result.
    pub fn add(&self, effect: impl Any + Send) {
        self.lock().writes.push(Box::new(effect));
    }

    pub(crate) fn take(&self) -> Vec<Box<dyn Any + Send>> {
        let mut pending = self.lock();
        pending.is_spent |= !pending.writes.is_empty();
        std::mem::take(&mut pending.writes)
    }

    /// Whether writes were handed to a commit.
    pub(crate) fn is_spent(&self) -> bool {
        self.lock().is_spent
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.lock().writes.len();
        write!(f, "Effects({count})")
    }
}
