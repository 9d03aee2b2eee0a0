//! A store without space: what was accepted is kept, and goes on when there is space again.
#![cfg(feature = "sqlite")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use aisaws_engine::{EngineError, JournalError, SCHEMA, SqliteJournal};
use aisaws_sqlite::Db;
use serde_json::json;

use crate::torn::{definition, on, open};

const STORE: &str = "ENGINE_TEST_FULL_STORE";

/// A full disk: SQLite may take no more pages (`SQLITE_FULL`), until there is space again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_that_was_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("store.sqlite"), &[SCHEMA]).unwrap();
    let limit = |pages: i64| {
        db.write(move |tx| {
            tx.query_row(&format!("pragma max_page_count = {pages}"), [], |row| {
                row.get::<_, i64>(0)
            })
        })
    };
    let used: i64 = db.read(|c| c.query_row("pragma page_count", [], |r| r.get(0))).await.unwrap();
    limit(used + 12).await.unwrap();
    let engine = on(SqliteJournal::new(db.clone()));
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for i in 0..400 {
        let name = format!("e{i}");
        match engine.start(&name, &definition(), json!({"i": i, "pad": "x".repeat(500)})).await {
            Ok(_) => accepted.push(name.clone()),
            Err(EngineError::Journal(JournalError::Store(_))) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
        // What was accepted may be stuck for now, but says why.
        match engine.drive(&name).await {
            Ok(_) | Err(EngineError::Unknown(_) | EngineError::Journal(JournalError::Store(_))) => {
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(accepted.len() > 3 && refused > 3, "{} accepted, {refused} refused", accepted.len());
    limit(1 << 30).await.unwrap();
    for name in &accepted {
        let ended = engine.run_to_end(name).await.unwrap();
        assert_eq!(ended.status.name(), "SUCCEEDED", "{name}");
    }
    let left = engine.list_unfinished(None, 1_000).await.unwrap();
    assert!(left.is_empty(), "{left:?} were never accepted and are there");
    SqliteJournal::new(db).verify().await.unwrap();
}

/// Starts executions until the operating system lets the files grow no more; tells those that
/// were accepted.
#[tokio::test]
#[ignore = "the child process of `a_file_that_may_not_grow_loses_nothing_that_was_accepted`"]
async fn filler() {
    let Some(path) = std::env::var_os(STORE).map(PathBuf::from) else { return };
    let engine = on(open(&path).unwrap());
    let mut accepted = Vec::new();
    let mut refused = 0;
    for i in 0..2_000 {
        let name = format!("e{i}");
        match engine.start(&name, &definition(), json!({"pad": "x".repeat(1_000)})).await {
            Ok(_) => accepted.push(name),
            Err(EngineError::Journal(JournalError::Store(_))) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
        if refused == 20 {
            break;
        }
    }
    std::fs::write(path.with_extension("accepted"), accepted.join("\n")).unwrap();
}

/// The limit on the size of files stands for a full disk: the system refuses to write.
#[tokio::test]
async fn a_file_that_may_not_grow_loses_nothing_that_was_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let program = std::env::current_exe().unwrap();
    let limited = "trap '' XFSZ; ulimit -f 16384; exec \"$0\" --exact full::filler --ignored";
    let child = Command::new("sh")
        .args(["-c", limited])
        .arg(program)
        .env(STORE, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(child.success());
    let accepted = std::fs::read_to_string(path.with_extension("accepted")).unwrap();
    let accepted: BTreeSet<&str> = accepted.lines().collect();
    assert!((20..2_000).contains(&accepted.len()), "{} were accepted", accepted.len());
    let journal = open(&path).unwrap();
    journal.verify().await.unwrap();
    let engine = on(journal);
    for name in &accepted {
        let ended = engine.run_to_end(name).await.unwrap();
        assert_eq!(ended.status.name(), "SUCCEEDED", "{name}");
    }
    let left = engine.list_unfinished(None, 1_000).await.unwrap();
    // A commit that was refused may have reached the file, as after any lost answer.
    assert!(left.len() <= 20, "{left:?}");
}
