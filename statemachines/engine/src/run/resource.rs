//! What kind of task an ARN names, and how the history speaks of it.

use serde_json::{Map, Value, json};

/// A family of tasks with its own event types.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Family {
    Lambda,
    Activity,
    Service,
}

/// A task's resource, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Resource<'a> {
    pub(super) family: Family,
    arn: &'a str,
    service: &'a str,
    action: &'a str,
}

impl<'a> Resource<'a> {
    pub(super) fn parse(arn: &'a str) -> Self {
        let mut parts = arn.splitn(6, ':');
        let service = parts.nth(2).unwrap_or_default();
        let rest = parts.nth(2).unwrap_or_default();
        match (service, rest) {
            ("states", rest) if rest.starts_with("activity:") => {
                Self { family: Family::Activity, arn, service: "", action: "" }
            }
            ("states", rest) => {
                // The `:2` of `startExecution.sync:2` belongs to the action.
                let body = rest.strip_suffix(":2").unwrap_or(rest);
                let service = body.rsplit_once(':').map_or("", |(service, _)| service);
                let action = rest.strip_prefix(service).unwrap_or(rest).trim_start_matches(':');
                Self { family: Family::Service, arn, service, action }
            }
            _ => Self { family: Family::Lambda, arn, service: "", action: "" },
        }
    }

    /// Whether the task ends by a token rather than by its own result.
    pub(super) fn waits_for_token(&self) -> bool {
        self.family == Family::Activity || self.action.ends_with(".waitForTaskToken")
    }

    /// Whether the context object shows the token: an activity's worker gets it otherwise.
    pub(super) fn shows_token(&self) -> bool {
        self.action.ends_with(".waitForTaskToken")
    }

    /// Whether the request and the work are two events.
    pub(super) fn is_submitted(&self) -> bool {
        self.action.contains(".sync") || self.shows_token()
    }

    /// How messages name the task.
    pub(super) fn subject(&self) -> &'a str {
        if self.family == Family::Service { self.service } else { self.arn }
    }

    /// `TaskFailed`, `LambdaFunctionFailed`, `ActivityFailed`.
    pub(super) fn event(&self, what: Event) -> &'static str {
        match (self.family, what) {
            (Family::Service, Event::Scheduled) => "TaskScheduled",
            (Family::Service, Event::Started) => "TaskStarted",
            (Family::Service, Event::Succeeded) => "TaskSucceeded",
            (Family::Service, Event::Failed) => "TaskFailed",
            (Family::Service, Event::TimedOut) => "TaskTimedOut",
            (Family::Lambda, Event::Scheduled) => "LambdaFunctionScheduled",
            (Family::Lambda, Event::Started) => "LambdaFunctionStarted",
            (Family::Lambda, Event::Succeeded) => "LambdaFunctionSucceeded",
            (Family::Lambda, Event::Failed) => "LambdaFunctionFailed",
            (Family::Lambda, Event::TimedOut) => "LambdaFunctionTimedOut",
            (Family::Activity, Event::Scheduled) => "ActivityScheduled",
            (Family::Activity, Event::Started) => "ActivityStarted",
            (Family::Activity, Event::Succeeded) => "ActivitySucceeded",
            (Family::Activity, Event::Failed) => "ActivityFailed",
            (Family::Activity, Event::TimedOut) => "ActivityTimedOut",
        }
    }

    pub(super) fn scheduled(
        &self,
        input: &Value,
        region: &str,
        timeout: Option<i64>,
        heartbeat: Option<i64>,
        credentials: Option<&Value>,
    ) -> Value {
        let mut details = Map::new();
        if self.family == Family::Service {
            details = self.named();
            details.insert("region".to_owned(), region.into());
            details.insert("parameters".to_owned(), input.to_string().into());
        } else {
            details.insert("resource".to_owned(), self.arn.into());
            details.insert("input".to_owned(), input.to_string().into());
            details.insert("inputDetails".to_owned(), json!({"truncated": false}));
        }
        if let Some(timeout) = timeout {
            details.insert("timeoutInSeconds".to_owned(), timeout.into());
        }
        if let (Some(heartbeat), Family::Service | Family::Activity) = (heartbeat, self.family) {
            details.insert("heartbeatInSeconds".to_owned(), heartbeat.into());
        }
        if let Some(role) = credentials.and_then(|c| c.get("RoleArn")) {
            details.insert("taskCredentials".to_owned(), json!({"roleArn": role}));
        }
        Value::Object(details)
    }

    pub(super) fn started(&self) -> Option<Value> {
        match self.family {
            Family::Service => Some(Value::Object(self.named())),
            Family::Lambda => None,
            Family::Activity => Some(json!({})),
        }
    }

    pub(super) fn output(&self, output: &Value) -> Value {
        let mut details = if self.family == Family::Service { self.named() } else { Map::new() };
        details.insert("output".to_owned(), output.to_string().into());
        details.insert("outputDetails".to_owned(), json!({"truncated": false}));
        Value::Object(details)
    }

    pub(super) fn failed(&self, failure: Value) -> Value {
        let mut details = if self.family == Family::Service { self.named() } else { Map::new() };
        if let Value::Object(failure) = failure {
            details.extend(failure);
        }
        Value::Object(details)
    }

    fn named(&self) -> Map<String, Value> {
        let mut details = Map::new();
        details.insert("resourceType".to_owned(), self.service.into());
        details.insert("resource".to_owned(), self.action.into());
        details
    }
}

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Event {
    Scheduled,
    Started,
    Succeeded,
    Failed,
    TimedOut,
}
