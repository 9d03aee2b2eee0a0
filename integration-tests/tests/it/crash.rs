//! `kill -9` at any moment, then the same command again: no incident lost, nothing written
//! twice, the same ledger in the end.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::program::{aisaws, demo_events, ledger, run, text, writes};

/// Deaths at random moments.
const RANDOM_DEATHS: u64 = 200;

struct Undisturbed {
    folder: tempfile::TempDir,
    events: PathBuf,
    ledger: Vec<Value>,
    writes: Vec<String>,
    took: Duration,
}

fn undisturbed() -> Undisturbed {
    let folder = tempfile::tempdir().unwrap();
    let events = demo_events(folder.path());
    let store = folder.path().join("undisturbed.sqlite");
    let begun = std::time::Instant::now();
    run(aisaws(&store).arg("respond").arg(&events));
    let took = begun.elapsed();
    let (ledger, writes) = (ledger(&store), writes(&store));
    assert!(!ledger.is_empty() && !writes.is_empty());
    Undisturbed { folder, events, ledger, writes, took }
}

impl Undisturbed {
    /// The same command again, and then everything must stand as if nothing had happened.
    fn check(&self, store: &Path, what: &str) {
        run(aisaws(store).arg("respond").arg(&self.events));
        assert_eq!(ledger(store), self.ledger, "{what}");
        assert_eq!(writes(store), self.writes, "{what}");
        let verify = run(aisaws(store).args(["store", "verify"]));
        assert_eq!(verify.status.code(), Some(0), "{what}: {}", text(&verify.stdout));
    }
}

#[test]
fn death_at_every_commit_changes_nothing_in_the_end() {
    let reference = undisturbed();
    let mut point = 0;
    loop {
        let store = reference.folder.path().join(format!("point-{point}.sqlite"));
        let status = aisaws(&store)
            .arg("respond")
            .arg(&reference.events)
            .env("AISAWS_TEST_DIE_AT", point.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        if status.code().is_some() {
            // It ran to its end: there are no more commits to die at.
            assert!(point > 10, "only {point} moments were seen");
            return;
        }
        reference.check(&store, &format!("died at moment {point}"));
        point += 1;
    }
}

#[test]
fn death_at_random_moments_changes_nothing_in_the_end() {
    let reference = undisturbed();
    // A linear congruential sequence: the moments differ, the test can be repeated.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut span = u64::try_from(reference.took.as_micros()).unwrap().max(1000);
    let mut killed = 0;
    for turn in 0..RANDOM_DEATHS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = Duration::from_micros((seed >> 33) % span);
        let store = reference.folder.path().join(format!("random-{turn}.sqlite"));
        let mut child = aisaws(&store)
            .arg("respond")
            .arg(&reference.events)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(pause);
        // SIGKILL; one that has ended already is not hurt.
        child.kill().unwrap();
        if child.wait().unwrap().code().is_none() {
            killed += 1;
        } else {
            // It ended first: the reference was the slower one.
            span = u64::try_from(pause.as_micros()).unwrap().max(1000);
        }
        reference.check(&store, &format!("killed after {pause:?}"));
        std::fs::remove_file(&store).unwrap();
    }
    assert!(killed > RANDOM_DEATHS / 2, "only {killed} runs were killed in time");
}
