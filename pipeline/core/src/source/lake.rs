//! Rows of CloudTrail Lake and of Athena tables over a trail, back into CloudTrail's records.
//!
//! Columns are in lower case, structs too; maps and the columns that Athena keeps as text
//! (`requestparameters`) are JSON in a text. A row with the column `eventJson` brings the record
//! itself. What is no JSON any more (`{key=value}`) cannot be brought back.
//! Source: CloudTrail user guide, "Supported SQL schemas for event data stores"; Athena user
//! guide, "Query AWS CloudTrail logs".

use serde_json::{Map, Value};

use super::{IDENTITY, MEMBERS, Malformed};
use crate::event::Source;

/// Names in the record's structs, as CloudTrail writes them, beside those of the record and of its
/// identity. They come first: in a list of resources `ARN` is in capitals.
const NAMES: [&str; 17] = [
    "annotation",
    "ARN",
    "arnPrefix",
    "assumedRoot",
    "attributes",
    "cipherSuite",
    "clientProvidedHostHeader",
    "creationDate",
    "ec2IssuedInVpc",
    "ec2RoleDelivery",
    "federatedProvider",
    "identityStoreArn",
    "mfaAuthenticated",
    "originalEventID",
    "originalRequestID",
    "sessionIssuer",
    "sourceIdentity",
];
/// Columns that hold what a service wrote: their own names stay as they are.
const AS_WRITTEN: [&str; 4] =
    ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"];
/// Columns that are structs, lists or maps.
const STRUCTURED: [&str; 10] = [
    "addendum",
    "additionalEventData",
    "insightDetails",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionContext",
    "tlsDetails",
    "userIdentity",
];

/// The record a row was made from.
///
/// # Errors
/// [`Malformed::Column`] for a column that lost its structure, [`Malformed::Json`].
pub(super) fn record(row: &str) -> Result<String, Malformed> {
    let row: Map<String, Value> = serde_json::from_str(row)?;
    let whole = row.iter().find(|(name, _)| name.eq_ignore_ascii_case("eventJson"));
    if let Some((_, Value::String(whole))) = whole
        && !whole.is_empty()
    {
        return Ok(whole.clone());
    }
    let mut record = Map::new();
    for (name, value) in row {
        let name = as_cloudtrail_writes(&name);
        let value =
            if STRUCTURED.contains(&name.as_str()) { structure(&name, value)? } else { value };
        record.insert(name, value);
    }
    // In a list of resources the name is in capitals, in an identity it is not.
    if let Some(Value::Object(identity)) = record.get_mut("userIdentity") {
        lower_arn(identity);
    }
    Ok(Value::Object(record).to_string())
}

/// Merges the columns of one row of `GetQueryResults`, which gives each as an object of its own.
pub(super) fn merged(columns: &str) -> Result<String, Malformed> {
    let columns: Vec<Map<String, Value>> = serde_json::from_str(columns)?;
    Ok(Value::Object(columns.into_iter().flatten().collect()).to_string())
}

fn structure(name: &str, value: Value) -> Result<Value, Malformed> {
    let value = match value {
        Value::String(text) if matches!(text.trim(), "" | "null" | "-") => Value::Null,
        Value::String(text) => {
            serde_json::from_str(&text).map_err(|_| Malformed::Column(name.to_owned()))?
        }
        value => value,
    };
    Ok(if AS_WRITTEN.contains(&name) { inner_json(value) } else { renamed(value) })
}

/// The values of a map of texts: those that are objects or lists are JSON.
fn inner_json(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let read = |value: Value| match value {
        Value::String(text) if text.starts_with(['{', '[']) => {
            // A policy document is a text in the record too; who reads it takes both.
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        value => value,
    };
    Value::Object(map.into_iter().map(|(key, value)| (key, read(value))).collect())
}

fn renamed(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (as_cloudtrail_writes(&key), renamed(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(renamed).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn as_cloudtrail_writes(name: &str) -> String {
    let mut names = NAMES.iter().chain(&MEMBERS).chain(&IDENTITY);
    let known = names.find(|known| known.eq_ignore_ascii_case(name));
    known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

fn lower_arn(map: &mut Map<String, Value>) {
    if let Some(arn) = map.remove("ARN") {
        map.insert("arn".to_owned(), arn);
    }
    for value in map.values_mut() {
        if let Value::Object(inner) = value {
            lower_arn(inner);
        }
    }
}

/// Whether a record is a row in CloudTrail's own casing: what is an object there is a text.
pub(super) fn is_row(structures: &[Option<&str>]) -> bool {
    structures.iter().flatten().any(|text| text.starts_with("\"{"))
}

/// What such rows are taken for.
pub(super) const SOURCE: Source = Source::CloudTrail;
