//! Time in virtual runs: back-off, jitter, heartbeats, batches; expected values from the
//! specification and AWS's documentation.

use aisaws_engine::{Machine, Rehearsed, Script, Status, rehearse};
use serde_json::{Value, json};

use crate::support::machine;

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111122223333:function:f";

fn run(machine: &Machine, input: Value, mocks: &Value) -> Rehearsed {
    rehearse(machine, input, Script::from_json(mocks, "").unwrap())
}

fn millis(event: &Value) -> i64 {
    event["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// Seconds between one attempt's end and the next attempt's start.
fn delays(run: &Rehearsed) -> Vec<f64> {
    let of = |name: &str| {
        run.history.iter().filter(|e| e["type"] == json!(name)).map(millis).collect::<Vec<_>>()
    };
    let (failed, scheduled) = (of("LambdaFunctionFailed"), of("LambdaFunctionScheduled"));
    #[expect(clippy::cast_precision_loss, reason = "a test's delays are small")]
    let seconds = |ms: i64| ms as f64 / 1000.0;
    failed.iter().zip(scheduled.iter().skip(1)).map(|(f, s)| seconds(s - f)).collect()
}

fn retried(retrier: &Value) -> Rehearsed {
    let definition = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "Retry": [retrier], "End": true}}});
    run(
        &machine(&definition),
        json!({}),
        &json!({"T": [{"Throw": {"Error": "Busy", "Cause": ""}}]}),
    )
}

#[test]
fn back_off_grows_by_its_rate_and_stops_at_the_greatest_delay() {
    let rows = [
        (json!({"ErrorEquals": ["Busy"]}), vec![1.0, 2.0, 4.0]),
        (
            json!({"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxAttempts": 4}),
            vec![3.0, 4.5, 6.75, 10.125],
        ),
        (
            json!({"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 2, "MaxAttempts": 5, "MaxDelaySeconds": 9}),
            vec![2.0, 4.0, 8.0, 9.0, 9.0],
        ),
        (json!({"ErrorEquals": ["Busy"], "MaxAttempts": 0}), vec![]),
        (json!({"ErrorEquals": ["States.Timeout"]}), vec![]),
    ];
    for (retrier, expected) in rows {
        assert_eq!(delays(&retried(&retrier)), expected, "{retrier}");
    }
}

#[test]
fn full_jitter_stays_between_nothing_and_the_delay_without_it() {
    let run = retried(
        &json!({"ErrorEquals": ["Busy"], "IntervalSeconds": 100, "BackoffRate": 1.0, "MaxAttempts": 50, "JitterStrategy": "FULL"}),
    );
    let delays = delays(&run);
    assert_eq!(delays.len(), 50);
    assert!(delays.iter().all(|d| (0.0..=100.0).contains(d)), "{delays:?}");
    let mean = delays.iter().sum::<f64>() / 50.0;
    assert!((25.0..75.0).contains(&mean), "the mean of {delays:?} is far from the middle");
}

#[test]
fn each_retrier_counts_its_own_attempts() {
    let definition = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": true,
        "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 2}]}}});
    let throw = |error: &str| json!({"Throw": {"Error": error, "Cause": ""}});
    let mocks = json!({"T": [throw("A"), throw("B"), throw("B"), throw("A"), {"Return": 1}]});
    let run = run(&machine(&definition), json!({}), &mocks);
    assert_eq!(
        run.status,
        Status::Failed { error: Some("A".to_owned()), cause: Some(String::new()) }
    );
    assert_eq!(
        run.history.iter().filter(|e| e["type"] == json!("LambdaFunctionScheduled")).count(),
        4
    );
}

#[test]
fn a_heartbeat_that_never_comes_can_be_caught_by_its_own_name() {
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {}, "TimeoutSeconds": 600, "HeartbeatSeconds": 5,
              "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Late"}], "End": true},
        "Late": {"Type": "Succeed"}}});
    let run = run(&machine(&definition), json!({}), &json!({}));
    assert_eq!(run.path, ["T", "Late"]);
    let timed_out = run.history.iter().find(|e| e["type"] == json!("TaskTimedOut")).unwrap();
    assert_eq!(millis(timed_out) - millis(&run.history[0]), 5_000);
}

#[test]
fn batches_hold_as_many_items_as_allowed_and_what_is_common_to_all() {
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"run.$": "$.run"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}});
    let run = run(&machine(&definition), json!({"run": 7, "items": [1, 2, 3]}), &json!({}));
    let common = json!({"run": 7});
    let expected =
        json!([{"BatchInput": common, "Items": [1, 2]}, {"BatchInput": common, "Items": [3]}]);
    assert_eq!(run.status, Status::Succeeded { output: std::sync::Arc::new(expected) });
}

#[test]
fn a_byte_bound_cuts_batches_too() {
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemBatcher": {"MaxInputBytesPerBatch": 60},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}});
    let items: Vec<String> = (0..5).map(|_| "x".repeat(20)).collect();
    let run = run(&machine(&definition), json!(items), &json!({}));
    let Status::Succeeded { output } = run.status else { panic!("{:?}", run.status) };
    let batches = output.as_array().unwrap();
    assert!(batches.iter().all(|b| b.to_string().len() <= 60), "{batches:?}");
    let count: usize = batches.iter().map(|b| b["Items"].as_array().unwrap().len()).sum();
    assert_eq!(count, 5);
}

#[test]
fn a_distributed_map_tolerates_as_many_failures_as_it_says() {
    let definition = |tolerated: i64| {
        json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ToleratedFailurePercentage": tolerated, "End": true,
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "C", "States": {
                "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "F"}], "Default": "P"},
                "P": {"Type": "Pass", "End": true}, "F": {"Type": "Fail", "Error": "Two"}}}}}})
    };
    let failed = run(&machine(&definition(24)), json!([1, 2, 3, 4]), &json!({}));
    assert!(
        matches!(&failed.status, Status::Failed { error: Some(e), .. } if e == "States.ExceedToleratedFailureThreshold"),
        "{:?}",
        failed.status
    );
    let passed = run(&machine(&definition(25)), json!([1, 2, 3, 4]), &json!({}));
    assert!(matches!(passed.status, Status::Succeeded { .. }), "{:?}", passed.status);
}

#[test]
fn a_timed_out_branch_of_a_parallel_is_caught_outside() {
    let definition = json!({"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "End": true, "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.e", "Next": "Late"}], "Branches": [
            {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "TimeoutSeconds": 3, "End": true}}},
            {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}}]},
        "Late": {"Type": "Succeed"}}});
    let run = run(&machine(&definition), json!({"a": 1}), &json!({}));
    let expected = json!({"a": 1, "e": {"Error": "States.Timeout", "Cause": ""}});
    assert_eq!(run.status, Status::Succeeded { output: std::sync::Arc::new(expected) });
}
