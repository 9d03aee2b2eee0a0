//! Tokens: accepted exactly once, by this process or the next.

use std::sync::Arc;

use aisaws_engine::{EngineError, MemoryJournal, Status};
use serde_json::{Value, json};

use crate::support::{JumpingClock, Scripted, engine, machine};

fn definition() -> Value {
    json!({"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"token.$": "$$.Task.Token"}, "TimeoutSeconds": 600, "HeartbeatSeconds": 60, "End": true}}})
}

fn token(tasks: &Scripted) -> String {
    tasks.calls().last().unwrap().token.clone().unwrap().as_str().to_owned()
}

#[tokio::test]
async fn a_token_is_accepted_exactly_once_also_by_another_process() {
    let (journal, tasks, clock) =
        (Arc::new(MemoryJournal::new()), Scripted::echo(), JumpingClock::new());
    let first = engine(Arc::clone(&journal) as _, &tasks, &clock);
    first.start("e", &machine(&definition()), json!({})).await.unwrap();
    let parked = first.drive("e").await.unwrap();
    assert_eq!(parked.status, Status::Running);
    assert_eq!(tasks.calls().last().unwrap().input["token"], json!(token(&tasks)));

    let second = engine(journal, &tasks, &clock);
    assert_eq!(second.send_task_success(&token(&tasks), json!("yes")).await.unwrap(), "e");
    let again = first.send_task_success(&token(&tasks), json!("no")).await;
    assert!(matches!(again, Err(EngineError::NotWaiting(_))), "{again:?}");
    let status = first.drive("e").await.unwrap().status;
    assert_eq!(status, Status::Succeeded { output: Arc::new(json!("yes")) });
}

#[tokio::test]
async fn of_many_answers_at_once_one_is_accepted() {
    let (journal, tasks, clock) =
        (Arc::new(MemoryJournal::new()), Scripted::echo(), JumpingClock::new());
    let engine = engine(journal, &tasks, &clock);
    engine.start("e", &machine(&definition()), json!({})).await.unwrap();
    engine.drive("e").await.unwrap();
    let answers = (0..20).map(|i| {
        let (engine, token) = (engine.clone(), token(&tasks));
        tokio::spawn(async move { engine.send_task_success(&token, json!(i)).await.is_ok() })
    });
    let mut accepted = 0;
    for answer in answers {
        accepted += u32::from(answer.await.unwrap());
    }
    assert_eq!(accepted, 1);
}

#[tokio::test]
async fn a_missed_heartbeat_times_the_task_out_and_a_sent_one_does_not() {
    let (journal, tasks, clock) =
        (Arc::new(MemoryJournal::new()), Scripted::echo(), JumpingClock::new());
    let engine = engine(journal, &tasks, &clock);
    engine.start("e", &machine(&definition()), json!({})).await.unwrap();
    engine.drive("e").await.unwrap();
    clock.advance_ms(50_000);
    engine.send_task_heartbeat(&token(&tasks)).await.unwrap();
    clock.advance_ms(50_000);
    assert_eq!(engine.drive("e").await.unwrap().status, Status::Running);
    clock.advance_ms(10_001);
    let status = engine.drive("e").await.unwrap().status;
    assert_eq!(status, Status::Failed { error: Some("States.Timeout".to_owned()), cause: None });
    let late = engine.send_task_success(&token(&tasks), json!(1)).await;
    assert!(matches!(late, Err(EngineError::NotWaiting(_))), "{late:?}");
}

#[tokio::test]
async fn a_text_that_is_no_token_is_refused() {
    let engine = engine(Arc::new(MemoryJournal::new()), &Scripted::echo(), &JumpingClock::new());
    for text in ["", "x", "=", "a-b-zz=", "no-such-token", "00-0-65="] {
        assert!(engine.send_task_success(text, json!(1)).await.is_err(), "{text}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_token_is_accepted_once_across_restarts() {
    use aisaws_engine::{SCHEMA, SqliteJournal};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let (tasks, clock) = (Scripted::echo(), JumpingClock::new());
    let live = || {
        let db = aisaws_sqlite::Db::open(&path, &[SCHEMA]).unwrap();
        engine(Arc::new(SqliteJournal::new(db)), &tasks, &clock)
    };
    {
        let first = live();
        first.start("e", &machine(&definition()), json!({})).await.unwrap();
        first.drive("e").await.unwrap();
    }
    assert_eq!(live().send_task_success(&token(&tasks), json!("yes")).await.unwrap(), "e");
    for _ in 0..2 {
        let again = live().send_task_success(&token(&tasks), json!("no")).await;
        assert!(matches!(again, Err(EngineError::NotWaiting(_))), "{again:?}");
    }
    let third = live();
    assert_eq!(third.resume_all().await.unwrap(), Vec::<String>::new());
    let status = third.describe("e").await.unwrap().status;
    assert_eq!(status, Status::Succeeded { output: Arc::new(json!("yes")) });
    assert_eq!(tasks.calls().len(), 1, "the request was sent once");
}
