//! Metrics in CloudWatch's embedded metric format: one JSON object a line on standard output,
//! which Lambda's logs turn into metrics without a call.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
//!
//! Every metric there is stands in the table below, and in `METRICS.md` for people. Dimensions are
//! `Deployment` and, of one metric, `Outcome`: never a name of a resource, of which there is no end.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use aisaws_core::status::Status;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "AISAWS";
/// The dimension of all metrics: the template's `Prefix`.
pub const DEPLOYMENT: &str = "Deployment";
/// The second dimension of [`Name::IncidentsClosed`]: a final status.
pub const OUTCOME: &str = "Outcome";

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Time.
    Seconds,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
        }
    }
}

/// The table: each metric with its unit. A name is written once.
macro_rules! table {
    ($($(#[doc = $doc:literal])* $name:ident: $unit:ident,)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Name {
            $($(#[doc = $doc])* $name,)*
        }

        impl Name {
            /// Every metric.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As CloudWatch knows it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What its values count.
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }
        }
    };
}

table! {
    /// Events read from the queue, repetitions included.
    EventsTakenIn: Count,
    /// Of these, repetitions.
    Duplicates: Count,
    /// Of these, caused by ourselves.
    OwnEvents: Count,
    /// Messages that could not be read.
    DeadLetters: Count,
    /// Rules that fired on new events.
    Hits: Count,
    /// Batches for which incidents could not be opened at once.
    OpeningsFailed: Count,
    /// Incidents that were opened.
    IncidentsOpened: Count,
    /// From the event to the opened incident.
    SecondsToDetect: Seconds,
    /// From the opened incident to its first decision.
    SecondsToDecide: Seconds,
    /// From the event to the read-back that proved the repair.
    SecondsToRepair: Seconds,
    /// The same, of repairs that no human was asked about.
    SecondsToRepairAlone: Seconds,
    /// Incidents that ended; by `Outcome` too.
    IncidentsClosed: Count,
    /// Of these, those that could not be repaired.
    IncidentsFailed: Count,
    /// Of these, those in which something was to be repaired.
    IncidentsActionable: Count,
    /// Of these, those that were repaired without a human.
    IncidentsAutomated: Count,
    /// Repairs that the read-back did not show.
    VerificationsFailed: Count,
    /// Repairs that were taken back.
    RolledBack: Count,
    /// Decisions about a resource that was repaired as often as the policy allows.
    WriteBudgetTripped: Count,
    /// Messages that people were sent.
    AlertsSent: Count,
    /// Messages that a channel did not take.
    AlertsFailed: Count,
    /// Hits that were suppressed, and incidents that ended without a message.
    AlertsSuppressed: Count,
    /// What a posture scan could not look at.
    ScanProblems: Count,
    /// Questions that were put to a human.
    ApprovalsAsked: Count,
    /// Incidents whose repair a human granted.
    ApprovalsGranted: Count,
    /// Incidents whose repair a human denied.
    ApprovalsDenied: Count,
    /// Incidents about which nobody answered in time.
    ApprovalsExpired: Count,
    /// Questions that wait for an answer.
    ApprovalsOpen: Count,
    /// Of these, those past half of their time.
    ApprovalsStuck: Count,
    /// Events that a replay ran again.
    EventsReplayed: Count,
    /// Incidents that it compared.
    IncidentsReplayed: Count,
    /// Of these, those that would be decided or planned differently.
    IncidentsDiffering: Count,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Of what.
    pub name: Name,
    /// The value.
    pub value: f64,
}

impl Metric {
    /// A number of things.
    pub fn count(name: Name, number: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a count of one batch or run")]
        Self { name, value: number as f64 }
    }

    /// The time from one moment to another; none where clocks disagree on their order.
    pub fn time(name: Name, from: Timestamp, until: Timestamp) -> Self {
        Self { name, value: until.duration_since(from).as_secs_f64().max(0.0) }
    }
}

/// Where metrics go.
pub struct Metrics {
    deployment: String,
    out: Mutex<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of one deployment (the template's `Prefix`, dimension `Deployment`).
    pub fn new(deployment: String, out: Box<dyn Write + Send>) -> Self {
        Self { deployment, out: Mutex::new(out) }
    }

    /// Emits values together; what cannot be written is lost, as a metric may be.
    pub fn emit(&self, now: Timestamp, metrics: &[Metric]) {
        if !metrics.is_empty() {
            self.write(&document(&self.deployment, now, metrics, None));
        }
    }

    /// Emits the values of an incident that ended so.
    pub fn emit_end(&self, now: Timestamp, metrics: &[Metric], outcome: Status) {
        self.write(&document(&self.deployment, now, metrics, Some(outcome)));
    }

    fn write(&self, document: &Value) {
        let mut line = document.to_string();
        line.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.write_all(line.as_bytes()).is_ok() {
            drop(out.flush());
        }
    }
}

fn document(
    deployment: &str,
    now: Timestamp,
    metrics: &[Metric],
    outcome: Option<Status>,
) -> Value {
    let directive = |dimensions: Value, names: Vec<Name>| {
        let definition = |name: Name| json!({ "Name": name.as_str(), "Unit": name.unit().name() });
        let definitions: Vec<Value> = names.into_iter().map(definition).collect();
        json!({ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": definitions })
    };
    let (closed, others): (Vec<Name>, Vec<Name>) =
        metrics.iter().map(|m| m.name).partition(|name| *name == Name::IncidentsClosed);
    let mut root = Map::new();
    let mut directives = Vec::new();
    if !others.is_empty() {
        directives.push(directive(json!([[DEPLOYMENT]]), others));
    }
    if !closed.is_empty() {
        let by_outcome = outcome.map(|_| [DEPLOYMENT, OUTCOME].as_slice());
        let sets: Vec<&[&str]> = [[DEPLOYMENT].as_slice()].into_iter().chain(by_outcome).collect();
        directives.push(directive(json!(sets), closed));
    }
    let about = json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": directives });
    root.insert("_aws".to_owned(), about);
    root.insert(DEPLOYMENT.to_owned(), Value::from(deployment));
    if let Some(status) = outcome {
        root.insert(OUTCOME.to_owned(), Value::from(status.as_str()));
    }
    for metric in metrics {
        root.insert(metric.name.as_str().to_owned(), json!(metric.value));
    }
    Value::Object(root)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NOW: &str = "2026-03-01T10:00:00Z";

    /// The specification's rules for a document, as a JSON Schema.
    fn specification() -> Value {
        let text = |longest: u32| json!({ "type": "string", "minLength": 1, "maxLength": longest });
        let units = [
            "Seconds",
            "Microseconds",
            "Milliseconds",
            "Bytes",
            "Kilobytes",
            "Megabytes",
            "Gigabytes",
            "Terabytes",
            "Bits",
            "Kilobits",
            "Megabits",
            "Gigabits",
            "Terabits",
            "Percent",
            "Count",
            "Bytes/Second",
            "Kilobytes/Second",
            "Megabytes/Second",
            "Gigabytes/Second",
            "Terabytes/Second",
            "Bits/Second",
            "Kilobits/Second",
            "Megabits/Second",
            "Gigabits/Second",
            "Terabits/Second",
            "Count/Second",
            "None",
        ];
        let definition = json!({
            "type": "object", "required": ["Name"], "additionalProperties": false,
            "properties": {
                "Name": text(1024), "Unit": { "enum": units }, "StorageResolution": { "enum": [1, 60] },
            },
        });
        let directive = json!({
            "type": "object", "additionalProperties": false,
            "required": ["Namespace", "Dimensions", "Metrics"],
            "properties": {
                "Namespace": text(1024),
                "Dimensions": {
                    "type": "array", "minItems": 1,
                    "items": { "type": "array", "maxItems": 30, "items": text(250) },
                },
                "Metrics": {
                    "type": "array", "minItems": 1, "maxItems": 100, "items": definition,
                },
            },
        });
        json!({
            "type": "object", "required": ["_aws"],
            "properties": { "_aws": {
                "type": "object", "required": ["Timestamp", "CloudWatchMetrics"],
                "properties": {
                    "Timestamp": { "type": "integer", "minimum": 0 },
                    "CloudWatchMetrics": { "type": "array", "items": directive },
                },
            } },
        })
    }

    /// What the specification says and a schema cannot: that every reference has its target.
    fn targets_exist(document: &Value) {
        for directive in document["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for name in directive["Dimensions"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|s| s.as_array().unwrap())
            {
                let value = document[name.as_str().unwrap()].as_str().unwrap();
                assert!((1..=1024).contains(&value.len()), "{document}");
            }
            let mut names = BTreeSet::new();
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                assert!(names.insert(name) && document[name].is_number(), "{document}");
            }
        }
    }

    #[test]
    fn documents_keep_the_specification() {
        let schema = jsonschema::validator_for(&specification()).unwrap();
        let all: Vec<Metric> = Name::ALL.iter().map(|name| Metric::count(*name, 1)).collect();
        for outcome in std::iter::once(None).chain(Status::ALL.map(Some)) {
            for metrics in [all.as_slice(), &[Metric::count(Name::IncidentsClosed, 1)], &all[..1]] {
                let document = document("lab", NOW.parse().unwrap(), metrics, outcome);
                let problem = schema.validate(&document).err().map(|e| e.to_string());
                assert_eq!(problem, None, "{document}");
                targets_exist(&document);
            }
        }
    }

    #[test]
    fn a_document_has_the_specified_form() {
        let values = [
            Metric::count(Name::IncidentsOpened, 2),
            Metric { name: Name::SecondsToRepair, value: 1.5 },
        ];
        // The example of the specification, with our names.
        let wanted = json!({
            "_aws": {
                "Timestamp": 1_772_359_200_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "AISAWS",
                    "Dimensions": [["Deployment"]],
                    "Metrics": [
                        { "Name": "IncidentsOpened", "Unit": "Count" },
                        { "Name": "SecondsToRepair", "Unit": "Seconds" },
                    ],
                }],
            },
            "Deployment": "lab",
            "IncidentsOpened": 2.0,
            "SecondsToRepair": 1.5,
        });
        assert_eq!(document("lab", NOW.parse().unwrap(), &values, None), wanted);
    }

    #[test]
    fn the_page_for_people_lists_every_metric() {
        let page = include_str!("../METRICS.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let listed: Vec<_> =
            rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name).collect();
        assert_eq!(listed, Name::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>());
    }
}
