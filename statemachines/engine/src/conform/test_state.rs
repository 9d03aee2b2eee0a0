//! One state alone, as `TestState` runs it: with a mocked result, error, or context.

use serde_json::{Map, Value, json};

use super::shapes;
use crate::definition::Machine;
use crate::rehearse::START_MS;
use crate::run::{Failure, Identity, Limits, Phase, Query, ROOT, Run, Status};

/// The name AWS gives to a state that comes without one.
const UNNAMED: &str = "StateName";

/// A state taken out of its machine.
struct Probe {
    name: String,
    state: Map<String, Value>,
    language: Option<Value>,
}

impl Probe {
    fn of(case: &Map<String, Value>) -> Option<Self> {
        let definition = case.get("definition")?.as_object()?;
        let wanted = option(case, "stateName").and_then(Value::as_str);
        if definition.contains_key("States") {
            let state = find(definition, wanted?, 0)?;
            return Some(Self {
                name: wanted?.to_owned(),
                state: state.clone(),
                language: definition.get("QueryLanguage").cloned(),
            });
        }
        Some(Self { name: UNNAMED.to_owned(), state: definition.clone(), language: None })
    }

    /// A machine of this state, with something that waits for ever behind it.
    fn machine(&self) -> Result<Machine, crate::DefinitionErrors> {
        let mut states = Map::new();
        states.insert(self.name.clone(), Value::Object(self.state.clone()));
        for target in self.targets() {
            states
                .entry(target)
                .or_insert_with(|| json!({"Type": "Wait", "Seconds": 86_400, "End": true}));
        }
        let mut machine = Map::new();
        if let Some(language) = &self.language {
            machine.insert("QueryLanguage".to_owned(), language.clone());
        }
        machine.insert("StartAt".to_owned(), self.name.clone().into());
        machine.insert("States".to_owned(), Value::Object(states));
        Machine::parse(&Value::Object(machine).to_string())
    }

    fn targets(&self) -> Vec<String> {
        let lists = ["Choices", "Catch"]
            .into_iter()
            .filter_map(|f| self.state.get(f)?.as_array())
            .flatten();
        let nested = lists.filter_map(|entry| entry.get("Next"));
        let own = ["Next", "Default"].into_iter().filter_map(|f| self.state.get(f));
        own.chain(nested).filter_map(|v| v.as_str().map(str::to_owned)).collect()
    }

    fn kind(&self) -> &str {
        self.state.get("Type").and_then(Value::as_str).unwrap_or_default()
    }
}

fn option<'c>(case: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    case.get("test_state")?.get(name)
}

/// The state `name`, at any depth.
fn find<'d>(
    machine: &'d Map<String, Value>,
    name: &str,
    depth: usize,
) -> Option<&'d Map<String, Value>> {
    if depth > 32 {
        return None;
    }
    let states = machine.get("States")?.as_object()?;
    if let Some(state) = states.get(name) {
        return state.as_object();
    }
    let children = states.values().flat_map(|state| {
        let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
        branches.chain(state.get("ItemProcessor")).chain(state.get("Iterator"))
    });
    children.filter_map(Value::as_object).find_map(|child| find(child, name, depth + 1))
}

fn parsed(text: Option<&Value>) -> Option<Value> {
    match text? {
        Value::String(text) => serde_json::from_str(text).ok(),
        other => Some(other.clone()),
    }
}

/// Runs the state of a case of kind `test_state`.
pub(super) fn run(case: &Map<String, Value>) -> Value {
    let Some(probe) = Probe::of(case) else {
        return json!({"status": "INVALID", "cause": "State not found in definition"});
    };
    let machine = match probe.machine() {
        Ok(machine) => machine,
        Err(errors) => return json!({"status": "INVALID", "cause": errors.to_string()}),
    };
    let input = parsed(option(case, "input")).unwrap_or_else(|| json!({}));
    let identity = Identity { express_run: Some(String::new()), ..Identity::default() };
    let mut run =
        Run::new(&machine, "conform", &identity, input.clone(), START_MS, Limits::default());
    run.context_given = Some(
        parsed(option(case, "context")).unwrap_or_else(|| default_context(&run, &probe, &input)),
    );
    run.at(START_MS, 0);
    run.advance(1);
    let injected = inject(&mut run, case);
    result(&run, &probe, injected)
}

fn default_context(run: &Run, probe: &Probe, input: &Value) -> Value {
    let started = crate::lang::format_millis(START_MS);
    json!({
        "Execution": {"Id": run.execution_arn().trim_end_matches(':'), "Input": input, "Name": "conform",
                      "RoleArn": run.head.identity.role_arn, "StartTime": started},
        "StateMachine": {"Id": run.machine_arn(), "Name": run.head.identity.machine},
        "State": {"Name": probe.name, "EnteredTime": started, "RetryCount": 0},
    })
}

/// Gives the mocked result or error to the state; the failure, where there is one.
fn inject(run: &mut Run, case: &Map<String, Value>) -> Option<Failure> {
    if let (Some(data), Some(call)) = (
        option(case, "stateConfiguration").and_then(|c| c.get("mapItemReaderData")),
        run.call(ROOT),
    ) {
        let body = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
        run.task_ended(ROOT, &call.key, Ok(json!({"Body": body})));
    }
    let mock = option(case, "mock")?;
    let mocked = match mock.get("errorOutput") {
        Some(error) => {
            let text = |key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
            Err(Failure {
                error: text("error"),
                cause: text("cause"),
                also: None,
                query: Query::No,
            })
        }
        None => Ok(parsed(mock.get("result")).unwrap_or(Value::Null)),
    };
    let failed = option(case, "stateConfiguration")
        .and_then(|c| c.get("mapIterationFailureCount"))
        .and_then(Value::as_u64)
        .unwrap_or(0);
    run.mock(mocked, u32::try_from(failed).unwrap_or(u32::MAX))
}

fn result(run: &Run, probe: &Probe, injected: Option<Failure>) -> Value {
    let failure =
        |f: &Failure, status: &str| json!({"status": status, "error": f.error, "cause": f.cause});
    match &run.head.status {
        Status::Succeeded { output } => json!({"status": "SUCCEEDED", "output": **output}),
        Status::Failed { error, cause } | Status::Aborted { error, cause } => {
            json!({"status": "FAILED", "error": error, "cause": cause})
        }
        Status::TimedOut => json!({"status": "FAILED", "error": "States.Timeout"}),
        Status::Running => {
            let Some(frame) = run.frames.get(&ROOT) else { return json!({"status": "INVALID"}) };
            let at = run
                .machine
                .state(frame.graph, frame.state)
                .map(|s| s.name.to_string())
                .unwrap_or_default();
            if matches!(frame.phase, Phase::Retry { .. }) {
                return injected
                    .map_or_else(|| json!({"status": "RETRIABLE"}), |f| failure(&f, "RETRIABLE"));
            }
            if at == probe.name && probe.kind() != "Wait" {
                return json!({"status": "INVALID", "cause": "the state waits for a result that is not mocked"});
            }
            let mut out = match &injected {
                Some(f) => failure(f, "CAUGHT_ERROR"),
                None => json!({"status": "SUCCEEDED"}),
            };
            if let Value::Object(map) = &mut out {
                map.insert("nextState".to_owned(), at.into());
                map.insert("output".to_owned(), Value::clone(&frame.input));
            }
            out
        }
    }
}

/// Whether the call of a case of kind `test_state_invalid` is accepted.
pub(super) fn is_accepted(case: &Map<String, Value>) -> bool {
    let Some(probe) = Probe::of(case) else { return false };
    if probe.machine().is_err() {
        return false;
    }
    let is_reader_given =
        option(case, "stateConfiguration").and_then(|c| c.get("mapItemReaderData"));
    if is_reader_given.is_some_and(|data| parsed(Some(data)).is_none()) {
        return false;
    }
    if option(case, "context")
        .is_some_and(|context| !parsed(Some(context)).is_some_and(|c| is_context(&c)))
    {
        return false;
    }
    match option(case, "mock") {
        // These run nothing by themselves, so they need a mock.
        None => match probe.kind() {
            "Map" | "Parallel" => false,
            "Task" => option(case, "roleArn").is_some(),
            _ => true,
        },
        Some(mock) if has_too_many_failures(case, mock) => false,
        Some(mock) => {
            is_mock(&probe, mock, option(case, "revealSecrets") == Some(&Value::Bool(true)))
        }
    }
}

fn is_mock(probe: &Probe, mock: &Value, reveals: bool) -> bool {
    let has = |key: &str| mock.get(key).is_some_and(|v| !v.is_null());
    if reveals
        || has("result") == has("errorOutput")
        || !matches!(probe.kind(), "Task" | "Map" | "Parallel")
    {
        return false;
    }
    if !has("result") {
        return true;
    }
    let Some(result) = parsed(mock.get("result")) else { return false };
    match probe.kind() {
        "Map" if probe.state.contains_key("ResultWriter") => result.is_object(),
        "Parallel" | "Map" => result.is_array(),
        _ => {
            let resource = probe.state.get("Resource").and_then(Value::as_str).unwrap_or_default();
            match mock.get("fieldValidationMode").and_then(Value::as_str) {
                Some("NONE") => true,
                mode => shapes::fits(resource, &result, mode != Some("PRESENT")),
            }
        }
    }
}

/// Whether more iterations are to fail than there are.
fn has_too_many_failures(case: &Map<String, Value>, mock: &Value) -> bool {
    let failed = option(case, "stateConfiguration")
        .and_then(|c| c.get("mapIterationFailureCount"))
        .and_then(Value::as_u64);
    let results = parsed(mock.get("result")).and_then(|r| r.as_array().map(Vec::len));
    failed.zip(results).is_some_and(|(failed, results)| failed > results as u64)
}

/// Whether `context` has the fields of a context object, each of its type.
fn is_context(context: &Value) -> bool {
    let Value::Object(parts) = context else { return false };
    parts.iter().all(|(part, value)| {
        let Value::Object(fields) = value else { return false };
        fields.iter().all(|(field, value)| match (part.as_str(), field.as_str()) {
            ("Execution", "Id" | "Name" | "RoleArn" | "StartTime" | "RedriveTime")
            | ("State", "EnteredTime" | "Name")
            | ("StateMachine", "Id" | "Name")
            | ("Task", "Token") => value.is_string(),
            ("Execution", "Input") => value.is_object(),
            ("Execution", "RedriveCount") | ("State", "RetryCount") => value.is_number(),
            _ => false,
        }) && matches!(part.as_str(), "Execution" | "State" | "StateMachine" | "Task")
    })
}
