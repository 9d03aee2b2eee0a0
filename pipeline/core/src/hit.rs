//! What a rule says about an event.

use serde::{Deserialize, Serialize};

use crate::id::{ControlId, EventId, RuleId};
use crate::resource::ResourceRef;
use crate::risk::Severity;

/// A rule fired on an event and names where to look. Whether it is so, the state says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The rule.
    pub rule: RuleId,
    /// Its title.
    pub title: String,
    /// Its severity.
    pub severity: Severity,
    /// The event it fired on.
    pub event: EventId,
    /// The resource to look at.
    pub resource: ResourceRef,
    /// The controls to check there, in this order; empty for rules that only observe.
    pub controls: Vec<ControlId>,
    /// Seconds of a tumbling window of event time in which hits of this rule on this
    /// resource belong to one incident; `None`: each event is an incident of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u32>,
    /// MITRE ATT&CK techniques (`T1530`).
    #[serde(default)]
    pub techniques: Vec<String>,
    /// `true`: the rule is on probation; it is recorded and never acted upon.
    #[serde(default)]
    pub is_trial: bool,
    /// `true`: a correlation of several events found it; `event` is the one that completed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_correlation: bool,
    /// The suppression that took it out, in words: it is recorded and opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_by: Option<String>,
}
