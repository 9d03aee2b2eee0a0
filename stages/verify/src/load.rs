//! The states before and after a plan, from the ledger and the snapshots.

use std::collections::BTreeMap;

use aisaws_controls::plan::{self, Problems};
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::Detected;
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{Link, planned};
use aisaws_core::port::{Snapshots, StoreError};
use serde_json::Value;

/// Why a plan's states are not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The ledger knows no such plan.
    #[error("incident `{0}` has no such plan in its ledger")]
    NoPlan(IncidentId),
    /// The store failed.
    #[error("the plan could not be loaded")]
    Store(#[from] StoreError),
}

impl Classify for LoadError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoPlan(_) => Fault::BadInput,
            Self::Store(e) => e.fault(),
        }
    }
}

pub(crate) async fn states(
    snapshots: &dyn Snapshots,
    links: &[Link],
    incident: IncidentId,
    digest: &Digest,
) -> Result<(Value, Value), LoadError> {
    let (before, after) = planned(links, digest).ok_or(LoadError::NoPlan(incident))?;
    Ok((snapshots.load(before).await?, snapshots.load(after).await?))
}

/// An incident's plan, read back.
pub(crate) struct ReadBack<'a> {
    pub(crate) snapshots: &'a dyn Snapshots,
    pub(crate) detected: &'a Detected,
    /// The states before and after it.
    pub(crate) states: (&'a Value, &'a Value),
}

impl ReadBack<'_> {
    /// What is wrong with the state that was read back.
    pub(crate) async fn problems(&self, now: &Value) -> Result<Problems, StoreError> {
        let Detected { resource, controls, .. } = self.detected;
        let mut baselines = BTreeMap::new();
        for id in controls {
            if let Some(state) = self.snapshots.baseline(resource, id).await? {
                baselines.insert(id.clone(), state);
            }
        }
        let (before, after) = self.states;
        Ok(plan::verify(controls, before, after, now, |id| baselines.get(id).cloned()))
    }
}
