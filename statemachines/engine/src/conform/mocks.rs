//! Answers for the tasks of a case.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value, json};

use crate::run::{Call, Failure, Query, Run};

/// Mocked outcomes by state, in order, and the objects that readers read.
pub(super) struct Mocks {
    by_state: HashMap<String, VecDeque<Value>>,
    objects: Vec<Value>,
}

impl Mocks {
    pub(super) fn new(case: &Map<String, Value>) -> Self {
        let mut by_state: HashMap<String, VecDeque<Value>> = HashMap::new();
        for mock in case.get("task_mocks").and_then(Value::as_array).into_iter().flatten() {
            let state = mock.get("state").and_then(Value::as_str).unwrap_or_default();
            by_state.entry(state.to_owned()).or_default().push_back(mock.clone());
        }
        let objects = case.get("s3_objects").and_then(Value::as_array).cloned().unwrap_or_default();
        Self { by_state, objects }
    }

    /// Answers one task that waits; false where none does or nothing is known of it.
    pub(super) fn answer(&mut self, run: &mut Run) -> bool {
        for call in run.calls() {
            if call.is_for_map && self.answer_object(run, &call) {
                return true;
            }
            let Some(mock) = self.by_state.get_mut(&call.state).and_then(VecDeque::pop_front)
            else {
                continue;
            };
            play(run, &call, &mock);
            return true;
        }
        false
    }

    fn answer_object(&self, run: &mut Run, call: &Call) -> bool {
        let text = |key: &str| call.input.get(key).and_then(Value::as_str).unwrap_or_default();
        let key_of = |object: &Value| {
            object
                .get("key")
                .or_else(|| object.get("Key"))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let result = if call.resource.ends_with(":listObjectsV2") {
            let found = self.objects.iter().filter(|o| key_of(o).starts_with(text("Prefix")));
            Ok(json!({"Contents": found.map(listed).collect::<Vec<_>>()}))
        } else if call.resource.ends_with(":getObject") {
            match self.objects.iter().find(|o| key_of(o) == text("Key")) {
                Some(object) => Ok(
                    json!({"Body": object.get("body").or_else(|| object.get("Body")).cloned().unwrap_or_default()}),
                ),
                None => {
                    Err(Failure::new("S3.NoSuchKeyException", "The specified key does not exist."))
                }
            }
        } else if call.resource.ends_with(":putObject") {
            Ok(json!({}))
        } else {
            return false;
        };
        run.task_ended(call.frame, &call.key, result)
    }
}

fn listed(object: &Value) -> Value {
    let body = object.get("body").and_then(Value::as_str).unwrap_or_default();
    json!({"Key": object.get("key"), "Size": body.len()})
}

/// A recorded output: JSON, or the text of JSON.
fn payload(value: Option<&Value>) -> Value {
    match value {
        Some(Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
        }
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

/// A text as it is, anything else as the JSON it was parsed from.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Plays one mocked task: submission where there is one, then its outcome.
pub(super) fn play(run: &mut Run, call: &Call, mock: &Value) {
    let outcome = mock.get("outcome").unwrap_or(mock);
    let kind = outcome.get("kind").and_then(Value::as_str).unwrap_or("succeeded");
    let is_early = outcome.get("at").and_then(Value::as_str) == Some("TaskSubmitFailed");
    if (mock.get("submitted").is_some() || call.token.is_some()) && !is_early {
        let output = mock.get("submitted").cloned().unwrap_or(Value::Null);
        run.task_submitted(call.frame, &call.key, &output);
    }
    let result = match kind {
        "succeeded" => Ok(payload(outcome.get("output"))),
        "timed_out" => {
            if let Some(wake_ms) = run.wake_ms() {
                run.at(wake_ms, 0);
                run.fire(wake_ms);
                return;
            }
            Err(Failure {
                error: text(outcome.get("error")),
                cause: text(outcome.get("cause")),
                also: None,
                query: Query::No,
            })
        }
        _ => Err(Failure {
            error: text(outcome.get("error")),
            cause: text(outcome.get("cause")),
            also: None,
            query: Query::No,
        }),
    };
    run.task_finished(call.frame, &call.key, result);
}
