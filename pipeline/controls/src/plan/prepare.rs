//! From a state and the controls that look at it to a plan.

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::id::ControlId;
use aisaws_core::ledger::Finding;
use aisaws_core::resource::ResourceRef;
use json_patch::Patch;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::diff::{diff, patch};
use crate::control::{AnyControl, Cause, FixError, Refusal};
use crate::registry;
use crate::state::StateError;

/// What the controls say about a state.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The resource is there and every control is silent.
    Clean,
    /// The resource does not exist, and no control minds.
    Gone,
    /// This would repair it.
    Plan(Box<Plan>),
}

/// What would repair a resource: shown to people, approved by its digest, applied, and taken
/// back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The resource.
    pub resource: ResourceRef,
    /// The controls that looked, in the order of the registry.
    pub controls: Vec<ControlId>,
    /// What they found.
    pub findings: Vec<Finding>,
    /// The state that was read.
    pub before: Value,
    /// The state that is wanted.
    pub after: Value,
    /// RFC 6902; every operation follows a `test`, so the patch guards itself.
    pub patch: Patch,
    /// From `after` back to `before`, guarded likewise.
    pub inverse: Patch,
    /// SHA-256 of the canonical JSON of resource and patch: the plan's name.
    pub digest: Digest,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No control has that id.
    #[error("control `{0}` does not exist; `aisaws control list` shows those that do")]
    UnknownControl(ControlId),
    /// The control looks at another type of resource.
    #[error("control `{control}` looks at `{expected}`, not at `{found}`")]
    WrongType {
        /// The control.
        control: ControlId,
        /// What it looks at.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// A control convicts and declines to repair.
    #[error("control `{control}` declines to repair this state")]
    Refused {
        /// The control.
        control: ControlId,
        /// What it found.
        finding: Box<Finding>,
        /// Why it declines.
        #[source]
        source: Refusal,
    },
    /// State or baseline are no state of the type.
    #[error(transparent)]
    State(#[from] StateError),
    /// After all fixes a control still convicts: a defect of the controls.
    #[error("control `{control}` is not satisfied by its own repair: {message}")]
    Unsettled {
        /// The control.
        control: ControlId,
        /// What it still finds.
        message: String,
    },
}

impl Classify for PlanError {
    fn fault(&self) -> Fault {
        match self {
            Self::UnknownControl(_) | Self::WrongType { .. } => Fault::BadInput,
            Self::Refused { .. } => Fault::Refused,
            Self::State(_) | Self::Unsettled { .. } => Fault::Permanent,
        }
    }
}

/// Checks the state under [`Cause::Detection`] with each control's baseline and plans the
/// repair of all that convict. The order of `controls` does not matter: fixes are applied in
/// the order of the registry, so the same convictions give the same digest.
///
/// # Errors
/// [`PlanError`].
pub fn prepare(
    resource: &ResourceRef,
    controls: &[ControlId],
    state: &Value,
    baselines: impl Fn(&ControlId) -> Option<Value>,
) -> Result<Outcome, PlanError> {
    let looking = in_order(resource, controls)?;
    let looking: Vec<(&dyn AnyControl, Option<Value>)> = looking
        .into_iter()
        .map(|control| (control, baselines(&control.meta().control_id())))
        .collect();
    let mut findings = Vec::new();
    let mut after = state.clone();
    for (control, baseline) in &looking {
        let cause = Cause::Detection { baseline: baseline.as_ref() };
        let Some(finding) = control.check(state, &cause)? else { continue };
        after = control.fix(&after, &cause).map_err(|error| match error {
            FixError::Refused { source, .. } => PlanError::Refused {
                control: control.meta().control_id(),
                finding: Box::new(finding.clone()),
                source,
            },
            FixError::State(error) => PlanError::State(error),
        })?;
        findings.push(finding);
    }
    if findings.is_empty() {
        return Ok(if state.is_null() { Outcome::Gone } else { Outcome::Clean });
    }
    for (control, baseline) in &looking {
        let cause = Cause::Detection { baseline: baseline.as_ref() };
        if let Some(Finding { message, .. }) = control.check(&after, &cause)? {
            let control = control.meta().control_id();
            return Err(PlanError::Unsettled { control, message });
        }
    }
    let controls = looking.iter().map(|(control, _)| control.meta().control_id()).collect();
    Ok(Outcome::Plan(Box::new(plan(resource, controls, findings, state, after))))
}

/// The controls in the order of the registry, each once.
fn in_order(
    resource: &ResourceRef,
    controls: &[ControlId],
) -> Result<Vec<&'static dyn AnyControl>, PlanError> {
    for id in controls {
        let control = registry::get(id).ok_or_else(|| PlanError::UnknownControl(id.clone()))?;
        let expected = control.meta().resource_type;
        if expected != resource.kind {
            return Err(PlanError::WrongType {
                control: id.clone(),
                expected: expected.to_owned(),
                found: resource.kind.clone(),
            });
        }
    }
    let is_asked =
        |control: &&dyn AnyControl| controls.iter().any(|id| id.as_str() == control.meta().id);
    Ok(registry::all().iter().copied().filter(is_asked).collect())
}

fn plan(
    resource: &ResourceRef,
    controls: Vec<ControlId>,
    findings: Vec<Finding>,
    before: &Value,
    after: Value,
) -> Plan {
    let forward = patch(before, &diff(before, &after));
    let inverse = patch(&after, &diff(&after, before));
    let digest = digest(resource, &forward);
    Plan {
        resource: resource.clone(),
        controls,
        findings,
        before: before.clone(),
        after,
        patch: forward,
        inverse,
        digest,
    }
}

/// The name of the plan that leads from one state of the resource to the other: SHA-256 of the
/// canonical JSON of resource and patch.
pub fn digest_of(resource: &ResourceRef, before: &Value, after: &Value) -> Digest {
    digest(resource, &patch(before, &diff(before, after)))
}

fn digest(resource: &ResourceRef, patch: &Patch) -> Digest {
    Digest::of(&json!({"resource": resource, "patch": patch}))
}
