//! Replay of a table with many events: what is selected is compared, in memory that does not grow
//! with them.

use std::process::{Command, Stdio};
use std::time::Duration;

use aisaws_core::port::{Disposition, Events as _, Recorded};
use aisaws_core::source::cloudtrail;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::footing::{Footing, endpoint};
use crate::stage::event;

/// Events that no rule minds, each of that size, and buckets that are opened among them.
const EVENTS: usize = 3000;
const EVENT_BYTES: usize = 16 * 1024;
const BUCKETS: usize = 20;

fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// The time of an event: two minutes after the one before.
fn time(number: usize) -> Timestamp {
    let minutes = i64::try_from(number).unwrap() * 2;
    start().checked_add(SignedDuration::from_mins(minutes)).unwrap()
}

fn recorded(mut record: Value, number: usize) -> Recorded {
    record["eventTime"] = json!(time(number).to_string());
    let event = cloudtrail::parse(&record.to_string()).unwrap();
    Recorded { event, hits: Vec::new(), disposition: Disposition::Examined, touches: Vec::new() }
}

/// Stores the events; names of the buckets, in the order of their events.
async fn stored(footing: &Footing) -> Vec<String> {
    let padding = "x".repeat(EVENT_BYTES);
    let mut buckets = Vec::new();
    let mut batch = Vec::new();
    for number in 0..EVENTS {
        let tags = json!({ "tags": padding });
        batch.push(recorded(event::record("ec2", "DescribeTags", &event::user(), &tags), number));
        if number % (EVENTS / BUCKETS) == 0 {
            let bucket = event::name("replayed");
            let opened = event::acl_opened(&bucket, &event::user())["detail"].clone();
            batch.push(recorded(opened, number));
            buckets.push(bucket);
        }
        if batch.len() >= 100 {
            footing.store.append(std::mem::take(&mut batch)).await.unwrap();
        }
    }
    footing.store.append(batch).await.unwrap();
    buckets
}

/// Replays; the answer, and the most memory the process had, in bytes.
fn replay(footing: &Footing, arguments: &[&str]) -> (Value, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"))
        .args(["replay", "--aws", "--output", "json"])
        .args(arguments)
        .env_clear()
        .envs(footing.variables(&endpoint().unwrap()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut stdout = child.stdout.take().unwrap();
    let answer = std::thread::spawn(move || serde_json::from_reader(&mut stdout).unwrap());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        // A high-water mark: the last look tells the whole.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        peak = peak.max(kib.map_or(0, |kib| kib.trim().parse::<u64>().unwrap() * 1024));
        std::thread::sleep(Duration::from_millis(20));
    }
    (answer.join().unwrap(), peak)
}

fn compared(footing: &Footing, arguments: &[&str]) -> Vec<String> {
    let (answer, _) = replay(footing, arguments);
    let rows = answer["incidents"].as_array().unwrap();
    rows.iter().map(|row| row["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_replay_holds_a_page_in_memory_and_compares_what_is_selected() {
    let Some(footing) = Footing::new().await else { return };
    let buckets = stored(&footing).await;
    // Half of them fill what is kept in memory of the scratch store; the others add nothing to it.
    let half = time(EVENTS / 2).to_string();
    let (answer, few) = replay(&footing, &["--until", &half]);
    assert_eq!(answer["events"], usize::midpoint(EVENTS, BUCKETS), "{answer:#}");
    let (answer, all) = replay(&footing, &[]);
    assert_eq!(answer["events"], EVENTS + BUCKETS);
    assert_eq!(answer["differing"], BUCKETS, "nothing was recorded: {answer:#}");
    let grown = all.saturating_sub(few);
    let other_half = EVENTS / 2 * EVENT_BYTES;
    eprintln!("peak of half {few} bytes, of all {all}; the other half has {other_half}");
    assert!(few > 0 && grown < other_half as u64 / 2, "grew by {grown} of {other_half}");

    assert_eq!(compared(&footing, &[]), buckets);
    let (third, fifth) = (time(EVENTS / BUCKETS * 2), time(EVENTS / BUCKETS * 4));
    let (since, until) = (third.to_string(), fifth.to_string());
    assert_eq!(compared(&footing, &["--since", &since, "--until", &until]), buckets[2..4]);
    let history = ["--since", &since, "--until", &until, "--history-since", &since];
    assert_eq!(compared(&footing, &history), buckets[2..4]);
    assert_eq!(compared(&footing, &["--resource", &buckets[7]]), buckets[7..8]);
    assert_eq!(compared(&footing, &["--event-name", "PutBucketAcl", "--actor", "bob"]), buckets);
    for none in [["--event-name", "DescribeTags"], ["--actor", "ann"], ["--rule", "none"]] {
        assert!(compared(&footing, &none).is_empty(), "{none:?}");
    }
}
