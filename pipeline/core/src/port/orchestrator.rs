//! What runs the state machine of an incident.

use async_trait::async_trait;

use super::StoreError;
use crate::handoff::{Ballot, Detected};
use crate::id::IncidentId;

/// Runs `respond.asl.json`, one execution an incident, named after it.
#[async_trait]
pub trait Orchestrator: Send + Sync {
    /// Starts the incident's execution; one that was started before is left as it is.
    ///
    /// # Errors
    /// [`Fault::BadInput`](crate::fault::Fault::BadInput) says that this incident's never starts,
    /// and nothing else: it is closed as failed then.
    async fn start(&self, detected: &Detected) -> Result<(), StoreError>;
    /// Returns when the execution has ended or waits for a human. Where executions run
    /// elsewhere (Step Functions) there is nothing to do.
    async fn drive(&self, incident: IncidentId) -> Result<(), StoreError>;
    /// Incidents whose executions have not ended, waiting ones included; what a stopped
    /// process left is among them.
    async fn unfinished(&self) -> Result<Vec<IncidentId>, StoreError>;
    /// Brings a human's answer to the execution that waits for it; says whether one did. A token
    /// that was used, or whose time is over, is ignored.
    async fn answer(&self, token: &str, ballot: &Ballot) -> Result<bool, StoreError>;
}

/// An execution that ended without having come to its end: it failed, timed out or was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halted {
    /// Its incident, whose ledger may be closed nevertheless.
    pub incident: IncidentId,
    /// The how manieth execution of the incident it was: 0 the first one.
    pub run: u32,
}

/// Executions in place of those that halted, where a clock looks after them.
#[async_trait]
pub trait Restart: Send + Sync {
    /// The last execution of each incident that has one that halted, in order of the incidents. One
    /// in its place may run already.
    async fn halted(&self) -> Result<Vec<Halted>, StoreError>;
    /// Starts the incident's `run`th execution (from 1) from the beginning; one that was started
    /// before is left as it is, so that several may do so at once.
    ///
    /// # Errors
    /// As [`Orchestrator::start`].
    async fn start_again(&self, detected: &Detected, run: u32) -> Result<(), StoreError>;
}
