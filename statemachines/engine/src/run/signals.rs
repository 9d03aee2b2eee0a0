//! What comes in from outside: results, tokens, time, and the order to stop.

use std::sync::Arc;

use serde_json::Value;

use super::frame::{Purpose, TaskPhase};
use super::resource::{Family, Resource};
use super::step::Flow;
use super::{Dirty, Failure, Frame, Phase, Query, ROOT, Run, Status};
use crate::history::Payload;

/// A task that is to be run.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) frame: u64,
    pub(crate) key: String,
    pub(crate) resource: String,
    pub(crate) input: Payload,
    pub(crate) token: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) state: String,
    /// What its request was answered with, where it was taken before.
    pub(crate) submission: Option<Payload>,
    /// It reads items or writes results of a Map.
    pub(crate) is_for_map: bool,
}

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// No task waits for it: it was answered before, or its task has ended otherwise.
    NotWaiting,
    /// The execution has ended.
    Finished,
}

impl Run {
    /// The tasks that are to be run, all of them: those in flight too.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.frames.iter().filter_map(|(id, frame)| self.call_of(*id, frame)).collect()
    }

    /// The task of one frame.
    pub(crate) fn call(&self, id: u64) -> Option<Call> {
        self.call_of(id, self.frames.get(&id)?)
    }

    fn call_of(&self, id: u64, frame: &Frame) -> Option<Call> {
        let Phase::Task(task) = &frame.phase else { return None };
        if !task.is_to_run() {
            return None;
        }
        Some(Call {
            frame: id,
            key: task.key.clone(),
            resource: task.resource.clone(),
            input: Arc::clone(&task.input),
            token: task.token.clone(),
            attempt: task.attempt,
            submission: task.submission.clone(),
            is_for_map: task.purpose != Purpose::Work,
            state: self
                .machine
                .state(frame.graph, frame.state)
                .map(|s| s.name.to_string())
                .unwrap_or_default(),
        })
    }

    /// Takes the frame out where it is at the task `key`.
    fn take_task(
        &mut self,
        id: u64,
        is_it: impl Fn(&TaskPhase) -> bool,
    ) -> Option<(Frame, Box<TaskPhase>)> {
        match self.frames.get(&id).map(|f| &f.phase) {
            Some(Phase::Task(task)) if is_it(task) => {}
            _ => return None,
        }
        let mut frame = self.frames.remove(&id)?;
        match std::mem::take(&mut frame.phase) {
            Phase::Task(task) => Some((frame, task)),
            _ => None,
        }
    }

    /// The task `key` of frame `id` has ended; false where nobody waits for that any more.
    pub(crate) fn task_ended(
        &mut self,
        id: u64,
        key: &str,
        result: Result<Value, Failure>,
    ) -> bool {
        let Some((mut frame, task)) = self.take_task(id, |t| t.key == key && t.is_to_run()) else {
            return false;
        };
        let machine = self.machine.clone();
        let Some(state) = machine.state(frame.graph, frame.state) else { return false };
        self.budget = self.budget.max(1_000);
        let waits = task.purpose == Purpose::Work && task.token.is_some();
        if !(waits && result.is_ok()) {
            self.settled.push(task.key.clone());
        }
        let flow = match (task.purpose, result) {
            (Purpose::ReadItems | Purpose::WriteResults, result) => {
                self.map_task_ended(id, &mut frame, state, *task, result)
            }
            (Purpose::Work, Ok(output)) if waits => self.submitted(&mut frame, task, &output),
            (Purpose::Work, Ok(output)) => {
                self.succeeded(id, &mut frame, state, &task, Arc::new(output))
            }
            (Purpose::Work, Err(failure)) => self.failed(id, &mut frame, state, &task, failure),
        };
        self.settle(id, frame, flow);
        true
    }

    /// The request of the task `key` was taken and its work goes on (`.sync`, tokens).
    pub(crate) fn task_submitted(&mut self, id: u64, key: &str, output: &Value) -> bool {
        let can_be = |task: &TaskPhase| {
            let resource = Resource::parse(&task.resource);
            task.purpose == Purpose::Work && (resource.is_submitted() || resource.waits_for_token())
        };
        let Some((mut frame, task)) =
            self.take_task(id, |t| t.key == key && !t.is_submitted && can_be(t))
        else {
            return false;
        };
        let machine = self.machine.clone();
        let Some(state) = machine.state(frame.graph, frame.state) else { return false };
        let flow = if self.is_too_big(output) {
            let failure = Self::too_big(Resource::parse(&task.resource).subject());
            self.failed(id, &mut frame, state, &task, failure)
        } else {
            self.submitted(&mut frame, task, output)
        };
        self.settle(id, frame, flow);
        true
    }

    /// The task `key` has ended, submitted before or not.
    pub(crate) fn task_finished(
        &mut self,
        id: u64,
        key: &str,
        result: Result<Value, Failure>,
    ) -> bool {
        let Some((mut frame, task)) = self.take_task(id, |t| t.key == key) else { return false };
        let machine = self.machine.clone();
        let Some(state) = machine.state(frame.graph, frame.state) else { return false };
        self.budget = self.budget.max(1_000);
        self.settled.push(task.key.clone());
        let flow = match result {
            Ok(output) => self.succeeded(id, &mut frame, state, &task, Arc::new(output)),
            Err(failure) => self.failed(id, &mut frame, state, &task, failure),
        };
        self.settle(id, frame, flow);
        true
    }

    fn frame_of(&self, token: &str) -> Result<u64, Rejected> {
        if self.is_finished() {
            return Err(Rejected::Finished);
        }
        let holds =
            |f: &Frame| matches!(&f.phase, Phase::Task(t) if t.token.as_deref() == Some(token));
        // The token names its frame, but is only believed if the frame holds it.
        let named = token.rsplit('-').nth(1).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        named.filter(|id| self.frames.get(id).is_some_and(holds)).ok_or(Rejected::NotWaiting)
    }

    /// The token came back, with a result or a failure.
    pub(crate) fn token(
        &mut self,
        token: &str,
        result: Result<Value, Failure>,
    ) -> Result<(), Rejected> {
        let id = self.frame_of(token)?;
        let (mut frame, task) = self.take_task(id, |_| true).ok_or(Rejected::NotWaiting)?;
        let machine = self.machine.clone();
        let state = machine.state(frame.graph, frame.state).ok_or(Rejected::NotWaiting)?;
        self.budget = self.budget.max(1_000);
        self.settled.push(task.key.clone());
        let task = self.answered_early(&mut frame, task);
        let flow = match result {
            Ok(output) => self.succeeded(id, &mut frame, state, &task, Arc::new(output)),
            Err(failure) => {
                let mut task = task;
                task.is_submitted = true;
                self.failed(id, &mut frame, state, &task, failure)
            }
        };
        self.settle(id, frame, flow);
        Ok(())
    }

    /// A worker may answer an activity's task before the commit that says that it took it.
    fn answered_early(&mut self, frame: &mut Frame, task: Box<TaskPhase>) -> Box<TaskPhase> {
        if task.is_submitted || Resource::parse(&task.resource).family != Family::Activity {
            return task;
        }
        let mut started = task.clone();
        started.is_submitted = true;
        self.submitted(frame, task, &Value::Null);
        started
    }

    /// The worker that holds the token is alive.
    pub(crate) fn heartbeat(&mut self, token: &str) -> Result<(), Rejected> {
        let id = self.frame_of(token)?;
        let now_ms = self.now_ms;
        if let Some(Phase::Task(task)) = self.frames.get_mut(&id).map(|f| &mut f.phase) {
            task.heartbeat_ms =
                task.heartbeat_seconds.map(|s| now_ms.saturating_add(s.saturating_mul(1000)));
        }
        self.mark(id, Dirty::Phase);
        Ok(())
    }

    /// When time alone moves this execution.
    pub(crate) fn wake_ms(&self) -> Option<i64> {
        if self.is_finished() {
            return None;
        }
        self.frames.values().filter_map(Frame::wake_ms).chain(self.head.deadline_ms).min()
    }

    /// Fires the one timer that is due first; false where none is due at `now_ms`.
    pub(crate) fn fire(&mut self, now_ms: i64) -> bool {
        if self.is_finished() {
            return false;
        }
        let due = self
            .frames
            .iter()
            .filter_map(|(id, f)| Some((f.wake_ms()?, *id)))
            .min()
            .filter(|(at, _)| *at <= now_ms);
        if let Some(deadline) = self.head.deadline_ms
            && deadline <= now_ms
            && due.is_none_or(|(at, _)| deadline <= at)
        {
            let details = serde_json::json!({"error": "States.Timeout"});
            self.end_now("ExecutionTimedOut", details, Status::TimedOut);
            return true;
        }
        let Some((_, id)) = due else { return false };
        let Some(mut frame) = self.frames.remove(&id) else { return false };
        let machine = self.machine.clone();
        let Some(state) = machine.state(frame.graph, frame.state) else { return false };
        self.budget = self.budget.max(1_000);
        let flow = match std::mem::take(&mut frame.phase) {
            Phase::Wait { .. } => match self.waited(id, &mut frame, state) {
                Ok(flow) => flow,
                Err(failure) => self.fail(id, &mut frame, state, failure),
            },
            Phase::Retry { .. } => self.begin(id, &mut frame, state),
            Phase::Task(task) => {
                self.settled.push(task.key.clone());
                let mut failure = Failure::bare("States.Timeout");
                let is_heartbeat = task
                    .heartbeat_ms
                    .is_some_and(|at| at <= now_ms && task.timeout_ms.is_none_or(|t| at < t));
                failure.also = is_heartbeat.then_some("States.HeartbeatTimeout");
                self.failed(id, &mut frame, state, &task, failure)
            }
            other => {
                frame.phase = other;
                Flow::Parked
            }
        };
        self.settle(id, frame, flow);
        true
    }

    /// Gives the root state a result or an error in place of its work, for tests of one
    /// state; `failed` iterations of a Map are held against what it tolerates. Gives the
    /// failure that the state met, where it met one.
    pub(crate) fn mock(&mut self, mocked: Result<Value, Failure>, failed: u32) -> Option<Failure> {
        let mut frame = self.frames.remove(&ROOT)?;
        let machine = self.machine.clone();
        let state = machine.state(frame.graph, frame.state)?;
        self.drop_children(ROOT);
        self.budget = self.budget.max(1_000);
        let mut failure = mocked.as_ref().err().cloned();
        let flow = match (std::mem::take(&mut frame.phase), mocked) {
            (Phase::Task(task), Ok(output)) if task.purpose == Purpose::Work => {
                self.succeeded(ROOT, &mut frame, state, &task, Arc::new(output))
            }
            (Phase::Task(task), Err(failure)) if task.purpose == Purpose::Work => {
                self.failed(ROOT, &mut frame, state, &task, failure)
            }
            (Phase::Map(phase), Ok(_)) if phase.sets_tolerance() && failed > phase.tolerated() => {
                let exceeded = Failure::threshold();
                failure = Some(exceeded.clone());
                self.map_run_failed(ROOT, &mut frame, state, exceeded)
            }
            (Phase::Map(_) | Phase::Task(_) | Phase::Parallel { .. }, Ok(output)) => {
                self.complete(ROOT, &mut frame, state, Arc::new(output))
            }
            (Phase::Map(_) | Phase::Task(_) | Phase::Parallel { .. }, Err(failure)) => {
                self.fail(ROOT, &mut frame, state, failure)
            }
            (other, _) => {
                frame.phase = other;
                Flow::Parked
            }
        };
        self.settle(ROOT, frame, flow);
        failure
    }

    /// Stops the execution; false where it had ended.
    pub(crate) fn abort(&mut self, error: Option<String>, cause: Option<String>) -> bool {
        if self.is_finished() {
            return false;
        }
        let failure = Failure { error, cause, also: None, query: Query::No };
        let details = failure.details();
        self.end_now(
            "ExecutionAborted",
            details,
            Status::Aborted { error: failure.error, cause: failure.cause },
        );
        true
    }
}
