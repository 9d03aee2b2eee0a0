//! `kill -9` at any moment, then the same command again: no incident lost, nothing written
//! twice, the same ledger in the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::correlation;
use crate::program::{aisaws, demo_events, ledger, run, text, writes};

/// Deaths at random moments.
const RANDOM_DEATHS: u64 = 200;

struct Undisturbed {
    folder: tempfile::TempDir,
    events: PathBuf,
    /// Rules beside our own.
    rules: Option<PathBuf>,
    ledger: Vec<Value>,
    writes: Vec<String>,
    took: Duration,
}

fn undisturbed() -> Undisturbed {
    let folder = tempfile::tempdir().unwrap();
    let events = demo_events(folder.path());
    run_undisturbed(folder, events, None)
}

fn run_undisturbed(
    folder: tempfile::TempDir,
    events: PathBuf,
    rules: Option<PathBuf>,
) -> Undisturbed {
    let store = folder.path().join("undisturbed.sqlite");
    let mut reference =
        Undisturbed { folder, events, rules, ledger: vec![], writes: vec![], took: Duration::ZERO };
    let begun = std::time::Instant::now();
    run(&mut reference.respond(&store));
    reference.took = begun.elapsed();
    (reference.ledger, reference.writes) = (ledger(&store), writes(&store));
    assert!(!reference.ledger.is_empty());
    reference
}

impl Undisturbed {
    fn respond(&self, store: &Path) -> Command {
        let mut command = aisaws(store);
        if let Some(rules) = &self.rules {
            command.env("AISAWS_DETECT_RULES", rules);
        }
        command.arg("respond").arg(&self.events);
        command
    }

    /// The same command again, and then everything must stand as if nothing had happened.
    fn check(&self, store: &Path, what: &str) {
        run(&mut self.respond(store));
        assert_eq!(ledger(store), self.ledger, "{what}");
        assert_eq!(writes(store), self.writes, "{what}");
        let verify = run(aisaws(store).args(["store", "verify"]));
        assert_eq!(verify.status.code(), Some(0), "{what}: {}", text(&verify.stdout));
    }

    /// Dies at every commit in turn, each time followed by a run to the end.
    fn die_at_every_commit(&self) {
        let mut point = 0;
        loop {
            let store = self.folder.path().join(format!("point-{point}.sqlite"));
            let status = self
                .respond(&store)
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
            self.check(&store, &format!("died at moment {point}"));
            point += 1;
        }
    }
}

#[test]
fn death_at_every_commit_changes_nothing_in_the_end() {
    let reference = undisturbed();
    assert!(!reference.writes.is_empty());
    reference.die_at_every_commit();
}

#[test]
fn death_at_every_commit_loses_nothing_that_correlations_count() {
    let folder = tempfile::tempdir().unwrap();
    let (events, rules) = (correlation::attacks(folder.path()), correlation::rules(folder.path()));
    let reference = run_undisturbed(folder, events, Some(rules));
    let fired: std::collections::BTreeSet<&str> = reference
        .ledger
        .iter()
        .flat_map(|link| link["entry"]["detected"]["rules"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(fired, ["test.bucket-tour", "test.login-guessed", "test.mass-deletion"].into());
    reference.die_at_every_commit();
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
        let mut child =
            reference.respond(&store).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
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
