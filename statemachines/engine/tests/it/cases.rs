//! The language as AWS documents it: files of cases in `tests/cases`.
//!
//! A file is a list of definitions, each with the page that says what is expected, and cases
//! in the format of `aisaws machine test`.

use std::path::Path;

use aisaws_engine::{Machine, run_test_file};
use serde_json::{Value, json};

fn run(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let groups: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for group in &groups {
        let about = group["about"].as_str().unwrap();
        assert!(group["source"].as_str().unwrap().starts_with("https://docs.aws.amazon.com/"));
        let machine = match Machine::parse(&group["definition"].to_string()) {
            Ok(machine) => machine,
            Err(errors) => {
                wrong.push(format!("{about}: {errors}"));
                continue;
            }
        };
        let cases = json!({"cases": group["cases"]}).to_string();
        let reports = run_test_file(&machine, None, &cases).unwrap();
        assert!(!reports.is_empty(), "{about} has no cases");
        for report in reports.iter().filter(|r| !r.is_passed()) {
            wrong.push(format!("{about}, {}: {}", report.name, report.differences.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn retries_wait_and_count_as_documented() {
    run("retry.json");
}

#[test]
fn timeouts_and_heartbeats_fire_as_documented() {
    run("timeouts.json");
}

#[test]
fn waits_last_as_long_as_they_say() {
    run("wait.json");
}

#[test]
fn branches_run_side_by_side() {
    run("parallel.json");
}

#[test]
fn maps_read_batch_tolerate_and_write() {
    run("map.json");
}

#[test]
fn variables_live_in_their_scope() {
    run("variables.json");
}

#[test]
fn intrinsic_functions_give_what_their_page_says() {
    run("intrinsics.json");
}

#[test]
fn a_state_can_be_tested_alone() {
    run("alone.json");
}
