//! Correlation rules: read and checked, evaluated elsewhere.

use std::time::Duration;

use yaml_serde::{Mapping, Value};

use super::document::Meta;
use super::error::{Place, Problem, RuleError};
use super::source::Source;

/// What a correlation rule looks for among the hits of its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrelationKind {
    /// Number of events.
    EventCount,
    /// Number of distinct values of a field.
    ValueCount,
    /// All rules hit, in any order.
    Temporal,
    /// All rules hit, in the order given.
    TemporalOrdered,
}

/// A correlation rule: which hits of which rules belong together.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// What every document has.
    pub meta: Meta,
    /// Where it stands.
    pub place: Place,
    /// What it looks for.
    pub kind: CorrelationKind,
    /// Ids, names or titles of the rules it is about.
    pub rules: Vec<String>,
    /// Fields whose values must agree.
    pub group_by: Vec<String>,
    /// Length of the window.
    pub timespan: Duration,
    /// Bounds of the count by operator (`gt`, `gte`, `lt`, `lte`, `eq`).
    pub bounds: Vec<(String, u64)>,
    /// The field whose values are counted.
    pub field: Option<String>,
    /// Whether the rules it is about also hit for themselves.
    pub generate: bool,
}

const OPERATORS: [&str; 6] = ["gt", "gte", "lt", "lte", "eq", "neq"];

impl Correlation {
    pub(super) fn parse(
        source: &Source<'_>,
        meta: Meta,
        section: &Mapping,
    ) -> Result<Self, RuleError> {
        let at = |key| source.place(&["correlation", key]);
        let wrong = |key: &'static str, expected| {
            let attribute = format!("correlation.{key}");
            RuleError { place: at(key), problem: Problem::WrongType { attribute, expected } }
        };
        let kind = match section.get("type").and_then(Value::as_str) {
            Some("event_count") => CorrelationKind::EventCount,
            Some("value_count") => CorrelationKind::ValueCount,
            Some("temporal") => CorrelationKind::Temporal,
            Some("temporal_ordered") => CorrelationKind::TemporalOrdered,
            _ => {
                let known = "`event_count`, `value_count`, `temporal` or `temporal_ordered`";
                return Err(wrong("type", known));
            }
        };
        let texts = |key: &'static str| match section.get(key) {
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Sequence(list)) => {
                let texts = list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
                Option::ok_or_else(texts, || wrong(key, "a list of texts"))
            }
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(_) => Err(wrong(key, "a list of texts")),
        };
        let rules = texts("rules")?;
        if rules.is_empty() {
            return Err(wrong("rules", "a list of rules"));
        }
        let timespan = section
            .get("timespan")
            .and_then(Value::as_str)
            .and_then(parse_timespan)
            .ok_or_else(|| wrong("timespan", "a number and `s`, `m`, `h` or `d`"))?;
        let mut bounds = Vec::new();
        let mut field = None;
        let condition = section.get("condition").and_then(Value::as_mapping);
        for (key, value) in condition.into_iter().flatten() {
            match (key.as_str(), value) {
                (Some("field"), Value::String(name)) => field = Some(name.clone()),
                (Some(operator), Value::Number(n)) if OPERATORS.contains(&operator) => {
                    let bound = n.as_u64().ok_or_else(|| wrong("condition", "whole numbers"))?;
                    bounds.push((operator.to_owned(), bound));
                }
                _ => return Err(wrong("condition", "a map of operators to numbers")),
            }
        }
        let counts = matches!(kind, CorrelationKind::EventCount | CorrelationKind::ValueCount);
        if counts && bounds.is_empty() {
            return Err(wrong("condition", "a map of operators to numbers"));
        }
        if kind == CorrelationKind::ValueCount && field.is_none() {
            return Err(wrong("condition", "given the `field` to count"));
        }
        Ok(Self {
            meta,
            place: source.place(&["correlation"]),
            kind,
            rules,
            group_by: texts("group-by")?,
            timespan,
            bounds,
            field,
            generate: section.get("generate").and_then(Value::as_bool).unwrap_or(false),
        })
    }
}

/// `90m` and its kin.
fn parse_timespan(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}
