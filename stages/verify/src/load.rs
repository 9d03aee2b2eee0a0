//! The states before and after a plan, from the ledger and the snapshots.

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
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
