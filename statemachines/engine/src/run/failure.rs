//! Errors of the language, as Retry, Catch and the history see them.

use serde_json::{Value, json};

use super::evaluate::AmountError;
use super::simple::{shown, type_name};
use super::{Frame, Run};
use crate::definition::{Amount, State};
use crate::lang::{EvalError, Template};

/// Whether a failure comes from a query, which has an event of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Query {
    No,
    /// Of a value that no field stands for.
    Value,
    /// Of this field, as `Output/result`.
    Field(String),
}

impl Query {
    pub(super) fn field(&self) -> Option<&str> {
        match self {
            Self::Field(field) => Some(field),
            Self::No | Self::Value => None,
        }
    }
}

/// Why a state failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    /// Another name under which it may be retried or caught.
    pub(crate) also: Option<&'static str>,
    /// A query failed, at this field: it gets an event of its own.
    pub(crate) query: Query,
}

impl Failure {
    pub(crate) fn new(error: &str, cause: impl Into<String>) -> Self {
        Self {
            error: Some(error.to_owned()),
            cause: Some(cause.into()),
            also: None,
            query: Query::No,
        }
    }

    pub(crate) fn bare(error: &str) -> Self {
        Self { error: Some(error.to_owned()), cause: None, also: None, query: Query::No }
    }

    /// Too many items of a distributed Map failed.
    pub(crate) fn threshold() -> Self {
        Self::new(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        )
    }

    /// Whether an entry of Retry or Catch that names `errors` takes this failure.
    pub(crate) fn matches(&self, errors: &[String]) -> bool {
        let name = self.error.as_deref().unwrap_or_default();
        let is_runtime = name == "States.Runtime";
        errors.iter().any(|error| match error.as_str() {
            "States.ALL" => !is_runtime,
            "States.TaskFailed" => !is_runtime && name != "States.Timeout",
            error => (error == name && !is_runtime) || Some(error) == self.also,
        })
    }

    /// `{"Error": …, "Cause": …}` as Catch gives it.
    pub(crate) fn output(&self) -> Value {
        if self.error.as_deref() == Some("States.Timeout") {
            return json!({"Error": self.error, "Cause": self.cause.as_deref().unwrap_or_default()});
        }
        json!({"Error": self.error, "Cause": self.cause})
    }

    /// The details of an event that reports it; absent parts are left out.
    pub(crate) fn details(&self) -> Value {
        let mut details = serde_json::Map::new();
        if let Some(error) = &self.error {
            details.insert("error".to_owned(), error.as_str().into());
        }
        if let Some(cause) = &self.cause {
            details.insert("cause".to_owned(), cause.as_str().into());
        }
        Value::Object(details)
    }
}

impl Run {
    /// The sentence with which AWS starts the cause of an error in a state.
    pub(super) fn prefix(state: &State, frame: &Frame) -> String {
        format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). ",
            state.name, frame.entered_event
        )
    }

    pub(super) fn runtime(state: &State, frame: &Frame, detail: &str) -> Failure {
        Failure::new("States.Runtime", Self::prefix(state, frame) + detail)
    }

    /// A query error that is not the expression's own, such as a result of the wrong type.
    pub(super) fn query_failure(
        state: &State,
        frame: &Frame,
        location: Option<&str>,
        detail: &str,
    ) -> Failure {
        let mut failure =
            Failure::new("States.QueryEvaluationError", Self::prefix(state, frame) + detail);
        failure.query = location.map_or(Query::Value, |field| Query::Field(field.to_owned()));
        failure
    }

    /// An expression gave a value of another type than its field takes.
    pub(super) fn unexpected_type(
        state: &State,
        frame: &Frame,
        field: &str,
        template: &Template,
        expected: &str,
        value: &Value,
    ) -> Failure {
        let detail = format!(
            "The JSONata expression '{}' specified for the field '{field}' returned an unexpected result type. Expected '{expected}', but was '{}' for value: {value}",
            template.expression(),
            type_name(value)
        );
        Self::query_failure(state, frame, Some(field), &detail)
    }

    /// A number of a Map that cannot be had; `what` is `integer` or `float`.
    pub(super) fn number_failure(
        state: &State,
        frame: &Frame,
        field: &str,
        what: &str,
        error: AmountError,
    ) -> Failure {
        match error {
            AmountError::Failed(failure) => failure,
            AmountError::NotFound { path, reason } => {
                Self::runtime(state, frame, &format!("Invalid path '{path}' : {reason}"))
            }
            AmountError::NoNumber { path, value } if path.is_empty() => {
                let detail = format!("The {field} field is not a valid {what}: {value}");
                Self::query_failure(state, frame, Some(field), &detail)
            }
            AmountError::NoNumber { path, value } => {
                let detail = format!(
                    "The {field}Path field refers to value \"{}\" which is not a valid {what}: {path}",
                    shown(&value)
                );
                Self::runtime(state, frame, &detail)
            }
        }
    }

    /// A number that is out of its bounds, by the language that gave it.
    pub(super) fn out_of_bounds(
        state: &State,
        frame: &Frame,
        field: &str,
        amount: &Amount,
        detail: &str,
    ) -> Failure {
        match amount {
            Amount::Jsonata(_) => Self::query_failure(state, frame, Some(field), detail),
            Amount::Fixed(_) | Amount::Share(_) | Amount::Path(_) => {
                Self::runtime(state, frame, detail)
            }
        }
    }

    pub(super) fn eval_failure(
        state: &State,
        frame: &Frame,
        error: EvalError,
        data: &Value,
    ) -> Failure {
        match error {
            EvalError::NotFound { field, path } => {
                let mut failure = Self::runtime(
                    state,
                    frame,
                    &format!(
                        "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{data}'"
                    ),
                );
                failure.also = Some("States.ParameterPathFailure");
                failure
            }
            EvalError::InvalidPath { path, reason } => {
                Self::runtime(state, frame, &format!("Invalid path '{path}' : {reason}"))
            }
            EvalError::TooMuch => Failure::new(
                "States.DataLimitExceeded",
                Self::prefix(state, frame)
                    + "The values of an expression exceed the maximum number of bytes.",
            ),
            EvalError::Intrinsic { call, reason } => {
                // AWS documents one name and gives another.
                let detail = format!("The function '{call}' had the following error: {reason}");
                let mut failure = Self::runtime(state, frame, &detail);
                failure.also = Some("States.IntrinsicFailure");
                failure
            }
            EvalError::Query { location, cause } => {
                Self::query_failure(state, frame, Some(&location), &cause)
            }
        }
    }
}
