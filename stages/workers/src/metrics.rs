//! Metrics in CloudWatch's embedded metric format: one JSON object a line on standard output,
//! which Lambda's logs turn into metrics without a call.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "AISAWS";

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

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name (`IncidentsOpened`).
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The value.
    pub value: f64,
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
        if metrics.is_empty() {
            return;
        }
        let mut line = self.document(now, metrics).to_string();
        line.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.write_all(line.as_bytes()).is_ok() {
            drop(out.flush());
        }
    }

    fn document(&self, now: Timestamp, metrics: &[Metric]) -> Value {
        let definitions: Vec<Value> =
            metrics.iter().map(|m| json!({ "Name": m.name, "Unit": m.unit.name() })).collect();
        let mut document = Map::new();
        document.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Deployment"]],
                    "Metrics": definitions,
                }],
            }),
        );
        document.insert("Deployment".to_owned(), Value::from(self.deployment.as_str()));
        for metric in metrics {
            document.insert(metric.name.to_owned(), json!(metric.value));
        }
        Value::Object(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_specified_form() {
        let metrics = Metrics::new("lab".to_owned(), Box::new(std::io::sink()));
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        let values = [
            Metric { name: "IncidentsOpened", unit: Unit::Count, value: 2.0 },
            Metric { name: "SecondsToRepair", unit: Unit::Seconds, value: 1.5 },
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
        assert_eq!(metrics.document(now, &values), wanted);
    }
}
