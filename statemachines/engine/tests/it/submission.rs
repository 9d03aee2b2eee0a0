//! The request of a `.sync` task and its work are two events, and two commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aisaws_engine::{
    Clock, Engine, MemoryJournal, Status, TaskCall, TaskFailure, TaskResult, Tasks,
};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::support::{JumpingClock, machine};

fn definition() -> Value {
    json!({"StartAt": "T", "States": {"T": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::states:startExecution.sync", "Parameters": {"Input": {}}}}})
}

fn start() -> Value {
    json!({"ExecutionArn": "arn:aws:states:us-east-1:111122223333:execution:child:one", "StartDate": 1})
}

fn kinds(history: &[Value]) -> Vec<&str> {
    history.iter().map(|e| e["type"].as_str().unwrap()).collect()
}

async fn driven(journal: Arc<MemoryJournal>, tasks: Arc<dyn Tasks>) -> (Engine, Status) {
    let clock: Arc<dyn Clock> = JumpingClock::new();
    let engine = Engine::new(journal, tasks, clock);
    engine.start("e", &machine(&definition()), json!({})).await.unwrap();
    let status = engine.drive("e").await.unwrap().status;
    (engine, status)
}

/// Says that its request was taken, more than once, and ends well or badly.
struct Child(Result<Value, TaskFailure>);

#[async_trait]
impl Tasks for Child {
    async fn run(&self, call: TaskCall) -> TaskResult {
        assert_eq!(call.submission.earlier(), None);
        call.submission.taken(start());
        call.submission.taken(json!("again"));
        tokio::task::yield_now().await;
        self.0.clone()
    }
}

#[tokio::test]
async fn the_history_shows_what_the_request_was_answered_with() {
    let (engine, status) =
        driven(Arc::new(MemoryJournal::new()), Arc::new(Child(Ok(json!({"Status": "SUCCEEDED"})))))
            .await;
    assert_eq!(status, Status::Succeeded { output: Arc::new(json!({"Status": "SUCCEEDED"})) });
    let history = engine.history("e").await.unwrap();
    let submitted: Vec<_> = history.iter().filter(|e| e["type"] == "TaskSubmitted").collect();
    assert_eq!(submitted.len(), 1);
    let details = &submitted[0]["taskSubmittedEventDetails"];
    assert_eq!(details["output"].as_str().unwrap().parse::<Value>().unwrap(), start());
    assert_eq!(details["resource"], "startExecution.sync");
}

/// Never says that its request was taken.
struct Refused(TaskFailure);

#[async_trait]
impl Tasks for Refused {
    async fn run(&self, _: TaskCall) -> TaskResult {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn work_that_fails_is_told_from_a_request_that_is_refused() {
    let failure = TaskFailure::new("States.TaskFailed", "why");
    let (engine, _) =
        driven(Arc::new(MemoryJournal::new()), Arc::new(Child(Err(failure.clone())))).await;
    let history = engine.history("e").await.unwrap();
    assert_eq!(kinds(&history)[4..6], ["TaskSubmitted", "TaskFailed"]);

    let (engine, _) = driven(Arc::new(MemoryJournal::new()), Arc::new(Refused(failure))).await;
    let history = engine.history("e").await.unwrap();
    assert_eq!(kinds(&history)[4..5], ["TaskSubmitFailed"]);
}

/// Never ends in the first process; follows what it began in the second.
#[derive(Default)]
struct Followed(AtomicU32);

#[async_trait]
impl Tasks for Followed {
    async fn run(&self, call: TaskCall) -> TaskResult {
        self.0.fetch_add(1, Ordering::SeqCst);
        if let Some(start) = call.submission.earlier() {
            return Ok(start.clone());
        }
        call.submission.taken(start());
        std::future::pending().await
    }
}

#[tokio::test]
async fn the_next_process_is_told_of_the_request_that_was_taken() {
    let (journal, tasks) = (Arc::new(MemoryJournal::new()), Arc::new(Followed::default()));
    let clock = JumpingClock::new();
    let make = || {
        let tasks = Arc::clone(&tasks) as Arc<dyn Tasks>;
        Engine::new(Arc::clone(&journal) as _, tasks, Arc::clone(&clock) as _)
    };
    let first = make();
    first.start("e", &machine(&definition()), json!({})).await.unwrap();
    let handle = tokio::spawn({
        let first = first.clone();
        async move { first.drive("e").await }
    });
    while !kinds(&first.history("e").await.unwrap()).contains(&"TaskSubmitted") {
        tokio::task::yield_now().await;
    }
    handle.abort();
    assert!(handle.await.unwrap_err().is_cancelled());
    assert_eq!(tasks.0.load(Ordering::SeqCst), 1);

    let second = make();
    assert_eq!(second.resume_all().await.unwrap(), ["e"]);
    let status = second.describe("e").await.unwrap().status;
    assert_eq!(status, Status::Succeeded { output: Arc::new(start()) });
    assert_eq!(tasks.0.load(Ordering::SeqCst), 2);
}
