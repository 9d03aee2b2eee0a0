//! The loop: enter a state, do its work, leave it, or park.

use std::sync::Arc;

use serde_json::json;

use super::evaluate::Seen;
use super::{Dirty, Failure, Frame, Phase, Query, Run};
use crate::definition::{Kind, Language, Retrier, State};
use crate::history::{EventKind, Payload};
use crate::lang::Variables;

/// How a frame goes on.
pub(super) enum Flow {
    /// Its next state is to be entered.
    Continue,
    /// Something must happen first.
    Parked,
    /// It has ended.
    Done(Result<Payload, Failure>),
}

/// What `Assign` gave: the variables, and what the history shows.
pub(super) type Assigned = Option<(Variables, Payload)>;

impl Run {
    /// Steps every frame that is ready, at most `budget` transitions.
    pub(crate) fn advance(&mut self, budget: u32) {
        self.budget = budget;
        while self.budget > 0 && !self.is_finished() {
            let Some(id) = self.ready.pop_front() else { break };
            let Some(mut frame) = self.frames.remove(&id) else { continue };
            if !matches!(frame.phase, Phase::Enter) {
                self.frames.insert(id, frame);
                continue;
            }
            let flow = self.enter(id, &mut frame);
            self.settle(id, frame, flow);
        }
    }

    /// Carries on with a frame that was taken out, and with its parents as children end.
    pub(super) fn settle(&mut self, mut id: u64, mut frame: Frame, mut flow: Flow) {
        loop {
            if self.is_full && !self.is_finished() {
                self.frames.insert(id, frame);
                let failure = self.full();
                self.fail_whole(&failure);
                return;
            }
            if matches!(flow, Flow::Continue) && self.is_child_full(&frame) {
                flow = Flow::Done(Err(self.full()));
            }
            match flow {
                Flow::Continue if self.budget == 0 => {
                    self.mark(id, Dirty::Whole);
                    self.frames.insert(id, frame);
                    self.ready.push_front(id);
                    return;
                }
                Flow::Continue => flow = self.enter(id, &mut frame),
                Flow::Parked => {
                    self.mark(id, Dirty::Phase);
                    self.frames.insert(id, frame);
                    return;
                }
                Flow::Done(outcome) => match frame.parent {
                    None => {
                        self.finish(id, frame, outcome);
                        return;
                    }
                    Some(parent) => match self.child_ended(parent, id, frame, outcome) {
                        None => return,
                        Some((parent_frame, parent_flow)) => {
                            id = parent;
                            frame = parent_frame;
                            flow = parent_flow;
                        }
                    },
                },
            }
        }
    }

    fn full(&self) -> Failure {
        let cause = format!(
            "The execution reached the maximum number of history events ({}).",
            self.limits.history_events
        );
        Failure::new("States.Runtime", cause)
    }

    /// Whether the child of a distributed Map that `frame` belongs to has a full history: its
    /// own, which is only counted.
    fn is_child_full(&self, frame: &Frame) -> bool {
        let owner = frame.owner.and_then(|owner| self.frames.get(&owner));
        let child = frame.child.as_ref().or_else(|| owner.and_then(|f| f.child.as_ref()));
        child.is_some_and(|child| child.next_event >= self.limits.history_events)
    }

    fn enter(&mut self, id: u64, frame: &mut Frame) -> Flow {
        let machine = self.machine.clone();
        let Some(state) = machine.state(frame.graph, frame.state) else {
            return Flow::Done(Err(Failure::new(
                "States.Runtime",
                "the execution is in a state that its definition does not have",
            )));
        };
        self.budget = self.budget.saturating_sub(1);
        frame.before_entry = frame.previous;
        frame.entered_ms = self.now_ms;
        let entered = EventKind::Entered {
            state: state.kind.name(),
            name: Arc::clone(&state.name),
            input: Arc::clone(&frame.input),
        };
        frame.entered_event = self.record(frame, frame.previous, entered);
        frame.previous = frame.entered_event;
        self.mark(id, Dirty::Whole);
        self.begin(id, frame, state)
    }

    /// Does the state's work, for the first time or again.
    pub(super) fn begin(&mut self, id: u64, frame: &mut Frame, state: &State) -> Flow {
        let begun = match &state.kind {
            Kind::Pass { result } => self.pass(id, frame, state, result.as_ref()),
            Kind::Choice { rules, default } => self.choose(id, frame, state, rules, *default),
            Kind::Wait(wait) => self.wait(id, frame, state, wait),
            Kind::Succeed => self.succeed(id, frame, state),
            Kind::Fail { error, cause } => {
                return self.fail_state(frame, state, error.as_ref(), cause.as_ref());
            }
            Kind::Task(task) => self.schedule(id, frame, state, task),
            Kind::Parallel { branches } => self.fork(id, frame, state, branches),
            Kind::Map(map) => self.begin_map(id, frame, state, map),
        };
        match begun {
            Ok(flow) => flow,
            Err(failure) => self.fail(id, frame, state, failure),
        }
    }

    /// Leaves a state whose work gave `result`.
    pub(super) fn complete(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        result: Payload,
    ) -> Flow {
        match self.completed(frame, state, result) {
            Ok((output, assigned)) => self.leave(id, frame, state, state.next, output, assigned),
            Err(failure) => self.fail(id, frame, state, failure),
        }
    }

    fn completed(
        &self,
        frame: &Frame,
        state: &State,
        result: Payload,
    ) -> Result<(Payload, Assigned), Failure> {
        match state.language {
            Language::JsonPath => {
                let result = match &state.result_selector {
                    None => result,
                    Some(selector) => Arc::new(self.fill(
                        frame,
                        state,
                        selector,
                        "ResultSelector",
                        &result,
                        Seen::default(),
                    )?),
                };
                let assigned =
                    self.assigned(frame, state, state.assign.as_ref(), &result, Seen::default())?;
                Ok((self.placed_output(frame, state, result)?, assigned))
            }
            Language::Jsonata => {
                let seen = Seen { result: Some(&result), ..Seen::default() };
                let assigned =
                    self.assigned(frame, state, state.assign.as_ref(), &frame.input, seen)?;
                let output = match &state.output {
                    None => Arc::clone(&result),
                    Some(template) => {
                        Arc::new(self.fill(frame, state, template, "Output", &frame.input, seen)?)
                    }
                };
                Ok((output, assigned))
            }
        }
    }

    /// Leaves the state for `next` or ends the frame.
    pub(super) fn leave(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        next: Option<u32>,
        output: Payload,
        assigned: Assigned,
    ) -> Flow {
        if !Arc::ptr_eq(&output, &frame.input) && self.is_too_big(&output) {
            let failure = Self::too_big(&state.name);
            return Flow::Done(Err(failure));
        }
        let (variables, shown) = assigned.map_or((None, None), |(v, s)| (Some(v), Some(s)));
        let exited = EventKind::Exited {
            state: state.kind.name(),
            name: Arc::clone(&state.name),
            output: Arc::clone(&output),
            assigned: shown,
        };
        frame.previous = self.record(frame, frame.previous, exited);
        if let Some(variables) = variables {
            frame.variables = variables;
        }
        frame.retries.clear();
        frame.items = None;
        frame.effective = None;
        frame.phase = Phase::Enter;
        match next {
            Some(next) => {
                frame.state = next;
                frame.input = output;
                self.mark(id, Dirty::Whole);
                Flow::Continue
            }
            None => Flow::Done(Ok(output)),
        }
    }

    pub(super) fn too_big(name: &str) -> Failure {
        let cause = format!(
            "The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
        );
        Failure::new("States.DataLimitExceeded", cause)
    }

    /// Retries, catches or passes on a failure.
    pub(super) fn fail(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        failure: Failure,
    ) -> Flow {
        if failure.query != Query::No {
            self.report_query(frame, state, &failure);
        }
        for (i, retrier) in state.retry.iter().enumerate() {
            if !failure.matches(&retrier.errors) {
                continue;
            }
            if let Some(delay_ms) = self.next_delay(frame, i, retrier) {
                frame.phase = Phase::Retry { until_ms: self.now_ms.saturating_add(delay_ms) };
                return Flow::Parked;
            }
            break;
        }
        match state.kind {
            // A state that could not even be evaluated ends the execution at once.
            _ if failure.error.as_deref() == Some("States.Runtime") => {}
            Kind::Map(_) => {
                frame.previous = self.emit(frame, frame.previous, "MapStateFailed", None);
            }
            Kind::Parallel { .. } => {
                frame.previous = self.emit(frame, frame.previous, "ParallelStateFailed", None);
            }
            _ => {}
        }
        let caught_by = state.catch.iter().enumerate().find(|(_, c)| failure.matches(&c.errors));
        let Some((index, catcher)) = caught_by else {
            return Flow::Done(Err(failure));
        };
        let error: Payload = Arc::new(failure.output());
        let under = format!("Catch[{index}]/");
        let seen = Seen { error: Some(&error), under: &under, ..Seen::default() };
        let caught = self.assigned(frame, state, catcher.assign.as_ref(), &error, seen).and_then(
            |assigned| {
                let output = match (state.language, &catcher.output) {
                    (Language::JsonPath, _) => {
                        Self::placed(frame, state, &catcher.result_path, Arc::clone(&error))?
                    }
                    (Language::Jsonata, None) => Arc::clone(&error),
                    (Language::Jsonata, Some(template)) => Arc::new(self.fill(
                        frame,
                        state,
                        template,
                        &format!("{under}Output"),
                        &frame.input,
                        seen,
                    )?),
                };
                Ok((output, assigned))
            },
        );
        match caught {
            Ok((output, assigned)) => {
                self.leave(id, frame, state, Some(catcher.next), output, assigned)
            }
            Err(failure) => {
                if failure.query != Query::No {
                    self.report_query(frame, state, &failure);
                }
                Flow::Done(Err(failure))
            }
        }
    }

    fn report_query(&mut self, frame: &mut Frame, state: &State, failure: &Failure) {
        let mut details = failure.details();
        if let serde_json::Value::Object(map) = &mut details {
            map.insert("state".to_owned(), json!(&*state.name));
            if let Some(location) = failure.query.field() {
                map.insert("location".to_owned(), json!(location));
            }
        }
        // The event stands beside the entry of the state, except for Wait.
        let is_at_entry =
            frame.previous == frame.entered_event && !matches!(state.kind, Kind::Wait(_));
        let previous = if is_at_entry { frame.before_entry } else { frame.previous };
        frame.previous = self.emit(frame, previous, "EvaluationFailed", Some(details));
    }

    /// The delay before the next attempt, unless the retrier is used up.
    fn next_delay(&mut self, frame: &mut Frame, index: usize, retrier: &Retrier) -> Option<i64> {
        if frame.retries.len() <= index {
            frame.retries.resize(index + 1, 0);
        }
        let used = frame.retries.get_mut(index)?;
        if *used >= retrier.max_attempts {
            return None;
        }
        let exponent = i32::try_from(*used).unwrap_or(i32::MAX);
        *used += 1;
        let mut seconds = retrier.interval_seconds * retrier.backoff_rate.powi(exponent);
        seconds = seconds.min(retrier.max_delay_seconds.unwrap_or(f64::MAX)).min(31_622_400.0);
        if retrier.has_full_jitter {
            seconds *= self.chance.fraction();
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded by a year of milliseconds")]
        Some((seconds * 1000.0) as i64)
    }
}
