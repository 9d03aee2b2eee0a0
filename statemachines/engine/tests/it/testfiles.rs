//! Files of cases: our own form, and `MockConfigFile` of Step Functions Local.

use aisaws_engine::{CaseReport, Machine, MockError, run_test_file};
use serde_json::{Value, json};

use crate::support::machine;

fn definition() -> Machine {
    machine(&json!({"StartAt": "Call", "States": {
        "Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"},
                 "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 2}], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Late"}], "Next": "Tell"},
        "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {}, "End": true},
        "Late": {"Type": "Pass", "End": true}}}))
}

/// In the form of <https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-test-sm-exec.html>.
fn mock_config() -> Value {
    json!({
        "StateMachines": {"orders": {"TestCases": {
            "HappyPath": {"Call": "CallSucceeds", "Tell": "TellSucceeds"},
            "RetryPath": {"Call": "CallIsBusyTwice", "Tell": "TellSucceeds"},
            "CatchPath": {"Call": "CallFails"},
            "Forgotten": {"Call": "CallSucceeds"}}}},
        "MockedResponses": {
            "CallSucceeds": {"0": {"Return": {"StatusCode": 200}}},
            "CallIsBusyTwice": {"0-1": {"Throw": {"Error": "Busy", "Cause": "later"}}, "2": {"Return": {"StatusCode": 200}}},
            "CallFails": {"0": {"Throw": {"Error": "Broken", "Cause": "why"}}},
            "TellSucceeds": {"0": {"Return": {"MessageId": "1"}}}}})
}

fn run(text: &Value, name: Option<&str>) -> Result<Vec<CaseReport>, MockError> {
    run_test_file(&definition(), name, &text.to_string())
}

#[test]
fn a_mock_config_file_is_run_as_it_is() {
    let reports = run(&mock_config(), None).unwrap();
    let found: Vec<_> = reports
        .iter()
        .map(|r| (r.name.as_str(), r.is_passed(), r.run.as_ref().unwrap().path.join(" ")))
        .collect();
    let expected = [
        ("CatchPath", true, "Call Late".to_owned()),
        ("Forgotten", false, "Call Tell".to_owned()),
        ("HappyPath", true, "Call Tell".to_owned()),
        ("RetryPath", true, "Call Tell".to_owned()),
    ];
    assert_eq!(found, expected);
    assert!(reports[1].differences[0].contains("`Tell`"), "{:?}", reports[1].differences);
}

#[test]
fn a_state_that_is_not_there_and_a_response_that_is_not_there_are_told() {
    let mut config = mock_config();
    config["StateMachines"]["orders"]["TestCases"] =
        json!({"A": {"Cal": "CallSucceeds", "Call": "CallFails"}});
    let reports = run(&config, None).unwrap();
    assert!(reports[0].differences[0].contains("`Cal`"), "{:?}", reports[0].differences);
    config["StateMachines"]["orders"]["TestCases"] = json!({"A": {"Call": "Nope"}});
    let error = run(&config, None).unwrap_err();
    assert!(
        matches!(&error, MockError::Malformed { pointer, .. } if pointer == "/MockedResponses/Nope"),
        "{error}"
    );
}

#[test]
fn of_several_machines_the_named_one_is_meant() {
    let mut config = mock_config();
    config["StateMachines"]["other"] = json!({"TestCases": {"Only": {"Call": "CallFails"}}});
    assert_eq!(run(&config, Some("other")).unwrap()[0].name, "Only");
    let error = run(&config, Some("third")).unwrap_err().to_string();
    assert!(error.contains("`orders`, `other`"), "{error}");
}

#[test]
fn cases_may_share_mocked_responses() {
    let file = json!({
        "MockedResponses": mock_config()["MockedResponses"],
        "cases": [
            {"name": "retried", "input": {"a": 1}, "mocks": {"Call": "CallIsBusyTwice", "Tell": [{"Return": "told"}]},
             "expect": {"status": "SUCCEEDED", "output": "told", "seconds": 3.0, "path": ["Call", "Tell"]}},
            {"name": "wrong on purpose", "mocks": {"Call": "CallFails"},
             "expect": {"status": "FAILED", "output": 1, "path": ["Call"], "seconds": 9}}]});
    let reports = run(&file, None).unwrap();
    assert_eq!(reports[0].differences, Vec::<String>::new());
    assert_eq!(reports[1].differences.len(), 4, "{:?}", reports[1].differences);
}

#[test]
fn a_state_alone_is_compared_with_what_is_expected() {
    let case = |state: &str, expect: Value| json!({"cases": [{"name": "n", "state": state, "mock": {"result": {"StatusCode": 200}}, "expect": expect}]});
    let fine = run(&case("Call", json!({"status": "SUCCEEDED", "next": "Tell"})), None).unwrap();
    assert_eq!(fine[0].differences, Vec::<String>::new());
    let wrong = run(&case("Call", json!({"status": "FAILED", "next": "Late"})), None).unwrap();
    assert_eq!(wrong[0].differences.len(), 2, "{:?}", wrong[0].differences);
    let refused = run(&case("Nope", json!({"status": "FAILED"})), None).unwrap();
    assert!(refused[0].differences[0].contains("refused"), "{:?}", refused[0].differences);
}
