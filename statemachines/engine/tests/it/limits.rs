//! AWS's bounds: bytes of payloads and variables, events of a history.

use aisaws_engine::{Rehearsed, Script, Status, rehearse};
use serde_json::{Value, json};

use crate::support::machine;

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111122223333:function:f";

fn run(definition: &Value, input: Value, mocks: &Value) -> Rehearsed {
    rehearse(&machine(definition), input, Script::from_json(mocks, "").unwrap())
}

fn error(run: &Rehearsed) -> &str {
    match &run.status {
        Status::Failed { error: Some(error), .. } => error,
        other => panic!("{other:?}"),
    }
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// A Pass that gives `$.x`.
fn give() -> Value {
    json!({"Type": "Pass", "OutputPath": "$.x", "End": true})
}

#[test]
fn outputs_that_fit_alone_may_not_fit_together() {
    let branch = |name: &str| json!({"StartAt": name, "States": {name: give()}});
    let parallel = |result_path: Value| {
        json!({"StartAt": "S", "States": {
            "S": {"Type": "Parallel", "Branches": [branch("A"), branch("B")], "ResultPath": result_path,
                  "Catch": [{"ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": null, "Next": "Z"}], "End": true},
            "Z": {"Type": "Pass", "Result": "caught", "End": true}}})
    };
    let fits = run(&parallel(json!("$")), json!({"x": text(131_068)}), &json!({}));
    assert_eq!(fits.path, ["S", "A", "B"], "{:?}", fits.status);
    for path in [json!("$"), json!(null)] {
        let exceeds = run(&parallel(path), json!({"x": text(131_069)}), &json!({}));
        assert_eq!(exceeds.path, ["S", "A", "B", "Z"]);
    }
}

#[test]
fn a_wide_map_runs_every_item_and_keeps_nothing_that_cannot_be_passed_on() {
    for config in
        [json!({"Mode": "INLINE"}), json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"})]
    {
        let definition = json!({"StartAt": "S", "States": {"S": {"Type": "Map", "ItemsPath": "$.items", "ResultPath": null,
            "ItemSelector": {"x.$": "$.x"}, "ItemProcessor": {"ProcessorConfig": config, "StartAt": "T", "States": {
                "T": {"Type": "Task", "Resource": LAMBDA, "End": true}}}, "End": true}}});
        let items: Vec<u32> = (0..60).collect();
        let mut script = json!({"T": [{"Return": text(20_000)}]});
        let wide = run(&definition, json!({"x": 1, "items": items}), &script);
        assert_eq!(error(&wide), "States.DataLimitExceeded");
        script = json!({"T": [{"Return": text(2_000)}]});
        let fits = run(&definition, json!({"x": 1, "items": items}), &script);
        assert!(matches!(fits.status, Status::Succeeded { .. }), "{:?}", fits.status);
    }
}

#[test]
fn every_payload_is_bounded_where_it_arises() {
    let twice = "States.Format('{}{}', $.x, $.x)";
    let input = || json!({"x": text(150_000)});
    let definition = |state: Value| json!({"StartAt": "S", "States": {"S": state}});
    let rows = [
        json!({"Type": "Pass", "Parameters": {"y.$": twice}, "End": true}),
        json!({"Type": "Task", "Resource": LAMBDA, "Parameters": {"y.$": twice}, "End": true}),
        json!({"Type": "Task", "Resource": LAMBDA, "ResultSelector": {"y.$": "States.Format('{}{}', $.r, $.r)"}, "End": true}),
        json!({"Type": "Task", "Resource": LAMBDA, "ResultPath": "$.y", "End": true}),
        json!({"Type": "Pass", "Assign": {"y.$": twice}, "End": true}),
        json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.x & $states.input.x %}", "End": true}),
        json!({"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"y": "{% $states.input.x & $states.input.x %}"}, "End": true}),
    ];
    for state in rows {
        let run = run(
            &definition(state.clone()),
            input(),
            &json!({"S": [{"Return": {"r": text(150_000)}}]}),
        );
        assert_eq!(error(&run), "States.DataLimitExceeded", "{state}");
    }
    let task = definition(json!({"Type": "Task", "Resource": LAMBDA, "End": true}));
    let result = run(&task, json!({}), &json!({"S": [{"Return": text(262_143)}]}));
    assert_eq!(error(&result), "States.DataLimitExceeded");
    let fits = run(&task, json!({}), &json!({"S": [{"Return": text(262_142)}]}));
    assert!(matches!(fits.status, Status::Succeeded { .. }));
}

#[test]
fn all_variables_together_have_a_bound() {
    let count = 45;
    let state = |i: usize| {
        let mut assign = serde_json::Map::new();
        assign.insert(format!("v{i}.$"), json!("$.x"));
        json!({"Type": "Pass", "Assign": assign, "Next": format!("S{}", i + 1)})
    };
    let mut states: serde_json::Map<String, Value> =
        (0..count).map(|i| (format!("S{i}"), state(i))).collect();
    states.insert(format!("S{count}"), json!({"Type": "Succeed"}));
    let definition = json!({"StartAt": "S0", "States": states});
    let full = run(&definition, json!({"x": text(250_000)}), &json!({}));
    assert_eq!(error(&full), "States.DataLimitExceeded");
    // 10 MiB are 41 times 250,002 bytes and something.
    assert_eq!(full.path.len(), 42);
}

#[test]
fn a_child_of_a_distributed_map_cannot_run_for_ever() {
    let definition = json!({"StartAt": "S", "States": {"S": {"Type": "Map", "End": true, "ToleratedFailureCount": 1,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {
            "A": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "B"}], "Default": "Z"},
            "B": {"Type": "Pass", "Next": "A"}, "Z": {"Type": "Succeed"}}}}}});
    let one = run(&definition, json!([0, 1, 2]), &json!({}));
    assert_eq!(one.status, Status::Succeeded { output: std::sync::Arc::new(json!([0, 2])) });
    let two = run(&definition, json!([1, 1]), &json!({}));
    assert_eq!(error(&two), "States.ExceedToleratedFailureThreshold");
}
