//! JSONata as Step Functions evaluates it: `$states` and variables, no `$` or `$$` at the
//! top, no `$eval`, and an undefined result is an error.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::Value;

use super::{Chance, EvalError, Scope};
use super::{jsonata_check, jsonata_functions};

/// Parsed expressions a thread keeps.
const CACHED: usize = 1_000;
/// The longest expression that is parsed.
const MAX_BYTES: usize = 80_000;
/// The stack and width one evaluation may use.
const MAX_STACK: usize = 10_000;
const MAX_SEQUENCE: usize = 10_000_000;
/// The time on the clock that one evaluation may take. The evaluator counts no steps, so that
/// nothing but time stops an endless loop. What an expression gives must not depend on how busy
/// the machine is: the bound is far above what an expression that ends takes.
const MAX_MILLIS: u64 = 10_000;

thread_local! {
    // The parsed form is `Rc`-based and cannot leave its thread.
    static PARSED: RefCell<HashMap<String, Rc<AstNode>>> = RefCell::new(HashMap::new());
}

/// The expression between `{%` and `%}`; `None` where `text` is plain text.
pub(crate) fn expression(text: &str) -> Option<Result<&str, String>> {
    let (opens, closes) = (text.starts_with("{%"), text.ends_with("%}") && text.len() >= 4);
    match (opens, closes) {
        (true, true) => {
            let inner = text.get(2..text.len() - 2).unwrap_or_default();
            Some(Ok(inner.trim()))
        }
        (true, false) => {
            Some(Err("the JSONata expression is not closed; end it with `%}`".to_owned()))
        }
        (false, true) => {
            Some(Err("the JSONata expression is not opened; start it with `{%`".to_owned()))
        }
        (false, false) => None,
    }
}

/// Whether `expression` parses and refers to things that can be there; `has_error` where it
/// belongs to an entry of `Catch`.
pub(crate) fn check(expression: &str, has_error: bool) -> Result<(), String> {
    let ast = parsed(expression)
        .map_err(|e| format!("the JSONata expression `{expression}` cannot be parsed: {e}"))?;
    match jsonata_check::unsupported(&ast, has_error) {
        None => Ok(()),
        Some(why) => Err(format!("in the JSONata expression `{expression}`, {why}")),
    }
}

fn parsed(expression: &str) -> Result<Rc<AstNode>, String> {
    if expression.len() > MAX_BYTES {
        return Err("it is too long".to_owned());
    }
    PARSED.with_borrow_mut(|cache| {
        if let Some(ast) = cache.get(expression) {
            return Ok(Rc::clone(ast));
        }
        let ast = Rc::new(parser::parse(expression).map_err(|e| e.to_string())?);
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(expression.to_owned(), Rc::clone(&ast));
        Ok(ast)
    })
}

/// Evaluates `expression` for the field `location`.
pub(super) fn evaluate(
    expression: &str,
    location: &str,
    scope: &Scope<'_>,
) -> Result<Value, EvalError> {
    let failed = |cause: String| EvalError::Query { location: location.to_owned(), cause };
    let threw = |cause: &str| {
        // A message with a code is a sentence of its own.
        let has_code = jsonata_core::evaluator::error_code_prefix(cause).is_some();
        let separator = if has_code { ". " } else { ": " };
        failed(format!(
            "The JSONata expression '{expression}' specified for the field '{location}' threw an error during evaluation{separator}{cause}"
        ))
    };
    let context = bindings(expression, scope);
    let result =
        run(expression, &JValue::Undefined, context, scope.chance, scope.now_ms, MAX_MILLIS)
            .map_err(|e| threw(&e))?;
    if result.is_undefined() {
        return Err(failed(format!(
            "The JSONata expression '{expression}' specified for the field '{location}' returned nothing (undefined)."
        )));
    }
    if result.is_function() {
        return Err(failed(format!(
            "The JSONata expression '{expression}' specified for the field '{location}' returned an unsupported result type."
        )));
    }
    Ok(whole_numbers(Value::from(&result)))
}

/// Evaluates `expression` on `data` within the bounds and `millis`, with AWS's functions.
fn run(
    expression: &str,
    data: &JValue,
    context: Context,
    chance: &Chance,
    now_ms: i64,
    millis: u64,
) -> Result<JValue, String> {
    let ast = parsed(expression)?;
    let options = EvaluatorOptions {
        timeout_ms: Some(millis),
        max_stack_depth: Some(MAX_STACK),
        max_sequence_length: Some(MAX_SEQUENCE),
        ..EvaluatorOptions::default()
    };
    let mut evaluator = Evaluator::with_options(context, options);
    jsonata_functions::register(&mut evaluator, chance, now_ms)
        .map_err(|e| e.message().to_owned())?;
    evaluator.evaluate(&ast, data).map_err(|e| e.message().to_owned())
}

fn bindings(expression: &str, scope: &Scope<'_>) -> Context {
    let mut context = Context::new();
    if expression.contains("$states") {
        let mut states = serde_json::Map::new();
        states.insert("input".to_owned(), scope.input.unwrap_or(scope.data).clone());
        if expression.contains("context")
            || expression.trim_end().ends_with("$states")
            || !expression.contains("$states.")
        {
            states.insert("context".to_owned(), scope.context().clone());
        }
        if let Some(result) = scope.result {
            states.insert("result".to_owned(), result.clone());
        }
        if let Some(error) = scope.error {
            states.insert("errorOutput".to_owned(), error.clone());
        }
        context.bind("states".to_owned(), JValue::from(Value::Object(states)));
    }
    for (name, value) in scope.variables.iter() {
        if expression.contains(name.as_str()) {
            context.bind(name.clone(), JValue::from(Value::clone(value)));
        }
    }
    context
}

/// Doubles that are whole become integers, as JSON has only one kind of number.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "the guard bounds it")]
            Some(f)
                if !number.is_i64() && !number.is_u64() && f.fract() == 0.0 && f.abs() < 9.0e15 =>
            {
                Value::from(f as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(k, v)| (k, whole_numbers(v))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
#[path = "jsonata_suite.rs"]
mod suite;
