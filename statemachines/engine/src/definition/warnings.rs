//! What AWS accepts in a definition and its author probably did not mean.

use serde_json::{Map, Value};

use super::{Machine, Problem};

/// Machines inside machines deeper than this were refused before.
const MAX_NESTING: usize = 64;

impl Machine {
    /// What is allowed but hardly meant, each with its JSON Pointer and what to do about it:
    /// a Choice without `Default`, a task that may wait for a year, an entry of `Retry` or
    /// `Catch` that can never fire.
    pub fn warnings(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let definition: Value = serde_json::from_str(self.definition()).unwrap_or_default();
        machine(&definition, "", 0, &mut found);
        found
    }
}

fn warn(found: &mut Vec<Problem>, pointer: String, message: &str) {
    found.push(Problem { pointer, message: message.to_owned() });
}

fn machine(definition: &Value, pointer: &str, depth: usize, found: &mut Vec<Problem>) {
    let Some(states) = definition.get("States").and_then(Value::as_object) else { return };
    if depth > MAX_NESTING {
        return;
    }
    for (name, value) in states {
        let at = format!("{pointer}/States/{}", crate::lang_escape(name));
        let Value::Object(fields) = value else { continue };
        state(fields, &at, found);
        let branches = fields.get("Branches").and_then(Value::as_array);
        for (i, branch) in branches.into_iter().flatten().enumerate() {
            machine(branch, &format!("{at}/Branches/{i}"), depth + 1, found);
        }
        for field in ["ItemProcessor", "Iterator"] {
            if let Some(inner) = fields.get(field) {
                machine(inner, &format!("{at}/{field}"), depth + 1, found);
            }
        }
    }
}

fn state(fields: &Map<String, Value>, at: &str, found: &mut Vec<Problem>) {
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("Type") == "Choice" && !fields.contains_key("Default") {
        let message =
            "where no rule holds, the execution fails with States.NoChoiceMatched; add `Default`";
        warn(found, at.to_owned(), message);
    }
    let resource = text("Resource");
    let waits = resource.ends_with(".waitForTaskToken") || resource.contains(":activity:");
    let bounds =
        ["TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"];
    if waits && !bounds.iter().any(|field| fields.contains_key(*field)) {
        let message =
            "nothing ends this wait but its token; add `TimeoutSeconds` or `HeartbeatSeconds`";
        warn(found, at.to_owned(), message);
    }
    for field in ["Retry", "Catch"] {
        entries(fields, field, at, found);
    }
}

/// Entries of `Retry` or `Catch` that can never fire.
fn entries(fields: &Map<String, Value>, field: &str, at: &str, found: &mut Vec<Problem>) {
    let mut seen: Vec<&str> = Vec::new();
    let list = fields.get(field).and_then(Value::as_array).into_iter().flatten();
    for (i, entry) in list.enumerate() {
        let names: Vec<&str> = entry
            .get("ErrorEquals")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let pointer = format!("{at}/{field}/{i}/ErrorEquals");
        if names.contains(&"States.Runtime") {
            let message = "`States.Runtime` is never retried and never caught; remove it";
            warn(found, pointer.clone(), message);
        }
        // What stands before takes every error of a task but a timeout.
        let is_taken = |name: &&str| {
            seen.contains(name)
                || (seen.contains(&"States.TaskFailed")
                    && !matches!(
                        *name,
                        "States.ALL" | "States.Timeout" | "States.HeartbeatTimeout"
                    ))
        };
        if !names.is_empty() && names.iter().all(is_taken) {
            let message = "entries before this one take all of these errors, so it can never fire; move it up";
            warn(found, pointer, message);
        }
        seen.extend(names);
    }
}
