//! A store with a hundred thousand executions that wait for time or a token.
#![cfg(feature = "sqlite")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use aisaws_engine::{Engine, SCHEMA, SqliteJournal};
use aisaws_sqlite::Db;
use serde_json::json;

use crate::support::{JumpingClock, Scripted, engine, machine};

const BEGIN_MS: i64 = 1_700_000_000_000;

fn open(path: &Path, tasks: &Arc<Scripted>, clock: &Arc<JumpingClock>) -> Engine {
    engine(Arc::new(SqliteJournal::new(Db::open(path, &[SCHEMA]).unwrap())), tasks, clock)
}

/// A field of `/proc/self/status`, in KiB.
fn memory_kib(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes in a debug build"]
#[expect(clippy::print_stderr, reason = "the figures are what this test is run for")]
async fn a_hundred_thousand_parked_executions_cost_nothing() {
    const PARKED: usize = 100_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    // Remembers no call: a hundred thousand would be the test's memory, not the engine's.
    let (tasks, clock) = (Scripted::forgetful(), JumpingClock::new());
    let waits = machine(
        &json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.s", "End": true}}}),
    );
    let asks = machine(&json!({"StartAt": "A", "States": {"A": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "TimeoutSeconds": 900_000, "Parameters": {"t.$": "$$.Task.Token"}}}}));
    let begun = Instant::now();
    {
        let engine = open(&path, &tasks, &clock);
        let mut jobs = tokio::task::JoinSet::new();
        for i in 0..PARKED {
            let (engine, waits, asks) = (engine.clone(), waits.clone(), asks.clone());
            jobs.spawn(async move {
                // Even ones wait for time, odd ones for a token.
                if i % 2 == 0 {
                    let input = json!({"s": i + 1});
                    engine.start(&format!("w{i:06}"), &waits, input).await.unwrap();
                } else {
                    let name = format!("a{i:06}");
                    engine.start(&name, &asks, json!({})).await.unwrap();
                    engine.drive(&name).await.unwrap();
                }
            });
            if jobs.len() >= 512 {
                jobs.join_next().await.unwrap().unwrap();
            }
        }
        jobs.join_all().await;
    }
    eprintln!("{PARKED} parked in {:?}", begun.elapsed());
    let before = memory_kib("VmRSS");
    let start = Instant::now();
    let engine = open(&path, &tasks, &clock);
    assert_eq!(engine.resume_all().await.unwrap(), Vec::<String>::new());
    assert_eq!(engine.next_timer().await.unwrap(), Some(BEGIN_MS + 1_000));
    eprintln!(
        "start-up {:?}; resident {before:?} KiB before, {:?} after",
        start.elapsed(),
        memory_kib("VmRSS")
    );
    // A token among them is found without looking at the others.
    let token = tasks.last_token().unwrap();
    let answer = Instant::now();
    let answered = engine.send_task_success(&token, json!(1)).await.unwrap();
    eprintln!("{answered} answered in {:?}", answer.elapsed());
    // Timers one second apart, a thousand due at once; none early, none late, each once.
    let fire = Instant::now();
    for round in 0..50_usize {
        let due: Vec<usize> = (round * 1_000..(round + 1) * 1_000).step_by(2).collect();
        let last = i64::try_from(due.last().unwrap() + 1).unwrap();
        let fired = engine.fire_due_timers(BEGIN_MS + last * 1_000).await.unwrap();
        assert_eq!(fired, due.iter().map(|i| format!("w{i:06}")).collect::<Vec<_>>());
    }
    eprintln!("25,000 timers fired in {:?}", fire.elapsed());
    let (resident, peak) = (memory_kib("VmRSS"), memory_kib("VmHWM"));
    eprintln!("resident {resident:?} KiB, peak {peak:?} KiB");
    assert!(peak.is_none_or(|kib| kib < 200 * 1024), "{peak:?} KiB at the peak");
}
