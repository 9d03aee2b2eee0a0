//! All ports of one place together.

use std::sync::Arc;

use super::{Account, Approvals, Clock, Events, Incidents, Orchestrator, Snapshots, Windows};

/// Everything the use cases stand on.
#[derive(Clone)]
pub struct Ports {
    /// Events.
    pub events: Arc<dyn Events>,
    /// Incidents and ledgers.
    pub incidents: Arc<dyn Incidents>,
    /// Questions and votes.
    pub approvals: Arc<dyn Approvals>,
    /// Windows of correlations.
    pub windows: Arc<dyn Windows>,
    /// States.
    pub snapshots: Arc<dyn Snapshots>,
    /// The protected account.
    pub account: Arc<dyn Account>,
    /// Runs the state machine.
    pub orchestrator: Arc<dyn Orchestrator>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
