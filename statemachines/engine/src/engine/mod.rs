//! The async shell around the pure core: loads, steps, commits, runs tasks.

mod clock;
mod drive;
mod slot;
mod store;

use std::sync::{Arc, Weak};

use serde_json::Value;

use crate::definition::Machine;
use crate::history::{is_too_deep, json_bytes};
use crate::journal::{Created, Journal, JournalError, NewExecution};
use crate::run::{Failure, Identity, Limits, Query, Rejected, Run, Status, execution_of};
use crate::tasks::Tasks;

pub use clock::{Clock, SystemClock};

use slot::Slots;

/// Executions with a due timer that are looked up at once.
const DUE_PAGE: usize = 1_024;
/// Executions whose timers are fired side by side.
const FIRED_AT_ONCE: usize = 64;

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is no execution of that name.
    #[error("there is no execution `{0}`")]
    Unknown(String),
    /// The name cannot be that of an execution.
    #[error("`{0}` is no execution name; use 1 to 80 letters, digits and `-_.`")]
    BadName(String),
    /// The input cannot be that of an execution.
    #[error(
        "the input of execution `{0}` is too long or nested too deeply; pass a reference to it"
    )]
    BadInput(String),
    /// The text is no token of this engine.
    #[error("the text is no task token")]
    BadToken,
    /// Nobody waits for the token: it was answered before, or its task ended otherwise.
    #[error("no task of execution `{0}` waits for this token")]
    NotWaiting(String),
    /// The definition that an execution is pinned to can no longer be parsed.
    #[error("the definition of execution `{0}` cannot be parsed any more")]
    Definition(String, #[source] crate::DefinitionErrors),
    /// The journal failed.
    #[error("the state of an execution could not be read or written")]
    Journal(#[from] JournalError),
}

/// Whether an execution was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It was.
    New,
    /// One of that name was started before; nothing was changed.
    Already,
}

/// Where a drive left an execution.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Driven {
    /// How it stands; [`Status::Running`] means parked.
    pub status: Status,
    /// When time alone moves a parked execution; `None` where it waits for a token only.
    pub wake_ms: Option<i64>,
}

/// What is known about an execution.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Description {
    /// How it stands.
    pub status: Status,
    /// Its input.
    pub input: Arc<Value>,
    /// When it started, in milliseconds since the epoch.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// When time alone moves it.
    pub wake_ms: Option<i64>,
    /// The definition it is pinned to.
    pub machine: Machine,
    /// Where it believes to run.
    pub identity: Identity,
}

/// Drives executions. Cloning is cheap; clones share everything.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// An engine that is gone once nobody else holds it: for what its tasks keep of it.
#[derive(Clone)]
pub(crate) struct WeakEngine {
    inner: Weak<Inner>,
}

impl WeakEngine {
    pub(crate) fn upgrade(&self) -> Option<Engine> {
        self.inner.upgrade().map(|inner| Engine { inner })
    }
}

impl std::fmt::Debug for WeakEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WeakEngine")
    }
}

struct Inner {
    journal: Arc<dyn Journal>,
    tasks: Arc<dyn Tasks>,
    clock: Arc<dyn Clock>,
    identity: Identity,
    limits: Limits,
    slots: Slots,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("identity", &self.inner.identity).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over a journal, tasks and a clock.
    pub fn new(journal: Arc<dyn Journal>, tasks: Arc<dyn Tasks>, clock: Arc<dyn Clock>) -> Self {
        Self::with(journal, tasks, clock, Identity::default(), Limits::default())
    }

    /// As [`Engine::new`], with what the context object shows and with other limits.
    pub fn with(
        journal: Arc<dyn Journal>,
        tasks: Arc<dyn Tasks>,
        clock: Arc<dyn Clock>,
        identity: Identity,
        limits: Limits,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                journal,
                tasks,
                clock,
                identity,
                limits,
                slots: Slots::default(),
            }),
        }
    }

    /// Where executions believe to run.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    pub(crate) fn downgrade(&self) -> WeakEngine {
        WeakEngine { inner: Arc::downgrade(&self.inner) }
    }

    /// Accepts an execution: once this returns, it is durable. States without effects run at
    /// once; [`Engine::drive`] does the rest.
    ///
    /// # Errors
    /// [`EngineError::BadName`], or what the journal said.
    pub async fn start(
        &self,
        name: &str,
        machine: &Machine,
        input: Value,
    ) -> Result<Started, EngineError> {
        self.start_as(name, machine, input, self.inner.identity.clone()).await
    }

    /// As [`Engine::start`], for an execution that believes to run elsewhere: of a state
    /// machine of another name.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_as(
        &self,
        name: &str,
        machine: &Machine,
        input: Value,
        identity: Identity,
    ) -> Result<Started, EngineError> {
        let has_form = (1..=80).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !has_form {
            return Err(EngineError::BadName(name.to_owned()));
        }
        if is_too_deep(&input) || json_bytes(&input) > self.inner.limits.payload_bytes {
            return Err(EngineError::BadInput(name.to_owned()));
        }
        let now_ms = self.inner.clock.now_ms();
        let mut run = Run::new(machine, name, &identity, input, now_ms, self.inner.limits);
        run.at(now_ms, rand::random());
        run.advance(store::STEP);
        let new = NewExecution {
            definition: Arc::clone(&machine.compiled.text),
            digest: Arc::clone(&machine.compiled.digest),
            input: Arc::clone(&run.head.input),
            step: store::commit_of(&mut run, 0, Vec::new()),
        };
        self.inner.slots.remember(machine);
        match self.inner.journal.create(new).await? {
            Created::New => {
                if run.is_finished() {
                    self.inner.slots.remember_end(name, run.head.status);
                }
                Ok(Started::New)
            }
            Created::Already => Ok(Started::Already),
        }
    }

    /// Answers the task that holds `token` with its result, and steps the execution as far as
    /// it goes without running tasks. Gives its name: drive it.
    ///
    /// # Errors
    /// [`EngineError::NotWaiting`] where the token was answered before.
    pub async fn send_task_success(
        &self,
        token: &str,
        output: Value,
    ) -> Result<String, EngineError> {
        self.answer(token, Ok(output)).await
    }

    /// Answers the task that holds `token` with an error; otherwise as
    /// [`Engine::send_task_success`].
    ///
    /// # Errors
    /// As [`Engine::send_task_success`].
    pub async fn send_task_failure(
        &self,
        token: &str,
        error: Option<&str>,
        cause: Option<&str>,
    ) -> Result<String, EngineError> {
        let failure = Failure {
            error: error.map(str::to_owned),
            cause: cause.map(str::to_owned),
            also: None,
            query: Query::No,
        };
        self.answer(token, Err(failure)).await
    }

    /// Says that whoever holds `token` is alive, which sets its heartbeat timer anew.
    ///
    /// # Errors
    /// As [`Engine::send_task_success`].
    pub async fn send_task_heartbeat(&self, token: &str) -> Result<(), EngineError> {
        let name = execution_of(token).ok_or(EngineError::BadToken)?;
        self.change(&name, |run, _| rejected(&name, run.heartbeat(token))).await?
    }

    async fn answer(
        &self,
        token: &str,
        result: Result<Value, Failure>,
    ) -> Result<String, EngineError> {
        let name = execution_of(token).ok_or(EngineError::BadToken)?;
        self.change(&name, |run, _| rejected(&name, run.token(token, result.clone()))).await??;
        Ok(name)
    }

    /// Stops an execution; false where it had ended.
    ///
    /// # Errors
    /// [`EngineError::Unknown`], or what the journal said.
    pub async fn stop(
        &self,
        name: &str,
        error: Option<&str>,
        cause: Option<&str>,
    ) -> Result<bool, EngineError> {
        self.change(name, |run, _| run.abort(error.map(str::to_owned), cause.map(str::to_owned)))
            .await
    }

    /// Fires all timers that are due at `now_ms`, the earliest first, each once. Gives the
    /// executions that moved: drive them.
    ///
    /// # Errors
    /// What the journal said.
    pub async fn fire_due_timers(&self, now_ms: i64) -> Result<Vec<String>, EngineError> {
        let mut moved = Vec::new();
        loop {
            let due = self.inner.journal.list_due(now_ms, DUE_PAGE).await?;
            if due.is_empty() {
                return Ok(moved);
            }
            // Side by side, so that they share commits; handed over in order.
            for together in due.chunks(FIRED_AT_ONCE) {
                let mut firing = tokio::task::JoinSet::new();
                for name in together {
                    let (engine, name) = (self.clone(), name.clone());
                    firing.spawn(async move {
                        engine.change(&name, |run, _| while run.fire(now_ms) {}).await
                    });
                }
                while let Some(fired) = firing.join_next().await {
                    fired.map_err(|e| JournalError::Store(Box::new(e)))??;
                }
                moved.extend_from_slice(together);
            }
        }
    }

    /// When the next timer of any execution fires.
    ///
    /// # Errors
    /// What the journal said.
    pub async fn next_timer(&self) -> Result<Option<i64>, EngineError> {
        Ok(self.inner.journal.next_timer().await?)
    }

    /// Names of unfinished executions in order, a page after `after`.
    ///
    /// # Errors
    /// What the journal said.
    pub async fn list_unfinished(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, EngineError> {
        Ok(self.inner.journal.list_unfinished(after, limit).await?)
    }

    /// What is known about an execution.
    ///
    /// # Errors
    /// [`EngineError::Unknown`], or what the journal said.
    pub async fn describe(&self, name: &str) -> Result<Description, EngineError> {
        let (run, _) = self.load(name).await?;
        Ok(Description {
            wake_ms: run.wake_ms(),
            status: run.head.status,
            input: run.head.input,
            started_ms: run.head.started_ms,
            ended_ms: run.head.ended_ms,
            identity: run.head.identity,
            machine: run.machine,
        })
    }

    /// The whole history in the shape of `GetExecutionHistory`.
    ///
    /// # Errors
    /// What the journal said.
    pub async fn history(&self, name: &str) -> Result<Vec<Value>, EngineError> {
        Ok(self.inner.journal.history(name, 0, usize::MAX).await?)
    }
}

fn rejected(name: &str, result: Result<(), Rejected>) -> Result<(), EngineError> {
    result.map_err(|_| EngineError::NotWaiting(name.to_owned()))
}
