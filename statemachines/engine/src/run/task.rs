//! Task states: scheduling, results, tokens, timeouts.

use std::sync::Arc;

use serde_json::Value;

use super::evaluate::{AmountError, Seen};
use super::frame::{Purpose, TaskPhase};
use super::resource::{Event, Family, Resource};
use super::simple::shown;
use super::step::Flow;
use super::{Failure, Frame, Phase, Run};
use crate::definition::{Amount, State, Task};
use crate::history::Payload;

/// Ends every token, so that a text that was cut is seen to be none.
const TOKEN_END: &str = "=";

impl Run {
    pub(super) fn schedule(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        task: &Task,
    ) -> Result<Flow, Failure> {
        let resource = Resource::parse(&task.resource);
        let token =
            (resource.waits_for_token() || resource.is_submitted()).then(|| self.new_token(id));
        let shown_token = token.as_deref().filter(|_| resource.is_submitted());
        let input = self.work_input(frame, state, shown_token)?;
        if state.parameters.is_some() && self.is_too_big(&input) {
            return Err(Self::too_big(resource.subject()));
        }
        let data = self.effective_input(frame, state)?;
        let timeout = self.seconds(frame, state, "TimeoutSeconds", task.timeout.as_ref(), &data)?;
        let heartbeat =
            self.seconds(frame, state, "HeartbeatSeconds", task.heartbeat.as_ref(), &data)?;
        let credentials = match &task.credentials {
            None => None,
            Some(template) => {
                Some(self.fill(frame, state, template, "Credentials", &data, Seen::default())?)
            }
        };
        let details = resource.scheduled(
            &input,
            &self.head.identity.region,
            timeout,
            heartbeat,
            credentials.as_ref(),
        );
        let scheduled =
            self.emit(frame, frame.previous, resource.event(Event::Scheduled), Some(details));
        frame.previous = scheduled;
        if resource.family != Family::Activity {
            frame.previous = self.emit(
                frame,
                frame.previous,
                resource.event(Event::Started),
                resource.started(),
            );
        }
        let after = |seconds: i64| self.now_ms.saturating_add(seconds.saturating_mul(1000));
        let attempt = frame.retry_count();
        frame.phase = Phase::Task(Box::new(TaskPhase {
            purpose: Purpose::Work,
            key: self.key(id, frame, scheduled, attempt),
            attempt,
            resource: task.resource.to_string(),
            input,
            token: token.filter(|_| resource.waits_for_token()),
            is_submitted: false,
            submission: None,
            timeout_ms: timeout.map(after),
            heartbeat_seconds: heartbeat,
            heartbeat_ms: heartbeat.map(after),
            map: None,
        }));
        self.scheduled.push(id);
        Ok(Flow::Parked)
    }

    /// `execution/event-id/attempt`; children of a distributed Map have their frame in it,
    /// as their events are numbered apart.
    pub(super) fn key(&self, id: u64, frame: &Frame, event: u64, attempt: u32) -> String {
        let name = &self.head.name;
        if frame.child.is_some() || frame.owner.is_some() {
            let owner = frame.owner.unwrap_or(id);
            return format!("{name}/{owner}.{event}/{attempt}");
        }
        format!("{name}/{event}/{attempt}")
    }

    /// A token names its execution and frame and cannot be guessed.
    fn new_token(&self, frame: u64) -> String {
        let name: String =
            self.head.name.bytes().fold(String::new(), |text, b| text + &format!("{b:02x}"));
        format!("{}-{frame:x}-{name}{TOKEN_END}", self.chance.uuid())
    }

    fn seconds(
        &self,
        frame: &Frame,
        state: &State,
        field: &str,
        amount: Option<&Amount>,
        data: &Value,
    ) -> Result<Option<i64>, Failure> {
        let Some(amount) = amount else { return Ok(None) };
        match self.amount(frame, state, field, amount, data) {
            Ok(seconds) if seconds > 0 => Ok(Some(seconds)),
            Ok(seconds) => {
                let detail = match amount {
                    Amount::Jsonata(_) => format!("The {field} field must be positive: {seconds}"),
                    Amount::Fixed(_) | Amount::Share(_) | Amount::Path(_) => format!(
                        "The {field}Path parameter does not reference a positive value: {seconds}"
                    ),
                };
                Err(Self::out_of_bounds(state, frame, field, amount, &detail))
            }
            Err(AmountError::NoNumber { path, value }) if !path.is_empty() => {
                let detail = format!(
                    "The {field}Path parameter cannot be parsed as a long value: {path} == {}",
                    shown(&value)
                );
                Err(Self::runtime(state, frame, &detail))
            }
            Err(error) => Err(Self::number_failure(state, frame, field, "integer", error)),
        }
    }

    /// The request of a task was taken; the frame goes on waiting for its token or its end.
    pub(super) fn submitted(
        &mut self,
        frame: &mut Frame,
        mut task: Box<TaskPhase>,
        output: &Value,
    ) -> Flow {
        let arn = task.resource.clone();
        let resource = Resource::parse(&arn);
        frame.previous = if resource.family == Family::Activity {
            let worker = output
                .get("workerName")
                .map_or_else(|| serde_json::json!({}), |w| serde_json::json!({"workerName": w}));
            self.emit(frame, frame.previous, resource.event(Event::Started), Some(worker))
        } else {
            self.emit(frame, frame.previous, "TaskSubmitted", Some(resource.output(output)))
        };
        task.is_submitted = true;
        if task.token.is_none() {
            task.submission = Some(Arc::new(output.clone()));
        }
        task.heartbeat_ms =
            task.heartbeat_seconds.map(|s| self.now_ms.saturating_add(s.saturating_mul(1000)));
        frame.phase = Phase::Task(task);
        Flow::Parked
    }

    /// The task has its result.
    pub(super) fn succeeded(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        task: &TaskPhase,
        output: Payload,
    ) -> Flow {
        let resource = Resource::parse(&task.resource);
        if self.is_too_big(&output) {
            return self.failed(id, frame, state, task, Self::too_big(resource.subject()));
        }
        // A task that never said so was submitted all the same, or it had not ended well.
        if !task.is_submitted && task.token.is_none() && resource.is_submitted() {
            frame.previous = self.emit(
                frame,
                frame.previous,
                "TaskSubmitted",
                Some(resource.output(&Value::Null)),
            );
        }
        frame.previous = self.emit(
            frame,
            frame.previous,
            resource.event(Event::Succeeded),
            Some(resource.output(&output)),
        );
        frame.phase = Phase::Enter;
        self.complete(id, frame, state, output)
    }

    /// The task failed or ran out of time.
    pub(super) fn failed(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        task: &TaskPhase,
        failure: Failure,
    ) -> Flow {
        let resource = Resource::parse(&task.resource);
        let what = if failure.error.as_deref() == Some("States.Timeout") {
            Event::TimedOut
        } else {
            Event::Failed
        };
        let is_refused = resource.is_submitted() && !task.is_submitted && what == Event::Failed;
        let name = if is_refused { "TaskSubmitFailed" } else { resource.event(what) };
        frame.previous =
            self.emit(frame, frame.previous, name, Some(resource.failed(failure.details())));
        frame.phase = Phase::Enter;
        self.fail(id, frame, state, failure)
    }
}

/// The execution's name in a token.
pub(crate) fn execution_of(token: &str) -> Option<String> {
    let name = token.strip_suffix(TOKEN_END)?.rsplit_once('-')?.1;
    let bytes: Option<Vec<u8>> = name
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|p| p.len() == 2)
                .and_then(|p| u8::from_str_radix(p, 16).ok())
        })
        .collect();
    String::from_utf8(bytes?).ok()
}
