//! Cases recorded elsewhere, run in virtual time: one JSON object in, one out.
//!
//! A case of kind `execution` has a `definition` (or `definition_text`), an `input`, and
//! where tasks run, `task_mocks` that answer them in order, a list a state; the result has
//! `status`, `output`, `error`, `cause` and `history`. A case of kind `test_state` tests one
//! state alone. Any other kind asks whether the definition, or the call, is accepted.

mod mocks;
mod normalise;
mod shapes;
mod test_state;

use serde_json::{Map, Value, json};

use crate::definition::Machine;
use crate::history::Event;
use crate::rehearse::{START_MS, drive};
use crate::run::{Identity, Limits, Run, Status};

use mocks::Mocks;

/// Runs one case, a line of JSON, and gives its result as a line of JSON.
///
/// What is expected in the case is not looked at.
///
/// # Errors
/// Where the line is no JSON object.
pub fn run(case: &str) -> Result<String, serde_json::Error> {
    let case: Map<String, Value> = serde_json::from_str(case)?;
    let id = case.get("id").cloned().unwrap_or(Value::Null);
    let mut out = match case.get("kind").and_then(Value::as_str) {
        Some("execution") => execution(&case),
        Some("test_state") => test_state::run(&case),
        Some("test_state_invalid") => json!({"valid": test_state::is_accepted(&case)}),
        _ => validity(&case),
    };
    if let Value::Object(map) = &mut out {
        map.insert("id".to_owned(), id);
    }
    Ok(out.to_string())
}

/// One state alone, as `TestState` runs it.
pub(crate) fn test_state(case: &Map<String, Value>) -> Value {
    test_state::run(case)
}

/// Whether `TestState` would take the call of a case.
pub(crate) fn accepts_test_state(case: &Map<String, Value>) -> bool {
    test_state::is_accepted(case)
}

/// The definition's text as the case has it.
fn definition_text(case: &Map<String, Value>) -> String {
    match (case.get("definition_text"), case.get("definition")) {
        (Some(Value::String(text)), _) | (_, Some(Value::String(text))) => text.clone(),
        (_, Some(definition)) => definition.to_string(),
        _ => String::new(),
    }
}

fn validity(case: &Map<String, Value>) -> Value {
    let is_express = case.get("machine_type").and_then(Value::as_str) == Some("EXPRESS");
    let parse = if is_express { Machine::parse_express } else { Machine::parse };
    match parse(&definition_text(case)) {
        Ok(_) => json!({"valid": true}),
        Err(errors) => {
            let problems: Vec<_> = errors
                .problems
                .iter()
                .map(|p| json!({"pointer": p.pointer, "message": p.message}))
                .collect();
            json!({"valid": false, "problems": problems})
        }
    }
}

fn execution(case: &Map<String, Value>) -> Value {
    let machine = match Machine::parse(&definition_text(case)) {
        Ok(machine) => machine,
        Err(errors) => return json!({"status": "INVALID", "cause": errors.to_string()}),
    };
    let input = case.get("input").cloned().unwrap_or_else(|| json!({}));
    let mut identity = Identity::default();
    if case.get("machine_type").and_then(Value::as_str) == Some("EXPRESS") {
        identity.express_run = Some("00000000-0000-0000-0000-000000000000".to_owned());
    }
    // `StartSyncExecution` never counts redrives, and nothing did before they existed.
    let text = |key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default();
    identity.counts_redrives = !text("snapshot_key").contains("sync_response")
        && !normalise::is_before_redrives(text("aws_validated_date"));
    let mut run = Run::new(&machine, "conform", &identity, input, START_MS, Limits::default());
    let mut mocks = Mocks::new(case);
    let events = drive(&mut run, &mut |run| mocks.answer(run));
    let mut out = outcome(&run.head.status);
    let mut history: Vec<Value> = events.iter().map(Event::to_json).collect();
    if case
        .get("aws_validated_date")
        .and_then(Value::as_str)
        .is_some_and(normalise::is_before_autumn_2024)
    {
        normalise::old_map_exits(&mut history);
    }
    if case.get("history_order").and_then(Value::as_str) == Some("normalised") {
        normalise::history(&mut history);
    }
    if let Value::Object(map) = &mut out {
        map.insert("history".to_owned(), Value::Array(history));
    }
    out
}

/// Status, output, error and cause.
fn outcome(status: &Status) -> Value {
    let mut out = json!({"status": status.name()});
    let mut put = |key: &str, value: Value| {
        if let Value::Object(map) = &mut out {
            map.insert(key.to_owned(), value);
        }
    };
    match status {
        Status::Running | Status::TimedOut => {}
        Status::Succeeded { output } => put("output", Value::clone(output)),
        Status::Failed { error, cause } | Status::Aborted { error, cause } => {
            put("error", json!(error));
            put("cause", json!(cause));
        }
    }
    out
}
