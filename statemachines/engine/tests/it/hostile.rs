//! No input, definition or expression panics, hangs or eats the memory.

use aisaws_engine::{Machine, Script, Status, conform, rehearse};
use proptest::prelude::*;
use serde_json::{Value, json};

fn pass(parameters: &Value) -> String {
    json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": parameters, "End": true}}}).to_string()
}

fn jsonata(output: &str) -> String {
    json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": output, "End": true}}}).to_string()
}

/// Parses and, where that works, runs.
fn attempt(definition: &str, input: Value) -> Option<Status> {
    let machine = Machine::parse(definition).ok()?;
    Some(rehearse(&machine, input, Script::default()).status)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no such number", |f| f.is_finite())
            .prop_map(Value::from),
        "[a-z$.\\[\\]'\" {}%\\\\é]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-d.$]{1,3}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Definitions that look right at first sight.
fn any_state() -> impl Strategy<Value = Value> {
    let field = prop::sample::select(vec![
        "Type",
        "Next",
        "End",
        "Parameters",
        "Result",
        "ResultPath",
        "InputPath",
        "OutputPath",
        "Seconds",
        "SecondsPath",
        "Choices",
        "Variable",
        "Default",
        "Branches",
        "ItemProcessor",
        "ItemsPath",
        "Retry",
        "Catch",
        "Assign",
        "Output",
        "QueryLanguage",
        "Error",
        "CausePath",
        "Resource",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "Pass",
            "Task",
            "Map",
            "Parallel",
            "Choice",
            "Wait",
            "Fail",
            "A",
            "$",
            "$.a",
            "$$",
            "$x",
            "JSONata",
            "{% $states %}"
        ])
        .prop_map(Value::from),
        any_json(),
    ];
    prop::collection::vec((field, value), 0..8).prop_map(|fields| {
        Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,200}") {
        drop(Machine::parse(&text));
        drop(conform::run(&text));
    }

    #[test]
    fn any_definition_is_parsed_or_refused_with_pointers(states in prop::collection::btree_map("[A-C]", any_state(), 0..4), input in any_json()) {
        let definition = json!({"StartAt": "A", "States": states.into_iter().collect::<serde_json::Map<_, _>>()}).to_string();
        match Machine::parse(&definition) {
            Ok(machine) => drop(rehearse(&machine, input, Script::default())),
            Err(errors) => {
                prop_assert!(!errors.problems.is_empty());
                for problem in errors.problems {
                    prop_assert!(problem.pointer.is_empty() || problem.pointer.starts_with('/'), "{}", problem.pointer);
                }
            }
        }
    }

    #[test]
    fn any_path_on_any_input_ends(path in "\\$[$a-c.*\\[\\]?(@)'0-9:,<>=&|! -]{0,30}", input in any_json()) {
        attempt(&pass(&json!({"v.$": path})), input);
    }

    #[test]
    fn any_intrinsic_on_any_input_ends(
        call in "States\\.(Format|Array|ArrayRange|ArrayPartition|MathAdd|StringSplit|JsonMerge|ArrayGetItem|Hash|Base64Decode|MathRandom)\\([$a-c.,'{}0-9 -]{0,30}\\)",
        input in any_json(),
    ) {
        attempt(&pass(&json!({"v.$": call})), input);
    }

    #[test]
    fn any_jsonata_on_any_input_ends(expression in "[$a-c.*\\[\\]?(){}:=<>&|!'0-9,+/% -]{0,30}", input in any_json()) {
        attempt(&jsonata(&format!("{{% {expression} %}}")), input);
    }
}

/// How a bomb ends: refused by the parser, failed at a limit, or as small work after all.
#[derive(Debug)]
enum End {
    Refused,
    Failed(&'static str),
    Succeeded,
}

#[test]
fn every_bomb_ends() {
    use End::{Failed, Refused, Succeeded};
    let wide = json!({"a": (0..2_000).map(|i| json!({"b": [i, i, i]})).collect::<Vec<_>>()});
    let copies: serde_json::Map<String, Value> =
        (0..20_000).map(|i| (format!("k{i}.$"), json!("$"))).collect();
    let bombs = [
        ("wildcards", pass(&json!({"v.$": format!("${}", "..*".repeat(200))})), Succeeded),
        ("filters", pass(&json!({"v.$": "$..[?(@..[?(@..[?(@..b)])])]"})), Succeeded),
        ("copies", pass(&Value::Object(copies)), Failed("States.DataLimitExceeded")),
        (
            "arguments",
            pass(&json!({"v.$": format!("States.Array({})", vec!["$"; 3_000].join(","))})),
            Failed("States.DataLimitExceeded"),
        ),
        (
            "recursion",
            jsonata("{% ($f := function($x) { $f($x + 1) + 1 }; $f(1)) %}"),
            Failed("States.QueryEvaluationError"),
        ),
        ("sequence", jsonata("{% [1..20000000] %}"), Failed("States.QueryEvaluationError")),
        (
            "parentheses",
            jsonata(&format!("{{% {}1{} %}}", "(".repeat(20_000), ")".repeat(20_000))),
            Refused,
        ),
        ("brackets", pass(&json!({"v.$": format!("$[?({}", "(".repeat(30_000))})), Refused),
    ];
    for (what, definition, expected) in bombs {
        match (attempt(&definition, wide.clone()), &expected) {
            (Some(Status::Failed { error: Some(error), .. }), Failed(name)) if error == *name => {}
            (None, Refused) | (Some(Status::Succeeded { .. }), Succeeded) => {}
            (other, _) => panic!("{what}: {:.300} and not {expected:?}", format!("{other:?}")),
        }
    }
}

#[test]
fn what_grows_deeper_with_every_round_is_stopped() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Parameters": {"a.$": "$"}, "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "End"}], "Default": "A"}, "End": {"Type": "Succeed"}}});
    match attempt(&definition.to_string(), json!({})) {
        Some(Status::Failed { error, .. }) => {
            assert_eq!(error.as_deref(), Some("States.DataLimitExceeded"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_doubles_with_every_round_is_stopped() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Parameters": {"a.$": "States.Format('{}{}', $.a, $.a)"}, "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "End"}], "Default": "A"}, "End": {"Type": "Succeed"}}});
    match attempt(&definition.to_string(), json!({"a": "x"})) {
        Some(Status::Failed { error, .. }) => {
            assert_eq!(error.as_deref(), Some("States.DataLimitExceeded"));
        }
        other => panic!("{other:?}"),
    }
}
