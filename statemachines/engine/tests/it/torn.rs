//! A store that was cut or bent: a committed prefix or a clear refusal, never a wrong answer.
#![cfg(feature = "sqlite")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aisaws_engine::{
    Engine, EngineError, Journal, JournalError, Machine, SCHEMA, SqliteJournal, Started,
};
use aisaws_sqlite::Db;
use serde_json::{Value, json};

use crate::support::{JumpingClock, Scripted, engine, machine};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111122223333:function:f";

pub(crate) fn definition() -> Machine {
    let task = |next: &str| json!({"Type": "Task", "Resource": LAMBDA, "Next": next});
    let branch = |name: &str, seconds: u64| json!({"StartAt": name, "States": {name: {"Type": "Wait", "Seconds": seconds, "End": true}}});
    machine(&json!({"StartAt": "A", "States": {"A": task("P"),
        "P": {"Type": "Parallel", "Branches": [branch("X", 2), branch("Y", 4)], "ResultPath": null, "Next": "B"},
        "B": task("C"), "C": {"Type": "Wait", "Seconds": 5, "Next": "D"}, "D": {"Type": "Succeed"}}}))
}

/// What an execution is: how it stands and its history.
type Story = (String, Vec<Value>);

async fn stories(engine: &Engine) -> Result<BTreeMap<String, Story>, EngineError> {
    let mut all = BTreeMap::new();
    for i in 0..EXECUTIONS {
        let name = format!("e{i}");
        match engine.describe(&name).await {
            Ok(described) => {
                let history = engine.history(&name).await?;
                all.insert(name, (described.status.name().to_owned(), history));
            }
            Err(EngineError::Unknown(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

const EXECUTIONS: usize = 6;

pub(crate) fn open(path: &Path) -> Result<SqliteJournal, String> {
    Db::open(path, &[SCHEMA]).map(SqliteJournal::new).map_err(|e| e.to_string())
}

pub(crate) fn on(journal: SqliteJournal) -> Engine {
    engine(Arc::new(journal) as Arc<dyn Journal>, &Scripted::echo(), &JumpingClock::new())
}

/// Files of a store whose writer never said goodbye, and the story of every execution when all
/// had ended.
struct Torn {
    _dir: tempfile::TempDir,
    main: Vec<u8>,
    wal: Vec<u8>,
    whole: BTreeMap<String, Story>,
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Runs all executions to their end and copies the files while the store is still open: some
/// of it in the file, the rest in the log.
async fn torn() -> Torn {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let db = Db::open(&path, &[SCHEMA]).unwrap();
    let engine = on(SqliteJournal::new(db.clone()));
    for i in 0..EXECUTIONS {
        let name = format!("e{i}");
        assert_eq!(
            engine.start(&name, &definition(), json!({"i": i})).await.unwrap(),
            Started::New
        );
        if i == EXECUTIONS / 2 {
            let checkpoint = "pragma wal_checkpoint(passive)";
            let done = rusqlite::Connection::open(&path).unwrap();
            done.query_row(checkpoint, [], |_| Ok(())).unwrap();
        }
        engine.run_to_end(&name).await.unwrap();
    }
    let whole = stories(&engine).await.unwrap();
    let (main, wal) = (std::fs::read(&path).unwrap(), std::fs::read(beside(&path)).unwrap());
    assert!(wal.len() > 10 * 8192 && main.len() > 8192, "{} and {} bytes", wal.len(), main.len());
    drop(db);
    Torn { _dir: dir, main, wal, whole }
}

/// Opens a store of these bytes. Whatever it answers must be a prefix of what was committed,
/// and going on from there must end as it had ended.
async fn prefix_or_refusal(torn: &Torn, main: &[u8], wal: &[u8], place: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, main).unwrap();
    std::fs::write(beside(&path), wal).unwrap();
    let journal = match open(&path) {
        Ok(journal) => journal,
        Err(why) => {
            assert!(why.contains("store.sqlite"), "{place}: the refusal names no file: {why}");
            return Outcome::Refused;
        }
    };
    match journal.verify().await {
        Ok(()) => {}
        Err(damage @ (JournalError::Broken(_) | JournalError::Damaged { .. })) => {
            assert!(damage.to_string().contains("restore"), "{place}: {damage}");
            return Outcome::Refused;
        }
        Err(JournalError::Store(_) | JournalError::Corrupt { .. }) => return Outcome::Refused,
        Err(other) => panic!("{place}: {other:?}"),
    }
    let engine = on(journal);
    let before = stories(&engine).await.unwrap_or_else(|e| panic!("{place}: verified, then {e:?}"));
    for (name, (status, history)) in &before {
        let (whole_status, whole_history) = &torn.whole[name];
        assert_eq!(history[..], whole_history[..history.len()], "{place}: {name} is no prefix");
        assert!(status == "RUNNING" || status == whole_status, "{place}: {name} {status}");
    }
    // Executions were committed one after the other: no hole.
    let names: Vec<String> = (0..before.len()).map(|i| format!("e{i}")).collect();
    assert_eq!(before.keys().cloned().collect::<Vec<_>>(), names, "{place}");
    for name in before.keys() {
        engine.run_to_end(name).await.unwrap_or_else(|e| panic!("{place}: {name} stuck: {e:?}"));
    }
    let types = |story: &Story| {
        let of = |e: &Value| (e["id"].clone(), e["type"].clone(), e["previousEventId"].clone());
        (story.0.clone(), story.1.iter().map(of).collect::<Vec<_>>())
    };
    for (name, story) in stories(&engine).await.unwrap() {
        assert_eq!(types(&story), types(&torn.whole[&name]), "{place}: {name} ends otherwise");
    }
    Outcome::Prefix(before.values().map(|(_, history)| history.len()).sum())
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Refused,
    /// Events that were there.
    Prefix(usize),
}

/// Chance that is the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_cut_anywhere_leaves_a_committed_prefix() {
    let torn = torn().await;
    let whole = torn.whole.values().map(|(_, history)| history.len()).sum::<usize>();
    let frame = 24 + 8192;
    let mut chance = Chance(7);
    let mut cuts: Vec<usize> =
        (0..=(torn.wal.len() - 32) / frame).map(|i| 32 + i * frame).collect();
    let boundaries = cuts.len();
    cuts.extend((0..60).map(|_| chance.below(torn.wal.len())));
    cuts.extend([0, 1, 31, 32]);
    let mut last = 0;
    for (i, cut) in cuts.into_iter().enumerate() {
        let found =
            prefix_or_refusal(&torn, &torn.main, &torn.wal[..cut], &format!("cut at {cut}")).await;
        let Outcome::Prefix(events) = found else { panic!("a cut at {cut} is refused: {found:?}") };
        if i < boundaries {
            assert!(events >= last, "a longer log has less: {events} after {last}");
            last = events;
        }
    }
    assert_eq!(last, whole, "the whole log has everything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_with_a_changed_bit_leaves_a_committed_prefix() {
    let torn = torn().await;
    let mut chance = Chance(11);
    let mut kinds = (0, 0);
    let header = (0..32).map(|at| (at, 0));
    let anywhere: Vec<_> =
        (0..150).map(|_| (chance.below(torn.wal.len()), chance.below(8))).collect();
    for (at, bit) in header.chain(anywhere) {
        let mut wal = torn.wal.clone();
        wal[at] ^= 1 << bit;
        match prefix_or_refusal(&torn, &torn.main, &wal, &format!("bit {bit} of {at}")).await {
            Outcome::Refused => kinds.0 += 1,
            Outcome::Prefix(_) => kinds.1 += 1,
        }
    }
    assert!(kinds.1 > 100, "{kinds:?}");
}

/// All in the file, nothing in the log.
async fn settled() -> Torn {
    let mut torn = torn().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, &torn.main).unwrap();
    std::fs::write(beside(&path), &torn.wal).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    drop(connection);
    torn.main = std::fs::read(&path).unwrap();
    torn.wal = Vec::new();
    torn
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_file_is_refused() {
    let torn = settled().await;
    let mut chance = Chance(13);
    let mut cuts: Vec<usize> = (1..torn.main.len() / 8192).map(|page| page * 8192).collect();
    cuts.extend((0..40).map(|_| 1 + chance.below(torn.main.len() - 1)));
    for cut in cuts {
        let found =
            prefix_or_refusal(&torn, &torn.main[..cut], &[], &format!("cut at {cut}")).await;
        assert_eq!(found, Outcome::Refused, "cut at {cut}");
    }
    let whole = prefix_or_refusal(&torn, &torn.main, &[], "whole").await;
    assert!(matches!(whole, Outcome::Prefix(_)), "{whole:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_bit_in_the_file_is_refused_or_changes_nothing() {
    let torn = settled().await;
    let whole = torn.whole.values().map(|(_, history)| history.len()).sum::<usize>();
    let mut chance = Chance(17);
    let mut refused = 0;
    for _ in 0..400 {
        let (at, bit) = (chance.below(torn.main.len()), chance.below(8));
        let mut main = torn.main.clone();
        main[at] ^= 1 << bit;
        match prefix_or_refusal(&torn, &main, &[], &format!("bit {bit} of {at}")).await {
            Outcome::Refused => refused += 1,
            Outcome::Prefix(events) => assert_eq!(events, whole, "bit {bit} of {at} lost events"),
        }
    }
    assert!(refused > 50, "only {refused} refused");
}

#[tokio::test]
async fn a_record_that_was_changed_is_named_when_it_is_loaded() {
    let cases = [
        (
            "update machine_execution set head = replace(head, '\"e1\"', '\"e2\"') where name = 'e1'",
            "its record",
        ),
        ("update machine_execution set status = 'FAILED' where name = 'e1'", "its record"),
        ("update machine_execution set revision = revision + 1 where name = 'e1'", "its record"),
        (
            "update machine_execution set input = replace(input, '1', '2') where name = 'e1'",
            "its input",
        ),
        ("update machine_frame set phase = replace(phase, 'Wait', 'wait')", "one of its frames"),
        ("update machine_frame set wake_ms = wake_ms + 1", "one of its frames"),
        ("update machine_frame set body = replace(body, 'input', 'inputs')", "one of its frames"),
        (
            "update machine_definition set definition = replace(definition, 'Succeed', 'Pass\",\"End\":true,\"Comment\":\"x')",
            "its definition",
        ),
    ];
    for (damage, what) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let first = on(open(&path).unwrap());
        first.start("e1", &definition(), json!({"i": 1})).await.unwrap();
        first.drive("e1").await.unwrap();
        let changed = rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap();
        assert!(changed > 0, "{damage}");
        let journal = open(&path).unwrap();
        assert!(journal.verify().await.is_err(), "{damage}");
        let refused = on(journal).drive("e1").await.unwrap_err();
        let EngineError::Journal(JournalError::Damaged { name, what: named }) = &refused else {
            panic!("{damage}: {refused:?}");
        };
        assert_eq!((name.as_str(), *named), ("e1", what), "{damage}");
    }
}
