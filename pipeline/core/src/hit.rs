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

impl Hit {
    /// Whether the hit asks for an incident. One that is suppressed is on record only, and so is
    /// one of a rule whose level is informational: such rules enrich events and are no case of
    /// their own (Sigma rules specification 2.1, `level`).
    pub fn opens_incident(&self) -> bool {
        self.suppressed_by.is_none() && self.severity != Severity::Informational
    }

    /// Whether the hit counts when others of the same caller are weighed; not on probation.
    pub fn weighs(&self) -> bool {
        self.opens_incident() && !self.is_trial
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, Region};

    #[test]
    fn what_is_suppressed_informational_or_on_probation_weighs_nothing() {
        let resource = ResourceRef {
            kind: "AWS::S3::Bucket".to_owned(),
            id: "b".to_owned(),
            account: AccountId::new("111122223333"),
            region: Region::new("eu-west-1"),
        };
        let hit = |severity, is_trial, suppressed_by: Option<&str>| Hit {
            rule: RuleId::new("r"),
            title: String::new(),
            severity,
            event: EventId::new("e"),
            resource: resource.clone(),
            controls: Vec::new(),
            window_seconds: None,
            techniques: Vec::new(),
            is_trial,
            is_correlation: false,
            suppressed_by: suppressed_by.map(str::to_owned),
        };
        let rows = [
            (hit(Severity::Low, false, None), true, true),
            (hit(Severity::Low, true, None), true, false),
            (hit(Severity::Informational, false, None), false, false),
            (hit(Severity::Critical, false, Some("maintenance")), false, false),
        ];
        for (hit, opens, weighs) in rows {
            assert_eq!((hit.opens_incident(), hit.weighs()), (opens, weighs), "{hit:?}");
        }
    }
}
