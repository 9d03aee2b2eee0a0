//! A machine run in virtual time with answers given beforehand: for tests of definitions.
//!
//! Nothing is stored and nobody waits: timers fire at once, tasks are answered by a
//! [`Script`]. Status, output and history are those of a real run.

use serde_json::Value;

use crate::definition::Machine;
use crate::history::Event;
use crate::mock::Script;
use crate::run::{Failure, Identity, Limits, Run, Status};

/// When every virtual run begins: 2026-01-01T00:00:00Z.
pub(crate) const START_MS: i64 = 1_767_225_600_000;
/// Things that may happen in one run before it is given up.
const MAX_ROUNDS: u64 = 1_000_000;

/// How a rehearsal ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rehearsed {
    /// How the execution stands; running where a task had no answer.
    pub status: Status,
    /// The history in the shape of `GetExecutionHistory`.
    pub history: Vec<Value>,
    /// Names of the states that were entered, in order.
    pub path: Vec<String>,
    /// States whose task had no answer in the script.
    pub unanswered: Vec<String>,
}

impl Rehearsed {
    /// Seconds of virtual time from the first event to the last.
    pub fn seconds(&self) -> f64 {
        let at = |event: Option<&Value>| -> Option<i64> {
            let text = event?.get("timestamp")?.as_str()?;
            crate::lang::parse_timestamp(text)
        };
        let (first, last) = (at(self.history.first()), at(self.history.last()));
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run fit a double")]
        first.zip(last).map_or(0.0, |(first, last)| (last - first) as f64 / 1000.0)
    }
}

/// Runs `machine` on `input` with the answers of `script`.
pub fn rehearse(machine: &Machine, input: Value, mut script: Script) -> Rehearsed {
    let mut run =
        Run::new(machine, "rehearsal", &Identity::default(), input, START_MS, Limits::default());
    let events = drive(&mut run, &mut |run| answer(run, &mut script));
    let history: Vec<Value> = events.iter().map(Event::to_json).collect();
    let entered = |event: &Value| {
        event.get("stateEnteredEventDetails")?.get("name")?.as_str().map(str::to_owned)
    };
    Rehearsed {
        path: history.iter().filter_map(entered).collect(),
        unanswered: run.calls().into_iter().map(|call| call.state).collect(),
        status: run.head.status,
        history,
    }
}

fn answer(run: &mut Run, script: &mut Script) -> bool {
    for call in run.calls() {
        let Some(result) = script.next(&call.state) else { continue };
        // A script answers for the work, not for the request.
        run.task_submitted(call.frame, &call.key, &Value::Null);
        let result = result.map_err(|f| Failure::new(&f.error, f.cause));
        return if call.is_for_map {
            run.task_ended(call.frame, &call.key, result)
        } else {
            run.task_finished(call.frame, &call.key, result)
        };
    }
    false
}

/// Drives `run` in virtual time until it ends or nothing can move it; `answer` answers one
/// task and says whether it did.
pub(crate) fn drive(run: &mut Run, answer: &mut dyn FnMut(&mut Run) -> bool) -> Vec<Event> {
    let mut now_ms = START_MS;
    let mut events = Vec::new();
    for round in 0..MAX_ROUNDS {
        run.at(now_ms, round);
        run.advance(1_000);
        events.append(&mut run.events);
        run.dirty.clear();
        run.scheduled.clear();
        run.settled.clear();
        if run.is_finished() {
            break;
        }
        if run.has_ready() || answer(run) {
            continue;
        }
        let Some(wake_ms) = run.wake_ms() else { break };
        now_ms = now_ms.max(wake_ms);
        run.at(now_ms, round);
        run.fire(now_ms);
    }
    events
}
