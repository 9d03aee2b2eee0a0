//! Reading fields of findings, leniently: what is of another type is not there.

use jiff::Timestamp;
use serde_json::Value;

use super::Malformed;

/// The value at a path of names.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// The text at a path, numbers and truths as text; an empty text is none.
pub(super) fn text(value: &Value, path: &[&str]) -> Option<String> {
    match at(value, path)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether the truth at a path, also as text, is `true`.
pub(super) fn is_true(value: &Value, path: &[&str]) -> bool {
    text(value, path).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Whether the text at a path is one of these, whatever the case.
pub(super) fn is_one_of(value: &Value, path: &[&str], words: &[&str]) -> bool {
    text(value, path).is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// The number at a path, also as text.
pub(super) fn number(value: &Value, path: &[&str]) -> Option<f64> {
    text(value, path)?.parse().ok()
}

/// The elements at a path: of a list, or the one object that stands in its place.
pub(super) fn items<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    match at(value, path) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {
            Vec::new()
        }
    }
}

/// The time in the first of these fields that is there; `named` stands in the error.
pub(super) fn time(
    value: &Value,
    paths: &[&[&str]],
    source: crate::event::Source,
    named: &'static str,
) -> Result<Timestamp, Malformed> {
    let given = paths.iter().find_map(|path| text(value, path));
    let given = given.ok_or_else(|| Malformed::missing(source, named))?;
    timestamp(&given).or_else(|| epoch(&given)).ok_or(Malformed::Time { field: named, text: given })
}

/// AWS writes UTC. Exports by way of Athena and CloudTrail Lake drop the `T` and the `Z`.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let utc = || {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    text.parse().ok().or_else(utc)
}

/// Milliseconds since 1970, as OCSF writes them.
fn epoch(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(text.parse().ok()?).ok()
}
