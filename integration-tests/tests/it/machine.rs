//! The state machine and the code agree on names.

use std::collections::BTreeSet;

use aisaws_core::fault::Fault;
use aisaws_core::stage::{Chain, Stage};
use aisaws_statemachines::{RESPOND, placeholders};
use serde_json::{Value, json};

use crate::program;

fn definition() -> Value {
    serde_json::from_str(RESPOND).unwrap()
}

fn states() -> Vec<(String, Value)> {
    definition()["States"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// What Step Functions calls it when Lambda itself fails.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception>
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
const OF_LAMBDA: [&str; 8] = [
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
];

#[test]
fn every_task_is_tried_again_when_lambda_fails() {
    for (name, state) in states() {
        if state["Type"] != "Task" {
            continue;
        }
        let retries = state["Retry"].as_array().unwrap().iter();
        let errors = retries.flat_map(|retry| retry["ErrorEquals"].as_array().unwrap());
        let retried: BTreeSet<&str> = errors.map(|error| error.as_str().unwrap()).collect();
        for error in OF_LAMBDA {
            assert!(retried.contains(error), "{name} ends with {error}");
        }
        // A human's time is over once.
        assert_eq!(retried.contains("States.Timeout"), name != "AskHuman", "{name}");
    }
}

#[test]
fn retry_and_catch_name_faults_that_exist() {
    let mut named = BTreeSet::new();
    for (_, state) in states() {
        for list in ["Retry", "Catch"] {
            for rule in state[list].as_array().into_iter().flatten() {
                for name in rule["ErrorEquals"].as_array().unwrap() {
                    named.insert(name.as_str().unwrap().to_owned());
                }
            }
        }
    }
    let ours: Vec<_> = named
        .iter()
        .filter(|n| !n.starts_with("States.") && !OF_LAMBDA.contains(&n.as_str()))
        .collect();
    assert!(!ours.is_empty());
    for name in ours {
        assert!(Fault::from_name(name).is_some(), "`{name}` is no fault");
    }
}

#[test]
fn every_state_that_can_fail_is_caught_so_that_every_incident_is_told() {
    for (name, state) in states() {
        if state["Type"] == "Task" && name != "Alert" {
            let catches_all =
                state["Catch"].as_array().unwrap().iter().any(|c| {
                    c["ErrorEquals"].as_array().unwrap().iter().any(|e| e == "States.ALL")
                });
            assert!(catches_all, "{name}");
        }
    }
}

/// Task states from the start along `Next`, taking at each Choice the way of an incident that
/// is repaired without asking.
fn happy_path() -> Vec<String> {
    let definition = definition();
    let mut at = definition["StartAt"].as_str().unwrap().to_owned();
    let mut names = Vec::new();
    loop {
        let state = &definition["States"][&at];
        let next = match state["Type"].as_str().unwrap() {
            "Task" => {
                names.push(at.clone());
                state["Next"].as_str().map(str::to_owned)
            }
            "Choice" => state["Choices"][0]["Next"].as_str().map(str::to_owned),
            other => panic!("unexpected state type {other}"),
        };
        match next {
            Some(next) => at = next,
            None => return names,
        }
    }
}

#[test]
fn states_stand_in_the_order_of_the_typed_pipeline() {
    let typed = Chain::first_stage::<aisaws_score::Score>()
        .then_stage::<aisaws_decide::Decide>()
        .then_stage::<aisaws_remediate::Prepare>()
        .then_stage::<aisaws_remediate::Remediate>()
        .then_stage::<aisaws_verify::Verify>()
        .then_stage::<aisaws_alert::Alert>();
    assert_eq!(happy_path(), typed.names());
}

#[test]
fn every_placeholder_is_a_stage() {
    let stages = [
        aisaws_score::Score::NAME,
        aisaws_decide::Decide::NAME,
        aisaws_decide::AskHuman::NAME,
        aisaws_remediate::Prepare::NAME,
        aisaws_remediate::Remediate::NAME,
        aisaws_verify::Verify::NAME,
        aisaws_verify::RollBack::NAME,
        aisaws_alert::Alert::NAME,
    ];
    let expected: BTreeSet<String> = stages.iter().map(|s| format!("{s}FunctionArn")).collect();
    let found: BTreeSet<String> = placeholders(RESPOND).into_iter().map(str::to_owned).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_command_line_runs_mocks_of_step_functions_local() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path
    };
    let lambda = "arn:aws:lambda:us-east-1:111122223333:function:f";
    let definition = json!({"StartAt": "Call", "States": {
        "Call": {"Type": "Task", "Resource": lambda, "Retry": [{"ErrorEquals": ["Busy"]}], "Next": "Tell"},
        "Tell": {"Type": "Task", "Resource": lambda, "End": true}}});
    let mocks = json!({
        "StateMachines": {
            "orders": {"TestCases": {"Retried": {"Call": "BusyOnce", "Tell": "Done"}, "Forgotten": {"Call": "Done"}}},
            "other": {"TestCases": {}}},
        "MockedResponses": {
            "BusyOnce": {"0": {"Throw": {"Error": "Busy", "Cause": ""}}, "1-2": {"Return": 1}},
            "Done": {"0": {"Return": 2}}}});
    let definition = write("orders.asl.json", &definition);
    let mocks = write("MockConfigFile.json", &mocks);
    let store = folder.path().join("store");
    let mut command = program::aisaws(&store);
    let answer = program::json(command.args(["machine", "test"]).arg(&definition).arg(&mocks));
    assert_eq!(answer["failed"], 1);
    let passed: Vec<_> = answer["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].as_str().unwrap(), c["passed"].as_bool().unwrap()))
        .collect();
    assert_eq!(passed, [("Forgotten", false), ("Retried", true)]);
    let mut command = program::aisaws(&store);
    let refused = program::run(
        command.args(["machine", "test", "--machine", "third"]).arg(&definition).arg(&mocks),
    );
    assert_eq!(refused.status.code(), Some(2));
    assert!(program::text(&refused.stderr).contains("`orders`, `other`"));
}
