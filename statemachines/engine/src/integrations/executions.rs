//! `states:startExecution`: executions of other machines in the same engine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Map, Value, json};

use super::answer::{AMZ_JSON, Delivery, ServiceError, arguments, bad_arguments, only, text};
use super::request::{Pattern, Request, Style};
use crate::definition::Machine;
use crate::engine::{Description, Engine, EngineError, Started, WeakEngine};
use crate::lang::format_millis;
use crate::run::{Identity, Status};
use crate::tasks::{TaskCall, TaskFailure, TaskResult};

const ARGUMENTS: &[&str] = &["StateMachineArn", "Input", "Name", "TraceHeader"];

/// Starts executions of the machines it knows. Clones share everything.
///
/// It needs the engine whose tasks it runs: tell it with [`Executions::attach`]. Names of
/// executions are unique in an engine, so those of children are shared with all others.
///
/// A `.sync` task runs as long as its child. Where the task is given up while this process
/// drives it (it timed out, or its execution ended), the child is stopped, as AWS tries to.
#[derive(Debug, Clone, Default)]
pub struct Executions {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    machines: Mutex<BTreeMap<String, Machine>>,
    engine: OnceLock<WeakEngine>,
}

/// Why an engine could not be attached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutionsError {
    /// There is one already.
    #[error("executions are attached to an engine already; make others for another engine")]
    Attached,
}

/// The wait of a `.sync` task for its child.
struct Waiting {
    engine: Engine,
    parent: String,
    key: String,
    child: String,
    is_over: bool,
}

impl Waiting {
    fn new(engine: &Engine, call: &TaskCall, child: &Child) -> Self {
        Self {
            engine: engine.clone(),
            parent: call.execution.clone(),
            key: call.idempotency_key.clone(),
            child: child.name.clone(),
            is_over: false,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.is_over {
            return;
        }
        let engine = self.engine.clone();
        let [parent, key, child] =
            [&mut self.parent, &mut self.key, &mut self.child].map(std::mem::take);
        runtime.spawn(async move {
            // Of a driver that only went away, the next one waits for the child again.
            if engine.waits_for(&parent, &key).await.is_ok_and(|waits| !waits) {
                // Best effort: a child that cannot be stopped ends by itself.
                drop(engine.stop(&child, None, None).await);
            }
        });
    }
}

/// A child execution that was started, now or by an earlier call with the same key.
struct Child {
    name: String,
    machine_arn: String,
    arn: String,
}

impl Executions {
    /// No machine yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a machine known by the last part of its ARN.
    pub fn add(&self, name: &str, machine: &Machine) {
        let mut machines = self.shared.machines.lock().unwrap_or_else(PoisonError::into_inner);
        machines.insert(name.to_owned(), machine.clone());
    }

    /// Says in which engine children run. The engine is not kept alive by it.
    ///
    /// # Errors
    /// [`ExecutionsError::Attached`] for the second engine.
    pub fn attach(&self, engine: &Engine) -> Result<(), ExecutionsError> {
        self.shared.engine.set(engine.downgrade()).map_err(|_| ExecutionsError::Attached)
    }

    pub(super) async fn run(&self, request: &Request<'_>, call: &TaskCall) -> TaskResult {
        if request.action != "startExecution" {
            return Err(bad_arguments(&call.resource, "there is only `startExecution`"));
        }
        let given = arguments(&call.input)?;
        only(&call.resource, given, ARGUMENTS)?;
        let engine = self.shared.engine.get().and_then(WeakEngine::upgrade).ok_or_else(|| {
            TaskFailure::new("States.Runtime", "no engine is attached to start executions in")
        })?;
        let delivery = Delivery::of(call);
        let child = self
            .start(&engine, given, &delivery)
            .await
            .map_err(|error| request.names().failure(delivery.key, &error))?;
        let described = describe(&engine, &child.name).await?;
        let mut answer = Map::new();
        answer.insert("ExecutionArn".to_owned(), child.arn.clone().into());
        answer.insert("StartDate".to_owned(), date(request.style, described.started_ms));
        let answer = request.names().answer(delivery.key, AMZ_JSON, 200, answer);
        match request.pattern {
            Pattern::Response | Pattern::Token => {
                // Whoever drives runnable executions would do; here it begins at once.
                tokio::spawn(async move { engine.follow(&child.name).await });
                Ok(answer)
            }
            Pattern::Sync | Pattern::SyncParsed => {
                call.submission.taken(answer);
                let mut waiting = Waiting::new(&engine, call, &child);
                // The child has a driver of its own, which outlives the task to see its stop.
                let (follower, name) = (engine.clone(), child.name.clone());
                let followed = tokio::spawn(async move { follower.follow(&name).await }).await;
                waiting.is_over = true;
                followed.map_err(|e| unreachable_child(&e))?.map_err(|e| unreachable_child(&e))?;
                let described = describe(&engine, &child.name).await?;
                let is_parsed = request.pattern == Pattern::SyncParsed;
                outcome(&child, &described, is_parsed)
            }
        }
    }

    async fn start(
        &self,
        engine: &Engine,
        given: &Map<String, Value>,
        delivery: &Delivery<'_>,
    ) -> Result<Child, ServiceError> {
        let machine_arn = text(given, "StateMachineArn").unwrap_or_default();
        let machine_name = machine_arn.rsplit(':').next().unwrap_or_default().to_owned();
        let machine = {
            let machines = self.shared.machines.lock().unwrap_or_else(PoisonError::into_inner);
            machines.get(&machine_name).cloned()
        };
        let machine = machine.ok_or_else(|| {
            ServiceError::modelled(
                "StateMachineDoesNotExistException",
                format!("State Machine Does Not Exist: '{machine_arn}'"),
            )
            .with_code("StateMachineDoesNotExist")
        })?;
        let input = input(given)?;
        let name = text(given, "Name").unwrap_or_else(|| delivery.id());
        let identity = Identity {
            machine: machine_name,
            started_by: Some(delivery.key.to_owned()),
            ..engine.identity().clone()
        };
        let arn = identity.execution_arn(&name);
        let child = Child { machine_arn: identity.machine_arn(), arn, name };
        match engine.start_as(&child.name, &machine, input, identity).await {
            Ok(Started::New) => Ok(child),
            Ok(Started::Already) => {
                let described =
                    engine.describe(&child.name).await.map_err(ServiceError::unavailable)?;
                if described.identity.started_by.as_deref() == Some(delivery.key) {
                    return Ok(child);
                }
                let why = format!("Execution Already Exists: '{}'", child.arn);
                Err(ServiceError::modelled("ExecutionAlreadyExistsException", why)
                    .with_code("ExecutionAlreadyExists"))
            }
            Err(EngineError::BadName(name)) => Err(ServiceError::modelled(
                "InvalidNameException",
                format!("Invalid Name: '{name}'"),
            )
            .with_code("InvalidName")),
            Err(EngineError::BadInput(_)) => Err(bad_input("it is too long or nested too deeply")),
            Err(error) => Err(ServiceError::unavailable(error)),
        }
    }
}

fn bad_input(why: &str) -> ServiceError {
    ServiceError::modelled(
        "InvalidExecutionInputException",
        format!("Invalid State Machine Execution Input: '{why}'"),
    )
    .with_code("InvalidExecutionInput")
}

/// The child's input; a text is one of JSON.
fn input(given: &Map<String, Value>) -> Result<Value, ServiceError> {
    match given.get("Input") {
        None | Some(Value::Null) => Ok(json!({})),
        Some(Value::String(text)) => {
            serde_json::from_str(text).map_err(|e| bad_input(&format!("it is no JSON: {e}")))
        }
        Some(value) => Ok(value.clone()),
    }
}

fn date(style: Style, at_ms: i64) -> Value {
    match style {
        Style::Optimised => at_ms.into(),
        Style::Sdk => format_millis(at_ms).into(),
    }
}

fn unreachable_child(error: &impl std::fmt::Display) -> TaskFailure {
    TaskFailure::new("States.TaskFailed", format!("the child execution cannot be driven: {error}"))
}

async fn describe(engine: &Engine, name: &str) -> Result<Description, TaskFailure> {
    engine.describe(name).await.map_err(|e| unreachable_child(&e))
}

/// What a `.sync` task gives: `DescribeExecution` with capital letters, payloads as text or,
/// for `.sync:2`, as JSON. A child that did not succeed is the cause of an error.
fn outcome(child: &Child, described: &Description, is_parsed: bool) -> TaskResult {
    let payload = |value: &Value| {
        if is_parsed { value.clone() } else { Value::String(value.to_string()) }
    };
    let mut shown = Map::new();
    let mut show = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    show("ExecutionArn", child.arn.clone().into());
    show("Input", payload(&described.input));
    show("InputDetails", json!({"Included": true}));
    show("Name", child.name.clone().into());
    show("StartDate", described.started_ms.into());
    show("StateMachineArn", child.machine_arn.clone().into());
    show("Status", described.status.name().into());
    if let Some(ended_ms) = described.ended_ms {
        show("StopDate", ended_ms.into());
    }
    match &described.status {
        Status::Succeeded { output } => {
            show("Output", payload(output));
            show("OutputDetails", json!({"Included": true}));
            return Ok(Value::Object(shown));
        }
        Status::Failed { error, cause } | Status::Aborted { error, cause } => {
            if let Some(error) = error {
                show("Error", error.clone().into());
            }
            if let Some(cause) = cause {
                show("Cause", cause.clone().into());
            }
        }
        Status::TimedOut | Status::Running => {}
    }
    Err(TaskFailure::new("States.TaskFailed", Value::Object(shown).to_string()))
}
