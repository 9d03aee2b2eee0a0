//! What happened in an execution, in the shape of `GetExecutionHistory`.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::Value;

use crate::lang::format_millis;

/// A JSON value that several places share.
pub(crate) type Payload = Arc<Value>;

/// JSON values in a row, each shared for itself.
pub(crate) type Payloads = Arc<Vec<Payload>>;

/// One entry of an execution's history.
#[derive(Debug, Clone)]
pub struct Event {
    /// 1, 2, 3, … without gaps.
    pub id: u64,
    /// The event that led to this one; 0 where none did.
    pub previous: u64,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    pub(crate) kind: EventKind,
}

/// What happened. The frequent ones are kept as what they are and become text only where a
/// history is written or read.
#[derive(Debug, Clone)]
pub(crate) enum EventKind {
    Started {
        input: Payload,
        role_arn: String,
    },
    Entered {
        state: &'static str,
        name: Arc<str>,
        input: Payload,
    },
    Exited {
        state: &'static str,
        name: Arc<str>,
        output: Payload,
        assigned: Option<Payload>,
    },
    /// `MapIterationStarted` and its like: `name` is of the event, `state` of the Map.
    Iteration {
        name: &'static str,
        state: Arc<str>,
        index: u32,
    },
    Succeeded {
        output: Payload,
    },
    Other {
        name: &'static str,
        details: Option<Value>,
    },
}

impl Event {
    /// The type as AWS names it, such as `TaskStateEntered`.
    pub fn name(&self) -> String {
        match &self.kind {
            EventKind::Started { .. } => "ExecutionStarted".to_owned(),
            EventKind::Entered { state, .. } => format!("{state}StateEntered"),
            EventKind::Exited { state, .. } => format!("{state}StateExited"),
            EventKind::Succeeded { .. } => "ExecutionSucceeded".to_owned(),
            EventKind::Iteration { name, .. } | EventKind::Other { name, .. } => (*name).to_owned(),
        }
    }

    /// The event as `GetExecutionHistory` gives it; payloads are strings of JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_map(None)?;
        event.serialize_entry("timestamp", &format_millis(self.at_ms))?;
        event.serialize_entry("type", &self.name())?;
        event.serialize_entry("id", &self.id)?;
        event.serialize_entry("previousEventId", &self.previous)?;
        match &self.kind {
            EventKind::Started { input, role_arn } => {
                let details =
                    Details { input: Some(input), role_arn: Some(role_arn), ..Details::default() };
                event.serialize_entry("executionStartedEventDetails", &details)?;
            }
            EventKind::Entered { name, input, .. } => {
                let details =
                    Details { name: Some(name), input: Some(input), ..Details::default() };
                event.serialize_entry("stateEnteredEventDetails", &details)?;
            }
            EventKind::Exited { name, output, assigned, .. } => {
                let (name, output) = (Some(&**name), Some(&**output));
                let assigned = assigned.as_deref();
                let details = Details { name, output, assigned, ..Details::default() };
                event.serialize_entry("stateExitedEventDetails", &details)?;
            }
            EventKind::Iteration { name, state, index } => {
                let details =
                    Details { name: Some(state), index: Some(*index), ..Details::default() };
                event.serialize_entry(&details_key(name), &details)?;
            }
            EventKind::Succeeded { output } => {
                let details = Details { output: Some(output), ..Details::default() };
                event.serialize_entry("executionSucceededEventDetails", &details)?;
            }
            EventKind::Other { details: None, .. } => {}
            EventKind::Other { name, details: Some(details) } => {
                event.serialize_entry(&details_key(name), details)?;
            }
        }
        event.end()
    }
}

/// The details of an event, in the order in which they are written.
#[derive(Default)]
struct Details<'a> {
    name: Option<&'a str>,
    index: Option<u32>,
    input: Option<&'a Value>,
    output: Option<&'a Value>,
    assigned: Option<&'a Value>,
    role_arn: Option<&'a str>,
}

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = Whole { truncated: false };
        let mut details = serializer.serialize_map(None)?;
        if let Some(name) = self.name {
            details.serialize_entry("name", name)?;
        }
        if let Some(index) = self.index {
            details.serialize_entry("index", &index)?;
        }
        if let Some(input) = self.input {
            details.serialize_entry("input", &Quoted(input))?;
            details.serialize_entry("inputDetails", &whole)?;
        }
        if let Some(output) = self.output {
            details.serialize_entry("output", &Quoted(output))?;
            details.serialize_entry("outputDetails", &whole)?;
        }
        if let Some(assigned) = self.assigned {
            details.serialize_entry("assignedVariables", assigned)?;
            details.serialize_entry("assignedVariablesDetails", &whole)?;
        }
        if let Some(role_arn) = self.role_arn {
            details.serialize_entry("roleArn", role_arn)?;
        }
        details.end()
    }
}

/// Nothing of a payload was left out.
#[derive(Serialize)]
struct Whole {
    truncated: bool,
}

/// A value as a string of its JSON.
struct Quoted<'a>(&'a Value);

impl Serialize for Quoted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_string())
    }
}

/// `TaskFailed` has its details under `taskFailedEventDetails`.
fn details_key(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect::<String>() + "EventDetails"
}

/// The bytes of `value` as compact JSON, counted without writing them anywhere.
pub(crate) fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

/// How deep payloads may be nested: what is stored must be readable again.
pub(crate) const MAX_DEPTH: usize = 100;

/// Whether `value` is nested deeper than [`MAX_DEPTH`].
pub(crate) fn is_too_deep(value: &Value) -> bool {
    fn is_deeper(value: &Value, left: usize) -> bool {
        match value {
            Value::Array(items) => left == 0 || items.iter().any(|v| is_deeper(v, left - 1)),
            Value::Object(map) => left == 0 || map.values().any(|v| is_deeper(v, left - 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    is_deeper(value, MAX_DEPTH)
}

/// About the bytes that `value` takes in memory.
pub(crate) fn weight(value: &Value) -> usize {
    let mut open = vec![value];
    let mut bytes = 0;
    while let Some(value) = open.pop() {
        bytes += 32;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => {
                bytes += map.keys().map(|k| k.len() + 32).sum::<usize>();
                open.extend(map.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    bytes
}
