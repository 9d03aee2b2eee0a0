//! Figures of the whole pipeline, each beside a peer or a limit measured in the same run:
//!
//!     cargo bench -p aisaws-integration-tests --bench pipeline
//!
//! The corpus is the real one beside the checkout where it is there, else one that is made.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, and ends where something is amiss"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_aisaws-under-test");
/// Each figure is the best of so many runs: other work on the machine only ever slows.
const RUNS: usize = 5;
/// Buckets made public for the incident rate.
const INCIDENTS: usize = 2000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let text = std::fs::read_to_string(&corpus).unwrap();
    let events = text.lines().count();
    println!("corpus: {events} events, {} MiB", text.len() >> 20);

    let parse = best(|| {
        cpu(|| {
            for line in text.lines() {
                std::hint::black_box(serde_json::from_str::<serde_json::Value>(line).unwrap());
            }
        })
    });
    println!("parse only (serde_json Value): {:.0} events per CPU second", per(events, parse));
    let start = best(|| child_cpu(&["--version"]).0);
    let (mut whole, mut wall, mut peak) = (Duration::MAX, Duration::MAX, 0);
    for run in 0..RUNS {
        let store = folder.path().join(format!("corpus-{run}.sqlite"));
        let begun = Instant::now();
        let args = ["--store", store.to_str().unwrap(), "respond", corpus.to_str().unwrap()];
        let (time, memory) = child_cpu(&args);
        wall = wall.min(begun.elapsed());
        whole = whole.min(time);
        peak = peak.max(memory);
        std::fs::remove_file(store).unwrap();
    }
    println!(
        "whole pipeline, durable: {:.0} events per CPU second, {:.0} per second; ratio to parse only {:.2}",
        per(events, whole),
        per(events, wall),
        per(events, whole) / per(events, parse)
    );
    println!("peak memory on the corpus: {:.1} MiB", peak as f64 / 1024.0);

    let incidents = public_buckets(folder.path());
    let rate = (0..3)
        .map(|run| {
            let store = folder.path().join(format!("incidents-{run}.sqlite"));
            let begun = Instant::now();
            child_cpu(&[
                "--store",
                store.to_str().unwrap(),
                "respond",
                incidents.to_str().unwrap(),
            ]);
            INCIDENTS as f64 / begun.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max);
    let fsyncs = fsync_rate(folder.path());
    println!(
        "incidents from event to verified repair, durable: {rate:.0} per second; bare fsync {fsyncs:.0} per second, ratio {:.2}",
        rate / fsyncs
    );

    let startup = best(|| {
        let begun = Instant::now();
        child_cpu(&["--version"]);
        begun.elapsed()
    });
    println!("start-up of `--version`: {:.1} ms (CPU {:.1} ms)", ms(startup), ms(start));
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn per(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn best(mut run: impl FnMut() -> Duration) -> Duration {
    (0..RUNS).map(|_| run()).min().unwrap()
}

/// CPU time of this thread that `work` takes.
fn cpu(work: impl FnOnce()) -> Duration {
    let before = own_cpu();
    work();
    own_cpu().saturating_sub(before)
}

fn own_cpu() -> Duration {
    // The kernel's count, in nanoseconds.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Runs the program to its end; its CPU time (all threads) and peak memory in KiB, as the kernel
/// counts them. Both are sampled every half millisecond, so what comes after the last sample of
/// a thread is missing.
fn child_cpu(args: &[&str]) -> (Duration, u64) {
    let mut child = Command::new(PROGRAM)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let tasks = format!("/proc/{}/task", child.id());
    let (mut peak, mut time) = (0, std::collections::HashMap::new());
    loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            peak = high_water(&text).unwrap_or(peak).max(peak);
        }
        for task in std::fs::read_dir(&tasks).into_iter().flatten().flatten() {
            let path = task.path().join("schedstat");
            if let Ok(text) = std::fs::read_to_string(path) {
                let nanos: u64 = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
                time.insert(task.file_name(), nanos);
            }
        }
        if child.try_wait().unwrap().is_some() {
            let total: u64 = time.values().sum();
            return (Duration::from_nanos(total), peak);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Small appends, each made durable, in the folder the stores lie in.
fn fsync_rate(folder: &Path) -> f64 {
    let mut file = std::fs::File::create(folder.join("fsync")).unwrap();
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        file.write_all(&[0x5a; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

fn corpus(folder: &Path) -> PathBuf {
    let path = folder.join("corpus.ndjson");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/cloudtrail");
    if shared.is_dir() {
        let mut files: Vec<_> =
            std::fs::read_dir(shared).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "gz")) {
            let mut reader = flate2::read::MultiGzDecoder::new(std::fs::File::open(file).unwrap());
            std::io::copy(&mut reader, &mut out).unwrap();
        }
    } else {
        println!("the real corpus is not there: a made one is used");
        for i in 0..28_000 {
            writeln!(out, "{}", event(i, "DescribeInstances", "ec2", "null")).unwrap();
        }
    }
    out.flush().unwrap();
    path
}

fn public_buckets(folder: &Path) -> PathBuf {
    let path = folder.join("incidents.ndjson");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for i in 0..INCIDENTS {
        let parameters = format!(r#"{{"bucketName":"acme-{i}","x-amz-acl":"public-read"}}"#);
        writeln!(out, "{}", event(i, "PutBucketAcl", "s3", &parameters)).unwrap();
    }
    out.flush().unwrap();
    path
}

fn event(i: usize, name: &str, service: &str, parameters: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.09","eventID":"be000000-0000-4000-8000-{i:012}","eventTime":"2026-03-01T{:02}:{:02}:{:02}Z","eventName":"{name}","eventSource":"{service}.amazonaws.com","awsRegion":"us-east-1","recipientAccountId":"111122223333","sourceIPAddress":"192.0.2.10","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/app-{i}/bench","accountId":"111122223333"}},"requestParameters":{parameters},"responseElements":null}}"#,
        i / 3600 % 24,
        i / 60 % 60,
        i % 60
    )
}
