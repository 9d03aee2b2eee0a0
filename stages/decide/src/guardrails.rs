//! Facts that lower autonomy whatever the risk. No guardrail can raise it.

use aisaws_core::handoff::{Detected, Flood, Limit};
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
    if signals.is_sample {
        restrict(Decision::LogOnly, "the finding is a sample".to_owned());
    }
    if let Some(Flood { rule, limit, hits, .. }) = &detected.flood {
        let reason = format!(
            "rule `{rule}` opened its {limit} incidents of that hour; here are {hits} further hits"
        );
        restrict(Decision::LogOnly, reason);
    }
    if detected.controls.is_empty() {
        restrict(Decision::LogOnly, "no control answers these rules".to_owned());
    }
    // Which control convicts is not known yet: the loosest limit holds in any case.
    if let Some(limit) = loosest(detected, &limits(policy, detected)) {
        restrict(limit.max, limit.reason);
    }
    if policy.mode() < Decision::Act {
        restrict(policy.mode(), format!("the policy's mode allows {} at most", policy.mode()));
    }
    match &signals.tags {
        Some(tags) => {
            for bound in policy.overrides_for_tags(tags) {
                restrict(bound.max, bound.reason);
            }
        }
        None => restrict(
            Decision::AskHuman,
            "the resource's tags could not be read, and they may forbid it".to_owned(),
        ),
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

/// How many different people have to grant a repair of this resource, whichever control convicts.
pub(crate) fn approvals(policy: &Policy, detected: &Detected) -> u8 {
    let tags = detected.signals.tags.as_ref();
    let bounds = tags.map(|tags| policy.overrides_for_tags(tags)).unwrap_or_default();
    bounds.iter().map(|bound| bound.approvals).fold(policy.approvals(), u8::max)
}

/// What lowers the decision if a particular control convicts: its own caution, and overrides
/// of the policy.
pub fn limits(policy: &Policy, detected: &Detected) -> Vec<Limit> {
    let mut list = Vec::new();
    for id in &detected.controls {
        let mut limit = |max: Decision, reason: String, approvals: u8| {
            if max < Decision::Act {
                list.push(Limit { control: id.clone(), max, reason, approvals });
            }
        };
        match aisaws_controls::get(id) {
            Some(control) => {
                let max = control.meta().max_autonomy;
                limit(max, format!("control `{id}` allows {max} at most"), 1);
            }
            None => limit(Decision::LogOnly, format!("control `{id}` is not known here"), 1),
        }
        for bound in policy.overrides_for_control(id) {
            limit(bound.max, bound.reason, bound.approvals);
        }
    }
    list
}

/// The limit that holds whichever control convicts, if every control has one.
fn loosest(detected: &Detected, limits: &[Limit]) -> Option<Limit> {
    let strictest_of = |id| limits.iter().filter(|l| &l.control == id).min_by_key(|l| l.max);
    let each: Option<Vec<&Limit>> = detected.controls.iter().map(strictest_of).collect();
    each?.into_iter().max_by_key(|limit| limit.max).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use aisaws_core::event::ActorKind;
    use aisaws_core::handoff::Signals;
    use aisaws_core::id::IncidentId;
    use aisaws_core::resource::ResourceRef;
    use aisaws_core::risk::Severity;

    fn detected(controls: &[&str]) -> Detected {
        Detected {
            incident: IncidentId::from_cause(&["test"]),
            resource: ResourceRef {
                kind: "AWS::EC2::SecurityGroup".to_owned(),
                id: "sg-1".to_owned(),
                account: "111122223333".into(),
                region: "eu-west-1".into(),
            },
            event: "e".into(),
            time: jiff::Timestamp::UNIX_EPOCH,
            rules: vec!["r".into()],
            controls: controls.iter().map(|c| (*c).into()).collect(),
            severity: Severity::High,
            signals: Signals {
                actor: ActorKind::AssumedRole,
                mfa: None,
                error_code: None,
                is_unknown_network: None,
                invoked_by: None,
                other_rules_by_actor: 0,
                tags: Some(BTreeMap::new()),
                is_trial: false,
                is_sample: false,
                origin: Box::default(),
            },
            flood: None,
            rerun: None,
        }
    }

    const OBSERVE: &str =
        "\n[[override]]\ntag = \"aisaws:mode=observe\"\nmax = \"log_only\"\nreason = \"asked\"\n";

    fn lowest(detected: &Detected, writes: u32) -> Decision {
        let policy = Policy::parse(&format!("{}{OBSERVE}", crate::DEFAULT)).unwrap();
        restrictions(&policy, detected, writes).iter().map(|r| r.max).min().unwrap_or(Decision::Act)
    }

    const ADMIN: &str = "ec2.security-group-admin-port-world-open";
    const ALL: &str = "ec2.security-group-all-ports-world-open";

    #[test]
    fn a_cautious_control_does_not_hold_back_the_others_before_it_convicts() {
        assert_eq!(lowest(&detected(&[ADMIN, ALL]), 0), Decision::Act);
        assert_eq!(lowest(&detected(&[ALL]), 0), Decision::AskHuman);
        let policy = Policy::parse(crate::DEFAULT).unwrap();
        let limits = limits(&policy, &detected(&[ADMIN, ALL]));
        assert_eq!(limits.iter().map(|l| l.control.as_str()).collect::<Vec<_>>(), [ALL]);
    }

    #[test]
    fn a_refused_call_a_trial_a_sample_and_an_unanswered_rule_are_only_logged() {
        let mut refused = detected(&[ADMIN]);
        refused.signals.error_code = Some("AccessDenied".to_owned());
        let mut trial = detected(&[ADMIN]);
        trial.signals.is_trial = true;
        let mut sample = detected(&[ADMIN]);
        sample.signals.is_sample = true;
        let mut flood = detected(&[ADMIN]);
        let hour = jiff::Timestamp::UNIX_EPOCH;
        flood.flood = Some(Flood { rule: "r".into(), hour, limit: 3, hits: 7 });
        for case in [refused, trial, sample, flood, detected(&[]), detected(&["no.such-control"])] {
            assert_eq!(lowest(&case, 0), Decision::LogOnly, "{case:?}");
        }
    }

    #[test]
    fn the_write_budget_trips_to_a_human() {
        assert_eq!(lowest(&detected(&[ADMIN]), 9), Decision::Act);
        assert_eq!(lowest(&detected(&[ADMIN]), 10), Decision::AskHuman);
    }

    #[test]
    fn a_tag_of_the_resource_lowers_autonomy() {
        let mut tagged = detected(&[ADMIN]);
        tagged.signals.tags =
            Some(BTreeMap::from([("aisaws:mode".to_owned(), "observe".to_owned())]));
        assert_eq!(lowest(&tagged, 0), Decision::LogOnly);
        tagged.signals.tags = None;
        assert_eq!(lowest(&tagged, 0), Decision::AskHuman, "unknown tags may forbid it");
    }
}
