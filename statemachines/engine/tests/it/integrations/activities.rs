//! Activities and their workers.

use aisaws_engine::Status;
use aisaws_engine::integrations::{Activities, Router};
use serde_json::json;

use super::{ended, engine_on, task, types};
use crate::support::machine;

const ARN: &str = "arn:aws:states:us-east-1:111122223333:activity:activity";

#[tokio::test]
async fn a_worker_takes_the_task_and_answers_it() {
    let activities = Activities::new();
    let engine = engine_on(Router::new().activities(activities.clone()));
    engine
        .start("e", &machine(&task(ARN, &json!({"Value1": "HelloWorld"}))), json!({}))
        .await
        .unwrap();
    let (driver, worker) = (engine.clone(), engine.clone());
    let driven = tokio::spawn(async move { driver.follow("e").await.unwrap() });
    let taken = activities.task(ARN, Some("worker-1")).await;
    assert_eq!(taken.input, json!({"Value1": "HelloWorld"}));
    worker.send_task_heartbeat(taken.token.as_str()).await.unwrap();
    worker.send_task_success(taken.token.as_str(), json!({"done": 1})).await.unwrap();
    assert_eq!(ended(driven.await.unwrap().status), Ok(json!({"done": 1})));
    assert!(activities.try_task(ARN, None).is_none(), "a task is given to one worker");
    assert_eq!(
        types(&engine, "e").await[2..5],
        ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    );
    assert!(worker.send_task_success(taken.token.as_str(), json!(2)).await.is_err());
}

#[tokio::test]
async fn a_worker_may_fail_the_task() {
    let activities = Activities::new();
    let engine = engine_on(Router::new().activities(activities.clone()));
    engine.start("e", &machine(&task(ARN, &json!({}))), json!({})).await.unwrap();
    let driver = engine.clone();
    let driven = tokio::spawn(async move { driver.follow("e").await.unwrap() });
    let taken = activities.task(ARN, None).await;
    engine
        .send_task_failure(taken.token.as_str(), Some("Programmatic Error"), Some("why"))
        .await
        .unwrap();
    assert_eq!(
        ended(driven.await.unwrap().status),
        Err(("Programmatic Error".to_owned(), "why".to_owned()))
    );
    assert_eq!(
        types(&engine, "e").await[2..5],
        ["ActivityScheduled", "ActivityStarted", "ActivityFailed"]
    );
}

#[tokio::test]
async fn a_task_that_no_worker_took_times_out_and_is_not_handed_out() {
    let activities = Activities::new();
    let engine = engine_on(Router::new().activities(activities.clone()));
    let mut definition = task(ARN, &json!({}));
    definition["States"]["T"]["TimeoutSeconds"] = json!(5);
    engine.start("e", &machine(&definition), json!({})).await.unwrap();
    let status = engine.follow("e").await.unwrap().status;
    assert_eq!(status, Status::Failed { error: Some("States.Timeout".to_owned()), cause: None });
    // Until the runtime has dropped the task that was given up.
    tokio::task::yield_now().await;
    assert!(activities.try_task(ARN, None).is_none());
}
