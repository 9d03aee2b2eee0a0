//! The alarms: one table. All go to the topic `AlarmTopic`.
//!
//! An alarm is about what somebody has to look at. Errors of functions that the state machine calls
//! are not: it retries them, some are how a stage says "not yet", and what is left of them in the end
//! is an incident that failed.

use serde_json::{Map, Value, json};

use crate::functions::FUNCTIONS;
use crate::metric::Metric;

/// Functions that no state machine calls: their errors end nowhere else.
const UNWATCHED: &[&str] = &["Intake", "Approval", "Sweep", "Scan", "Replay"];

/// What holds while a metric says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// All is well: what counts bad things has nothing to count.
    Well,
    /// All is not well: what must go on has stopped.
    NotWell,
    /// What held before: the next value will tell.
    AsBefore,
}

impl Missing {
    fn as_str(self) -> &'static str {
        match self {
            Self::Well => "notBreaching",
            Self::NotWell => "breaching",
            Self::AsBefore => "ignore",
        }
    }
}

/// Which side of the threshold alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Above(u32),
    Below(u32),
}

/// One alarm.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// Its logical name in the template.
    pub logical: String,
    /// Its name without the prefix.
    pub name: String,
    /// For whom reads the message.
    pub description: String,
    /// What is watched.
    pub metric: Metric,
    /// What holds without a value.
    pub missing: Missing,
    statistic: &'static str,
    period: u32,
    periods: u32,
    side: Side,
}

impl Alarm {
    /// Alarms as soon as five minutes counted one.
    fn any(logical: &str, name: &str, description: &str, metric: Metric) -> Self {
        Self {
            logical: format!("{logical}Alarm"),
            name: name.to_owned(),
            description: description.to_owned(),
            metric,
            missing: Missing::Well,
            statistic: "Sum",
            period: 300,
            periods: 1,
            side: Side::Above(0),
        }
    }

    fn resource(&self) -> Value {
        let (threshold, comparison) = match self.side {
            Side::Above(threshold) => (threshold, "GreaterThanThreshold"),
            Side::Below(threshold) => (threshold, "LessThanThreshold"),
        };
        json!({
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": { "Fn::Sub": format!("${{Prefix}}-{}", self.name) },
                "AlarmDescription": self.description,
                "Namespace": self.metric.namespace,
                "MetricName": self.metric.name,
                "Dimensions": self.metric.of_alarm(),
                "Statistic": self.statistic,
                "Period": self.period,
                "EvaluationPeriods": self.periods,
                "Threshold": threshold,
                "ComparisonOperator": comparison,
                "TreatMissingData": self.missing.as_str(),
                "AlarmActions": [{ "Ref": "AlarmTopic" }],
            },
        })
    }
}

/// Every alarm.
pub fn alarms() -> Vec<Alarm> {
    let mut list = vec![
        Alarm {
            statistic: "Maximum",
            ..Alarm::any(
                "DeadLetters",
                "dead-letters",
                "Messages could not be taken in; read them with the reason in the dead letter queue.",
                Metric::queue("ApproximateNumberOfMessagesVisible", "DeadLetterQueue"),
            )
        },
        Alarm {
            statistic: "Maximum",
            period: 60,
            periods: 5,
            side: Side::Above(300),
            ..Alarm::any(
                "OldestMessage",
                "intake-behind",
                "An event waits for more than five minutes.",
                Metric::queue("ApproximateAgeOfOldestMessage", "Queue"),
            )
        },
        Alarm::any(
            "FailedOpenings",
            "openings-failed",
            "Incidents could not be opened for what was taken in; the sweep tries again.",
            Metric::ours("OpeningsFailed"),
        ),
        Alarm::any(
            "ScanProblems",
            "scan-blind",
            "A posture scan could not look at everything; the log of function Scan says at what.",
            Metric::ours("ScanProblems"),
        ),
        Alarm::any(
            "FailedVerifications",
            "not-verified",
            "A repair did not hold; it is taken back.",
            Metric::ours("VerificationsFailed"),
        ),
        Alarm::any(
            "FailedIncidents",
            "not-repaired",
            "An incident could not be repaired; its ledger says why, and the problem may stand.",
            Metric::ours("IncidentsFailed"),
        ),
        Alarm {
            // Told by each sweep; between two of them what was told holds.
            missing: Missing::AsBefore,
            statistic: "Maximum",
            ..Alarm::any(
                "StuckApprovals",
                "approvals-stuck",
                "A question to a human is open for more than half of its time.",
                Metric::ours("ApprovalsStuck"),
            )
        },
        Alarm::any(
            "ExpiredApprovals",
            "approvals-expired",
            "Nobody answered a question in time; nothing was changed, the problem stands.",
            Metric::ours("ApprovalsExpired"),
        ),
        Alarm::any(
            "BudgetTripped",
            "write-budget",
            "A resource was repaired so often that a human is asked; two parties may fight over it.",
            Metric::ours("WriteBudgetTripped"),
        ),
        Alarm::any(
            "FailedAlerts",
            "alerts-failed",
            "A message to people could not be handed over; see the ledger of the incident.",
            Metric::ours("AlertsFailed"),
        ),
        Alarm::any(
            "UndeliveredAlerts",
            "alerts-undelivered",
            "A subscriber of the topic of alerts did not get a message.",
            Metric::topic("NumberOfNotificationsFailed"),
        ),
        Alarm {
            missing: Missing::NotWell,
            period: 900,
            side: Side::Below(1),
            ..Alarm::any(
                "Silent",
                "silent",
                "The sweep did not run for fifteen minutes; the responder may be switched off.",
                Metric::function("Invocations", "Sweep"),
            )
        },
    ];
    for (what, name, metric) in [
        ("failed", "Failed", "ExecutionsFailed"),
        ("timed out", "TimedOut", "ExecutionsTimedOut"),
        ("was stopped", "Aborted", "ExecutionsAborted"),
    ] {
        list.push(Alarm::any(
            &format!("Executions{name}"),
            &format!("executions-{}", name.to_lowercase()),
            &format!("The response to an incident {what}; the sweep starts it again, a few times."),
            Metric::machine(metric),
        ));
    }
    for function in FUNCTIONS {
        let (name, kebab) = (function.name, function.kebab());
        if UNWATCHED.contains(&name) {
            list.push(Alarm::any(
                &format!("{name}Errors"),
                &format!("{kebab}-errors"),
                &format!("Function {name} ended with an error; its log has the reason."),
                Metric::function("Errors", name),
            ));
        }
        list.push(Alarm::any(
            &format!("{name}Throttled"),
            &format!("{kebab}-throttled"),
            &format!("Function {name} was not run: the account's concurrency is used up."),
            Metric::function("Throttles", name),
        ));
    }
    list
}

/// The alarms as resources of the template.
pub(crate) fn resources() -> Map<String, Value> {
    alarms().into_iter().map(|alarm| (alarm.logical.clone(), alarm.resource())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct() {
        let all = alarms();
        let logical: BTreeSet<_> = all.iter().map(|a| &a.logical).collect();
        let names: BTreeSet<_> = all.iter().map(|a| &a.name).collect();
        assert_eq!((logical.len(), names.len()), (all.len(), all.len()));
    }

    #[test]
    fn what_was_asked_for_alarms() {
        let named: BTreeSet<_> = alarms().iter().map(|a| a.metric.name).collect();
        let wanted = [
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesVisible",
            "ApprovalsExpired",
            "ApprovalsStuck",
            "Errors",
            "ExecutionsFailed",
            "IncidentsFailed",
            "Throttles",
            "VerificationsFailed",
            "WriteBudgetTripped",
        ];
        assert!(wanted.iter().all(|name| named.contains(name)), "{named:?}");
    }

    #[test]
    fn every_function_has_an_alarm_where_nothing_else_tells() {
        let all = alarms();
        let on = |metric: &str, function: &str| {
            let value = format!("${{{function}Function}}");
            all.iter().any(|a| a.metric.name == metric && a.metric.dimensions[0].1 == value)
        };
        for function in FUNCTIONS {
            assert!(on("Throttles", function.name), "{}", function.name);
        }
        assert!(UNWATCHED.iter().all(|name| on("Errors", name)));
    }

    #[test]
    fn only_silence_of_the_sweep_is_an_alarm() {
        let all = alarms();
        let silent: Vec<_> =
            all.iter().filter(|a| a.missing == Missing::NotWell).map(|a| a.name.as_str()).collect();
        assert_eq!(silent, ["silent"]);
    }

    #[test]
    fn every_alarm_goes_to_the_topic() {
        for (name, resource) in resources() {
            let actions = &resource["Properties"]["AlarmActions"];
            assert_eq!(*actions, json!([{ "Ref": "AlarmTopic" }]), "{name}");
        }
    }
}
