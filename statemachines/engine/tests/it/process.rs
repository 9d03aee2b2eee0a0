//! A process killed for real (`kill -9`).
#![cfg(feature = "sqlite")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aisaws_engine::{
    Engine, Machine, SCHEMA, SqlEffect, SqliteJournal, Status, SystemClock, TaskCall, TaskResult,
    Tasks,
};
use aisaws_sqlite::Db;
use async_trait::async_trait;
use serde_json::json;

use crate::support::machine;

const EXECUTIONS: usize = 40;
const ROUNDS: i64 = 12;
const STORE: &str = "ENGINE_TEST_STORE";

/// Its effect is committed with its result: a second time would break the primary key.
struct Writing;

#[async_trait]
impl Tasks for Writing {
    async fn run(&self, call: TaskCall) -> TaskResult {
        let key = call.idempotency_key.clone();
        call.effects.add(SqlEffect::new(move |tx| {
            tx.execute("insert into done values (?1)", [key]).map(drop)
        }));
        Ok(call.input)
    }
}

fn open(path: &Path) -> Db {
    Db::open(path, &[SCHEMA, "create table if not exists done (key text primary key) strict"])
        .unwrap()
}

fn chain() -> Machine {
    let task = |next: &str| json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "Next": next});
    let each = json!({"StartAt": "E", "States": {"E": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f", "End": true}}});
    machine(&json!({"StartAt": "A", "States": {
        "A": task("B"), "B": task("M"),
        "M": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each, "ResultPath": null, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 1, "Next": "C"}, "C": task("D"), "D": {"Type": "Succeed"}}}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child process of `killed_processes_lose_nothing_and_do_nothing_twice`"]
async fn worker() {
    let Some(path) = std::env::var_os(STORE).map(PathBuf::from) else { return };
    let engine = Engine::new(
        Arc::new(SqliteJournal::new(open(&path))),
        Arc::new(Writing),
        Arc::new(SystemClock),
    );
    let mut jobs = Vec::new();
    for i in 0..EXECUTIONS {
        let (engine, machine) = (engine.clone(), chain());
        jobs.push(tokio::spawn(async move {
            let name = format!("e{i}");
            engine.start(&name, &machine, json!({"items": [1, 2]})).await.unwrap();
            engine.run_to_end(&name).await.unwrap()
        }));
    }
    for job in jobs {
        assert!(matches!(job.await.unwrap().status, Status::Succeeded { .. }));
    }
}

fn spawn(path: &Path) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::worker", "--ignored"]).env(STORE, path);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[tokio::test]
async fn killed_processes_lose_nothing_and_do_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let db = open(&path);
    let count = |sql: &'static str| {
        db.read_blocking(move |c| c.query_row(sql, [], |r| r.get::<_, i64>(0))).unwrap()
    };
    let executions = i64::try_from(EXECUTIONS).unwrap();
    let mut kills = 0;
    for round in 0..ROUNDS {
        let mut child = spawn(&path);
        // Killed by what it has done, so that the moment is the same on any machine.
        let enough = 5 * executions * round / ROUNDS;
        while count("select count(*) from done") < enough && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child.kill().unwrap();
        // One that had ended was not hurt.
        kills += i64::from(child.wait().unwrap().code().is_none());
    }
    assert!(kills > 3, "only {kills} processes were killed");
    assert!(spawn(&path).wait().unwrap().success(), "the last process does not end well");
    assert_eq!(
        count("select count(*) from machine_execution where status = 'SUCCEEDED'"),
        executions
    );
    assert_eq!(count("select count(*) from done"), 5 * executions);
    assert_eq!(count("select count(*) from machine_task where is_settled = 0"), 0);
    assert_eq!(count("select count(*) from machine_task"), 5 * executions);
    assert_eq!(count("select count(*) from machine_frame"), 0);
    // Ids without gaps: as many events as the greatest id.
    assert_eq!(
        count(
            "select count(*) from (select execution from machine_history group by execution having sum(last - first + 1) <> max(last))"
        ),
        0
    );
}
