//! Answers for tasks, written down: in the form of Step Functions Local, or a list a state.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::tasks::{TaskFailure, TaskResult};

/// Answers for the tasks of one run, by state, in order.
#[derive(Debug, Clone, Default)]
pub struct Script {
    answers: BTreeMap<String, Answers>,
}

#[derive(Debug, Clone, Default)]
struct Answers {
    /// Answer and the last call it is for, counting from 0.
    list: Vec<(TaskResult, usize)>,
    calls: usize,
}

/// Why a file of mocks was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MockError {
    /// The text is no JSON.
    #[error("the mocks are no JSON: {0}")]
    NoJson(String),
    /// Something is not where it should be.
    #[error("{message} at {pointer}")]
    Malformed {
        /// Where, as a JSON Pointer.
        pointer: String,
        /// What, and what to write instead.
        message: String,
    },
}

fn malformed(pointer: impl Into<String>, message: &str) -> MockError {
    MockError::Malformed { pointer: pointer.into(), message: message.to_owned() }
}

impl Script {
    /// Answers by state: `{"Ask": [{"Return": …}, {"Throw": {"Error": …, "Cause": …}}]}`, or in
    /// place of a list the numbered object of Step Functions Local. The last answer of a list
    /// stands for all later calls too.
    ///
    /// # Errors
    /// Where in the mocks something is wrong.
    pub fn parse(text: &str) -> Result<Self, MockError> {
        let value: Value =
            serde_json::from_str(text).map_err(|e| MockError::NoJson(e.to_string()))?;
        Self::from_json(&value, "")
    }

    /// As [`Script::parse`], from a value at `pointer` of a file.
    ///
    /// # Errors
    /// As [`Script::parse`].
    pub fn from_json(value: &Value, pointer: &str) -> Result<Self, MockError> {
        Self::with_responses(value, pointer, &Value::Null)
    }

    /// As [`Script::from_json`]; a state may have the name of one of `responses` (the
    /// `MockedResponses` of a file) in place of its answers.
    pub(crate) fn with_responses(
        value: &Value,
        pointer: &str,
        responses: &Value,
    ) -> Result<Self, MockError> {
        let Value::Object(states) = value else {
            return Err(malformed(pointer, "mocks are an object of state names"));
        };
        let mut answers = BTreeMap::new();
        for (state, given) in states {
            let at = format!("{pointer}/{}", crate::lang_escape(state));
            let list = match given {
                Value::String(name) => named(responses, name)?,
                given => list(given, &at)?,
            };
            answers.insert(state.clone(), Answers { list, calls: 0 });
        }
        Ok(Self { answers })
    }

    /// The states that have answers.
    pub(crate) fn states(&self) -> impl Iterator<Item = &str> {
        self.answers.keys().map(String::as_str)
    }

    /// The next answer for a task of `state`; `None` where there is none.
    pub fn next(&mut self, state: &str) -> Option<TaskResult> {
        let answers = self.answers.get_mut(state)?;
        let call = answers.calls;
        answers.calls += 1;
        let found = answers.list.iter().find(|(_, last)| call <= *last);
        found.map(|(answer, _)| answer.clone())
    }
}

/// The mocked response of this name.
fn named(responses: &Value, name: &str) -> Result<Vec<(TaskResult, usize)>, MockError> {
    let pointer = format!("/MockedResponses/{}", crate::lang_escape(name));
    let given = responses.get(name).ok_or_else(|| {
        malformed(pointer.clone(), "there is no such mocked response; write it, or name another")
    })?;
    list(given, &pointer)
}

fn list(given: &Value, pointer: &str) -> Result<Vec<(TaskResult, usize)>, MockError> {
    match given {
        Value::Array(items) => {
            let count = items.len();
            let answers = items.iter().enumerate().map(|(i, item)| {
                let last = if i + 1 == count { usize::MAX } else { i };
                Ok((one(item, &format!("{pointer}/{i}"))?, last))
            });
            answers.collect()
        }
        Value::Object(map) if map.contains_key("Return") || map.contains_key("Throw") => {
            Ok(vec![(one(given, pointer)?, usize::MAX)])
        }
        Value::Object(map) => numbered(map, pointer),
        _ => {
            Err(malformed(pointer, "answers are a list of `{\"Return\": …}` and `{\"Throw\": …}`"))
        }
    }
}

/// `{"0": …, "1-3": …}`: which calls an answer is for.
fn numbered(
    map: &Map<String, Value>,
    pointer: &str,
) -> Result<Vec<(TaskResult, usize)>, MockError> {
    let mut answers = Vec::new();
    for (range, item) in map {
        let at = format!("{pointer}/{}", crate::lang_escape(range));
        let last = range.rsplit('-').next().unwrap_or(range);
        let last = last.trim().parse().map_err(|_| {
            malformed(at.clone(), "a key is a call's number or a range such as `1-3`")
        })?;
        answers.push((one(item, &at)?, last));
    }
    answers.sort_by_key(|(_, last)| *last);
    Ok(answers)
}

fn one(item: &Value, pointer: &str) -> Result<TaskResult, MockError> {
    if let Some(output) = item.get("Return") {
        return Ok(Ok(output.clone()));
    }
    let Some(thrown) = item.get("Throw") else {
        return Err(malformed(pointer, "an answer has `Return` or `Throw`"));
    };
    let text = |key: &str| thrown.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("Error").is_empty() {
        return Err(malformed(format!("{pointer}/Throw"), "`Throw` names its `Error`"));
    }
    Ok(Err(TaskFailure { error: text("Error"), cause: text("Cause") }))
}

/// The test cases of a `MockConfigFile` of Step Functions Local for `machine`, by name.
///
/// # Errors
/// Where in the file something is wrong.
pub fn local_cases(text: &str, machine: &str) -> Result<BTreeMap<String, Script>, MockError> {
    let value: Value = serde_json::from_str(text).map_err(|e| MockError::NoJson(e.to_string()))?;
    scripts(&value, machine)
}

/// As [`local_cases`], of a file that was read.
pub(crate) fn scripts(value: &Value, machine: &str) -> Result<BTreeMap<String, Script>, MockError> {
    let base = format!("/StateMachines/{}/TestCases", crate::lang_escape(machine));
    let cases = value
        .pointer(&base)
        .and_then(Value::as_object)
        .ok_or_else(|| malformed(base.clone(), "there are no test cases for this machine"))?;
    let responses = value.get("MockedResponses").unwrap_or(&Value::Null);
    let mut scripts = BTreeMap::new();
    for (name, states) in cases {
        let at = format!("{base}/{}", crate::lang_escape(name));
        let is_named = |states: &Map<String, Value>| states.values().all(Value::is_string);
        if !states.as_object().is_some_and(is_named) {
            let message = "a test case is an object of state names with names of mocked responses";
            return Err(malformed(at, message));
        }
        scripts.insert(name.clone(), Script::with_responses(states, &at, responses)?);
    }
    Ok(scripts)
}

/// The machine that a `MockConfigFile` is asked about: the one of this name, or the only one.
pub(crate) fn machine_in(value: &Value, name: Option<&str>) -> Result<String, MockError> {
    let machines = value
        .get("StateMachines")
        .and_then(Value::as_object)
        .ok_or_else(|| malformed("/StateMachines", "`StateMachines` is an object of names"))?;
    let mut names = machines.keys();
    match (name.filter(|n| machines.contains_key(*n)), names.next(), names.next()) {
        (Some(name), ..) => Ok(name.to_owned()),
        (None, Some(only), None) => Ok(only.clone()),
        _ => {
            let all: Vec<_> = machines.keys().map(|n| format!("`{n}`")).collect();
            let message = format!("which machine is meant? name one of {}", all.join(", "));
            Err(malformed("/StateMachines", &message))
        }
    }
}
