//! Driving: run the tasks of an execution until it ends or only time or a token can move it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::slot::Slot;
use super::{Driven, Engine, EngineError};
use crate::journal::JournalError;
use crate::run::{Call, Failure};
use crate::tasks::{Effects, Submission, Submitted, TaskCall, TaskFailure, TaskResult, TaskToken};

/// Executions that [`Engine::resume_all`] drives at once.
const RESUMED_AT_ONCE: usize = 64;
/// After this time, whoever follows an execution looks whether another process moved it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Conflicts with other drivers that one drive puts up with.
const MAX_CONFLICTS: usize = 1_000;

/// What a driver's own task gave.
type Joined = Result<Result<Driven, EngineError>, tokio::task::JoinError>;

/// The end of a task's run.
struct Ended {
    frame: u64,
    key: String,
    effects: Effects,
    result: TaskResult,
}

/// A task that runs.
struct Flight {
    frame: u64,
    key: String,
    handle: AbortHandle,
}

/// What a task that ended gave. One that panicked failed; one that was given up gave nothing.
fn landed(
    joined: Result<(Id, Ended), JoinError>,
    flights: &mut HashMap<Id, Flight>,
) -> Option<Ended> {
    match joined {
        Ok((id, ended)) => {
            flights.remove(&id);
            Some(ended)
        }
        Err(error) => {
            let flight = flights.remove(&error.id())?;
            let result = Err(TaskFailure::new("States.TaskFailed", "the task panicked"));
            error.is_panic().then(|| Ended {
                frame: flight.frame,
                key: flight.key,
                effects: Effects::default(),
                result,
            })
        }
    }
}

impl Engine {
    /// Drives an execution until it has ended or is parked: waiting for a token or a timer.
    ///
    /// One driver at a time works on an execution in a process; others wait for it. Drivers
    /// in several processes are safe: each step is committed once.
    ///
    /// # Errors
    /// [`EngineError::Unknown`], or what the journal said. After an error, nothing of the step
    /// under way was kept: drive again, and its tasks run again with the same keys.
    pub async fn drive(&self, name: &str) -> Result<Driven, EngineError> {
        if let Some(status) = self.inner.slots.take_end(name) {
            return Ok(Driven { status, wake_ms: None });
        }
        let slot = self.inner.slots.get(name);
        let result = {
            let _driver = slot.driver.lock().await;
            let result = self.drive_slot(name, &slot).await;
            *slot.live.lock().await = None;
            result
        };
        self.inner.slots.release(name, &slot);
        result
    }

    async fn drive_slot(&self, name: &str, slot: &Slot) -> Result<Driven, EngineError> {
        let mut running: JoinSet<Ended> = JoinSet::new();
        let mut flights: HashMap<Id, Flight> = HashMap::new();
        let mut known: HashSet<String> = HashSet::new();
        let mut conflicts = 0;
        let mut ended: Option<Ended> = None;
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let mut submitted: Vec<Submitted> = Vec::new();
        loop {
            // Whatever a task said comes before its end.
            while let Ok(one) = receiver.try_recv() {
                submitted.push(one);
            }
            let stepped = self.step(name, slot, &submitted, ended.as_ref(), &mut known).await;
            let (driven, calls) = match stepped {
                Ok(stepped) => stepped,
                Err(EngineError::Journal(JournalError::Conflict(_)))
                    if conflicts < MAX_CONFLICTS =>
                {
                    conflicts += 1;
                    // Writes that went into the failed commit are lost: the task runs again.
                    if let Some(lost) = ended.take_if(|e| e.effects.is_spent()) {
                        known.remove(&lost.key);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            ended = None;
            submitted.clear();
            if driven.status != crate::Status::Running {
                return Ok(driven);
            }
            // What nobody waits for any more (timed out, or a sibling failed) is given up.
            for flight in flights.values().filter(|f| !known.contains(&f.key)) {
                flight.handle.abort();
            }
            for call in calls {
                let (frame, key) = (call.frame, call.key.clone());
                let handle = self.spawn(name, call, &sender, &mut running);
                flights.insert(handle.id(), Flight { frame, key, handle });
            }
            if running.is_empty() {
                return Ok(driven);
            }
            let timer = async {
                match driven.wake_ms {
                    Some(at) => self.inner.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                joined = running.join_next_with_id() => ended = joined.and_then(|j| landed(j, &mut flights)),
                one = receiver.recv() => submitted.extend(one),
                () = slot.changed.notified() => {}
                () = timer => {}
            }
        }
    }

    /// Applies what ended and what is due, commits, and gives the tasks that are new.
    async fn step(
        &self,
        name: &str,
        slot: &Slot,
        submitted: &[Submitted],
        ended: Option<&Ended>,
        known: &mut HashSet<String>,
    ) -> Result<(Driven, Vec<Call>), EngineError> {
        let mut guard = slot.live.lock().await;
        let live = self.live(name, &mut guard).await?;
        let now_ms = self.inner.clock.now_ms();
        live.run.at(now_ms, rand::random());
        let mut effects = Vec::new();
        for one in submitted {
            // A task with a token says by its return that its request was taken.
            let is_sync = live.run.call(one.frame).is_some_and(|call| call.token.is_none());
            if !is_sync {
                continue;
            }
            live.run.task_submitted(one.frame, &one.key, &one.output);
        }
        if let Some(ended) = ended {
            let result: Result<Value, Failure> =
                ended.result.clone().map_err(|f| Failure::new(&f.error, f.cause));
            if live.run.task_ended(ended.frame, &ended.key, result) {
                effects = ended.effects.take();
            }
        }
        while live.run.fire(now_ms) {}
        if let Err(error) = self.settle(live, effects).await {
            // Memory is ahead of the journal; only the journal is true.
            *guard = None;
            return Err(error);
        }
        let calls = live.run.calls();
        let now: HashSet<String> = calls.iter().map(|c| c.key.clone()).collect();
        let new = calls.into_iter().filter(|c| !known.contains(&c.key)).collect();
        *known = now;
        let driven = Driven { status: live.run.head.status.clone(), wake_ms: live.run.wake_ms() };
        Ok((driven, new))
    }

    fn spawn(
        &self,
        name: &str,
        call: Call,
        sender: &mpsc::UnboundedSender<Submitted>,
        running: &mut JoinSet<Ended>,
    ) -> AbortHandle {
        let tasks = self.tasks();
        let effects = Effects::default();
        let task = TaskCall {
            resource: call.resource,
            input: Value::clone(&call.input),
            idempotency_key: call.key.clone(),
            token: call.token.map(TaskToken::new),
            execution: name.to_owned(),
            state: call.state,
            attempt: call.attempt,
            effects: effects.clone(),
            submission: Submission {
                frame: call.frame,
                key: call.key.clone(),
                earlier: call.submission,
                sender: sender.clone(),
            },
        };
        let (frame, key) = (call.frame, call.key);
        running.spawn(async move { Ended { frame, key, effects, result: tasks.run(task).await } })
    }

    /// Drives an execution, waiting for its timers, until it has ended or only a token can
    /// move it.
    ///
    /// # Errors
    /// As [`Engine::drive`].
    pub async fn run_to_end(&self, name: &str) -> Result<Driven, EngineError> {
        loop {
            let driven = self.drive(name).await?;
            match (&driven.status, driven.wake_ms) {
                (crate::Status::Running, Some(at)) => self.inner.clock.sleep_until(at).await,
                _ => return Ok(driven),
            }
        }
    }

    /// Drives an execution to its end, through timers and tokens, however long that takes.
    /// What another process does to it is seen within five seconds.
    ///
    /// # Errors
    /// As [`Engine::drive`].
    pub async fn follow(&self, name: &str) -> Result<Driven, EngineError> {
        let slot = self.inner.slots.get(name);
        let result = loop {
            let moved = slot.moved.notified();
            match self.drive(name).await {
                Ok(driven) if driven.status == crate::Status::Running => {
                    let timer = async {
                        match driven.wake_ms {
                            Some(at) => self.inner.clock.sleep_until(at).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        () = moved => {}
                        () = timer => {}
                        () = tokio::time::sleep(LOOK_AGAIN) => {}
                    }
                }
                ended => break ended,
            }
        };
        self.inner.slots.release(name, &slot);
        result
    }

    /// Drives every execution that had work to do when the process ended. Those that wait
    /// for time or a token are not even loaded. Gives the names of those that were driven.
    ///
    /// # Errors
    /// What the journal said, after all that could be driven were.
    pub async fn resume_all(&self) -> Result<Vec<String>, EngineError> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let page =
                self.inner.journal.list_runnable(names.last().map(String::as_str), 1_000).await?;
            if page.is_empty() {
                break;
            }
            names.extend(page);
        }
        let mut running: JoinSet<Result<Driven, EngineError>> = JoinSet::new();
        let mut first_error = None;
        let note = |joined: Option<Joined>, first: &mut Option<EngineError>| {
            if let Some(Ok(Err(error))) = joined {
                first.get_or_insert(error);
            }
        };
        for name in &names {
            if running.len() >= RESUMED_AT_ONCE {
                let joined = running.join_next().await;
                note(joined, &mut first_error);
            }
            let (engine, name) = (self.clone(), name.clone());
            running.spawn(async move { engine.drive(&name).await });
        }
        while let Some(joined) = running.join_next().await {
            note(Some(joined), &mut first_error);
        }
        match first_error {
            Some(error) => Err(error),
            None => Ok(names),
        }
    }
}
