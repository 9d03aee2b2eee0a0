//! What a deployment costs a month, from a dated table of list prices. No free tier counts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alarms::alarms;
use crate::dashboard;
use crate::functions::FUNCTIONS;
use crate::metric::OURS;

/// The table that is built in: list prices, region, date and sources.
pub const PRICES: &str = include_str!("../prices.toml");

/// Why a table of prices cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// Not TOML of the documented form.
    #[error("the table of prices is not usable")]
    Parse(#[from] toml::de::Error),
    /// A price is missing.
    #[error(
        "the table of prices has no `{0}`; copy the entry from `aisaws infra cost --print-prices`"
    )]
    Missing(&'static str),
    /// A price that is no price.
    #[error("the price `{0}` must be zero or more, for one or more units")]
    Negative(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    date: String,
    region: String,
    price: Vec<Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    key: String,
    usd: f64,
    per: u64,
    #[serde(rename = "source")]
    _source: String,
}

/// List prices by key, each for one unit.
#[derive(Debug, Clone)]
pub struct Prices {
    /// When they were read (`2026-11-01`).
    pub date: String,
    /// For which region.
    pub region: String,
    each: BTreeMap<String, f64>,
}

impl Prices {
    /// Reads a table in the form of [`PRICES`].
    ///
    /// # Errors
    /// [`PriceError`].
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let table: Table = toml::from_str(text)?;
        let mut each = BTreeMap::new();
        for price in table.price {
            if !price.usd.is_finite() || price.usd < 0.0 || price.per == 0 {
                return Err(PriceError::Negative(price.key));
            }
            #[expect(clippy::cast_precision_loss, reason = "units are far below 2^52")]
            each.insert(price.key, price.usd / price.per as f64);
        }
        Ok(Self { date: table.date, region: table.region, each })
    }

    fn of(&self, key: &'static str) -> Result<f64, PriceError> {
        self.each.get(key).copied().ok_or(PriceError::Missing(key))
    }
}

/// What a month brings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Events that the EventBridge pattern lets through.
    pub events: f64,
    /// Incidents, each run to a verified repair.
    pub incidents: f64,
    /// Months for which raw events are kept.
    pub months_kept: f64,
}

/// One line of an estimate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The service.
    pub service: &'static str,
    /// What is paid for.
    pub item: &'static str,
    /// How much of it a month.
    pub quantity: f64,
    /// USD a month.
    pub usd: f64,
}

/// KB of one raw event, compressed, in the archive. The corpus of real events holds 1.5 KB each,
/// 0.4 KB compressed one by one.
const ARCHIVED_KB: f64 = 0.5;
/// Write units of storing one event: the item (2 KB), and its entries in three indexes.
const WRITES_PER_EVENT: f64 = 5.0;
/// Read units of storing one event.
const READS_PER_EVENT: f64 = 1.0;
/// Write units of one incident: its record, nine ledger entries of two writes each, states.
const WRITES_PER_INCIDENT: f64 = 60.0;
/// Read units of one incident: each stage reads its ledger.
const READS_PER_INCIDENT: f64 = 200.0;
/// State transitions of one incident: eight states and their start, with two retries of Verify.
const TRANSITIONS: f64 = 11.0;
/// Functions that one incident calls.
const CALLS_PER_INCIDENT: f64 = 7.0;
/// Seconds that one call of a stage takes, mostly waiting for AWS.
const STAGE_SECONDS: f64 = 1.0;
/// Events that intake takes in one call, at low load.
const EVENTS_PER_CALL: f64 = 4.0;
/// Seconds of such a call.
const INTAKE_SECONDS: f64 = 0.3;
/// KB of logs that one call of a function leaves.
const LOG_KB: f64 = 1.0;
const SWEEPS: f64 = 12.0 * 24.0 * 30.4;
const SCANS: f64 = 2.0 * 30.4;
const SCAN_SECONDS: f64 = 60.0;
const SWEEP_SECONDS: f64 = 0.3;

/// The estimate, line by line.
///
/// # Errors
/// [`PriceError::Missing`].
pub fn estimate(prices: &Prices, load: Load) -> Result<Vec<Line>, PriceError> {
    let Load { events, incidents, months_kept } = load;
    let intake_calls = events / EVENTS_PER_CALL;
    let stage_calls = incidents * CALLS_PER_INCIDENT;
    let calls = intake_calls + stage_calls + SWEEPS + SCANS;
    let gb = |name: &str| {
        let memory = FUNCTIONS.iter().find(|f| f.name == name).map_or(0, |f| f.memory_mb);
        f64::from(memory) / 1024.0
    };
    let gb_seconds = intake_calls * INTAKE_SECONDS * gb("Intake")
        + stage_calls * STAGE_SECONDS * gb("Score")
        + SWEEPS * SWEEP_SECONDS * gb("Sweep")
        + SCANS * SCAN_SECONDS * gb("Scan");
    // Each set of dimensions is a metric; the dashboard shows all of ours, with every outcome.
    let ours: BTreeSet<String> = dashboard::metrics()
        .into_iter()
        .filter(|metric| metric.namespace == OURS)
        .map(|metric| format!("{} {:?}", metric.name, metric.dimensions))
        .collect();
    let table_gb = (events * 4.0 + incidents * 40.0) * months_kept.min(3.0) / 1e6;
    // A message is sent, received and deleted; empty polls of the mapping come besides.
    let polls = 5.0 * 3.0 * 60.0 * 24.0 * 30.4;
    let rows: [(&'static str, &'static str, &'static str, f64); 19] = [
        ("SQS", "requests", "sqs.requests", events + 2.0 * intake_calls + polls),
        ("Lambda", "requests", "lambda.requests", calls),
        ("Lambda", "GB-seconds", "lambda.gb_seconds", gb_seconds),
        (
            "DynamoDB",
            "write units",
            "dynamodb.write_units",
            events * WRITES_PER_EVENT + incidents * WRITES_PER_INCIDENT,
        ),
        (
            "DynamoDB",
            "read units",
            "dynamodb.read_units",
            events * READS_PER_EVENT + incidents * READS_PER_INCIDENT + SWEEPS * 4.0,
        ),
        ("DynamoDB", "GB stored", "dynamodb.gb_months", table_gb),
        ("DynamoDB", "GB in continuous backup", "dynamodb.backup_gb_months", table_gb),
        ("S3", "PUT requests", "s3.put_requests", events + incidents * 6.0),
        ("S3", "GET requests", "s3.get_requests", incidents * 10.0),
        ("S3", "GB stored", "s3.gb_months", events * ARCHIVED_KB * months_kept / 1e6),
        (
            "Step Functions",
            "state transitions",
            "stepfunctions.transitions",
            incidents * TRANSITIONS,
        ),
        ("SNS", "e-mails", "sns.emails", incidents * 2.0),
        ("CloudWatch", "alarms", "cloudwatch.alarms", count(alarms().len())),
        ("CloudWatch", "dashboards", "cloudwatch.dashboards", 1.0),
        ("CloudWatch", "custom metrics", "cloudwatch.metrics", count(ours.len())),
        ("CloudWatch", "GB of logs", "cloudwatch.log_gb", calls * LOG_KB / 1e6),
        ("KMS", "keys", "kms.keys", 1.0),
        ("KMS", "requests", "kms.requests", incidents * 30.0 + intake_calls),
        ("X-Ray", "traces", "xray.traces", (calls + incidents) * 0.05),
    ];
    rows.into_iter()
        .map(|(service, item, key, quantity)| {
            Ok(Line { service, item, quantity, usd: quantity * prices.of(key)? })
        })
        .collect()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The sum of an estimate in USD.
pub fn total(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.usd).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(events: f64, incidents: f64) -> f64 {
        let prices = Prices::parse(PRICES).unwrap();
        total(&estimate(&prices, Load { events, incidents, months_kept: 13.0 }).unwrap())
    }

    #[test]
    fn a_lab_stays_under_thirty_dollars() {
        let lab = usd(100_000.0, 500.0);
        assert!(lab < 30.0, "{lab}");
    }

    #[test]
    fn more_costs_more_and_nothing_is_not_free() {
        assert!(usd(0.0, 0.0) > 1.0);
        assert!(usd(1e6, 0.0) > usd(1e5, 0.0) && usd(0.0, 1e4) > usd(0.0, 1e3));
    }

    #[test]
    fn the_state_machine_is_priced_as_its_page_shows() {
        // https://aws.amazon.com/step-functions/pricing/: 100,000 transitions are 2.50 USD.
        let prices = Prices::parse(PRICES).unwrap();
        let load = Load { events: 0.0, incidents: 100_000.0 / TRANSITIONS, months_kept: 1.0 };
        let lines = estimate(&prices, load).unwrap();
        let line = lines.iter().find(|l| l.service == "Step Functions").unwrap();
        assert!((line.usd - 2.5).abs() < 1e-9, "{}", line.usd);
    }

    #[test]
    fn a_missing_price_is_named() {
        let prices = Prices::parse("date = \"d\"\nregion = \"r\"\nprice = []").unwrap();
        let load = Load { events: 1.0, incidents: 1.0, months_kept: 1.0 };
        assert!(estimate(&prices, load).unwrap_err().to_string().contains("sqs.requests"));
    }
}
