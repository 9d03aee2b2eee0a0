//! Executions that start executions.

use std::sync::Arc;

use aisaws_engine::integrations::{
    Activities, Executions, ExecutionsError, Functions, Invocation, Router,
};
use aisaws_engine::{Engine, MemoryJournal, Status};
use serde_json::{Value, json};

use super::{ended, on, one, run, task, types, without_metadata};
use crate::support::machine;

const START: &str = "arn:aws:states:::states:startExecution";
const CHILD: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:child";
const ACTIVITY: &str = "arn:aws:states:us-east-1:111122223333:activity:a";

fn engine() -> (Engine, Executions, Activities) {
    let (executions, activities) = (Executions::new(), Activities::new());
    let functions =
        Functions::new().with("echo", |call: Invocation| async move { Ok(call.payload) });
    let router = Router::new()
        .executions(executions.clone())
        .activities(activities.clone())
        .functions(functions);
    let engine = on(Arc::new(MemoryJournal::new()), Arc::new(router));
    executions.attach(&engine).unwrap();
    assert_eq!(executions.attach(&engine), Err(ExecutionsError::Attached));
    executions.add("child", &machine(&json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"Arg1": "argument1"}, "End": true}}})));
    executions.add("failing", &machine(&json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "SomeFailure", "Cause": "This state machines raises a 'SomeFailure' failure."}}})));
    executions.add("asking", &machine(&task(ACTIVITY, &json!({"q": 1}))));
    (engine, executions, activities)
}

/// Times are when they are.
fn without_times(mut value: Value) -> Value {
    let map = value.as_object_mut().unwrap();
    assert!(map.remove("StartDate").unwrap().is_number());
    assert!(map.remove("StopDate").unwrap().is_number());
    value
}

#[tokio::test]
async fn a_synchronous_child_gives_what_was_recorded_on_aws() {
    let (engine, ..) = engine();
    let arn = "arn:aws:states:us-east-1:000000000000:execution:child:TestStartTarget";
    let parameters = json!({"StateMachineArn": CHILD, "Input": null, "Name": "TestStartTarget"});
    let result = one(&engine, "p", &format!("{START}.sync"), &parameters).await.unwrap();
    assert_eq!(
        without_times(result),
        json!({"ExecutionArn": arn, "Input": "{}", "InputDetails": {"Included": true}, "Name": "TestStartTarget",
        "Output": "{\"Arg1\":\"argument1\"}", "OutputDetails": {"Included": true}, "StateMachineArn": CHILD, "Status": "SUCCEEDED"})
    );
    assert_eq!(
        types(&engine, "p").await,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let history = engine.history("p").await.unwrap();
    let submitted: Value =
        serde_json::from_str(history[4]["taskSubmittedEventDetails"]["output"].as_str().unwrap())
            .unwrap();
    assert_eq!(submitted["ExecutionArn"], json!(arn));
    assert!(submitted["StartDate"].is_number() && submitted["SdkHttpMetadata"].is_object());

    let parameters = json!({"StateMachineArn": CHILD, "Input": {"a": 1}, "Name": "two"});
    let result = one(&engine, "p2", &format!("{START}.sync:2"), &parameters).await.unwrap();
    assert_eq!(
        (&result["Input"], &result["Output"]),
        (&json!({"a": 1}), &json!({"Arg1": "argument1"})),
        "`.sync:2` gives JSON"
    );
    let scheduled = &engine.history("p2").await.unwrap()[2]["taskScheduledEventDetails"];
    assert_eq!(
        (&scheduled["resourceType"], &scheduled["resource"]),
        (&json!("states"), &json!("startExecution.sync:2"))
    );
    assert_eq!(types(&engine, "p2").await[4], "TaskSubmitted");
}

#[tokio::test]
async fn a_failed_child_fails_its_parent_as_recorded() {
    let (engine, ..) = engine();
    let failing = CHILD.replace(":child", ":failing");
    let parameters = json!({"StateMachineArn": failing, "Name": "TestStartTarget"});
    let (error, cause) =
        one(&engine, "p", &format!("{START}.sync"), &parameters).await.unwrap_err();
    assert_eq!(error, "States.TaskFailed");
    let cause = without_times(serde_json::from_str(&cause).unwrap());
    assert_eq!(
        cause,
        json!({"Cause": "This state machines raises a 'SomeFailure' failure.", "Error": "SomeFailure",
        "ExecutionArn": "arn:aws:states:us-east-1:000000000000:execution:failing:TestStartTarget", "Input": "{}", "InputDetails": {"Included": true},
        "Name": "TestStartTarget", "StateMachineArn": failing, "Status": "FAILED"})
    );
}

#[tokio::test]
async fn a_started_child_goes_on_alone() {
    let (engine, ..) = engine();
    let parameters = json!({"StateMachineArn": CHILD, "Name": "alone"});
    let result = one(&engine, "p", START, &parameters).await.unwrap();
    let mut result = without_metadata(result);
    assert!(result.as_object_mut().unwrap().remove("StartDate").unwrap().is_number());
    assert_eq!(
        result,
        json!({"ExecutionArn": "arn:aws:states:us-east-1:000000000000:execution:child:alone"})
    );
    assert_eq!(
        ended(engine.follow("alone").await.unwrap().status),
        Ok(json!({"Arg1": "argument1"}))
    );
    let result = one(
        &engine,
        "q",
        "arn:aws:states:::aws-sdk:sfn:startExecution",
        &json!({"StateMachineArn": CHILD}),
    )
    .await
    .unwrap();
    assert!(result["StartDate"].is_string() && result.get("SdkHttpMetadata").is_none(), "{result}");
}

#[tokio::test]
async fn refusals_have_their_names() {
    let (engine, ..) = engine();
    let none = CHILD.replace(":child", ":none");
    one(&engine, "first", START, &json!({"StateMachineArn": CHILD, "Name": "taken"}))
        .await
        .unwrap();
    let cases = [
        (
            START.to_owned(),
            json!({"StateMachineArn": none}),
            "StepFunctions.StateMachineDoesNotExistException",
        ),
        (
            format!("{START}.sync"),
            json!({"StateMachineArn": CHILD, "Name": "taken"}),
            "StepFunctions.ExecutionAlreadyExistsException",
        ),
        (
            START.to_owned(),
            json!({"StateMachineArn": CHILD, "Name": "no such name!"}),
            "StepFunctions.InvalidNameException",
        ),
        (
            START.to_owned(),
            json!({"StateMachineArn": CHILD, "Input": "{"}),
            "StepFunctions.InvalidExecutionInputException",
        ),
        (
            "arn:aws:states:::aws-sdk:sfn:startExecution".to_owned(),
            json!({"StateMachineArn": none}),
            "Sfn.StateMachineDoesNotExistException",
        ),
    ];
    for (i, (resource, parameters, error)) in cases.into_iter().enumerate() {
        let found = one(&engine, &format!("e{i}"), &resource, &parameters).await.unwrap_err();
        assert_eq!(found.0, error, "{}", found.1);
    }
}

#[tokio::test]
async fn a_parent_waits_for_a_child_that_waits_for_a_token() {
    let (engine, _, activities) = engine();
    let asking = CHILD.replace(":child", ":asking");
    let definition =
        task(&format!("{START}.sync:2"), &json!({"StateMachineArn": asking, "Name": "asking"}));
    let parent = engine.clone();
    let driven = tokio::spawn(async move { run(&parent, "p", &definition, json!({})).await });
    let taken = activities.task(ACTIVITY, None).await;
    engine.send_task_success(taken.token.as_str(), json!("yes")).await.unwrap();
    assert_eq!(driven.await.unwrap().unwrap()["Output"], json!("yes"));
}

#[tokio::test]
async fn a_parent_that_dies_finds_its_child_again() {
    let journal = Arc::new(MemoryJournal::new());
    let mut lives = Vec::new();
    let activities: Vec<Activities> = (0..2).map(|_| Activities::new()).collect();
    for activities in &activities {
        let executions = Executions::new();
        executions.add("asking", &machine(&task(ACTIVITY, &json!({}))));
        let router = Router::new().executions(executions.clone()).activities(activities.clone());
        let engine = on(Arc::clone(&journal) as _, Arc::new(router));
        executions.attach(&engine).unwrap();
        lives.push(engine);
    }
    let asking = CHILD.replace(":child", ":asking");
    let definition = task(&format!("{START}.sync:2"), &json!({"StateMachineArn": asking}));
    lives[0].start("p", &machine(&definition), json!({})).await.unwrap();
    let first = lives[0].clone();
    let dead = tokio::spawn(async move { first.follow("p").await });
    while lives[0].list_unfinished(None, 10).await.unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    dead.abort();
    drop(dead.await);
    let second = lives[1].clone();
    let resumed = tokio::spawn(async move { second.resume_all().await.unwrap() });
    let taken = activities[1].task(ACTIVITY, None).await;
    lives[1].send_task_success(taken.token.as_str(), json!(7)).await.unwrap();
    assert_eq!(resumed.await.unwrap().len(), 2, "the parent and one child");
    match lives[1].describe("p").await.unwrap().status {
        Status::Succeeded { output } => assert_eq!(output["Output"], json!(7)),
        other => panic!("{other:?}"),
    }
    let types = types(&lives[1], "p").await;
    assert_eq!(types.iter().filter(|t| *t == "TaskSubmitted").count(), 1, "{types:?}");
}

/// How the execution ended; it must, within a minute.
async fn end_of(engine: &Engine, name: &str) -> Status {
    let minute = std::time::Duration::from_mins(1);
    tokio::time::timeout(minute, engine.follow(name)).await.unwrap().unwrap().status
}

#[tokio::test]
async fn stopping_a_parent_stops_its_children_and_theirs() {
    let (engine, executions, activities) = engine();
    let start = |child: &str, name: &str| json!({"StateMachineArn": CHILD.replace(":child", child), "Name": name});
    let sync = format!("{START}.sync");
    executions.add("nesting", &machine(&task(&sync, &start(":asking", "low"))));
    let definition = machine(&task(&sync, &start(":nesting", "middle")));
    engine.start("top", &definition, json!({})).await.unwrap();
    let driver = engine.clone();
    let driven = tokio::spawn(async move { driver.follow("top").await.unwrap().status });
    let taken = activities.task(ACTIVITY, None).await;
    assert!(engine.stop("top", None, None).await.unwrap());
    assert_eq!(driven.await.unwrap().name(), "ABORTED");
    assert_eq!(end_of(&engine, "middle").await.name(), "ABORTED");
    assert_eq!(end_of(&engine, "low").await.name(), "ABORTED");
    assert!(engine.send_task_success(taken.token.as_str(), json!(1)).await.is_err());
}

#[tokio::test]
async fn a_child_whose_task_is_given_up_is_stopped() {
    const OTHER: &str = "arn:aws:states:us-east-1:111122223333:activity:other";
    let (engine, _, activities) = engine();
    let asking = json!({"StateMachineArn": CHILD.replace(":child", ":asking"), "Name": "given-up"});
    let other =
        json!({"StartAt": "O", "States": {"O": {"Type": "Task", "Resource": OTHER, "End": true}}});
    let definition = json!({"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "Branches": [task(&format!("{START}.sync"), &asking), other],
              "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}], "End": true},
        "S": {"Type": "Succeed"}}});
    engine.start("p", &machine(&definition), json!({})).await.unwrap();
    let driver = engine.clone();
    let driven = tokio::spawn(async move { driver.follow("p").await.unwrap().status });
    drop(activities.task(ACTIVITY, None).await);
    let sibling = activities.task(OTHER, None).await;
    engine.send_task_failure(sibling.token.as_str(), Some("E"), None).await.unwrap();
    assert_eq!(driven.await.unwrap().name(), "SUCCEEDED");
    assert_eq!(end_of(&engine, "given-up").await.name(), "ABORTED");
}
