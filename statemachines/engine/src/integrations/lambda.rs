//! `lambda:invoke`, and functions named by their own ARN.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::answer::{ServiceError, arguments, bad_arguments, only, text};
use super::request::{Request, Style};
use crate::tasks::{TaskCall, TaskFailure, TaskResult};

const ARGUMENTS: &[&str] =
    &["FunctionName", "Payload", "InvocationType", "Qualifier", "ClientContext", "LogType"];

/// One call of a function.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Invocation {
    /// What the function gets.
    pub payload: Value,
    /// The same for a call that is made again after a crash.
    pub idempotency_key: String,
}

/// An error that a function raised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct FunctionError {
    /// The class of the exception; `ErrorEquals` is compared with it.
    pub error_type: String,
    /// What happened, for people.
    pub message: String,
}

impl FunctionError {
    /// An error of this class.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), message: message.into() }
    }
}

/// A Lambda function: JSON to JSON or an error. A closure is one.
#[async_trait]
pub trait Function: Send + Sync {
    /// Runs the function once.
    async fn invoke(&self, invocation: Invocation) -> Result<Value, FunctionError>;
}

#[async_trait]
impl<F, R> Function for F
where
    F: Fn(Invocation) -> R + Send + Sync,
    R: Future<Output = Result<Value, FunctionError>> + Send,
{
    async fn invoke(&self, invocation: Invocation) -> Result<Value, FunctionError> {
        self(invocation).await
    }
}

/// Functions by name.
#[derive(Clone, Default)]
pub struct Functions {
    by_name: BTreeMap<String, Arc<dyn Function>>,
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}

impl Functions {
    /// No function.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a function of this name.
    #[must_use]
    pub fn with(mut self, name: &str, function: impl Function + 'static) -> Self {
        self.by_name.insert(name.to_owned(), Arc::new(function));
        self
    }

    /// Runs a task whose `Resource` is the function itself.
    pub(super) async fn run_arn(&self, call: &TaskCall) -> TaskResult {
        let named = Named::parse(&call.resource);
        let function = self.by_name.get(named.name).ok_or_else(|| {
            let request = Request {
                service: "lambda",
                action: "invoke",
                style: Style::Optimised,
                pattern: super::request::Pattern::Response,
            };
            request.names().failure(&call.idempotency_key, &not_found(&call.resource))
        })?;
        invoke(&**function, call, call.input.clone()).await
    }

    pub(super) async fn run(&self, request: &Request<'_>, call: &TaskCall) -> TaskResult {
        if request.action != "invoke" {
            return Err(bad_arguments(&call.resource, "there is only `invoke`"));
        }
        let given = arguments(&call.input)?;
        only(&call.resource, given, ARGUMENTS)?;
        let called = text(given, "FunctionName")
            .ok_or_else(|| bad_arguments(&call.resource, "`FunctionName` is required"))?;
        let named = Named::parse(&called);
        let function = self
            .by_name
            .get(named.name)
            .ok_or_else(|| request.names().failure(&call.idempotency_key, &not_found(&called)))?;
        let qualifier = text(given, "Qualifier").or_else(|| named.qualifier.map(str::to_owned));
        let payload = given.get("Payload").cloned().unwrap_or_else(|| json!({}));
        let mut answer = Map::new();
        let status = match text(given, "InvocationType").as_deref() {
            None | Some("RequestResponse") => {
                let output = invoke(&**function, call, payload).await?;
                let output = match request.style {
                    Style::Optimised => output,
                    Style::Sdk => Value::String(output.to_string()),
                };
                answer.insert("Payload".to_owned(), output);
                let version = qualifier.filter(|q| q.bytes().all(|b| b.is_ascii_digit()));
                answer.insert(
                    "ExecutedVersion".to_owned(),
                    version.unwrap_or_else(|| "$LATEST".to_owned()).into(),
                );
                200
            }
            // Nobody hears what the function gave; it still runs before the task ends, as
            // nothing else here would run it after a crash.
            Some("Event") => {
                drop(invoke(&**function, call, payload).await);
                202
            }
            Some("DryRun") => 204,
            Some(other) => {
                let why = format!(
                    "1 validation error detected: Value '{other}' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
                );
                let error = ServiceError::other("ValidationException", why);
                return Err(request.names().failure(&call.idempotency_key, &error));
            }
        };
        answer.insert("StatusCode".to_owned(), status.into());
        Ok(request.names().answer(&call.idempotency_key, "application/json", status, answer))
    }
}

fn not_found(called: &str) -> ServiceError {
    ServiceError::modelled("ResourceNotFoundException", format!("Function not found: {called}"))
        .with_status(404)
}

async fn invoke(function: &dyn Function, call: &TaskCall, payload: Value) -> TaskResult {
    let invocation = Invocation { payload, idempotency_key: call.idempotency_key.clone() };
    function.invoke(invocation).await.map_err(|error| {
        let cause = json!({"errorMessage": error.message, "errorType": error.error_type});
        TaskFailure::new(error.error_type, cause.to_string())
    })
}

/// A function's name out of its ARN, a part of it, or the name with an alias.
struct Named<'a> {
    name: &'a str,
    qualifier: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn parse(called: &'a str) -> Self {
        let tail = called.rsplit_once("function:").map_or(called, |(_, tail)| tail);
        match tail.split_once(':') {
            Some((name, qualifier)) => Self { name, qualifier: Some(qualifier) },
            None => Self { name: tail, qualifier: None },
        }
    }
}
