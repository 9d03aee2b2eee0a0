//! The functions Step Functions adds to JSONata, and those it takes away.

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use serde_json::Value;

use super::functions::Refused;
use super::scope::Chance;
use super::{format_millis, functions};

fn failed(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

fn json(arguments: &[JValue], index: usize) -> Value {
    arguments.get(index).map_or(Value::Null, Value::from)
}

/// What AWS's functions leave undefined is no error of theirs, but of the field they stand in.
fn or_nothing(result: Result<JValue, Refused>, name: &str) -> Result<JValue, EvaluatorError> {
    match result {
        Ok(value) => Ok(value),
        Err(Refused::Nothing) => Ok(JValue::Undefined),
        Err(Refused::Invalid) => Err(failed(format!("Invalid arguments in {name}"))),
    }
}

/// A one-item result is that item, as every sequence of JSONata.
fn sequence(value: Value) -> JValue {
    match value {
        Value::Array(items) => JValue::sequence(items.into_iter().map(JValue::from).collect()),
        other => JValue::from(other),
    }
}

/// Adds AWS's functions to `evaluator`, with time and chance fixed by the step.
pub(super) fn register(
    evaluator: &mut Evaluator,
    chance: &Chance,
    now_ms: i64,
) -> Result<(), EvaluatorError> {
    evaluator.register_fn("partition", |a: &[JValue]| {
        let items = match json(a, 0) {
            Value::Array(items) => items,
            item => vec![item],
        };
        if items.is_empty() {
            return Ok(JValue::Undefined);
        }
        or_nothing(functions::partition(&items, &json(a, 1)).map(JValue::from), "$partition")
    })?;
    evaluator.register_fn("range", |a: &[JValue]| {
        if a.len() < 3 {
            return Ok(JValue::Undefined);
        }
        let range = functions::range(&json(a, 0), &json(a, 1), &json(a, 2));
        if range.as_ref().is_ok_and(|r| r.as_array().is_some_and(Vec::is_empty)) {
            return Ok(JValue::Undefined);
        }
        or_nothing(range.map(sequence), "$range")
    })?;
    evaluator.register_fn("hash", |a: &[JValue]| {
        if a.len() < 2 {
            return Ok(JValue::Undefined);
        }
        let data = match json(a, 0) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let algorithm = json(a, 1);
        functions::hash(&data, algorithm.as_str().unwrap_or_default())
            .map(JValue::from)
            .map_err(failed)
    })?;
    evaluator.register_fn("parse", |a: &[JValue]| {
        let text = json(a, 0);
        let text = text.as_str().ok_or_else(|| failed("$parse takes a string"))?;
        serde_json::from_str::<Value>(text).map(JValue::from).map_err(|e| failed(e.to_string()))
    })?;
    let own = Chance::new(chance.bits());
    evaluator.register_fn("uuid", move |_: &[JValue]| Ok(JValue::from(own.uuid())))?;
    let own = Chance::new(chance.bits());
    evaluator.register_fn_override("random", move |a: &[JValue]| {
        let fraction = a
            .first()
            .and_then(JValue::as_f64)
            .map_or_else(|| own.fraction(), functions::seeded_fraction);
        Ok(JValue::from(fraction))
    })?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double")]
    let millis = now_ms as f64;
    evaluator.register_fn_override("millis", move |_: &[JValue]| Ok(JValue::from(millis)))?;
    let now = format_millis(now_ms);
    evaluator.register_fn_override("now", move |a: &[JValue]| {
        if a.is_empty() {
            return Ok(JValue::from(now.clone()));
        }
        Err(failed("$now takes no arguments here; use $fromMillis($millis(), …)"))
    })?;
    evaluator.register_fn_override("eval", |_: &[JValue]| {
        Err(failed("T1006: Attempted to invoke a non-function"))
    })
}
