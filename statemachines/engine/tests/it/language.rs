//! What the language says, on a journal in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aisaws_engine::{MemoryJournal, Status, TaskFailure};
use serde_json::{Value, json};

use crate::support::{JumpingClock, Scripted, engine, machine};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111122223333:function:f";

async fn run(definition: Value, input: Value, tasks: &Arc<Scripted>) -> Status {
    let engine = engine(Arc::new(MemoryJournal::new()), tasks, &JumpingClock::new());
    engine.start("e", &machine(&definition), input).await.unwrap();
    engine.run_to_end("e").await.unwrap().status
}

fn succeeded(output: Value) -> Status {
    Status::Succeeded { output: Arc::new(output) }
}

#[tokio::test]
async fn a_task_is_retried_as_often_as_its_retrier_says_and_then_caught() {
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": LAMBDA, "End": true,
              "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 2, "IntervalSeconds": 1, "BackoffRate": 2.0}],
              "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}]},
        "Caught": {"Type": "Pass", "End": true}}});
    let tasks = Scripted::new(|_| Err(TaskFailure::new("Busy", "try later")));
    let status = run(definition, json!({"a": 1}), &tasks).await;
    assert_eq!(
        status,
        succeeded(json!({"a": 1, "error": {"Error": "Busy", "Cause": "try later"}}))
    );
    let keys: Vec<_> = tasks.calls().iter().map(|c| c.idempotency_key.clone()).collect();
    assert_eq!(keys, ["e/3/0", "e/6/1", "e/9/2"]);
}

#[tokio::test]
async fn branches_run_at_the_same_time_and_join_in_their_order() {
    let branch = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Task", "Resource": LAMBDA, "Parameters": {"branch": name}, "End": true}}});
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [branch("A"), branch("B")]}}});
    let status = run(definition, json!({}), &Scripted::echo()).await;
    assert_eq!(status, succeeded(json!([{"branch": "A"}, {"branch": "B"}])));
}

#[tokio::test]
async fn a_failing_branch_fails_the_parallel_and_can_be_caught() {
    let definition = json!({"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "Next": "Never", "Catch": [{"ErrorEquals": ["Bad"], "Next": "Caught"}], "Branches": [
            {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}},
            {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad", "Cause": "as told"}}}]},
        "Caught": {"Type": "Pass", "End": true}, "Never": {"Type": "Succeed"}}});
    let status = run(definition, json!({}), &Scripted::echo()).await;
    assert_eq!(status, succeeded(json!({"Error": "Bad", "Cause": "as told"})));
}

#[tokio::test]
async fn a_map_runs_no_more_iterations_at_once_than_allowed() {
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "End": true,
        "ItemSelector": {"n.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"},
        "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": true}}}}}});
    let status = run(definition, json!({"items": [7, 8, 9]}), &Scripted::echo()).await;
    assert_eq!(status, succeeded(json!([{"n": 7, "i": 0}, {"n": 8, "i": 1}, {"n": 9, "i": 2}])));
}

#[tokio::test]
async fn a_wait_takes_its_time_and_a_machine_has_a_deadline() {
    let definition = json!({"StartAt": "W", "TimeoutSeconds": 30, "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}});
    assert_eq!(run(definition, json!({}), &Scripted::echo()).await, Status::TimedOut);
    let definition = json!({"StartAt": "W", "TimeoutSeconds": 90, "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}});
    assert_eq!(run(definition, json!({}), &Scripted::echo()).await, succeeded(json!({})));
}

#[tokio::test]
async fn an_endless_loop_ends_with_the_history_limit() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "End"}], "Default": "B"},
        "B": {"Type": "Pass", "Next": "A"}, "End": {"Type": "Succeed"}}});
    match run(definition, json!({}), &Scripted::echo()).await {
        Status::Failed { error, cause } => {
            assert_eq!(error.as_deref(), Some("States.Runtime"));
            assert_eq!(
                cause.as_deref(),
                Some("The execution reached the maximum number of history events (25000).")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_last_event_of_a_full_history_is_number_25_000() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "End"}], "Default": "B"},
        "B": {"Type": "Pass", "Next": "A"}, "End": {"Type": "Succeed"}}});
    let run =
        aisaws_engine::rehearse(&machine(&definition), json!({}), aisaws_engine::Script::default());
    let last = run.history.last().unwrap();
    assert_eq!(
        (run.history.len(), &last["id"], &last["type"]),
        (25_000, &json!(25_000), &json!("ExecutionFailed"))
    );
}

#[tokio::test]
async fn a_choice_without_a_match_fails_as_aws_says() {
    let definition = json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "End"}]}, "End": {"Type": "Succeed"}}});
    let cause = "An error occurred while executing the state 'C' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state.";
    let expected =
        Status::Failed { error: Some("States.Runtime".to_owned()), cause: Some(cause.to_owned()) };
    assert_eq!(run(definition, json!({"a": 2}), &Scripted::echo()).await, expected);
}

#[tokio::test]
async fn a_task_that_panics_fails_and_can_be_caught() {
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": LAMBDA, "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "C"}], "End": true},
        "C": {"Type": "Succeed"}}});
    let status = run(definition, json!({}), &Scripted::new(|_| panic!("as told"))).await;
    assert_eq!(
        status,
        succeeded(json!({"Error": "States.TaskFailed", "Cause": "the task panicked"}))
    );
}

#[tokio::test]
async fn a_task_that_timed_out_does_not_hold_up_what_follows() {
    struct Never;
    #[async_trait::async_trait]
    impl aisaws_engine::Tasks for Never {
        async fn run(&self, _: aisaws_engine::TaskCall) -> aisaws_engine::TaskResult {
            std::future::pending().await
        }
    }
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": LAMBDA, "TimeoutSeconds": 5, "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "W"}], "End": true},
        "W": {"Type": "Wait", "Seconds": 7, "End": true}}});
    let engine = aisaws_engine::Engine::new(
        Arc::new(MemoryJournal::new()),
        Arc::new(Never),
        JumpingClock::new(),
    );
    engine.start("e", &machine(&definition), json!({})).await.unwrap();
    let parked = engine.drive("e").await.unwrap();
    assert_eq!((parked.status, parked.wake_ms), (Status::Running, Some(1_700_000_012_000)));
}

#[tokio::test]
async fn a_failed_expression_is_named_with_its_place() {
    let definition = |state: Value| json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": state, "B": {"Type": "Succeed"}}});
    let rows = [
        (
            json!({"Type": "Pass", "Output": {"n": "{% 1 + 'a' %}"}, "Next": "B"}),
            "Output/n",
            "threw an error during evaluation. T2002",
        ),
        (
            json!({"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Output": {"v": "{% $gone %}"}, "Next": "B"}]}),
            "Choices[0]/Output/v",
            "returned nothing (undefined).",
        ),
        (
            json!({"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Assign": {"x": "{% $gone %}"}, "Next": "B"}]}),
            "Choices[0]/Assign/x",
            "returned nothing (undefined).",
        ),
    ];
    for (state, field, what) in rows {
        match run(definition(state), json!({}), &Scripted::echo()).await {
            Status::Failed { error, cause } => {
                assert_eq!(error.as_deref(), Some("States.QueryEvaluationError"));
                let cause = cause.unwrap();
                assert!(
                    cause.contains(&format!("specified for the field '{field}' {what}")),
                    "{cause}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_task_that_outlives_its_timeout_is_timed_out() {
    struct Never(AtomicU32);
    #[async_trait::async_trait]
    impl aisaws_engine::Tasks for Never {
        async fn run(&self, _: aisaws_engine::TaskCall) -> aisaws_engine::TaskResult {
            self.0.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        }
    }
    let definition = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "TimeoutSeconds": 5, "End": true}}});
    let engine = aisaws_engine::Engine::new(
        Arc::new(MemoryJournal::new()),
        Arc::new(Never(AtomicU32::new(0))),
        JumpingClock::new(),
    );
    engine.start("e", &machine(&definition), json!({})).await.unwrap();
    let status = engine.run_to_end("e").await.unwrap().status;
    assert_eq!(status, Status::Failed { error: Some("States.Timeout".to_owned()), cause: None });
}
