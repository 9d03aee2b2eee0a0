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
    /// Brings a human's answer to the execution that waits for it. A token that was used
    /// or has lapsed is ignored.
    async fn answer(&self, token: &str, ballot: &Ballot) -> Result<(), StoreError>;
}
