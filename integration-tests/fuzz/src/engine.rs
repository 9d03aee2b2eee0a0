//! The interpreter: definitions, paths, expressions, intrinsic functions, inputs, mocks, tables.

use std::sync::{Arc, LazyLock};

use aisaws_engine::integrations::{MemoryTable, Router, Tables};
use aisaws_engine::{
    Engine, Machine, MemoryJournal, Script, SystemClock, conform, graph, local_cases, rehearse,
};
use serde_json::{Value, json};

/// The first line and the JSON after it; an empty object where that is none.
fn with_input(data: &[u8]) -> Option<(&str, Value)> {
    let text = std::str::from_utf8(data).ok()?;
    let (first, rest) = text.split_once('\n').unwrap_or((text, "{}"));
    Some((first, serde_json::from_str(rest).unwrap_or_else(|_| json!({}))))
}

fn run(definition: &Value, input: Value) {
    if let Ok(machine) = Machine::parse(&definition.to_string()) {
        rehearse(&machine, input, Script::default());
    }
}

fn pass(parameters: Value) -> Value {
    json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": parameters, "End": true}}})
}

/// A text as a definition: refused with pointers, or drawn and run.
pub fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Machine::parse(text) {
        Ok(machine) => {
            graph::mermaid(&machine);
            graph::svg(&machine);
            rehearse(&machine, json!({"a": [1, 2], "b": "x"}), Script::default());
        }
        Err(errors) => assert!(!errors.problems.is_empty(), "refused without a reason"),
    }
}

/// A path, and the input it is read from.
pub fn path(data: &[u8]) {
    let Some((path, input)) = with_input(data) else { return };
    run(&pass(json!({"v.$": path})), input.clone());
    let state = json!({"Type": "Pass", "InputPath": path, "ResultPath": path, "End": true});
    run(&json!({"StartAt": "A", "States": {"A": state}}), input.clone());
    let rule = json!({"Variable": path, "IsPresent": true, "Next": "B"});
    run(
        &json!({"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [rule], "Default": "B"}, "B": {"Type": "Succeed"}}}),
        input,
    );
}

/// A JSONata expression, and the input it is evaluated on.
pub fn expression(data: &[u8]) {
    let Some((text, input)) = with_input(data) else { return };
    let state = json!({"Type": "Pass", "Output": format!("{{% {text} %}}"), "Assign": {"v": format!("{{% {text} %}}")}, "End": true});
    run(&json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": state}}), input);
}

/// An intrinsic function, and the input that its arguments are read from.
pub fn intrinsic(data: &[u8]) {
    let Some((text, input)) = with_input(data) else { return };
    run(&pass(json!({"v.$": text})), input.clone());
    run(&pass(json!({"v.$": format!("States.{text}")})), input);
}

/// Definitions of our own that any input is to be driven through.
static MACHINES: LazyLock<Vec<Machine>> = LazyLock::new(|| {
    let item = |state: Value| json!({"StartAt": "E", "States": {"E": state}});
    let definitions = [
        json!({"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [
                {"Variable": "$.n", "NumericGreaterThan": 3, "Next": "S"},
                {"And": [{"Variable": "$.t", "TimestampLessThanPath": "$.u"}, {"Not": {"Variable": "$.s", "StringMatches": "a*\\*b"}}], "Next": "W"},
                {"Variable": "$..x", "IsString": true, "Next": "M"}], "Default": "W"},
            "W": {"Type": "Wait", "TimestampPath": "$.t", "Next": "M"},
            "M": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrencyPath": "$.n", "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
                "ItemProcessor": item(json!({"Type": "Pass", "Parameters": {"f.$": "States.Format('{}', $.v)"}, "End": true})), "ResultPath": "$.done",
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "S"}], "Next": "S"},
            "S": {"Type": "Succeed"}}}),
        json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {
            "P": {"Type": "Parallel", "Branches": [
                {"StartAt": "X", "States": {"X": {"Type": "Pass", "Output": "{% $sum($states.input.items.n) %}", "End": true}}},
                {"StartAt": "Y", "States": {"Y": {"Type": "Pass", "Output": "{% $states.input.items[n > 1].{ 'k': s } %}", "Assign": {"v": "{% $string($states.input) %}"}, "End": true}}}],
                "Assign": {"both": "{% $states.result %}"}, "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Condition": "{% $exists($states.input.x) %}", "Next": "W"}], "Default": "W"},
            "W": {"Type": "Wait", "Seconds": "{% $count($both) %}", "Next": "M"},
            "M": {"Type": "Map", "Items": "{% $both %}", "ItemProcessor": item(json!({"Type": "Pass", "End": true})), "End": true}}}),
        json!({"StartAt": "D", "States": {"D": {"Type": "Map", "ToleratedFailurePercentagePath": "$.n", "ItemBatcher": {"MaxItemsPerBatchPath": "$.n", "MaxInputBytesPerBatch": 1000},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "F", "States": {"F": {"Type": "Fail", "ErrorPath": "$.Items[0].e", "CausePath": "States.Format('{}', $.Items)"}}}, "End": true}}}),
        json!({"StartAt": "M", "States": {"M": {"Type": "Pass", "Parameters": {
            "a.$": "States.ArrayPartition($.items, $.n)", "b.$": "States.StringToJson($.s)", "c.$": "States.JsonMerge($.x, $.y, false)",
            "d.$": "States.Base64Decode($.s)", "e.$": "States.ArrayRange($.n, 9, $.n)", "f.$": "States.StringSplit($.s, $.t)"}, "End": true}}}),
    ];
    definitions.iter().filter_map(|d| Machine::parse(&d.to_string()).ok()).collect()
});

/// Any JSON as the input of definitions that look into it.
pub fn input(data: &[u8]) {
    let Ok(input) = serde_json::from_slice::<Value>(data) else { return };
    assert_eq!(MACHINES.len(), 4, "a definition of the corpus is refused");
    for machine in MACHINES.iter() {
        rehearse(machine, input.clone(), Script::default());
    }
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("the fuzzer has a runtime");
}

/// A line with a condition, one with an update, and the values of both.
pub fn table(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (condition, update) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let values: Value = lines
        .next()
        .and_then(|line| serde_json::from_str(line).ok())
        .unwrap_or_else(|| json!({":n": {"N": "1"}, ":s": {"S": "x"}, ":l": {"L": [{"N": "1"}]}, ":t": {"SS": ["a"]}}));
    let tables = Tables::new().with("t", Arc::new(MemoryTable::new(&["id"])));
    let engine = Engine::new(
        Arc::new(MemoryJournal::new()),
        Arc::new(Router::new().tables(tables)),
        Arc::new(SystemClock),
    );
    let update = json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "ResultPath": null, "Next": "Check",
        "Parameters": {"TableName": "t", "Key": {"id": {"S": "1"}}, "UpdateExpression": update, "ExpressionAttributeValues": values},
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "Check"}]});
    let check = json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "End": true,
        "Parameters": {"TableName": "t", "Key": {"id": {"S": "1"}}, "ConditionExpression": condition, "ExpressionAttributeValues": values}});
    let definition = json!({"StartAt": "Update", "States": {"Update": update, "Check": check}});
    let Ok(machine) = Machine::parse(&definition.to_string()) else { return };
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            if engine.start("e", &machine, json!({})).await.is_ok() {
                drop(engine.run_to_end("e").await);
            }
        });
    });
}

/// A text as a recorded case and as files of mocks and tests.
pub fn case(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    drop(conform::run(text));
    drop(Script::parse(text));
    drop(local_cases(text, "M"));
    if let Some(machine) = MACHINES.first() {
        drop(aisaws_engine::run_test_file(machine, None, text));
    }
}
