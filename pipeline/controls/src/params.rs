//! Reading what CloudTrail records say, whatever shape the service chose that day: a value
//! may come bare or in a list of one, an empty object as `""`, a list of one as its element,
//! a number or a truth as text.

use std::collections::BTreeMap;

use aisaws_core::event::Event;
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::Value;

use crate::resource::ProjectError;

/// `requestParameters` and `responseElements` of a record, `null` where absent.
pub(crate) struct Record {
    pub(crate) request: Value,
    pub(crate) response: Value,
    /// ARNs in the record's `resources`.
    pub(crate) arns: Vec<String>,
}

impl Record {
    pub(crate) fn of(event: &Event) -> Self {
        #[derive(serde::Deserialize)]
        struct Parts {
            #[serde(default, rename = "requestParameters")]
            request: Value,
            #[serde(default, rename = "responseElements")]
            response: Value,
            #[serde(default)]
            resources: Value,
        }
        // A record that was parsed into an event is JSON; anything else says nothing.
        let parts: Option<Parts> = serde_json::from_str(&event.raw).ok();
        let Some(parts) = parts else {
            return Self { request: Value::Null, response: Value::Null, arns: Vec::new() };
        };
        let arn = |entry: &Value| {
            let arn = entry.get("ARN").or_else(|| entry.get("arn"))?;
            arn.as_str().map(str::to_owned)
        };
        let arns = parts.resources.as_array().into_iter().flatten().filter_map(arn).collect();
        Self { request: parts.request, response: parts.response, arns }
    }
}

/// A resource whose event gives it by its id; see [`Event::owner_of`].
pub(crate) fn here(event: &Event, kind: &str, id: String) -> ResourceRef {
    let owner = event.owner_of(&id);
    ResourceRef { kind: kind.to_owned(), id, account: owner.account, region: owner.region }
}

/// The value at a path of field names; each name may have alternatives in other casing.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    let mut value = value;
    for name in path {
        value = field(value, name)?;
    }
    Some(value)
}

/// A field by name, first as given, then whatever the casing.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let map = value.as_object()?;
    map.get(name).or_else(|| {
        map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

/// A scalar as text; a list of one is its element; an empty text is none.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(items) => items.first().and_then(text),
        Value::Null | Value::Object(_) => None,
    }
}

/// The text at a path.
pub(crate) fn text_at(value: &Value, path: &[&str]) -> Option<String> {
    at(value, path).and_then(text)
}

/// A truth at a path, also as text.
pub(crate) fn truth_at(value: &Value, path: &[&str]) -> Option<bool> {
    match text_at(value, path)?.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number at a path, also as text.
pub(crate) fn number_at(value: &Value, path: &[&str]) -> Option<i64> {
    text_at(value, path)?.parse().ok()
}

/// The elements of a list that may come as a list, as `{"items": [..]}`, or as the one
/// element itself.
pub(crate) fn items(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Object(map)) => match map.get("items").or_else(|| map.get("item")) {
            Some(inner) => items(Some(inner)),
            None if map.is_empty() => Vec::new(),
            None => value.into_iter().collect(),
        },
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {
            Vec::new()
        }
    }
}

/// Tags from a list of `{key, value}` in any casing.
pub(crate) fn tags(list: Option<&Value>) -> BTreeMap<String, String> {
    items(list)
        .into_iter()
        .filter_map(|tag| {
            Some((text_at(tag, &["key"])?, text_at(tag, &["value"]).unwrap_or_default()))
        })
        .collect()
}

/// The JSON with the first letter of every key in upper case: CloudTrail's `readWriteType`
/// as the API's `ReadWriteType`.
pub(crate) fn pascal(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| {
                    let mut letters = key.chars();
                    let key = letters.next().map_or_else(String::new, |first| {
                        first.to_uppercase().chain(letters).collect()
                    });
                    (key, pascal(value))
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(pascal).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The error for an event that does not tell.
pub(crate) fn untold(event: &Event, missing: &'static str) -> ProjectError {
    ProjectError::Untold { event: event.id.to_string(), name: event.name.clone(), missing }
}

/// One call.
pub(crate) fn call(action: &str, parameters: Value) -> Call {
    Call { action: action.to_owned(), parameters }
}

/// A list of `{Key, Value}` as the APIs take tags.
pub(crate) fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({"Key": key, "Value": value})).collect()
}
