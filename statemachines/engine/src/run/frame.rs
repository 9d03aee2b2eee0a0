//! One running graph: the machine, a branch or an iteration.

use serde::{Deserialize, Serialize};

use crate::history::{Payload, Payloads};
use crate::lang::Variables;

/// Where a graph stands. Everything but `phase` changes only when a state is entered or
/// left, so the two parts are stored apart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) graph: u32,
    pub(crate) state: u32,
    pub(crate) parent: Option<u64>,
    /// Which branch or item of the parent this is.
    pub(crate) index: u32,
    /// The frame whose history counts this one's events: a child of a distributed Map.
    pub(crate) owner: Option<u64>,
    /// The raw input of the state.
    pub(crate) input: Payload,
    pub(crate) variables: Variables,
    pub(crate) entered_event: u64,
    pub(crate) entered_ms: i64,
    /// What led to the state, before it was entered.
    pub(crate) before_entry: u64,
    /// The item that a Map gave to this frame.
    pub(crate) item: Option<Payload>,
    /// The items of the Map that this frame is in.
    pub(crate) items: Option<Payloads>,
    /// The effective input of the Map that this frame is in.
    pub(crate) effective: Option<Payload>,
    #[serde(skip)]
    pub(crate) child: Option<Child>,
    #[serde(skip)]
    pub(crate) retries: Vec<u32>,
    #[serde(skip)]
    pub(crate) previous: u64,
    #[serde(skip)]
    pub(crate) phase: Phase,
}

/// The small part of a frame that changes often.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Moving {
    pub(crate) previous: u64,
    pub(crate) retries: Vec<u32>,
    pub(crate) child: Option<Child>,
    pub(crate) phase: Phase,
}

/// A child execution of a distributed Map.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Child {
    pub(crate) next_event: u64,
    pub(crate) name: String,
}

/// What a frame is doing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// About to enter its state.
    #[default]
    Enter,
    Task(Box<TaskPhase>),
    Wait {
        until_ms: i64,
    },
    /// Waiting to do the state's work again.
    Retry {
        until_ms: i64,
    },
    Parallel {
        open: u32,
        /// Of the outputs so far, with a comma each.
        #[serde(default)]
        bytes: usize,
    },
    Map(Box<MapPhase>),
    /// Ended well; kept until the siblings have ended.
    Done {
        output: Payload,
    },
    /// Ended in an error that a distributed Map tolerates.
    Lost,
}

/// Why a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    Work,
    ReadItems,
    WriteResults,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskPhase {
    pub(crate) purpose: Purpose,
    pub(crate) key: String,
    pub(crate) attempt: u32,
    pub(crate) resource: String,
    pub(crate) input: Payload,
    pub(crate) token: Option<String>,
    /// The request was taken: the token's answer, or the end of the work, is awaited.
    pub(crate) is_submitted: bool,
    /// What a `.sync` task's request was answered with.
    #[serde(default)]
    pub(crate) submission: Option<Payload>,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) heartbeat_seconds: Option<i64>,
    pub(crate) heartbeat_ms: Option<i64>,
    /// What a Map goes on with once the task of another purpose is done.
    pub(crate) map: Option<Box<MapPhase>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct MapPhase {
    pub(crate) length: u32,
    pub(crate) next: u32,
    pub(crate) running: u32,
    pub(crate) failed: u32,
    pub(crate) concurrency: u32,
    /// Failures beyond these end a distributed Map.
    pub(crate) tolerated_count: Option<u32>,
    pub(crate) tolerated_percentage: Option<f64>,
    pub(crate) run_arn: Option<String>,
    /// Of the outputs so far, with a comma each.
    #[serde(default)]
    pub(crate) bytes: usize,
    /// `Bucket` and `Prefix` for the results, where a writer has them.
    pub(crate) written: Option<Payload>,
}

impl TaskPhase {
    /// Whether somebody is to run the task: one with a token only until its request is taken.
    pub(crate) fn is_to_run(&self) -> bool {
        !self.is_submitted || self.token.is_none()
    }
}

impl Frame {
    pub(crate) fn new(graph: u32, state: u32, input: Payload) -> Self {
        Self {
            graph,
            state,
            parent: None,
            index: 0,
            owner: None,
            input,
            variables: Variables::default(),
            entered_event: 0,
            entered_ms: 0,
            before_entry: 0,
            item: None,
            items: None,
            effective: None,
            child: None,
            retries: Vec::new(),
            previous: 0,
            phase: Phase::Enter,
        }
    }

    pub(crate) fn moving(&self) -> Moving {
        Moving {
            previous: self.previous,
            retries: self.retries.clone(),
            child: self.child.clone(),
            phase: self.phase.clone(),
        }
    }

    pub(crate) fn with_moving(mut self, moving: Moving) -> Self {
        self.previous = moving.previous;
        self.retries = moving.retries;
        self.child = moving.child;
        self.phase = moving.phase;
        self
    }

    /// When time alone moves this frame.
    pub(crate) fn wake_ms(&self) -> Option<i64> {
        match &self.phase {
            Phase::Wait { until_ms } | Phase::Retry { until_ms } => Some(*until_ms),
            Phase::Task(task) => task.timeout_ms.into_iter().chain(task.heartbeat_ms).min(),
            Phase::Enter
            | Phase::Parallel { .. }
            | Phase::Map(_)
            | Phase::Done { .. }
            | Phase::Lost => None,
        }
    }

    pub(crate) fn retry_count(&self) -> u32 {
        self.retries.iter().sum()
    }
}
