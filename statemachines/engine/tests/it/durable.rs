//! Executions in a SQLite file outlive their process.
#![cfg(feature = "sqlite")]

use std::path::Path;
use std::sync::Arc;

use aisaws_engine::{Journal, SCHEMA, SqlEffect, SqliteJournal, Started, Status};
use aisaws_sqlite::Db;
use serde_json::{Value, json};

use crate::support::{JumpingClock, Scripted, engine, machine};

fn journal(path: &Path) -> (Db, Arc<dyn Journal>) {
    let db =
        Db::open(path, &[SCHEMA, "create table if not exists done (key text primary key) strict"])
            .unwrap();
    (db.clone(), Arc::new(SqliteJournal::new(db)))
}

fn definition() -> Value {
    json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 10, "Next": "T"},
        "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "End": true}}})
}

#[tokio::test]
async fn an_execution_goes_on_in_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let (tasks, clock) = (Scripted::echo(), JumpingClock::new());
    {
        let engine = engine(journal(&path).1, &tasks, &clock);
        assert_eq!(
            engine.start("e", &machine(&definition()), json!({"a": 1})).await.unwrap(),
            Started::New
        );
        assert_eq!(
            engine.start("e", &machine(&definition()), json!({"a": 2})).await.unwrap(),
            Started::Already
        );
        let parked = engine.drive("e").await.unwrap();
        assert_eq!((parked.status, parked.wake_ms), (Status::Running, Some(1_700_000_010_000)));
    }
    let engine = engine(journal(&path).1, &tasks, &clock);
    assert_eq!(engine.fire_due_timers(1_700_000_009_999).await.unwrap(), Vec::<String>::new());
    assert_eq!(engine.fire_due_timers(1_700_000_010_000).await.unwrap(), ["e"]);
    assert_eq!(engine.fire_due_timers(1_700_000_010_000).await.unwrap(), Vec::<String>::new());
    assert_eq!(engine.resume_all().await.unwrap(), ["e"]);
    let described = engine.describe("e").await.unwrap();
    assert_eq!(described.status, Status::Succeeded { output: Arc::new(json!({"a": 1})) });
    let history = engine.history("e").await.unwrap();
    let ids: Vec<_> = history.iter().map(|e| e["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    assert_eq!(history.last().unwrap()["type"], json!("ExecutionSucceeded"));
}

#[tokio::test]
async fn what_a_task_writes_is_committed_with_its_result() {
    let dir = tempfile::tempdir().unwrap();
    let (db, journal) = journal(&dir.path().join("store.sqlite"));
    let tasks = Scripted::new(|call| {
        let key = call.idempotency_key.clone();
        call.effects.add(SqlEffect::new(move |tx| {
            tx.execute("insert into done values (?1)", [key]).map(drop)
        }));
        Ok(json!("done"))
    });
    let engine = engine(journal, &tasks, &JumpingClock::new());
    engine.start("e", &machine(&definition()), json!({})).await.unwrap();
    engine.run_to_end("e").await.unwrap();
    let keys: Vec<String> = db
        .read(|c| c.prepare("select key from done")?.query_map([], |r| r.get(0))?.collect())
        .await
        .unwrap();
    assert_eq!(keys, ["e/5/0"]);
}
