//! Transitions per second: the core alone, an engine in memory, an engine on SQLite.
//!
//! `cargo bench -p aisaws-engine --features sqlite`; items are transitions.

use std::sync::Arc;

use aisaws_engine::{
    Engine, Machine, MemoryJournal, Script, Status, SystemClock, TaskCall, TaskResult, Tasks,
    rehearse,
};
use divan::counter::ItemsCount;
use serde_json::{Value, json};

fn main() {
    divan::main();
}

struct Echo;

#[async_trait::async_trait]
impl Tasks for Echo {
    async fn run(&self, call: TaskCall) -> TaskResult {
        Ok(call.input)
    }
}

/// A chain of `length` states.
fn chain(length: usize, state: &Value) -> Option<Machine> {
    let mut states = serde_json::Map::new();
    for i in 0..length {
        let mut state = state.clone();
        let map = state.as_object_mut()?;
        if i + 1 == length {
            map.insert("End".to_owned(), json!(true));
        } else {
            map.insert("Next".to_owned(), json!(format!("S{}", i + 1)));
        }
        states.insert(format!("S{i}"), state);
    }
    Machine::parse(&json!({"StartAt": "S0", "States": states}).to_string()).ok()
}

fn input() -> Value {
    json!({"incident": "i-1", "risk": 0.7, "resource": {"type": "AWS::S3::Bucket", "id": "acme"}})
}

/// The core and the making of the history as JSON.
#[divan::bench(args = [10, 1_000])]
fn core_pass_states(bencher: divan::Bencher<'_, '_>, length: usize) {
    let Some(machine) = chain(length, &json!({"Type": "Pass"})) else { return };
    bencher
        .counter(ItemsCount::new(length))
        .bench(|| rehearse(&machine, input(), Script::default()).status);
}

/// Ten Pass states started and driven to their end, history kept.
#[divan::bench]
fn memory_ten_pass_states(bencher: divan::Bencher<'_, '_>) {
    let Some(machine) = chain(10, &json!({"Type": "Pass"})) else { return };
    in_memory(bencher, &machine, 10);
}

/// As many as fit a history.
#[divan::bench]
fn memory_thousand_pass_states(bencher: divan::Bencher<'_, '_>) {
    let Some(machine) = chain(1_000, &json!({"Type": "Pass"})) else { return };
    in_memory(bencher, &machine, 1_000);
}

/// Ten states that compute something.
#[divan::bench]
fn memory_ten_templates(bencher: divan::Bencher<'_, '_>) {
    let state = json!({"Type": "Pass", "Parameters": {"risk.$": "$.risk", "text.$": "States.Format('{} of {}', $.incident, $.resource.id)"}, "ResultPath": "$.r"});
    let Some(machine) = chain(10, &state) else { return };
    in_memory(bencher, &machine, 10);
}

fn in_memory(bencher: divan::Bencher<'_, '_>, machine: &Machine, length: usize) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let engine = Engine::new(Arc::new(MemoryJournal::new()), Arc::new(Echo), Arc::new(SystemClock));
    let number = std::cell::Cell::new(0_u64);
    bencher.counter(ItemsCount::new(length)).bench_local(|| {
        number.set(number.get() + 1);
        let name = format!("e{}", number.get());
        runtime.block_on(async {
            engine.start(&name, machine, input()).await.ok()?;
            let driven = engine.drive(&name).await.ok()?;
            (driven.status != Status::Running).then_some(())
        })
    });
}

/// 64 durable executions of three tasks each at once: four commits an execution.
#[cfg(feature = "sqlite")]
#[divan::bench(sample_count = 10)]
fn sqlite_three_tasks_64_at_once(bencher: divan::Bencher<'_, '_>) {
    use aisaws_engine::{SCHEMA, SqliteJournal};
    const AT_ONCE: usize = 64;
    let task =
        json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111122223333:function:f"});
    let (Some(machine), Ok(dir)) = (chain(3, &task), tempfile::tempdir()) else { return };
    let Ok(db) = aisaws_sqlite::Db::open(&dir.path().join("bench.sqlite"), &[SCHEMA]) else {
        return;
    };
    let Ok(runtime) =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    else {
        return;
    };
    let engine =
        Engine::new(Arc::new(SqliteJournal::new(db)), Arc::new(Echo), Arc::new(SystemClock));
    let number = std::cell::Cell::new(0_usize);
    bencher.counter(ItemsCount::new(3 * AT_ONCE)).bench_local(|| {
        number.set(number.get() + 1);
        runtime.block_on(async {
            let mut jobs = tokio::task::JoinSet::new();
            for i in 0..AT_ONCE {
                let (engine, machine, name) =
                    (engine.clone(), machine.clone(), format!("e{}-{i}", number.get()));
                jobs.spawn(async move {
                    engine.start(&name, &machine, input()).await.ok()?;
                    engine.drive(&name).await.ok()
                });
            }
            jobs.join_all().await.len()
        })
    });
}
