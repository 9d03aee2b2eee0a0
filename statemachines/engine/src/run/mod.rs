//! The pure core: an execution as a tree of frames, stepped without effects.
//!
//! A [`Run`] is what an execution is at a revision. Its methods take what happened (a task's
//! result, a time, a token) and leave behind events, changed frames and tasks to run; the
//! caller commits those together. Nothing here reads a clock or draws a random number.

mod context;
mod evaluate;
mod failure;
mod finish;
mod frame;
mod items;
mod map;
mod parallel;
mod resource;
mod signals;
mod simple;
mod step;
mod task;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::Machine;
use crate::history::{Event, EventKind, Payload};
use crate::lang::Chance;

pub(crate) use failure::{Failure, Query};
pub(crate) use frame::{Frame, Moving, Phase};
pub(crate) use signals::{Call, Rejected};
pub(crate) use task::execution_of;

/// The frame of the machine itself.
pub(crate) const ROOT: u64 = 0;

/// Bounds that keep an execution from eating the machine it runs on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Limits {
    /// Events of one execution; AWS stops at 25,000.
    pub history_events: u64,
    /// Bytes of a state's input or output; AWS allows 262,144.
    pub payload_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { history_events: 25_000, payload_bytes: 262_144 }
    }
}

/// Where executions believe to run: what the context object and ARNs show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Identity {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The region in ARNs.
    pub region: String,
    /// The account in ARNs.
    pub account: String,
    /// The name of the state machine.
    pub machine: String,
    /// The role an execution assumes.
    pub role_arn: String,
    /// What an Express execution has behind its name in its ARN.
    pub express_run: Option<String>,
    /// Whether the context object counts redrives: all but Express executions that somebody
    /// waits for (`StartSyncExecution`).
    #[serde(default = "counts_redrives")]
    pub counts_redrives: bool,
    /// The idempotency key of the task that started the execution, where one did.
    #[serde(default)]
    pub started_by: Option<String>,
}

fn counts_redrives() -> bool {
    true
}

impl Identity {
    /// The ARN of the execution of this name.
    pub(crate) fn execution_arn(&self, name: &str) -> String {
        format!(
            "arn:{}:states:{}:{}:execution:{}:{name}",
            self.partition, self.region, self.account, self.machine
        )
    }

    /// The ARN of the state machine.
    pub(crate) fn machine_arn(&self) -> String {
        format!(
            "arn:{}:states:{}:{}:stateMachine:{}",
            self.partition, self.region, self.account, self.machine
        )
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            partition: "aws".to_owned(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            machine: "StateMachine".to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/StateMachine".to_owned(),
            express_run: None,
            counts_redrives: true,
            started_by: None,
        }
    }
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Status {
    /// Not finished; parked or under way.
    Running,
    /// Ended well.
    Succeeded {
        /// The output of the last state.
        output: Arc<Value>,
    },
    /// Ended in an error nobody caught.
    Failed {
        /// The error name, where one was given.
        error: Option<String>,
        /// The cause, where one was given.
        cause: Option<String>,
    },
    /// The machine's `TimeoutSeconds` passed.
    TimedOut,
    /// Stopped from outside.
    Aborted {
        /// The error name, where one was given.
        error: Option<String>,
        /// The cause, where one was given.
        cause: Option<String>,
    },
}

impl Status {
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded { .. } => "SUCCEEDED",
            Self::Failed { .. } => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted { .. } => "ABORTED",
        }
    }
}

/// The part of an execution that is one record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) identity: Identity,
    pub(crate) status: Status,
    #[serde(skip)]
    pub(crate) input: Payload,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: Option<i64>,
    pub(crate) deadline_ms: Option<i64>,
    pub(crate) next_event: u64,
    pub(crate) next_frame: u64,
}

/// What must be written about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dirty {
    Phase,
    Whole,
    Gone,
}

/// An execution in memory.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) machine: Machine,
    pub(crate) head: Head,
    pub(crate) frames: BTreeMap<u64, Frame>,
    pub(crate) limits: Limits,
    /// Not yet committed.
    pub(crate) events: Vec<Event>,
    pub(crate) dirty: BTreeMap<u64, Dirty>,
    /// Frames from this one on are in no commit yet.
    pub(crate) first_unstored: u64,
    pub(crate) scheduled: Vec<u64>,
    pub(crate) settled: Vec<String>,
    /// A context object that stands for the one the run would make.
    pub(crate) context_given: Option<Value>,
    ready: VecDeque<u64>,
    chance: Chance,
    now_ms: i64,
    budget: u32,
    /// An event did not fit the history any more.
    is_full: bool,
    /// The event that ends the execution is being recorded.
    is_closing: bool,
}

impl Run {
    /// A new execution, its first state not yet entered.
    pub(crate) fn new(
        machine: &Machine,
        name: &str,
        identity: &Identity,
        input: Value,
        now_ms: i64,
        limits: Limits,
    ) -> Self {
        let input: Payload = Arc::new(input);
        let deadline_ms =
            machine.compiled.timeout_seconds.map(|s| now_ms.saturating_add(s.saturating_mul(1000)));
        let mut run = Self {
            machine: machine.clone(),
            head: Head {
                name: name.to_owned(),
                identity: identity.clone(),
                status: Status::Running,
                input: Arc::clone(&input),
                started_ms: now_ms,
                ended_ms: None,
                deadline_ms,
                next_event: 1,
                next_frame: 1,
            },
            frames: BTreeMap::new(),
            limits,
            events: Vec::new(),
            dirty: BTreeMap::new(),
            first_unstored: ROOT,
            scheduled: Vec::new(),
            settled: Vec::new(),
            context_given: None,
            ready: VecDeque::from([ROOT]),
            chance: Chance::new(0),
            now_ms,
            budget: 0,
            is_full: false,
            is_closing: false,
        };
        let start = run.machine.graph(0).map_or(0, |g| g.start);
        let mut frame = Frame::new(0, start, Arc::clone(&input));
        let role_arn = run.head.identity.role_arn.clone();
        run.record(&mut frame, 0, EventKind::Started { input, role_arn });
        run.frames.insert(ROOT, frame);
        run.mark(ROOT, Dirty::Whole);
        run
    }

    /// An execution as it was committed.
    pub(crate) fn restore(
        machine: Machine,
        head: Head,
        frames: BTreeMap<u64, Frame>,
        limits: Limits,
    ) -> Self {
        let ready = frames
            .iter()
            .filter(|(_, f)| matches!(f.phase, Phase::Enter))
            .map(|(id, _)| *id)
            .collect();
        let (now_ms, first_unstored) = (head.started_ms, head.next_frame);
        Self {
            machine,
            head,
            frames,
            limits,
            events: Vec::new(),
            dirty: BTreeMap::new(),
            first_unstored,
            scheduled: Vec::new(),
            settled: Vec::new(),
            context_given: None,
            ready,
            chance: Chance::new(0),
            now_ms,
            budget: 0,
            is_full: false,
            is_closing: false,
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.head.status != Status::Running
    }

    /// Whether a frame can go on without anything happening first.
    pub(crate) fn has_ready(&self) -> bool {
        !self.is_finished() && !self.ready.is_empty()
    }

    /// Whether a task is to be run.
    pub(crate) fn has_calls(&self) -> bool {
        self.frames.values().any(|f| matches!(&f.phase, Phase::Task(t) if t.is_to_run()))
    }

    /// Whether there is anything to commit.
    pub(crate) fn is_changed(&self) -> bool {
        !self.events.is_empty() || !self.dirty.is_empty() || !self.settled.is_empty()
    }

    /// Fixes time and chance for what comes next.
    pub(crate) fn at(&mut self, now_ms: i64, seed: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.chance = Chance::new(seed);
    }

    fn mark(&mut self, frame: u64, dirty: Dirty) {
        // What came and went between two commits leaves nothing to remove.
        if dirty == Dirty::Gone && frame >= self.first_unstored {
            self.dirty.remove(&frame);
            return;
        }
        let slot = self.dirty.entry(frame).or_insert(dirty);
        *slot = (*slot).max(dirty);
    }

    /// Records an event of `frame` and gives its id.
    fn emit(
        &mut self,
        frame: &mut Frame,
        previous: u64,
        name: &'static str,
        details: Option<Value>,
    ) -> u64 {
        self.record(frame, previous, EventKind::Other { name, details })
    }

    /// Events of a distributed Map's children are counted for them but not kept.
    fn record(&mut self, frame: &mut Frame, previous: u64, kind: EventKind) -> u64 {
        if let Some(child) = &mut frame.child {
            child.next_event += 1;
            return child.next_event - 1;
        }
        if let Some(owner) = frame.owner {
            self.mark(owner, Dirty::Phase);
            if let Some(child) = self.frames.get_mut(&owner).and_then(|f| f.child.as_mut()) {
                child.next_event += 1;
                return child.next_event - 1;
            }
        }
        // The last event of a full history says that it is full.
        if self.head.next_event >= self.limits.history_events && !self.is_closing {
            self.is_full = true;
            return self.head.next_event;
        }
        let id = self.head.next_event;
        self.head.next_event += 1;
        self.events.push(Event { id, previous, at_ms: self.now_ms, kind });
        id
    }

    fn new_frame_id(&mut self) -> u64 {
        let id = self.head.next_frame;
        self.head.next_frame += 1;
        id
    }
}
