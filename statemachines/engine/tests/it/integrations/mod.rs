//! Service integrations: arguments, results and errors as documented and recorded on AWS.

mod activities;
mod dynamodb;
mod executions;
mod messages;

use std::sync::Arc;

use aisaws_engine::integrations::{FunctionError, Functions, Invocation, Router};
use aisaws_engine::{Engine, Journal, MemoryJournal, Status, Tasks};
use serde_json::{Value, json};

use crate::support::{JumpingClock, machine};

pub(super) fn engine_on(router: Router) -> Engine {
    on(Arc::new(MemoryJournal::new()), Arc::new(router))
}

pub(super) fn on(journal: Arc<dyn Journal>, tasks: Arc<dyn Tasks>) -> Engine {
    Engine::new(journal, tasks, JumpingClock::new())
}

/// A machine of one task.
pub(super) fn task(resource: &str, parameters: &Value) -> Value {
    json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true}}})
}

/// Runs one task; its output, or its error and cause.
pub(super) async fn one(
    engine: &Engine,
    name: &str,
    resource: &str,
    parameters: &Value,
) -> Result<Value, (String, String)> {
    run(engine, name, &task(resource, parameters), json!({})).await
}

pub(super) async fn run(
    engine: &Engine,
    name: &str,
    definition: &Value,
    input: Value,
) -> Result<Value, (String, String)> {
    engine.start(name, &machine(definition), input).await.unwrap();
    ended(engine.run_to_end(name).await.unwrap().status)
}

pub(super) fn ended(status: Status) -> Result<Value, (String, String)> {
    match status {
        Status::Succeeded { output } => Ok(Value::clone(&output)),
        Status::Failed { error, cause } => {
            Err((error.unwrap_or_default(), cause.unwrap_or_default()))
        }
        other => panic!("{other:?}"),
    }
}

pub(super) async fn types(engine: &Engine, name: &str) -> Vec<String> {
    let history = engine.history(name).await.unwrap();
    history.iter().map(|e| e["type"].as_str().unwrap().to_owned()).collect()
}

/// The result has what the optimised integrations add, and without it is `expected`.
pub(super) fn without_metadata(mut result: Value) -> Value {
    let map = result.as_object_mut().unwrap();
    let http = map.remove("SdkHttpMetadata").unwrap();
    assert_eq!(
        http["AllHttpHeaders"]["x-amzn-RequestId"][0],
        http["HttpHeaders"]["x-amzn-RequestId"]
    );
    assert!(http["HttpStatusCode"].as_u64().unwrap() < 300);
    let response = map.remove("SdkResponseMetadata").unwrap();
    assert_eq!(response["RequestId"], http["HttpHeaders"]["x-amzn-RequestId"]);
    result
}

fn functions() -> Functions {
    Functions::new().with("echo", |call: Invocation| async move { Ok(call.payload) }).with(
        "raises",
        |_: Invocation| async {
            Err(FunctionError::new("Exception", "Some exception was raised."))
        },
    )
}

const INVOKE: &str = "arn:aws:states:::lambda:invoke";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function";

#[tokio::test]
async fn an_invoked_function_gives_its_payload_version_and_status() {
    let engine = engine_on(Router::new().functions(functions()));
    let names = [
        ("echo", "$LATEST"),
        ("echo:7", "7"),
        ("echo:live", "$LATEST"),
        (&format!("{FUNCTION}:echo"), "$LATEST"),
        (&format!("{FUNCTION}:echo:7"), "7"),
    ];
    for (i, (name, version)) in names.into_iter().enumerate() {
        let parameters = json!({"FunctionName": name, "Payload": {"status": "running"}});
        let result = one(&engine, &format!("e{i}"), INVOKE, &parameters).await.unwrap();
        let expected = json!({"ExecutedVersion": version, "Payload": {"status": "running"}, "StatusCode": 200});
        assert_eq!(without_metadata(result), expected, "{name}");
    }
    let result = one(&engine, "plain", &format!("{FUNCTION}:echo"), &json!({"a": 1})).await;
    assert_eq!(result, Ok(json!({"a": 1})), "the plain ARN gives the payload alone");
}

#[tokio::test]
async fn errors_of_functions_are_those_recorded_on_aws() {
    let engine = engine_on(Router::new().functions(functions()));
    let raises = json!({"FunctionName": "raises", "Payload": null});
    for (name, resource) in [("a", INVOKE), ("b", &format!("{FUNCTION}:raises"))] {
        let (error, cause) = one(&engine, name, resource, &raises).await.unwrap_err();
        assert_eq!(error, "Exception");
        let cause: Value = serde_json::from_str(&cause).unwrap();
        assert_eq!(cause["errorMessage"], json!("Some exception was raised."));
        assert_eq!(cause["errorType"], json!("Exception"));
    }
    let missing = json!({"FunctionName": "no_such_function", "Payload": null});
    let (error, cause) = one(&engine, "c", INVOKE, &missing).await.unwrap_err();
    assert_eq!(error, "Lambda.ResourceNotFoundException");
    assert!(cause.starts_with("Function not found: "), "{cause}");
    assert!(cause.contains("(Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: "), "{cause}");
    let typo = json!({"FunctionName": "echo", "PayLoad": 1});
    let (error, cause) = one(&engine, "d", INVOKE, &typo).await.unwrap_err();
    assert_eq!(error, "States.Runtime");
    assert!(cause.contains("`PayLoad`"), "{cause}");
}

#[tokio::test]
async fn a_function_that_gets_a_token_is_answered_later() {
    let engine = engine_on(Router::new().functions(functions().with(
        "keeps",
        |call: Invocation| async move {
            assert!(call.payload["token"].is_string());
            Ok(json!({"kept": true}))
        },
    )));
    let definition = task(
        &format!("{INVOKE}.waitForTaskToken"),
        &json!({"FunctionName": "keeps", "Payload": {"token.$": "$$.Task.Token"}}),
    );
    engine.start("e", &machine(&definition), json!({})).await.unwrap();
    assert_eq!(engine.drive("e").await.unwrap().status, Status::Running);
    let history = engine.history("e").await.unwrap();
    let submitted = history.last().unwrap();
    assert_eq!(submitted["type"], json!("TaskSubmitted"));
    let output: Value =
        serde_json::from_str(submitted["taskSubmittedEventDetails"]["output"].as_str().unwrap())
            .unwrap();
    assert_eq!(output["Payload"], json!({"kept": true}));
    let scheduled: Value = serde_json::from_str(
        history[2]["taskScheduledEventDetails"]["parameters"].as_str().unwrap(),
    )
    .unwrap();
    engine
        .send_task_success(scheduled["Payload"]["token"].as_str().unwrap(), json!("later"))
        .await
        .unwrap();
    assert_eq!(ended(engine.drive("e").await.unwrap().status), Ok(json!("later")));
}

#[tokio::test]
async fn what_no_adapter_runs_fails_by_name() {
    let engine = engine_on(Router::new());
    for (i, resource) in [
        INVOKE,
        &format!("{FUNCTION}:f"),
        "arn:aws:states:::glue:startJobRun",
        "arn:aws:states:us-east-1:111122223333:activity:a",
    ]
    .into_iter()
    .enumerate()
    {
        let (error, cause) =
            one(&engine, &format!("e{i}"), resource, &json!({})).await.unwrap_err();
        assert_eq!(error, "States.TaskFailed");
        assert!(cause.contains(resource), "{cause}");
    }
}
