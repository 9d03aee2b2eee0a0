//! Files of test cases for a definition: an input, mocked tasks, and what is expected.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::conform;
use crate::definition::Machine;
use crate::mock::{MockError, Script, machine_in, scripts};
use crate::rehearse::{Rehearsed, rehearse};
use crate::run::Status;

/// A file of cases:
///
/// ```json
/// {"cases": [{"name": "approved", "input": {"risk": 0.9},
///             "mocks": {"Ask": [{"Return": {"approved": true}}], "Act": "ActIsSlow"},
///             "expect": {"status": "SUCCEEDED", "output": {"done": true}, "path": ["Ask", "Act"]}},
///            {"name": "an error of Ask is caught", "state": "Ask", "input": {},
///             "mock": {"errorOutput": {"error": "Busy", "cause": "later"}},
///             "expect": {"status": "CAUGHT_ERROR", "next": "Alert"}}],
///  "MockedResponses": {"ActIsSlow": {"0-1": {"Throw": {"Error": "Busy", "Cause": ""}},
///                                    "2": {"Return": {}}}}}
/// ```
///
/// What `expect` leaves out is not judged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<Case>,
    #[serde(default, rename = "MockedResponses")]
    responses: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    mocks: Option<Value>,
    /// One state alone is tested, as `TestState` does.
    #[serde(default)]
    state: Option<String>,
    /// `result` or `errorOutput`, as `TestState` takes it; `result` is JSON, not its text.
    #[serde(default)]
    mock: Option<Value>,
    #[serde(default, rename = "stateConfiguration")]
    configuration: Option<Value>,
    #[serde(default)]
    context: Option<Value>,
    expect: Expected,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: String,
    output: Option<Value>,
    error: Option<String>,
    cause: Option<String>,
    path: Option<Vec<String>>,
    /// How long the run takes in virtual time, where waits and retries are all that takes time.
    seconds: Option<f64>,
    /// Where a state that was tested alone leads.
    next: Option<String>,
}

/// How a case went.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseReport {
    /// The case's name.
    pub name: String,
    /// What was not as expected, a sentence each; empty where the case passed.
    pub differences: Vec<String>,
    /// The run itself; a state that was tested alone has none.
    pub run: Option<Rehearsed>,
}

impl CaseReport {
    /// Whether all was as expected.
    pub fn is_passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs every case of a file against `machine`, in virtual time.
///
/// The file is one of cases, or a `MockConfigFile` of Step Functions Local. The latter says
/// nothing of inputs and ends: its cases run on `{}` and pass where every task had an answer.
/// `name` says which of its machines is meant; it may be left out where there is one.
///
/// # Errors
/// Where the file cannot be understood.
pub fn run_test_file(
    machine: &Machine,
    name: Option<&str>,
    text: &str,
) -> Result<Vec<CaseReport>, MockError> {
    let no_json = |e: serde_json::Error| MockError::NoJson(e.to_string());
    let value: Value = serde_json::from_str(text).map_err(no_json)?;
    if value.get("StateMachines").is_some() {
        return local(machine, name, &value);
    }
    let file: File = serde_json::from_value(value).map_err(no_json)?;
    let mut reports = Vec::with_capacity(file.cases.len());
    for (i, case) in file.cases.into_iter().enumerate() {
        let name = case.name.clone();
        if case.state.is_some() {
            let differences = one_state(machine, case);
            reports.push(CaseReport { name, differences, run: None });
            continue;
        }
        let script = match &case.mocks {
            None => Script::default(),
            Some(mocks) => {
                Script::with_responses(mocks, &format!("/cases/{i}/mocks"), &file.responses)?
            }
        };
        let mut found = unknown_states(machine, &script);
        let run = rehearse(machine, or_empty(case.input), script);
        found.extend(differences(&case.expect, &run));
        reports.push(CaseReport { name, differences: found, run: Some(run) });
    }
    Ok(reports)
}

fn or_empty(input: Value) -> Value {
    if input.is_null() { Value::Object(Map::new()) } else { input }
}

/// The cases of a `MockConfigFile`.
fn local(
    machine: &Machine,
    name: Option<&str>,
    file: &Value,
) -> Result<Vec<CaseReport>, MockError> {
    let mut reports = Vec::new();
    for (name, script) in scripts(file, &machine_in(file, name)?)? {
        let mut found = unknown_states(machine, &script);
        let run = rehearse(machine, json!({}), script);
        found.extend(unanswered(&run));
        reports.push(CaseReport { name, differences: found, run: Some(run) });
    }
    Ok(reports)
}

/// Answers for states that are not there are a slip of the pen.
fn unknown_states(machine: &Machine, script: &Script) -> Vec<String> {
    let is_known = |name: &str| {
        machine.compiled.graphs.iter().flat_map(|g| &g.states).any(|s| &*s.name == name)
    };
    let unknown = script.states().filter(|name| !is_known(name));
    unknown.map(|name| format!("the mocks name the state `{name}`, which is not there")).collect()
}

fn unanswered(run: &Rehearsed) -> impl Iterator<Item = String> {
    run.unanswered.iter().map(|state| {
        format!("the task of `{state}` has no answer left; add one to its mocked responses")
    })
}

/// One state alone.
fn one_state(machine: &Machine, case: Case) -> Vec<String> {
    let mut options = Map::new();
    let mut put = |key: &str, value: Value| options.insert(key.to_owned(), value);
    put("stateName", json!(case.state));
    put("input", Value::String(or_empty(case.input).to_string()));
    // Nobody is called, so any role will do.
    put("roleArn", json!("arn:aws:iam::000000000000:role/StateMachine"));
    if let Some(mut mock) = case.mock {
        if let Some(result) = mock.get_mut("result") {
            *result = Value::String(result.to_string());
        }
        put("mock", mock);
    }
    if let Some(configuration) = case.configuration {
        put("stateConfiguration", configuration);
    }
    if let Some(context) = case.context {
        put("context", Value::String(context.to_string()));
    }
    let definition: Value = serde_json::from_str(machine.definition()).unwrap_or_default();
    let call = json!({"definition": definition, "test_state": options});
    let Value::Object(call) = call else { return Vec::new() };
    if !conform::accepts_test_state(&call) {
        return vec![
            "the call would be refused: there is no such state, or its `mock` is missing or not of its kind"
                .to_owned(),
        ];
    }
    let got = conform::test_state(&call);
    let expect = case.expect;
    let text = |text: Option<String>| text.map(Value::String);
    let wanted = [
        ("status", "status", Some(Value::String(expect.status))),
        ("output", "output", expect.output),
        ("error", "error", text(expect.error)),
        ("cause", "cause", text(expect.cause)),
        ("next", "nextState", text(expect.next)),
    ];
    let differs = wanted.into_iter().filter_map(|(name, key, want)| {
        let (want, got) = (want?, got.get(key).cloned().unwrap_or_default());
        (want != got).then(|| format!("{name} is {got}, expected {want}"))
    });
    differs.collect()
}

fn differences(expected: &Expected, run: &Rehearsed) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, want: String, got: String| {
        if want != got {
            found.push(format!("{what} is {got}, expected {want}"));
        }
    };
    differ("status", expected.status.clone(), run.status.name().to_owned());
    let (output, error, cause) = match &run.status {
        Status::Succeeded { output } => (Some(Value::clone(output)), None, None),
        Status::Failed { error, cause } | Status::Aborted { error, cause } => {
            (None, error.clone(), cause.clone())
        }
        Status::Running | Status::TimedOut => (None, None, None),
    };
    let json = |value: &Option<Value>| {
        value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
    };
    if expected.output.is_some() && expected.output != output {
        differ("output", json(&expected.output), json(&output));
    }
    let text =
        |value: Option<String>| value.map_or_else(|| "nothing".to_owned(), |t| format!("`{t}`"));
    if expected.error.is_some() {
        differ("error", text(expected.error.clone()), text(error));
    }
    if expected.cause.is_some() {
        differ("cause", text(expected.cause.clone()), text(cause));
    }
    if let Some(path) = &expected.path {
        differ("path", path.join(" > "), run.path.join(" > "));
    }
    if let Some(seconds) = expected.seconds {
        let took = run.seconds();
        if (seconds - took).abs() > 0.001 {
            found.push(format!("seconds is {took}, expected {seconds}"));
        }
    }
    found.extend(unanswered(run));
    found
}
