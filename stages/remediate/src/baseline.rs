//! The last state seen clean, control by control.

use std::collections::BTreeMap;

use aisaws_controls::plan::PlanError;
use aisaws_core::id::ControlId;
use aisaws_core::port::{Account, Snapshots};
use aisaws_core::resource::ResourceRef;
use serde_json::Value;

use crate::prepare::PrepareError;

/// Looks through the states the resource is known to have had, records the last one on which
/// each control was silent, and returns those baselines. A baseline only ever improves: a state
/// that is weaker than the one recorded does not replace it.
pub(crate) async fn refresh(
    account: &dyn Account,
    snapshots: &dyn Snapshots,
    resource: &ResourceRef,
    controls: &[ControlId],
) -> Result<BTreeMap<ControlId, Value>, PrepareError> {
    let states = account.past_states(resource).await?;
    let mut baselines = BTreeMap::new();
    for id in controls {
        let Some(control) = aisaws_controls::get(id) else { continue };
        let recorded = snapshots.baseline(resource, id).await?;
        let mut best = recorded.clone();
        for state in &states {
            let is_clean = aisaws_controls::is_clean_for_baseline(control, state, best.as_ref());
            if is_clean.map_err(PlanError::from)? {
                best = Some(state.clone());
            }
        }
        if let Some(state) = best {
            if recorded.as_ref() != Some(&state) {
                snapshots.set_baseline(resource, id, &state).await?;
            }
            baselines.insert(id.clone(), state);
        }
    }
    Ok(baselines)
}
