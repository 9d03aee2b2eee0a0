//! The same machines here and in moto's interpreter, in the same run; then durable executions
//! beside what the store can commit.
//!
//!     cargo bench -p aisaws-engine --features sqlite --bench peer
//!
//! moto is installed into a virtual environment below the target folder, pinned in
//! `benches/moto/requirements.txt`. Without python or a network its rows are left out.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and ends where something is amiss"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisaws_engine::{
    Engine, Journal, Machine, MemoryJournal, SCHEMA, SqliteJournal, Status, SystemClock, TaskCall,
    TaskResult, Tasks,
};
use aisaws_sqlite::Db;
use serde_json::{Value, json};

/// Executions in moto a machine; it takes milliseconds for each.
const MOTO_EXECUTIONS: usize = 200;
/// How long each of ours runs.
const RUN: Duration = Duration::from_secs(2);
/// Executions at once on the store.
const AT_ONCE: usize = 64;
/// Executions that one journal in memory takes before it is thrown away.
const KEPT: usize = 500;

struct Case {
    name: &'static str,
    definition: Value,
    input: Value,
    /// States entered in an execution.
    transitions: usize,
}

fn cases() -> Vec<Case> {
    let chain: serde_json::Map<String, Value> = (0..10)
        .map(|i| {
            let mut state = json!({"Type": "Pass"});
            if i == 9 {
                state["End"] = json!(true);
            } else {
                state["Next"] = json!(format!("S{}", i + 1));
            }
            (format!("S{i}"), state)
        })
        .collect();
    let looped = json!({"StartAt": "Add", "States": {
        "Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough"},
        "Enough": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThanEquals": 100, "Next": "End"}], "Default": "Add"},
        "End": {"Type": "Succeed"}}});
    let each = json!({"StartAt": "E", "States": {"E": {"Type": "Pass", "End": true}}});
    let map = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each, "End": true}}});
    let branches: Vec<Value> = (0..5)
        .map(|i| json!({"StartAt": format!("B{i}"), "States": {format!("B{i}"): {"Type": "Pass", "End": true}}}))
        .collect();
    let parallel = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": true}}});
    let input = json!({"incident": "i-1", "risk": 0.7, "resource": {"type": "AWS::S3::Bucket", "id": "acme"}});
    let items: Vec<Value> = (0..100).map(|i| json!({"i": i})).collect();
    vec![
        Case {
            name: "chain of 10 Pass states",
            definition: json!({"StartAt": "S0", "States": chain}),
            input: input.clone(),
            transitions: 10,
        },
        Case {
            name: "loop of 100 rounds",
            definition: looped,
            input: json!({"n": 0}),
            transitions: 201,
        },
        Case {
            name: "Map over 100 items",
            definition: map,
            input: json!({"items": items}),
            transitions: 101,
        },
        Case { name: "Parallel of 5", definition: parallel, input, transitions: 6 },
    ]
}

struct NoTasks;

#[async_trait::async_trait]
impl Tasks for NoTasks {
    async fn run(&self, call: TaskCall) -> TaskResult {
        Ok(call.input)
    }
}

/// What a run cost.
struct Figures {
    executions: usize,
    transitions: usize,
    cpu: f64,
    wall: f64,
    latencies: Vec<f64>,
}

impl Figures {
    fn per_cpu_second(&self) -> f64 {
        (self.executions * self.transitions) as f64 / self.cpu
    }

    /// The latency that this share of executions keeps under, in microseconds.
    fn latency_us(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let at = ((sorted.len() as f64 * share) as usize).min(sorted.len() - 1);
        sorted[at] * 1e6
    }

    fn print(&self, name: &str, engine: &str) {
        println!(
            "{name:26} {engine:8} {:>11.0} transitions/CPU s  {:>9.0} executions/s  p50 {:>9.1} us  p99 {:>9.1} us",
            self.per_cpu_second(),
            self.executions as f64 / self.wall,
            self.latency_us(0.5),
            self.latency_us(0.99),
        );
    }
}

/// Seconds of CPU that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

async fn one(engine: &Engine, machine: &Machine, name: &str, input: Value) -> f64 {
    let begun = Instant::now();
    engine.start(name, machine, input).await.unwrap();
    let driven = engine.drive(name).await.unwrap();
    assert!(matches!(driven.status, Status::Succeeded { .. }));
    begun.elapsed().as_secs_f64()
}

fn engine_on(journal: Arc<dyn Journal>) -> Engine {
    Engine::new(journal, Arc::new(NoTasks), Arc::new(SystemClock))
}

/// One execution after the other, in memory, on one core.
fn in_memory(case: &Case) -> Figures {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let machine = Machine::parse(&case.definition.to_string()).unwrap();
    runtime.block_on(async {
        let mut latencies = Vec::new();
        let (cpu_before, begun) = (cpu(), Instant::now());
        while begun.elapsed() < RUN {
            let engine = engine_on(Arc::new(MemoryJournal::new()));
            for i in 0..KEPT {
                latencies.push(one(&engine, &machine, &format!("e{i}"), case.input.clone()).await);
            }
        }
        let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu() - cpu_before);
        Figures { executions: latencies.len(), transitions: case.transitions, cpu, wall, latencies }
    })
}

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Many at once, each step durable before it counts.
fn durable(case: &Case) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("bench.sqlite"), &[SCHEMA]).unwrap();
    let engine = engine_on(Arc::new(SqliteJournal::new(db)));
    let machine = Machine::parse(&case.definition.to_string()).unwrap();
    threads().block_on(async {
        let (cpu_before, begun) = (cpu(), Instant::now());
        let mut lanes = tokio::task::JoinSet::new();
        for lane in 0..AT_ONCE {
            let (engine, machine, input) = (engine.clone(), machine.clone(), case.input.clone());
            lanes.spawn(async move {
                let mut latencies = Vec::new();
                while begun.elapsed() < RUN {
                    let name = format!("e{lane}-{}", latencies.len());
                    latencies.push(one(&engine, &machine, &name, input.clone()).await);
                }
                latencies
            });
        }
        let latencies: Vec<f64> = lanes.join_all().await.into_iter().flatten().collect();
        let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu() - cpu_before);
        Figures { executions: latencies.len(), transitions: case.transitions, cpu, wall, latencies }
    })
}

/// Rows of `bytes` that the store commits in a second, with as many writers at once.
fn raw_commits(bytes: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let schema = "create table row (name text primary key, body text not null) strict";
    let db = Db::open(&folder.path().join("raw.sqlite"), &[schema]).unwrap();
    threads().block_on(async {
        let begun = Instant::now();
        let mut lanes = tokio::task::JoinSet::new();
        for lane in 0..AT_ONCE {
            let db = db.clone();
            lanes.spawn(async move {
                let mut done = 0_usize;
                while begun.elapsed() < RUN {
                    let (name, body) = (format!("e{lane}-{done}"), "x".repeat(bytes));
                    let write = move |tx: &rusqlite::Transaction<'_>| {
                        tx.prepare_cached("insert into row values (?1, ?2)")?.execute([name, body])
                    };
                    db.write(write).await.unwrap();
                    done += 1;
                }
                done
            });
        }
        let done: usize = lanes.join_all().await.into_iter().sum();
        done as f64 / begun.elapsed().as_secs_f64()
    })
}

/// Bytes that an execution of `case` leaves in the store.
fn stored_bytes(case: &Case) -> usize {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let engine = engine_on(Arc::clone(&journal));
    let machine = Machine::parse(&case.definition.to_string()).unwrap();
    threads().block_on(async {
        one(&engine, &machine, "e", case.input.clone()).await;
        let events = engine.history("e").await.unwrap();
        let stored = journal.get("e").await.unwrap().unwrap();
        events.iter().map(|e| e.to_string().len()).sum::<usize>()
            + stored.head.len()
            + stored.input.to_string().len()
    })
}

/// Python with moto in it, made where it is not there.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let python = folder.join("bin/python");
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/moto/requirements.txt");
    if !python.exists() {
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&folder)
            .status()
            .ok()?
            .success()
            .then_some(())?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements);
    pip.status().ok()?.success().then_some(python)
}

fn in_moto(cases: &[Case]) -> Option<BTreeMap<String, Figures>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/moto/run.py");
    let asked: serde_json::Map<String, Value> = cases
        .iter()
        .map(|c| (c.name.to_owned(), json!({"definition": c.definition, "input": c.input, "executions": MOTO_EXECUTIONS})))
        .collect();
    let mut child = Command::new(python()?)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(Value::Object(asked).to_string().as_bytes()).ok()?;
    let answer = child.wait_with_output().ok()?;
    let report: BTreeMap<String, Value> = serde_json::from_slice(&answer.stdout).ok()?;
    let figures = |v: &Value| Figures {
        executions: v["executions"].as_u64().unwrap().try_into().unwrap(),
        transitions: v["transitions"].as_u64().unwrap().try_into().unwrap(),
        cpu: v["cpu_seconds"].as_f64().unwrap(),
        wall: v["wall_seconds"].as_f64().unwrap(),
        latencies: v["latencies"].as_array().unwrap().iter().filter_map(Value::as_f64).collect(),
    };
    Some(report.iter().map(|(name, v)| (name.clone(), figures(v))).collect())
}

fn main() {
    let cases = cases();
    let moto = in_moto(&cases);
    if moto.is_none() {
        eprintln!("skipped: moto could not be installed or run");
    }
    for case in &cases {
        let (memory, sqlite) = (in_memory(case), durable(case));
        memory.print(case.name, "memory");
        sqlite.print(case.name, "sqlite");
        if let Some(moto) = moto.as_ref().and_then(|m| m.get(case.name)) {
            assert_eq!(moto.transitions, case.transitions, "{} is not the same machine", case.name);
            moto.print(case.name, "moto");
            println!(
                "{:26} ratio to moto: memory {:.0}, sqlite {:.0}",
                "",
                memory.per_cpu_second() / moto.per_cpu_second(),
                sqlite.per_cpu_second() / moto.per_cpu_second()
            );
        }
        let bytes = stored_bytes(case);
        let raw = raw_commits(bytes);
        println!(
            "{:26} store: {raw:.0} rows/s of {bytes} bytes in group commits; durable executions reach {:.2} of it",
            "",
            sqlite.executions as f64 / sqlite.wall / raw
        );
    }
}
