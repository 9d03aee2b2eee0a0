//! Input and output processing: paths, templates, assignments.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Failure, Frame, Run};
use crate::definition::{Amount, IoPath, Language, ResultPath, State, Text};
use crate::history::{Payload, is_too_deep, json_bytes};
use crate::lang::{EvalError, Scope, Template, Variables};
use crate::path::Path;

/// Bytes that one evaluation may copy together, far beyond any payload that may be passed on.
const MAX_COPIED_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of all variables that a state can see, as AWS bounds them.
const MAX_VARIABLE_BYTES: usize = 10 * 1024 * 1024;

/// What an expression sees beside the data.
#[derive(Default, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) result: Option<&'a Value>,
    pub(super) error: Option<&'a Value>,
    pub(super) token: Option<&'a str>,
    /// What stands before the field's name in messages, as `Choices[1]/`.
    pub(super) under: &'a str,
    /// A context object made elsewhere, such as that of an item.
    pub(super) context: Option<&'a Value>,
}

impl Run {
    /// Runs `f` with the scope of `frame` over `data`.
    pub(super) fn scoped<R>(
        &self,
        frame: &Frame,
        state: &State,
        data: &Value,
        seen: Seen<'_>,
        f: impl FnOnce(&Scope<'_>) -> R,
    ) -> R {
        let context = OnceCell::new();
        let make_context = || match seen.context {
            Some(context) => context.clone(),
            None => self.context(frame, state, seen.token),
        };
        f(&Scope {
            data,
            variables: &frame.variables,
            context: &context,
            make_context: &make_context,
            chance: &self.chance,
            now_ms: self.now_ms,
            allowance: Cell::new(MAX_COPIED_BYTES),
            result: seen.result,
            error: seen.error,
            input: Some(&frame.input),
        })
    }

    /// Evaluates a template of `frame` over `data`.
    pub(super) fn fill(
        &self,
        frame: &Frame,
        state: &State,
        template: &Template,
        location: &str,
        data: &Value,
        seen: Seen<'_>,
    ) -> Result<Value, Failure> {
        let value = self
            .scoped(frame, state, data, seen, |scope| template.evaluate(location, scope))
            .map_err(|e| Self::eval_failure(state, frame, e, data))?;
        if is_too_deep(&value) {
            return Err(Self::too_big(&state.name));
        }
        Ok(value)
    }

    pub(super) fn find(
        &self,
        frame: &Frame,
        state: &State,
        path: &Path,
        data: &Value,
    ) -> Result<Value, String> {
        self.scoped(frame, state, data, Seen::default(), |scope| scope.find(path))
    }

    fn io_path(
        &self,
        frame: &Frame,
        state: &State,
        path: &IoPath,
        data: &Payload,
    ) -> Result<Payload, Failure> {
        match path {
            IoPath::Whole => Ok(Arc::clone(data)),
            IoPath::Nothing => Ok(Arc::new(Value::Object(serde_json::Map::new()))),
            IoPath::Path(path) => {
                self.find(frame, state, path, data).map(Arc::new).map_err(|reason| {
                    let error = EvalError::InvalidPath { path: path.text().to_owned(), reason };
                    Self::eval_failure(state, frame, error, data)
                })
            }
        }
    }

    /// The raw input after `InputPath`.
    pub(super) fn effective_input(&self, frame: &Frame, state: &State) -> Result<Payload, Failure> {
        self.io_path(frame, state, &state.input_path, &frame.input)
    }

    /// The effective input after `Parameters` or `Arguments`.
    pub(super) fn work_input(
        &self,
        frame: &Frame,
        state: &State,
        token: Option<&str>,
    ) -> Result<Payload, Failure> {
        let data = self.effective_input(frame, state)?;
        match (&state.parameters, state.language) {
            (None, _) => Ok(data),
            (Some(template), Language::JsonPath) => self
                .fill(
                    frame,
                    state,
                    template,
                    "Parameters",
                    &data,
                    Seen { token, ..Seen::default() },
                )
                .map(Arc::new),
            (Some(template), Language::Jsonata) => self
                .fill(frame, state, template, "Arguments", &data, Seen { token, ..Seen::default() })
                .map(Arc::new),
        }
    }

    /// The variables after `assign`, and what the history shows of it.
    pub(super) fn assigned(
        &self,
        frame: &Frame,
        state: &State,
        assign: Option<&Template>,
        data: &Value,
        seen: Seen<'_>,
    ) -> Result<Option<(Variables, Payload)>, Failure> {
        let Some(template) = assign else { return Ok(None) };
        let Value::Object(values) =
            self.fill(frame, state, template, &format!("{}Assign", seen.under), data, seen)?
        else {
            return Ok(None);
        };
        let mut variables: BTreeMap<String, Arc<Value>> = BTreeMap::clone(&frame.variables);
        let mut shown = serde_json::Map::new();
        let mut assigned = 0_usize;
        for (name, value) in values {
            assigned += json_bytes(&value);
            shown.insert(name.clone(), Value::String(value.to_string()));
            variables.insert(name, Arc::new(value));
        }
        // One Assign has no more than one payload, and `fill` has refused what is too deep.
        let exceeded = if assigned > self.limits.payload_bytes {
            Some("The variables of one Assign exceed the maximum of 256 KiB.")
        } else if variables.values().map(|v| json_bytes(v)).sum::<usize>() > MAX_VARIABLE_BYTES {
            Some("The variables of the execution exceed the maximum of 10 MiB.")
        } else {
            None
        };
        if let Some(detail) = exceeded {
            let cause = Self::prefix(state, frame) + detail;
            return Err(Failure::new("States.DataLimitExceeded", cause));
        }
        Ok(Some((Arc::new(variables), Arc::new(Value::Object(shown)))))
    }

    /// `result` in its place in the raw input.
    pub(super) fn placed(
        frame: &Frame,
        state: &State,
        path: &ResultPath,
        result: Payload,
    ) -> Result<Payload, Failure> {
        match path {
            ResultPath::Whole => Ok(result),
            ResultPath::Discard => Ok(Arc::clone(&frame.input)),
            ResultPath::At(path) => {
                let mut whole = Value::clone(&frame.input);
                path.put(&mut whole, Arc::unwrap_or_clone(result)).map_err(|()| {
                    let detail = format!(
                        "Unable to apply step '{}' to input '{}'",
                        path.text(),
                        frame.input
                    );
                    Failure::new(
                        "States.ResultPathMatchFailure",
                        Self::prefix(state, frame) + &detail,
                    )
                })?;
                Ok(Arc::new(whole))
            }
        }
    }

    /// The output of a JSONPath state whose work gave `result`.
    pub(super) fn placed_output(
        &self,
        frame: &Frame,
        state: &State,
        result: Payload,
    ) -> Result<Payload, Failure> {
        let whole = Self::placed(frame, state, &state.result_path, result)?;
        self.io_path(frame, state, &state.output_path, &whole)
    }

    /// The output of a JSONPath state that passes its input on.
    pub(super) fn passed_output(
        &self,
        frame: &Frame,
        state: &State,
        input: &Payload,
    ) -> Result<Payload, Failure> {
        self.io_path(frame, state, &state.output_path, input)
    }

    /// A number of the state: fixed, by path or by expression.
    ///
    /// # Errors
    /// The failure, or for a value that is no whole number, the value itself.
    pub(super) fn amount(
        &self,
        frame: &Frame,
        state: &State,
        field: &str,
        amount: &Amount,
        data: &Value,
    ) -> Result<i64, AmountError> {
        if let Amount::Fixed(n) = amount {
            return Ok(*n);
        }
        let value = self.number(frame, state, field, amount, data)?;
        let whole = match &value {
            Value::Number(n) => n.as_i64().or_else(|| {
                n.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9.0e15).map(saturated)
            }),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        whole.ok_or(AmountError::NoNumber { path: path_of(amount), value })
    }

    /// As [`Run::amount`], for a number that may have a fraction.
    pub(super) fn share(
        &self,
        frame: &Frame,
        state: &State,
        field: &str,
        amount: &Amount,
        data: &Value,
    ) -> Result<f64, AmountError> {
        let value = self.number(frame, state, field, amount, data)?;
        let share = match &value {
            Value::Number(n) => n.as_f64(),
            Value::String(text) => text.trim().parse().ok().filter(|f: &f64| f.is_finite()),
            _ => None,
        };
        share.ok_or(AmountError::NoNumber { path: path_of(amount), value })
    }

    /// What stands for the number; from an expression it must be one.
    fn number(
        &self,
        frame: &Frame,
        state: &State,
        field: &str,
        amount: &Amount,
        data: &Value,
    ) -> Result<Value, AmountError> {
        match amount {
            Amount::Fixed(n) => Ok(Value::from(*n)),
            Amount::Share(share) => Ok(Value::from(*share)),
            Amount::Path(path) => self
                .find(frame, state, path, data)
                .map_err(|reason| AmountError::NotFound { path: path.text().to_owned(), reason }),
            Amount::Jsonata(template) => {
                let value = self
                    .fill(frame, state, template, field, data, Seen::default())
                    .map_err(AmountError::Failed)?;
                if value.is_number() {
                    return Ok(value);
                }
                let failure =
                    Self::unexpected_type(state, frame, field, template, "number", &value);
                Err(AmountError::Failed(failure))
            }
        }
    }

    /// A text of the state.
    pub(super) fn text(
        &self,
        frame: &Frame,
        state: &State,
        field: &str,
        text: &Text,
        data: &Value,
    ) -> Result<Value, Failure> {
        match text {
            Text::Literal(text) => Ok(Value::String(text.clone())),
            Text::Path(expr) => self
                .scoped(frame, state, data, Seen::default(), |scope| {
                    expr.evaluate(&format!("{field}Path"), scope)
                })
                .map_err(|e| Self::eval_failure(state, frame, e, data)),
            Text::Jsonata(template) => {
                let value = self.fill(frame, state, template, field, data, Seen::default())?;
                if value.is_string() {
                    return Ok(value);
                }
                Err(Self::unexpected_type(state, frame, field, template, "string", &value))
            }
        }
    }

    /// Whether `value` is too big or too deep to be passed on.
    pub(super) fn is_too_big(&self, value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
            Value::String(text) if text.len() * 6 + 2 <= self.limits.payload_bytes => false,
            value => is_too_deep(value) || json_bytes(value) > self.limits.payload_bytes,
        }
    }
}

fn path_of(amount: &Amount) -> String {
    match amount {
        Amount::Path(path) => path.text().to_owned(),
        Amount::Fixed(_) | Amount::Share(_) | Amount::Jsonata(_) => String::new(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "callers bound it below 2^53")]
fn saturated(f: f64) -> i64 {
    f as i64
}

/// Why a number of a state cannot be had.
pub(super) enum AmountError {
    NotFound {
        path: String,
        reason: String,
    },
    /// There is a value that stands for no such number; `path` is empty where an expression gave it.
    NoNumber {
        path: String,
        value: Value,
    },
    Failed(Failure),
}
