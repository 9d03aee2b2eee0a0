//! Files of test cases for a definition: an input, mocked tasks, and what is expected.

use serde::Deserialize;
use serde_json::Value;

use crate::definition::Machine;
use crate::mock::{MockError, Script};
use crate::rehearse::{Rehearsed, rehearse};
use crate::run::Status;

/// A file of cases:
///
/// ```json
/// {"cases": [{"name": "approved", "input": {"risk": 0.9},
///             "mocks": {"Ask": [{"Return": {"approved": true}}]},
///             "expect": {"status": "SUCCEEDED", "output": {"done": true}, "path": ["Ask", "Act"]}}]}
/// ```
///
/// What `expect` leaves out is not judged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<Case>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    mocks: Option<Value>,
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
}

/// How a case went.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseReport {
    /// The case's name.
    pub name: String,
    /// What was not as expected, a sentence each; empty where the case passed.
    pub differences: Vec<String>,
    /// The run itself.
    pub run: Rehearsed,
}

impl CaseReport {
    /// Whether all was as expected.
    pub fn is_passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs every case of a file against `machine`, in virtual time.
///
/// # Errors
/// Where the file cannot be understood.
pub fn run_test_file(machine: &Machine, text: &str) -> Result<Vec<CaseReport>, MockError> {
    let file: File = serde_json::from_str(text).map_err(|e| MockError::NoJson(e.to_string()))?;
    let mut reports = Vec::with_capacity(file.cases.len());
    for (i, case) in file.cases.into_iter().enumerate() {
        let script = match &case.mocks {
            None => Script::default(),
            Some(mocks) => Script::from_json(mocks, &format!("/cases/{i}/mocks"))?,
        };
        let input =
            if case.input.is_null() { Value::Object(serde_json::Map::new()) } else { case.input };
        let run = rehearse(machine, input, script);
        reports.push(CaseReport {
            name: case.name,
            differences: differences(&case.expect, &run),
            run,
        });
    }
    Ok(reports)
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
    for state in &run.unanswered {
        found.push(format!("the task of `{state}` has no answer left; add one to `mocks`"));
    }
    found
}
