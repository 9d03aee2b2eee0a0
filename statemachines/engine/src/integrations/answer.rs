//! How answers and errors of services look to a state machine.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::request::Style;
use crate::tasks::{Effects, TaskCall, TaskFailure};

/// Names the ids that are derived from idempotency keys.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_93f7_25c2_4b5e_9a0e_5d1c_7b84_02a6);

/// What a service is told about the call besides its arguments.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery<'a> {
    /// The same for a call that is made again after a crash: act once for a key.
    pub key: &'a str,
    /// What is to be committed together with the task's result.
    pub effects: &'a Effects,
}

impl<'a> Delivery<'a> {
    pub(super) fn of(call: &'a TaskCall) -> Self {
        Self { key: &call.idempotency_key, effects: &call.effects }
    }

    /// An id that belongs to the key: the same for a repeated call.
    pub fn id(&self) -> String {
        Uuid::new_v5(&NAMESPACE, self.key.as_bytes()).to_string()
    }
}

/// What a service refused, as the service says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct ServiceError {
    /// The exception that the service's interface has for this, such as
    /// `ConditionalCheckFailedException`; errors without one go by the name of the service.
    pub exception: Option<String>,
    /// The code in the answer, such as `ValidationException`.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

impl ServiceError {
    /// An error that the service's interface has an exception for.
    pub fn modelled(exception: &str, message: impl Into<String>) -> Self {
        Self {
            exception: Some(exception.to_owned()),
            code: exception.to_owned(),
            message: message.into(),
            status: 400,
        }
    }

    /// An error that is known by its code only.
    pub fn other(code: &str, message: impl Into<String>) -> Self {
        Self { exception: None, code: code.to_owned(), message: message.into(), status: 400 }
    }

    /// With another code than the exception's name.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> Self {
        code.clone_into(&mut self.code);
        self
    }

    /// With another HTTP status than 400.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The store behind a service did not answer.
    pub(super) fn unavailable(error: impl std::fmt::Display) -> Self {
        Self::other("ServiceUnavailable", error.to_string()).with_status(503)
    }
}

/// How a service's errors are named in one style of calling it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) style: Style,
    pub(super) prefix: &'static str,
    pub(super) fallback: &'static str,
    pub(super) service: &'static str,
}

/// An id of the request that belongs to the key.
fn request_id(key: &str) -> String {
    Uuid::new_v5(&NAMESPACE, format!("request {key}").as_bytes()).to_string()
}

impl Names {
    /// The error as Retry and Catch see it.
    pub(super) fn failure(&self, key: &str, error: &ServiceError) -> TaskFailure {
        let name = error.exception.as_deref().unwrap_or(self.fallback);
        let (status, code, id) = (error.status, &error.code, request_id(key));
        let detail = match self.style {
            Style::Optimised => format!(
                "(Service: {}; Status Code: {status}; Error Code: {code}; Request ID: {id}; Proxy: null)",
                self.service
            ),
            Style::Sdk => {
                format!("(Service: {}, Status Code: {status}, Request ID: {id})", self.service)
            }
        };
        TaskFailure::new(format!("{}.{name}", self.prefix), format!("{} {detail}", error.message))
    }

    /// The answer with what the optimised integrations add to it.
    pub(super) fn answer(
        &self,
        key: &str,
        content_type: &str,
        status: u16,
        mut answer: Map<String, Value>,
    ) -> Value {
        if self.style == Style::Optimised {
            let id = request_id(key);
            answer.insert(
                "SdkHttpMetadata".to_owned(),
                json!({
                    "AllHttpHeaders": {"Content-Type": [content_type], "x-amzn-RequestId": [id]},
                    "HttpHeaders": {"Content-Type": content_type, "x-amzn-RequestId": id},
                    "HttpStatusCode": status,
                }),
            );
            answer.insert("SdkResponseMetadata".to_owned(), json!({"RequestId": id}));
        }
        Value::Object(answer)
    }
}

/// What the JSON protocols of AWS answer with.
pub(super) const AMZ_JSON: &str = "application/x-amz-json-1.0";

/// The arguments, which are an object.
pub(super) fn arguments(input: &Value) -> Result<&Map<String, Value>, TaskFailure> {
    input.as_object().ok_or_else(|| {
        TaskFailure::new("States.Runtime", "the arguments of a service integration are an object")
    })
}

/// An argument that is text; other JSON is written out, as Step Functions does it.
pub(super) fn text(arguments: &Map<String, Value>, name: &str) -> Option<String> {
    match arguments.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A required argument was not given, or one is not known.
pub(super) fn bad_arguments(resource: &str, why: &str) -> TaskFailure {
    TaskFailure::new(
        "States.Runtime",
        format!("The Parameters of `{resource}` are not right: {why}"),
    )
}

/// Refuses arguments that the call does not have, which are typing errors.
pub(super) fn only(
    resource: &str,
    arguments: &Map<String, Value>,
    known: &[&str],
) -> Result<(), TaskFailure> {
    match arguments.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let why =
                format!("the field `{name}` is not supported; there are {}", known.join(", "));
            Err(bad_arguments(resource, &why))
        }
    }
}
