//! The states before and after a plan, from the ledger and the snapshots.

use std::collections::BTreeMap;

use aisaws_controls::plan;
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::Detected;
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{Entry, Link, planned};
use aisaws_core::port::{Incidents, Snapshots, StoreError};
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
    pub(crate) incidents: &'a dyn Incidents,
    pub(crate) snapshots: &'a dyn Snapshots,
    pub(crate) detected: &'a Detected,
    /// The incident's ledger.
    pub(crate) links: &'a [Link],
    /// The plan.
    pub(crate) digest: &'a Digest,
    /// The states before and after it.
    pub(crate) states: (&'a Value, &'a Value),
}

impl ReadBack<'_> {
    /// What does not hold of the plan in the state that was read back, in words; nothing: it holds.
    ///
    /// What changed beside it counts, unless another incident repaired the same resource since the
    /// plan was made: two repairs that meet would else take each other back, and open both wounds.
    pub(crate) async fn problems(&self, now: &Value) -> Result<Vec<String>, StoreError> {
        let Detected { resource, controls, .. } = self.detected;
        let mut baselines = BTreeMap::new();
        for id in controls {
            if let Some(state) = self.snapshots.baseline(resource, id).await? {
                baselines.insert(id.clone(), state);
            }
        }
        let (before, after) = self.states;
        let found = plan::verify(controls, before, after, now, |id| baselines.get(id).cloned());
        if !found.beside.is_empty() && self.is_repaired_by_others().await? {
            return Ok(found.of_plan);
        }
        Ok(found.all())
    }

    async fn is_repaired_by_others(&self) -> Result<bool, StoreError> {
        let is_plan = |link: &&Link| matches!(&link.entry, Entry::Prepared { digest, .. } if digest == self.digest);
        let Some(planned) = self.links.iter().rev().find(is_plan).map(|link| link.at) else {
            return Ok(false);
        };
        let is_write =
            |link: &&Link| link.at >= planned && matches!(link.entry, Entry::Remediated { .. });
        let own = u32::try_from(self.links.iter().filter(is_write).count()).unwrap_or(u32::MAX);
        let all = self.incidents.writes_since(&self.detected.resource.key(), planned).await?;
        Ok(all > own)
    }
}
