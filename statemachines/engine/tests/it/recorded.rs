//! The cases recorded on AWS, as far as status, error and validity go; `judge.py` beside the
//! cases compares outputs, causes and histories too.

use std::collections::BTreeMap;
use std::path::Path;

use aisaws_engine::conform;
use serde_json::Value;

const CASES: &str = "../../../shared/asl/cases.dev.jsonl";

/// Cases that cannot be as recorded, with the reason.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    (
        "the definition or input in the case is not the one that was recorded: other states, or another value",
        &[
            "ls-20c3aa27cc3c",
            "ls-28023a70ee83",
            "ls-3f98e744f8f3",
            "ls-4a5dd1bf72bd",
            "ls-4c6812782d6f",
            "ls-546c0643bdb0",
            "ls-5a065752bc15",
            "ls-5fe716d47a55",
            "ls-73c6f5e3dd05",
            "ls-7e5f363652d8",
            "ls-a8638f4bd9bf",
            "ls-b9a4d68d318d",
            "ls-bce423ebe67c",
            "ls-d0f6c940ab0b",
            "ls-d7144aa6a007",
            "ls-d791edbe2262",
            "ls-eb3062ed966f",
            "ls-ed6d988dd13b",
            "ls-ff0b5a1c4280",
            "ls-d89103029a3c",
        ],
    ),
    ("the recorder stopped the execution; the case does not say so", &["ls-9b9bca70dfdc"]),
    ("the activity was deleted before; the case does not say so", &["ls-b72acbd55bd7"]),
    (
        "a real function ran, which no mock stands for",
        &[
            "ls-32eccbfc9203",
            "ls-6ba6b4590f9f",
            "ls-8a1898dc26cc",
            "ls-916a66d03fed",
            "ls-c149805c8c8b",
            "ls-651cffa15936",
            "ls-87669433d7e6",
            "ls-d29063175baf",
        ],
    ),
    (
        "a rule of one validator that AWS does not have: spaces in `{% … %}`",
        &["val-3bf13505dab9", "val-ef3bd29593c2"],
    ),
    (
        "AWS refuses JSONPath inside of a JSONata machine, this validator does not",
        &["val-43a16d3f9261"],
    ),
    ("AWS refuses a variable name with a hyphen, this validator does not", &["val-3892a9372349"]),
];

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn recorded_cases_end_as_they_ended_on_aws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let excepted: BTreeMap<&str, &str> =
        EXCEPTIONS.iter().flat_map(|(why, ids)| ids.iter().map(move |id| (*id, *why))).collect();
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (id, expected) = (case["id"].as_str().unwrap(), &case["expected"]);
        if excepted.contains_key(id) {
            continue;
        }
        let out: Value = serde_json::from_str(&conform::run(line).unwrap()).unwrap();
        let is_right = match case["kind"].as_str().unwrap() {
            "execution" | "test_state" => {
                out["status"] == expected["status"]
                    && (expected["error"].is_null() || out["error"] == expected["error"])
            }
            _ => {
                out["valid"]
                    == expected
                        .get("valid")
                        .cloned()
                        .unwrap_or(Value::Bool(expected["result"] == "OK"))
            }
        };
        if !is_right {
            wrong.push(format!("{id}: {} instead of {}", out["status"], expected["status"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
