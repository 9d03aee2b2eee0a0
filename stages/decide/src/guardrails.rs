//! Facts that lower autonomy whatever the risk. No guardrail can raise it.

use aisaws_core::handoff::Detected;
use aisaws_core::risk::Decision;

use crate::policy::Policy;

/// A limit on autonomy, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// The most that is allowed.
    pub max: Decision,
    /// Why.
    pub reason: String,
}

/// Every restriction that applies. `recent_writes` counts repairs of the resource in the last hour.
pub fn restrictions(policy: &Policy, detected: &Detected, recent_writes: u32) -> Vec<Restriction> {
    let mut list = Vec::new();
    let mut restrict = |max: Decision, reason: String| list.push(Restriction { max, reason });
    let signals = &detected.signals;
    if let Some(code) = &signals.error_code {
        restrict(
            Decision::LogOnly,
            format!("the call was refused (`{code}`): there is nothing to repair"),
        );
    }
    if signals.is_trial {
        restrict(Decision::LogOnly, "the rules that fired are on probation".to_owned());
    }
    if detected.controls.is_empty() {
        restrict(Decision::LogOnly, "no control answers these rules".to_owned());
    }
    for id in &detected.controls {
        match aisaws_controls::get(id) {
            Some(control) if control.meta().max_autonomy < Decision::Act => restrict(
                control.meta().max_autonomy,
                format!("control `{id}` allows {} at most", control.meta().max_autonomy),
            ),
            Some(_) => {}
            None => restrict(Decision::LogOnly, format!("control `{id}` is not known here")),
        }
    }
    if policy.mode() < Decision::Act {
        restrict(policy.mode(), format!("the policy's mode allows {} at most", policy.mode()));
    }
    for (max, reason) in policy.overrides_for(&detected.controls, &signals.tags) {
        restrict(max, reason);
    }
    let budget = policy.writes_per_resource_per_hour();
    if recent_writes >= budget {
        restrict(
            Decision::AskHuman,
            format!(
                "the resource was repaired {recent_writes} times within the hour (budget {budget})"
            ),
        );
    }
    list
}
