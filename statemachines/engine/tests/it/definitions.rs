//! What is wrong with a definition is told at once, each with where it is and what to do.

use aisaws_engine::Machine;
use serde_json::{Value, json};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111122223333:function:f";

fn problems(definition: &str) -> Vec<(String, String)> {
    match Machine::parse(definition) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.problems.into_iter().map(|p| (p.pointer, p.message)).collect(),
    }
}

/// A machine of one state, `S`, and one that it may lead to, `Z`.
fn with(state: &Value) -> String {
    json!({"StartAt": "S", "States": {"S": state, "Z": {"Type": "Succeed"}}}).to_string()
}

#[test]
fn each_problem_has_its_place() {
    let task = |more: Value| {
        let mut state = json!({"Type": "Task", "Resource": LAMBDA, "Next": "Z"});
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        state
    };
    let map = |more: Value| {
        let mut state = json!({"Type": "Map", "Next": "Z", "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}});
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        state
    };
    let jsonata = |more: Value| {
        let mut state = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Next": "Z"});
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        state
    };
    let rows = [
        (json!({"Type": "Pass", "Next": "Nowhere"}), "/States/S/Next"),
        (json!({"Type": "Pass"}), "/States/S"),
        (json!({"Type": "Pass", "Next": "Z", "End": true}), "/States/S/End"),
        (json!({"Type": "Shell", "Next": "Z"}), "/States/S/Type"),
        (json!({"Type": "Pass", "Next": "Z", "Seconds": 1}), "/States/S/Seconds"),
        (json!({"Type": "Pass", "Next": "Z", "InputPath": "$.a["}), "/States/S/InputPath"),
        (json!({"Type": "Pass", "Next": "Z", "ResultPath": "$.a[*]"}), "/States/S/ResultPath"),
        (json!({"Type": "Pass", "Next": "Z", "Output": 1}), "/States/S/Output"),
        (
            json!({"Type": "Pass", "Next": "Z", "Parameters": {"a.$": "b"}}),
            "/States/S/Parameters/a.$",
        ),
        (
            json!({"Type": "Pass", "Next": "Z", "Parameters": {"a.$": "States.Nope(1)"}}),
            "/States/S/Parameters/a.$",
        ),
        (json!({"Type": "Pass", "Next": "Z", "Assign": {"1a": 1}}), "/States/S/Assign"),
        (json!({"Type": "Pass", "Next": "Z", "Assign": {"states": 1}}), "/States/S/Assign"),
        (jsonata(json!({"Parameters": {}})), "/States/S/Parameters"),
        (jsonata(json!({"Output": "{% 1 + %}"})), "/States/S/Output"),
        (jsonata(json!({"Output": "{% 1"})), "/States/S/Output"),
        (jsonata(json!({"Output": {"a": ["{% phone %}"]}})), "/States/S/Output/a/0"),
        (jsonata(json!({"Output": "{% $$.a %}"})), "/States/S/Output"),
        (jsonata(json!({"Assign": {"e": "{% $states.errorOutput %}"}})), "/States/S/Assign/e"),
        (task(json!({"Resource": "f"})), "/States/S/Resource"),
        (task(json!({"TimeoutSeconds": 0})), "/States/S/TimeoutSeconds"),
        (task(json!({"TimeoutSeconds": 1.5})), "/States/S/TimeoutSeconds"),
        (
            task(json!({"TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"})),
            "/States/S/TimeoutSeconds",
        ),
        (task(json!({"TimeoutSeconds": 5, "HeartbeatSeconds": 5})), "/States/S/HeartbeatSeconds"),
        (task(json!({"Retry": [{"ErrorEquals": []}]})), "/States/S/Retry/0/ErrorEquals"),
        (
            task(json!({"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]})),
            "/States/S/Retry/0/ErrorEquals",
        ),
        (
            task(json!({"Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["A"]}]})),
            "/States/S/Retry/1/ErrorEquals",
        ),
        (
            task(json!({"Retry": [{"ErrorEquals": ["States.ALL", "A"]}]})),
            "/States/S/Retry/0/ErrorEquals",
        ),
        (
            task(json!({"Retry": [{"ErrorEquals": ["A"], "BackoffRate": 0.5}]})),
            "/States/S/Retry/0/BackoffRate",
        ),
        (
            task(json!({"Retry": [{"ErrorEquals": ["A"], "MaxAttempts": -1}]})),
            "/States/S/Retry/0/MaxAttempts",
        ),
        (
            task(json!({"Retry": [{"ErrorEquals": ["A"], "JitterStrategy": "SOME"}]})),
            "/States/S/Retry/0/JitterStrategy",
        ),
        (
            task(
                json!({"Retry": [{"ErrorEquals": ["A"], "IntervalSeconds": 9, "MaxDelaySeconds": 9}]}),
            ),
            "/States/S/Retry/0/MaxDelaySeconds",
        ),
        (
            task(json!({"Catch": [{"ErrorEquals": ["A"], "Next": "Nowhere"}]})),
            "/States/S/Catch/0/Next",
        ),
        (task(json!({"Catch": [{"ErrorEquals": ["A"]}]})), "/States/S/Catch/0"),
        (json!({"Type": "Choice", "Choices": []}), "/States/S/Choices"),
        (
            json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": "1", "Next": "Z"}]}),
            "/States/S/Choices/0/NumericEquals",
        ),
        (
            json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "Equals": 1, "Next": "Z"}]}),
            "/States/S/Choices/0/Equals",
        ),
        (
            json!({"Type": "Choice", "Choices": [{"Not": {"Variable": "$.a", "IsNull": true, "Next": "Z"}, "Next": "Z"}]}),
            "/States/S/Choices/0/Not/Next",
        ),
        (
            json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "Z"}], "End": true}),
            "/States/S/End",
        ),
        (
            json!({"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z", "Next": "Z"}),
            "/States/S",
        ),
        (json!({"Type": "Wait", "Timestamp": "tomorrow", "Next": "Z"}), "/States/S/Timestamp"),
        (json!({"Type": "Fail", "Error": "A", "ErrorPath": "$.a", "Next": "Z"}), "/States/S/Error"),
        (json!({"Type": "Parallel", "Branches": [], "Next": "Z"}), "/States/S/Branches"),
        (
            json!({"Type": "Parallel", "Branches": [{"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}], "Next": "Z"}),
            "/States/S/Branches/0/StartAt",
        ),
        (
            json!({"Type": "Parallel", "Branches": [{"StartAt": "Z", "States": {"Z": {"Type": "Succeed"}}}], "Next": "Z"}),
            "/States/Z",
        ),
        (
            json!({"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Z"}}}], "Next": "Z"}),
            "/States/S/Branches/0/States/A/Next",
        ),
        (map(json!({"ItemSelector": {}, "Parameters": {}})), "/States/S/Parameters"),
        (map(json!({"MaxConcurrency": -1})), "/States/S/MaxConcurrency"),
        (map(json!({"ToleratedFailurePercentage": 100.5})), "/States/S/ToleratedFailurePercentage"),
        (map(json!({"ItemBatcher": {}})), "/States/S/ItemBatcher"),
        (map(json!({"ItemReader": {"Parameters": {}}})), "/States/S/ItemReader"),
        (json!({"Type": "Map", "Next": "Z"}), "/States/S"),
    ];
    for (state, pointer) in rows {
        let found = problems(&with(&state));
        assert!(
            found.iter().any(|(at, message)| at == pointer && message.len() > 10),
            "{state}: {found:?}"
        );
    }
}

#[test]
fn all_problems_are_told_at_once_and_none_that_is_none() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "InputPath": "$.[", "Next": "Nowhere"},
        "B": {"Type": "Task", "Resource": "f", "TimeoutSeconds": 0, "End": true}}});
    let pointers: Vec<String> =
        problems(&definition.to_string()).into_iter().map(|(at, _)| at).collect();
    for expected in
        ["/States/A/InputPath", "/States/A/Next", "/States/B/Resource", "/States/B/TimeoutSeconds"]
    {
        assert!(pointers.contains(&expected.to_owned()), "{pointers:?}");
    }
    let fine = json!({"Type": "Task", "Resource": LAMBDA, "Next": "Z", "Retry": [
        {"ErrorEquals": ["Fatal"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]});
    assert_eq!(problems(&with(&fine)), []);
}

#[test]
fn a_state_that_nothing_leads_to_and_a_machine_without_an_end_are_told() {
    let lost =
        json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "B": {"Type": "Succeed"}}});
    assert_eq!(problems(&lost.to_string())[0].0, "/States/B");
    let endless = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}});
    assert_eq!(problems(&endless.to_string())[0].0, "/States");
}

#[test]
fn a_name_given_twice_is_told_wherever_it_is() {
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true, "Comment": "x", "Comment": "y"}, "A": {"Type": "Succeed"}}}"#;
    let found = problems(text);
    let pointers: Vec<&str> = found.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(pointers, ["/States/A/Comment", "/States/A"]);
}

#[test]
fn what_is_allowed_but_hardly_meant_is_a_warning() {
    let token = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    let definition = json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "T"}]},
        "T": {"Type": "Task", "Resource": token, "Parameters": {}, "Next": "L",
              "Retry": [{"ErrorEquals": ["States.TaskFailed"]}, {"ErrorEquals": ["Busy"]}, {"ErrorEquals": ["States.Timeout"]}],
              "Catch": [{"ErrorEquals": ["Busy"], "Next": "L"}, {"ErrorEquals": ["Busy"], "Next": "L"}, {"ErrorEquals": ["States.Runtime"], "Next": "L"}]},
        "L": {"Type": "Task", "Resource": LAMBDA, "End": true}}});
    let machine = Machine::parse(&definition.to_string()).unwrap();
    let found: Vec<String> = machine.warnings().into_iter().map(|w| w.pointer).collect();
    let expected = [
        "/States/C",
        "/States/T",
        "/States/T/Retry/1/ErrorEquals",
        "/States/T/Catch/1/ErrorEquals",
        "/States/T/Catch/2/ErrorEquals",
    ];
    assert_eq!(found, expected);
}
