//! What happened in an execution, in the shape of `GetExecutionHistory`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::lang::format_millis;

/// A JSON value that several places share.
pub(crate) type Payload = Arc<Value>;

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

#[derive(Debug, Clone)]
pub(crate) enum EventKind {
    Entered { state: &'static str, name: Arc<str>, input: Payload },
    Exited { state: &'static str, name: Arc<str>, output: Payload, assigned: Option<Payload> },
    Other { name: &'static str, details: Option<Value> },
}

impl Event {
    /// The type as AWS names it, such as `TaskStateEntered`.
    pub fn name(&self) -> String {
        match &self.kind {
            EventKind::Entered { state, .. } => format!("{state}StateEntered"),
            EventKind::Exited { state, .. } => format!("{state}StateExited"),
            EventKind::Other { name, .. } => (*name).to_owned(),
        }
    }

    /// The event as `GetExecutionHistory` gives it; payloads are strings of JSON.
    pub fn to_json(&self) -> Value {
        let mut event = Map::new();
        event.insert("timestamp".to_owned(), Value::String(format_millis(self.at_ms)));
        event.insert("type".to_owned(), Value::String(self.name()));
        event.insert("id".to_owned(), self.id.into());
        event.insert("previousEventId".to_owned(), self.previous.into());
        match &self.kind {
            EventKind::Entered { name, input, .. } => {
                let details = json!({"name": &**name, "input": input.to_string(), "inputDetails": {"truncated": false}});
                event.insert("stateEnteredEventDetails".to_owned(), details);
            }
            EventKind::Exited { name, output, assigned, .. } => {
                let mut details = json!({"name": &**name, "output": output.to_string(), "outputDetails": {"truncated": false}});
                if let (Some(assigned), Value::Object(map)) = (assigned, &mut details) {
                    map.insert("assignedVariables".to_owned(), Value::clone(assigned));
                    map.insert("assignedVariablesDetails".to_owned(), json!({"truncated": false}));
                }
                event.insert("stateExitedEventDetails".to_owned(), details);
            }
            EventKind::Other { details: None, .. } => {}
            EventKind::Other { name, details: Some(details) } => {
                event.insert(details_key(name), details.clone());
            }
        }
        Value::Object(event)
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
