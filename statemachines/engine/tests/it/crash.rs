//! Killed before and after every commit, an execution ends as if nothing had happened.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aisaws_engine::{
    Clock, Commit, Created, Engine, EngineError, Journal, JournalError, Machine, MemoryJournal,
    NewExecution, Status, Stored, TaskCall, TaskFailure, TaskResult, Tasks,
};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::support::{JumpingClock, machine};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111122223333:function:f";

/// A journal whose process dies at one commit, or at random ones.
struct Dying {
    inner: Arc<MemoryJournal>,
    commits: AtomicUsize,
    kills: AtomicUsize,
    /// The commit to die at, and whether it is written first.
    dies_at: Option<(usize, bool)>,
    /// One in so many commits dies, half of them after having written.
    one_in: Option<u64>,
}

impl Dying {
    fn new(dies_at: Option<(usize, bool)>, one_in: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::new(MemoryJournal::new()),
            commits: AtomicUsize::new(0),
            kills: AtomicUsize::new(0),
            dies_at,
            one_in,
        })
    }

    fn fate(&self) -> Option<bool> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        if let Some(one_in) = self.one_in {
            // Fixed by the number, so that a failing run can be repeated.
            let hash = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            return (hash.is_multiple_of(one_in)).then(|| {
                self.kills.fetch_add(1, Ordering::SeqCst);
                hash & (1 << 20) != 0
            });
        }
        self.dies_at.filter(|(at, _)| *at == number).map(|(_, is_written)| is_written)
    }
}

fn killed() -> JournalError {
    JournalError::Store("killed".into())
}

#[async_trait]
impl Journal for Dying {
    async fn create(&self, new: NewExecution) -> Result<Created, JournalError> {
        match self.fate() {
            None => self.inner.create(new).await,
            Some(is_written) => {
                if is_written {
                    self.inner.create(new).await?;
                }
                Err(killed())
            }
        }
    }
    async fn commit(&self, step: Commit) -> Result<(), JournalError> {
        match self.fate() {
            None => self.inner.commit(step).await,
            Some(is_written) => {
                if is_written {
                    self.inner.commit(step).await?;
                }
                Err(killed())
            }
        }
    }
    async fn get(&self, name: &str) -> Result<Option<Stored>, JournalError> {
        self.inner.get(name).await
    }
    async fn list_runnable(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        self.inner.list_runnable(after, limit).await
    }
    async fn list_unfinished(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        self.inner.list_unfinished(after, limit).await
    }
    async fn list_due(&self, now_ms: i64, limit: usize) -> Result<Vec<String>, JournalError> {
        self.inner.list_due(now_ms, limit).await
    }
    async fn next_timer(&self) -> Result<Option<i64>, JournalError> {
        self.inner.next_timer().await
    }
    async fn history(
        &self,
        name: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Value>, JournalError> {
        self.inner.history(name, after, limit).await
    }
}

/// Does its work once a key; tokens are kept until they are answered.
#[derive(Default)]
struct Once {
    done: Mutex<HashMap<String, TaskResult>>,
    tokens: Mutex<HashMap<String, String>>,
}

#[async_trait]
impl Tasks for Once {
    async fn run(&self, call: TaskCall) -> TaskResult {
        if let Some(token) = &call.token {
            self.tokens
                .lock()
                .unwrap()
                .insert(call.idempotency_key.clone(), token.as_str().to_owned());
        }
        let mut done = self.done.lock().unwrap();
        let attempt = call.attempt;
        let result = done.entry(call.idempotency_key.clone()).or_insert_with(|| {
            match call.input.get("fails").and_then(Value::as_u64) {
                Some(times) if u64::from(attempt) < times => {
                    Err(TaskFailure::new("Busy", format!("attempt {attempt}")))
                }
                _ => Ok(json!({"did": call.input})),
            }
        });
        result.clone()
    }
}

/// One life of a process: it starts, drives, answers tokens, and sleeps until the end.
async fn live(
    engine: &Engine,
    machine: &Machine,
    name: &str,
    input: &Value,
    tasks: &Once,
    clock: &JumpingClock,
) -> Result<Status, EngineError> {
    engine.start(name, machine, input.clone()).await?;
    loop {
        let driven = engine.drive(name).await?;
        if driven.status != Status::Running {
            return Ok(driven.status);
        }
        let tokens: Vec<String> = tasks
            .tokens
            .lock()
            .unwrap()
            .iter()
            .filter(|(key, _)| key.starts_with(&format!("{name}/")))
            .map(|(_, t)| t.clone())
            .collect();
        let mut is_answered = false;
        for token in tokens {
            match engine.send_task_success(&token, json!("approved")).await {
                Ok(_) => is_answered = true,
                Err(EngineError::NotWaiting(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if let (false, Some(at)) = (is_answered, driven.wake_ms) {
            clock.sleep_until(at).await;
        }
    }
}

/// Lives until the execution has ended; gives how, its history without times, and its keys.
async fn run_on(
    journal: &Arc<Dying>,
    machine: &Machine,
    name: &str,
    input: &Value,
) -> (Status, Vec<Value>, BTreeSet<String>) {
    let (tasks, clock) = (Arc::new(Once::default()), JumpingClock::new());
    let status = loop {
        let engine =
            Engine::new(Arc::clone(journal) as _, Arc::clone(&tasks) as _, Arc::clone(&clock) as _);
        match live(&engine, machine, name, input, &tasks, &clock).await {
            Ok(status) => break status,
            Err(EngineError::Journal(JournalError::Store(_))) => {}
            Err(other) => panic!("{other:?}"),
        }
    };
    let mut history = journal.history(name, 0, usize::MAX).await.unwrap();
    for event in &mut history {
        event.as_object_mut().unwrap().remove("timestamp");
    }
    let keys = tasks.done.lock().unwrap().keys().cloned().collect();
    (status, history, keys)
}

/// As [`run_on`], on three items.
async fn run(
    journal: &Arc<Dying>,
    machine: &Machine,
    name: &str,
) -> (Status, Vec<Value>, BTreeSet<String>) {
    run_on(journal, machine, name, &json!({"items": [1, 2, 3]})).await
}

fn machines() -> Vec<(&'static str, Machine)> {
    let task = |input: Value| json!({"Type": "Task", "Resource": LAMBDA, "Parameters": input, "End": true});
    let retry = json!([{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 3}]);
    let mut retried = task(json!({"fails": 2}));
    retried["Retry"] = retry;
    let mut caught = task(json!({"fails": 9}));
    caught["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "Next": "After"}]);
    let ask = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"a": 1}, "TimeoutSeconds": 900, "End": true});
    let graph = |name: &str, state: &Value| json!({"StartAt": name, "States": {name: state}});
    let wait = json!({"Type": "Wait", "Seconds": 5, "End": true});
    let map = |mode: &str, state: &Value| {
        let mut processor = graph("Each", state);
        processor["ProcessorConfig"] = json!({"Mode": mode, "ExecutionType": "STANDARD"});
        if mode == "INLINE" {
            processor["ProcessorConfig"] = json!({"Mode": mode});
        }
        json!({"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemProcessor": processor, "End": true})
    };
    let chain = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"}, "B": {"Type": "Task", "Resource": LAMBDA, "Next": "C"},
        "C": {"Type": "Wait", "Seconds": 3, "Next": "D"}, "D": {"Type": "Task", "Resource": LAMBDA, "Parameters": {"x.$": "$x"}, "End": true}}});
    let mut catching = graph("T", &caught);
    catching["States"]["After"] = json!({"Type": "Succeed"});
    let failing = json!({"Type": "Parallel", "End": true, "Branches": [graph("W1", &wait), {"StartAt": "T0", "States": {
        "T0": {"Type": "Task", "Resource": LAMBDA, "Next": "F"}, "F": {"Type": "Fail", "Error": "Bad"}}}]});
    let parallel = json!({"Type": "Parallel", "End": true, "Branches": [graph("P1", &task(json!({"n": 1}))), graph("P2", &wait), graph("P3", &ask)]});
    let named = [
        ("chain", chain),
        ("retry", graph("T", &retried)),
        ("catch", catching),
        ("token", graph("T", &ask)),
        ("parallel", graph("P", &parallel)),
        ("failing", graph("P", &failing)),
        ("map", graph("M", &map("INLINE", &retried))),
        ("distributed", graph("M", &map("DISTRIBUTED", &task(json!({"v.$": "$"}))))),
        ("nested", graph("M", &map("INLINE", &parallel))),
    ];
    named.into_iter().map(|(name, definition)| (name, machine(&definition))).collect()
}

/// Tokens and run ids are drawn by chance: only their places count.
fn shape(history: &[Value]) -> Vec<Value> {
    let mask = |event: &Value| {
        let mut event = event.clone();
        if event["type"] == json!("MapRunStarted") {
            event["mapRunStartedEventDetails"]["mapRunArn"] = json!("arn");
        }
        event
    };
    history.iter().map(mask).collect()
}

#[tokio::test]
async fn killed_at_any_commit_an_execution_ends_the_same() {
    for (name, machine) in machines() {
        let calm = Dying::new(None, None);
        let (status, history, keys) = run(&calm, &machine, name).await;
        let ids: Vec<u64> = history.iter().map(|e| e["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>(), "{name}: ids have gaps");
        let commits = calm.commits.load(Ordering::SeqCst);
        assert!(commits >= 2, "{name} commits too rarely to be tested");
        for at in 0..commits {
            for is_written in [false, true] {
                let (other, its_history, its_keys) =
                    run(&Dying::new(Some((at, is_written)), None), &machine, name).await;
                let place = format!("{name}, commit {at}, written {is_written}");
                assert_eq!(other, status, "{place}");
                assert_eq!(its_keys.len(), keys.len(), "{place}: keys differ");
                if !matches!(name, "map" | "nested" | "parallel") {
                    assert_eq!(its_keys, keys, "{place}: keys differ");
                }
                let mut sorted = (shape(&its_history), shape(&history));
                // Which of several tasks in flight ends first is chance: compare what happened.
                if matches!(name, "map" | "nested" | "parallel") {
                    sorted.0.sort_by_key(|e| e["type"].to_string());
                    sorted.1.sort_by_key(|e| e["type"].to_string());
                    let types = |events: &[Value]| {
                        events.iter().map(|e| e["type"].clone()).collect::<Vec<_>>()
                    };
                    assert_eq!(types(&sorted.0), types(&sorted.1), "{place}");
                } else {
                    assert_eq!(sorted.0, sorted.1, "{place}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_a_thousand_random_kills_lose_nothing() {
    let journal = Dying::new(None, Some(3));
    let machines = Arc::new(machines());
    let mut jobs = Vec::new();
    for i in 0..400_usize {
        let (journal, machines) = (Arc::clone(&journal), Arc::clone(&machines));
        jobs.push(tokio::spawn(async move {
            let (name, machine) = &machines[i % machines.len()];
            let (status, history, keys) = run(&journal, machine, &format!("{name}-{i}")).await;
            let (expected, calm_history, calm_keys) =
                run(&Dying::new(None, None), machine, &format!("{name}-{i}")).await;
            assert_eq!(status, expected);
            assert_eq!(history.len(), calm_history.len());
            // Event ids in keys follow the order in which tasks ended, which is chance.
            assert_eq!(keys.len(), calm_keys.len());
        }));
    }
    for job in jobs {
        job.await.unwrap();
    }
    let kills = journal.kills.load(Ordering::SeqCst);
    assert!(kills >= 1_000, "only {kills} kills happened");
    assert!(journal.list_unfinished(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_engines_on_one_journal_commit_each_step_once() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let (tasks, clock) = (Arc::new(Once::default()), JumpingClock::new());
    let engines: Vec<Engine> = (0..2)
        .map(|_| {
            Engine::new(Arc::clone(&journal), Arc::clone(&tasks) as _, Arc::clone(&clock) as _)
        })
        .collect();
    let machine = &machines()[0].1;
    let mut lives = Vec::new();
    for i in 0..20 {
        for engine in &engines {
            let (engine, machine, tasks, clock) =
                (engine.clone(), machine.clone(), Arc::clone(&tasks), Arc::clone(&clock));
            lives.push(tokio::spawn(async move {
                live(&engine, &machine, &format!("e{i}"), &json!({}), &tasks, &clock).await
            }));
        }
    }
    let mut ended = Vec::new();
    for life in lives {
        ended.push(life.await.unwrap().unwrap());
    }
    assert!(ended.iter().all(|s| matches!(s, Status::Succeeded { .. })), "{ended:?}");
    for i in 0..20 {
        let types: Vec<Value> = journal
            .history(&format!("e{i}"), 0, usize::MAX)
            .await
            .unwrap()
            .iter()
            .map(|e| e["type"].clone())
            .collect();
        assert_eq!(
            types.iter().filter(|t| **t == json!("ExecutionSucceeded")).count(),
            1,
            "{types:?}"
        );
        assert_eq!(types.len(), 16, "{types:?}");
    }
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
async fn recorded_cases_end_the_same_when_killed_at_any_commit() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/asl/cases.dev.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let mut tried = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let is_steady = case["tier"] == json!("pure") && case["nondeterministic"] == json!(false);
        let Ok(machine) = Machine::parse(&case["definition"].to_string()) else { continue };
        let calm = Dying::new(None, None);
        if !is_steady || case["category"] == json!("choice_operators") {
            continue;
        }
        let (status, history, _) = run_on(&calm, &machine, "case", &case["input"]).await;
        for at in 0..calm.commits.load(Ordering::SeqCst) {
            for is_written in [false, true] {
                let dying = Dying::new(Some((at, is_written)), None);
                let (other, its_history, _) =
                    run_on(&dying, &machine, "case", &case["input"]).await;
                let types = |events: &[Value]| {
                    events.iter().map(|e| (e["id"].clone(), e["type"].clone())).collect::<Vec<_>>()
                };
                assert_eq!(types(&its_history), types(&history), "{}", case["id"]);
                assert_eq!(other.name(), status.name(), "{}", case["id"]);
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "only {tried} runs were killed");
}
