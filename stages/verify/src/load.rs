//! The states before and after a plan, from the ledger and the snapshots.

use std::collections::BTreeMap;

use aisaws_controls::plan;
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::id::{ControlId, IncidentId};
use aisaws_core::ledger::{Link, planned};
use aisaws_core::port::{Snapshots, StoreError};
use aisaws_core::resource::ResourceRef;
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

/// What does not hold of a plan in the state that was read back, in words; nothing: it holds.
pub(crate) async fn problems(
    snapshots: &dyn Snapshots,
    resource: &ResourceRef,
    controls: &[ControlId],
    (before, after): (&Value, &Value),
    now: &Value,
) -> Result<Vec<String>, StoreError> {
    let mut baselines = BTreeMap::new();
    for id in controls {
        if let Some(state) = snapshots.baseline(resource, id).await? {
            baselines.insert(id.clone(), state);
        }
    }
    Ok(plan::verify(controls, before, after, now, |id| baselines.get(id).cloned()))
}
