//! The official JSONata suite, through the integration and through the crate alone.

use super::*;

const CASES: &str = "../../../shared/asl/jsonata.cases.jsonl";

fn context(case: &Value) -> Context {
    let mut context = Context::new();
    for (name, value) in case["bindings"].as_object().unwrap() {
        context.bind(name.clone(), JValue::from(value.clone()));
    }
    context
}

fn data(case: &Value) -> JValue {
    if case["has_data"] == Value::Bool(true) {
        JValue::from(case["data"].clone())
    } else {
        JValue::Undefined
    }
}

/// How long a case may take: a few never end and want an error, which more time would not
/// change. For a result there is time on any machine.
fn millis(case: &Value) -> u64 {
    if case["expect"].get("code").is_some() { 100 } else { 600_000 }
}

/// The limits that the suite sets.
fn limits(case: &Value) -> EvaluatorOptions {
    EvaluatorOptions {
        timeout_ms: Some(millis(case)),
        max_stack_depth: case["depth"].as_u64().and_then(|n| usize::try_from(n).ok()),
        ..EvaluatorOptions::default()
    }
}

/// Whether `outcome` is what the suite expects; of errors only that there is one.
fn passes(case: &Value, outcome: Result<JValue, String>) -> bool {
    let expect = &case["expect"];
    match outcome {
        Err(_) => expect.get("result").is_none() && expect.get("undefined").is_none(),
        Ok(value) if value.is_undefined() => expect.get("undefined").is_some(),
        Ok(value) => {
            let mut got = whole_numbers(Value::from(&value));
            let mut want = whole_numbers(
                expect.get("result").cloned().unwrap_or(Value::String("an error".to_owned())),
            );
            if case["unordered"] == Value::Bool(true) {
                for list in [&mut got, &mut want] {
                    if let Value::Array(items) = list {
                        items.sort_by_key(ToString::to_string);
                    }
                }
            }
            got == want
        }
    }
}

#[test]
fn what_never_ends_is_stopped() {
    let run = |expression, millis| {
        let data = JValue::Undefined;
        run(expression, &data, Context::new(), &Chance::new(1), 0, millis).unwrap_err()
    };
    // The codes of the reference implementation for its limits of time, depth and width.
    assert!(run("($f := function() { $f() }; $f())", 20).starts_with("D1012"));
    let deep = "($f := function($x) { $f($x + 1) + 1 }; $f(1))";
    assert!(run(deep, 600_000).starts_with("D1011"));
    assert!(run("[1..20000000]", 600_000).starts_with("D2014"));
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn the_integration_loses_no_case_of_the_official_suite() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let (mut alone, mut ours, mut lost) = (0, 0, Vec::new());
    for line in text.lines() {
        // Two cases hold lone surrogates, which are no JSON text.
        let Ok(case) = serde_json::from_str::<Value>(line) else { continue };
        let expression = case["expr"].as_str().unwrap();
        let by_crate = parser::parse(expression).map_err(|e| e.to_string()).and_then(|ast| {
            Evaluator::with_options(context(&case), limits(&case))
                .evaluate(&ast, &data(&case))
                .map_err(|e| e.message().to_owned())
        });
        let by_us = run(
            expression,
            &data(&case),
            context(&case),
            &Chance::new(1),
            jiff::Timestamp::now().as_millisecond(),
            millis(&case),
        );
        let (crate_passes, we_pass) = (passes(&case, by_crate), passes(&case, by_us));
        alone += u32::from(crate_passes);
        ours += u32::from(we_pass);
        // Step Functions refuses `$eval`; a case with a depth tests a limit set from outside.
        if crate_passes && !we_pass && case.get("depth").is_none() && !expression.contains("$eval")
        {
            lost.push(case["id"].as_str().unwrap().to_owned());
        }
    }
    assert!(alone > 1_600, "the crate alone passes {alone}");
    assert!(lost.is_empty(), "of {alone}, {ours} pass; lost: {lost:?}");
}
