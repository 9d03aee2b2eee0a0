//! Events a second of one core's time: parse limits, another evaluator, and ours.
//!
//! Reads the corpus beside the workspace, as the tests do. Every row takes events as text and,
//! where there are rules, writes each hit as a JSON line. Run with
//! `cargo bench -p aisaws-detect --bench throughput`; rows that hold a text come with `-- TEXT`.

#![allow(clippy::disallowed_methods, reason = "only the library is kept from files and clocks")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aisaws_core::port::Detector as _;
use aisaws_core::source::cloudtrail;
use aisaws_detect::{Detect, Lines, Mapping};
use anyhow::{Context as _, Result};
use flate2::read::GzDecoder;
use rsigma_eval::Engine;
use rsigma_eval::event::JsonEvent;
use serde_json::Value;

/// Passes over the corpus; the fastest counts.
const PASSES: usize = 7;
/// Rules of the largest set.
const MANY: usize = 5_000;

fn corpus(folder: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("no corpus: {}", folder.display()))? {
        paths.push(entry?.path());
    }
    paths.sort();
    let mut lines = Vec::new();
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "gz")) {
        let mut text = String::new();
        GzDecoder::new(File::open(path)?).read_to_string(&mut text)?;
        lines.extend(text.lines().map(str::to_owned));
    }
    Ok(lines)
}

/// Name and text of every rule file under the folders.
fn rule_files(folders: &[PathBuf]) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut folders = folders.to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yml") {
                files.push((path.display().to_string(), fs::read_to_string(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The files without their correlations, which the other evaluator is not asked about.
fn without_correlations(files: &[(String, String)]) -> Vec<(String, String)> {
    let is_rule = |document: &&str| !document.lines().any(|line| line.starts_with("correlation:"));
    let rules = |text: &str| text.split("\n---").filter(is_rule).collect::<Vec<_>>().join("\n---");
    files.iter().map(|(name, text)| (name.clone(), rules(text))).collect()
}

/// Rules of every kind that foreign ones are of: a third each by name and source, by name with
/// conditions on other fields, and by other fields alone. The names are those of calls; few of
/// the rules match anything.
fn synthetic(count: usize) -> Vec<(String, String)> {
    const VERBS: [&str; 8] =
        ["Create", "Delete", "Put", "Update", "Describe", "List", "Attach", "Modify"];
    const NOUNS: [&str; 9] =
        ["Bucket", "Role", "User", "Instance", "Trail", "Key", "Function", "Volume", "Snapshot"];
    const SERVICES: [&str; 6] = ["s3", "iam", "ec2", "cloudtrail", "kms", "lambda"];
    const FIELDS: [&str; 6] = [
        "userAgent|contains",
        "requestParameters.policyName",
        "userIdentity.arn|endswith",
        "errorMessage|contains",
        "sourceIPAddress|startswith",
        "requestParameters.tags.value|contains",
    ];
    let pick = |list: &[&'static str], n: usize| list.get(n % list.len()).copied().unwrap_or("");
    let rule = |n: usize| {
        let call = format!("{}{}{}", pick(&VERBS, n), pick(&NOUNS, n / 8), n / 72 % 40);
        let source = format!("{}.amazonaws.com", pick(&SERVICES, n / 3));
        let field = format!("{}: 'synthetic-{n}-tool'", pick(&FIELDS, n));
        let selection = match n % 3 {
            0 => format!("    eventName: {call}\n    eventSource: {source}\n"),
            // Half of these are about calls that are in nearly every log.
            1 if n.is_multiple_of(2) => {
                format!("    eventName: [{call}, PutObject]\n    {field}\n")
            }
            1 => format!(
                "    eventName|startswith: {call}\n    eventSource: {source}\n    {field}\n"
            ),
            _ => format!("    {field}\n"),
        };
        format!(
            "title: Synthetic {n}\nid: synthetic-{n}\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  s:\n{selection}  condition: s\nlevel: low\n"
        )
    };
    (0..count).map(|n| (format!("synthetic-{n}.yml"), rule(n))).collect()
}

/// What this thread has used of a core.
fn cpu_time(start: Instant) -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    nanoseconds.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

struct Table {
    lines: Vec<String>,
    start: Instant,
}

impl Table {
    /// One row: thousand events a second, and what the work found.
    fn row(&self, name: &str, mut work: impl FnMut(&str) -> usize) -> Result<f64> {
        // Cargo adds `--bench`.
        let mut wanted = std::env::args().skip(1).filter(|text| !text.starts_with("--"));
        if wanted.next().is_some_and(|text| !name.contains(&text)) {
            return Ok(f64::NAN);
        }
        let mut best = Duration::MAX;
        let mut found = 0;
        for _ in 0..PASSES {
            let start = cpu_time(self.start);
            found = self.lines.iter().map(|line| work(line)).sum();
            best = best.min(cpu_time(self.start).saturating_sub(start));
        }
        let rate = f64::from(u32::try_from(self.lines.len())?) / best.as_secs_f64() / 1000.0;
        writeln!(std::io::stdout(), "{name:<58} {rate:>8.0} k events/s   {found:>8}")?;
        Ok(rate)
    }

    fn ours(&self, name: &str, files: &[(String, String)], mapping: Mapping) -> Result<f64> {
        let rules = Lines::new(files.iter().map(|(n, t)| (n, t)), Vec::new(), mapping).0;
        let mut out = Vec::new();
        self.row(name, |line| {
            out.clear();
            rules.examine(line, &mut out).unwrap_or(0)
        })
    }

    fn rsigma(&self, name: &str, files: &[(String, String)]) -> Result<f64> {
        let mut engine = Engine::new();
        for (_, text) in files {
            for rule in &rsigma_parser::parse_sigma_yaml(text)?.rules {
                engine.add_rule(rule)?;
            }
        }
        let mut out = Vec::new();
        self.row(name, |line| {
            out.clear();
            let Ok(event) = serde_json::from_str::<Value>(line) else { return 0 };
            let hits = engine.evaluate(&JsonEvent::borrow(&event));
            for hit in &hits {
                // As ours: id, rule, title and level.
                let line = serde_json::json!({
                    "event_id": event.get("eventID"), "rule_id": hit.header.rule_id,
                    "title": hit.header.rule_title, "level": hit.header.level,
                });
                if serde_json::to_writer(&mut out, &line).is_err() {
                    return 0;
                }
            }
            hits.len()
        })
    }
}

fn main() -> Result<()> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let table = Table { lines: corpus(&shared.join("cloudtrail"))?, start: Instant::now() };
    let sigma_hq = shared.join("sigma/sigmahq-aws-cloudtrail");
    let suzaku = shared.join("sigma/yamato-suzaku-aws");
    let few = rule_files(std::slice::from_ref(&sigma_hq))?;
    let correlated = rule_files(&[sigma_hq, suzaku])?;
    let more = without_correlations(&correlated);
    let many: Vec<_> = few.iter().cloned().chain(synthetic(MANY - few.len())).collect();
    let bytes = table.lines.iter().map(String::len).sum::<usize>();
    writeln!(std::io::stdout(), "{} events, {bytes} bytes", table.lines.len())?;

    table.row("limit: full tree (serde_json Value)", |line| {
        usize::from(black_box(serde_json::from_str::<Value>(line)).is_ok())
    })?;
    let (mut buffers, mut copy) = (simd_json::Buffers::default(), Vec::new());
    let tape = table.row("limit: tape (simd-json)", |line| {
        copy.clear();
        copy.extend_from_slice(line.as_bytes());
        usize::from(simd_json::to_tape_with_buffers(&mut copy, &mut buffers).is_ok())
    })?;
    let mut wanted = sonic_rs::PointerTree::new();
    wanted.add_path(&["eventName"]);
    wanted.add_path(&["eventSource"]);
    wanted.add_path(&["userIdentity", "type"]);
    let lazy = table.row("limit: three fields, read lazily (sonic-rs)", |line| {
        usize::from(black_box(sonic_rs::get_many(line, &wanted)).is_ok())
    })?;
    let their_few = table.rsigma("rsigma-eval, 57 SigmaHQ rules", &few)?;
    let their_more = table.rsigma("rsigma-eval, 795 rules", &more)?;
    let our_few = table.ours("ours, 57 SigmaHQ rules", &few, Mapping::NONE)?;
    let our_more = table.ours("ours, 795 rules", &more, Mapping::NONE)?;
    let our_many = table.ours("ours, 5,000 rules", &many, Mapping::NONE)?;
    table.ours("ours, 57 SigmaHQ rules, and resources", &few, Mapping::default())?;
    let placed = table.ours("ours, 795 rules, and resources", &more, Mapping::default())?;
    table.ours("ours, 795 rules, resources, and correlations", &correlated, Mapping::default())?;
    for (name, ratio) in [
        ("57 rules, of the tape", our_few / tape),
        ("57 rules, of the lazy read", our_few / lazy),
        ("57 rules, of rsigma-eval", our_few / their_few),
        ("795 rules, of rsigma-eval", our_more / their_more),
        ("795 rules, and resources, of rsigma-eval", placed / their_more),
        ("5,000 rules, of 57", our_many / our_few),
    ] {
        writeln!(std::io::stdout(), "ours with {name:<48} {ratio:>8.2}")?;
    }

    let networks = vec!["192.0.2.0/24".parse()?];
    for (name, detect) in [
        ("own rules: typed event and detect", Detect::builtin(Vec::new())?),
        ("own rules, known networks: typed event and detect", Detect::builtin(networks)?),
    ] {
        table.row(name, |line| {
            let event = cloudtrail::parse(line).ok();
            event.and_then(|e| detect.detect(&e).ok()).map_or(0, |hits| hits.len())
        })?;
    }
    table.row("limit: typed event", |line| {
        usize::from(black_box(cloudtrail::parse(line)).is_ok())
    })?;
    Ok(())
}
