//! Events a second on one core: parse limits, rules over raw lines, and the whole of Detect.
//!
//! Reads the corpus beside the workspace, as the tests do. Run with
//! `cargo bench -p aisaws-detect --bench throughput`.

#![allow(clippy::disallowed_methods, reason = "only the library is kept from files and clocks")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read as _, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use aisaws_core::port::Detector as _;
use aisaws_core::source::cloudtrail;
use aisaws_detect::Detect;
use aisaws_detect::sigma::{Document, Extra, Head, RuleSet, parse};
use anyhow::{Context as _, Result};
use flate2::read::GzDecoder;
use serde_json::Value;

/// Passes over the corpus; the fastest counts.
const PASSES: usize = 5;

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

fn rules(folders: &[std::path::PathBuf]) -> Result<RuleSet> {
    let mut documents: Vec<Document> = Vec::new();
    let mut folders = folders.to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yml") {
                let name = path.to_string_lossy();
                documents.extend(parse(&name, &fs::read_to_string(&path)?).into_iter().flatten());
            }
        }
    }
    Ok(RuleSet::new(documents).0)
}

/// One row: events a second, and what the work found.
fn row(
    out: &mut impl Write,
    name: &str,
    lines: &[String],
    work: impl Fn(&str) -> usize,
) -> Result<()> {
    let mut best = Duration::MAX;
    let mut found = 0;
    for _ in 0..PASSES {
        let start = Instant::now();
        found = lines.iter().map(|line| work(line)).sum();
        best = best.min(start.elapsed());
    }
    let count = u32::try_from(lines.len())?;
    let rate = f64::from(count) / best.as_secs_f64() / 1000.0;
    writeln!(out, "{name:<52} {rate:>8.0} k events/s   {found:>8}")?;
    Ok(())
}

fn main() -> Result<()> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let lines = corpus(&shared.join("cloudtrail"))?;
    let sigma_hq = shared.join("sigma/sigmahq-aws-cloudtrail");
    let suzaku = shared.join("sigma/yamato-suzaku-aws");
    let few = rules(std::slice::from_ref(&sigma_hq))?;
    let many = rules(&[sigma_hq, suzaku])?;
    let detect = Detect::builtin(Vec::new())?;
    let networks = vec!["192.0.2.0/24".parse()?];
    let with_networks = Detect::builtin(networks)?;
    let out = &mut std::io::stdout().lock();
    writeln!(
        out,
        "{} events, {} bytes",
        lines.len(),
        lines.iter().map(String::len).sum::<usize>()
    )?;
    row(out, "limit: full tree (serde_json Value)", &lines, |l| {
        usize::from(black_box(serde_json::from_str::<Value>(l)).is_ok())
    })?;
    row(out, "limit: top level only", &lines, |l| usize::from(black_box(Head::read(l)).is_ok()))?;
    row(out, "limit: typed event", &lines, |l| {
        usize::from(black_box(cloudtrail::parse(l)).is_ok())
    })?;
    for (name, rules) in [("57 SigmaHQ rules, raw lines", &few), ("790 rules, raw lines", &many)] {
        row(out, name, &lines, |l| rules.matching(l, &Extra::NONE).map_or(0, |hits| hits.len()))?;
    }
    row(out, "57 SigmaHQ rules, raw lines, no index", &lines, |l| {
        few.matching_unindexed(l, &Extra::NONE).map_or(0, |hits| hits.len())
    })?;
    let events: Vec<_> = lines.iter().filter_map(|l| cloudtrail::parse(l).ok()).collect();
    row(out, "own rules: typed event and detect, raw lines", &lines, |l| {
        cloudtrail::parse(l).ok().and_then(|e| detect.detect(&e).ok()).map_or(0, |hits| hits.len())
    })?;
    let index: Vec<String> = (0..events.len()).map(|n| n.to_string()).collect();
    let on_events = |detect: &Detect, n: &str| {
        let event = n.parse::<usize>().ok().and_then(|n| events.get(n));
        event.and_then(|e| detect.detect(e).ok()).map_or(0, |hits| hits.len())
    };
    row(out, "own rules: detect alone", &index, |n| on_events(&detect, n))?;
    row(out, "own rules, known networks: detect alone", &index, |n| on_events(&with_networks, n))?;
    Ok(())
}
