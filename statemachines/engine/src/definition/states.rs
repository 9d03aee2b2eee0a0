//! One state of each type.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::parse::{Builder, language};
use super::{Amount, Batcher, ChoiceRule, ChoiceTest, Items, Kind, Language, MapSpec, Reader, State, Task, Wait, Writer, retry};
use crate::lang::{Rule, Template, Test};
use crate::path::Path;

/// AWS's longest wait and timeout.
const MAX_SECONDS: i64 = 99_999_999;
/// Choice rules inside rules deeper than this are refused.
const MAX_RULE_DEPTH: usize = 32;

type Targets = HashMap<String, u32>;

/// The fields a type of state may have beside `Type`, `Comment` and `QueryLanguage`.
fn allowed(kind: &str, language: Language) -> Option<&'static [&'static str]> {
    Some(match (kind, language) {
        ("Pass", Language::JsonPath) => &["Assign", "End", "InputPath", "Next", "OutputPath", "Parameters", "Result", "ResultPath"],
        ("Pass", Language::Jsonata) => &["Assign", "End", "Next", "Output"],
        ("Task", Language::JsonPath) => &[
            "Assign", "Catch", "Credentials", "End", "HeartbeatSeconds", "HeartbeatSecondsPath", "InputPath", "Next", "OutputPath",
            "Parameters", "Resource", "ResultPath", "ResultSelector", "Retry", "TimeoutSeconds", "TimeoutSecondsPath",
        ],
        ("Task", Language::Jsonata) => {
            &["Arguments", "Assign", "Catch", "Credentials", "End", "HeartbeatSeconds", "Next", "Output", "Resource", "Retry", "TimeoutSeconds"]
        }
        ("Choice", Language::JsonPath) => &["Assign", "Choices", "Default", "InputPath", "OutputPath"],
        ("Choice", Language::Jsonata) => &["Assign", "Choices", "Default", "Output"],
        ("Wait", Language::JsonPath) => {
            &["Assign", "End", "InputPath", "Next", "OutputPath", "Seconds", "SecondsPath", "Timestamp", "TimestampPath"]
        }
        ("Wait", Language::Jsonata) => &["Assign", "End", "Next", "Output", "Seconds", "Timestamp"],
        ("Succeed", Language::JsonPath) => &["InputPath", "OutputPath"],
        ("Succeed", Language::Jsonata) => &["Output"],
        ("Fail", Language::JsonPath) => &["Cause", "CausePath", "Error", "ErrorPath"],
        ("Fail", Language::Jsonata) => &["Cause", "Error"],
        ("Parallel", Language::JsonPath) => {
            &["Assign", "Branches", "Catch", "End", "InputPath", "Next", "OutputPath", "Parameters", "ResultPath", "ResultSelector", "Retry"]
        }
        ("Parallel", Language::Jsonata) => &["Arguments", "Assign", "Branches", "Catch", "End", "Next", "Output", "Retry"],
        ("Map", Language::JsonPath) => &[
            "Assign", "Catch", "End", "InputPath", "ItemBatcher", "ItemProcessor", "ItemReader", "ItemSelector", "ItemsPath", "Iterator",
            "Label", "MaxConcurrency", "MaxConcurrencyPath", "Next", "OutputPath", "Parameters", "ResultPath", "ResultSelector",
            "ResultWriter", "Retry", "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
        ],
        ("Map", Language::Jsonata) => &[
            "Assign", "Catch", "End", "ItemBatcher", "ItemProcessor", "ItemReader", "ItemSelector", "Items", "Label", "MaxConcurrency",
            "Next", "Output", "ResultWriter", "Retry", "ToleratedFailureCount", "ToleratedFailurePercentage",
        ],
        _ => return None,
    })
}

/// Reads one state; `None` where a problem keeps it from being built.
pub(super) fn state(
    builder: &mut Builder<'_>,
    name: &str,
    map: &Map<String, Value>,
    pointer: &str,
    outer: Language,
    targets: &Targets,
) -> Option<State> {
    let problems = builder.problems;
    let fields = Fields { map, pointer, problems };
    let language = language(&fields, outer, false);
    let kind_name = fields.required_text("Type")?;
    let Some(allowed) = allowed(kind_name, language) else {
        fields.report("Type", format!("`{kind_name}` is no type of state; use Task, Pass, Choice, Wait, Succeed, Fail, Parallel or Map"));
        return None;
    };
    let mut known = vec!["Type", "Comment", "QueryLanguage"];
    known.extend(allowed);
    let which = if language == Language::Jsonata { "JSONata" } else { "JSONPath" };
    fields.only(&known, &format!("a {kind_name} state in {which}"));
    fields.comment();
    let next = if allowed.contains(&"Next") { next(&fields, targets) } else { Some(None) };
    let kind = match kind_name {
        "Pass" => Some(Kind::Pass { result: fields.get("Result").cloned().map(Arc::new) }),
        "Task" => task(&fields, language).map(Kind::Task),
        "Choice" => choice(&fields, language, targets),
        "Wait" => wait(&fields, language).map(Kind::Wait),
        "Succeed" => Some(Kind::Succeed),
        "Fail" => Some(Kind::Fail { error: fields.computed_text("Error", language), cause: fields.computed_text("Cause", language) }),
        "Parallel" => parallel(builder, &fields),
        _ => map_state(builder, &fields, language).map(|map| Kind::Map(Box::new(map))),
    };
    let parameters = match (kind_name, language) {
        // `Parameters` of a Map is what `ItemSelector` used to be called.
        ("Map", _) => None,
        (_, Language::JsonPath) => fields.template("Parameters", language),
        (_, Language::Jsonata) => fields.template("Arguments", language),
    };
    Some(State {
        name: name.into(),
        language,
        kind: kind?,
        next: next?,
        input_path: fields.io_path("InputPath"),
        output_path: fields.io_path("OutputPath"),
        parameters,
        result_selector: fields.object_template("ResultSelector", language),
        result_path: fields.result_path("ResultPath"),
        output: fields.template("Output", language),
        assign: assign(&fields, language),
        retry: retry::retriers(&fields),
        catch: retry::catchers(&fields, language, targets),
    })
}

/// The state that `field` names.
pub(super) fn target(fields: &Fields<'_>, field: &str, targets: &Targets) -> Option<u32> {
    let name = fields.required_text(field)?;
    let found = targets.get(name).copied();
    if found.is_none() {
        fields.report(field, format!("there is no state `{name}` here; name one of the same `States`"));
    }
    found
}

/// `Assign`, with names that are names of variables.
pub(super) fn assign(fields: &Fields<'_>, language: Language) -> Option<Template> {
    let map = fields.object("Assign")?;
    for key in map.keys() {
        let name = if language == Language::JsonPath { key.strip_suffix(".$").unwrap_or(key) } else { key };
        let has_form = name.chars().next().is_some_and(char::is_alphabetic) && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !has_form || name.chars().count() > 80 {
            fields.report("Assign", format!("`{name}` is no name of a variable; use letters, digits and `_`"));
        } else if name == "states" {
            fields.report("Assign", "`states` is reserved; use another name");
        }
    }
    fields.template("Assign", language)
}

fn next(fields: &Fields<'_>, targets: &Targets) -> Option<Option<u32>> {
    match (fields.has("Next"), fields.get("End")) {
        (true, Some(end)) if *end != Value::Bool(false) => {
            fields.report("End", "`Next` and `End` are both given; keep one");
            None
        }
        (true, _) => target(fields, "Next", targets).map(Some),
        (false, Some(Value::Bool(true))) => Some(None),
        (false, Some(Value::Bool(false))) | (false, None) => {
            fields.report("", "the state leads nowhere; give it `Next` or `\"End\": true`");
            None
        }
        (false, Some(_)) => {
            fields.report("End", "`End` must be true");
            None
        }
    }
}

fn task(fields: &Fields<'_>, language: Language) -> Option<Task> {
    let resource = fields.required_text("Resource")?;
    if let Err(reason) = super::resource::check(resource) {
        fields.report("Resource", reason);
    }
    let timeout = fields.amount("TimeoutSeconds", language, 1, MAX_SECONDS);
    let heartbeat = fields.amount("HeartbeatSeconds", language, 1, MAX_SECONDS);
    if let (Some(Amount::Fixed(timeout)), Some(Amount::Fixed(heartbeat))) = (&timeout, &heartbeat)
        && heartbeat >= timeout
    {
        fields.report("HeartbeatSeconds", "`HeartbeatSeconds` must be smaller than `TimeoutSeconds`, else it can never fire");
    }
    if fields.has("Credentials") {
        fields.object("Credentials");
    }
    Some(Task { resource: resource.into(), timeout, heartbeat, credentials: fields.template("Credentials", language) })
}

fn wait(fields: &Fields<'_>, language: Language) -> Option<Wait> {
    let given: Vec<_> = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"].into_iter().filter(|f| fields.has(f)).collect();
    match given.as_slice() {
        ["Seconds" | "SecondsPath"] => fields.amount("Seconds", language, 0, MAX_SECONDS).map(Wait::Seconds),
        ["Timestamp" | "TimestampPath"] => {
            let text = fields.computed_text("Timestamp", language)?;
            if let super::Text::Literal(literal) = &text
                && crate::lang::parse_timestamp(literal).is_none()
                && language == Language::JsonPath
            {
                fields.report("Timestamp", format!("`{literal}` is no ISO 8601 date-time with an offset"));
            }
            Some(Wait::Timestamp(text))
        }
        _ => {
            fields.report("", "a Wait state has exactly one of `Seconds`, `SecondsPath`, `Timestamp` and `TimestampPath`");
            None
        }
    }
}

fn choice(fields: &Fields<'_>, language: Language, targets: &Targets) -> Option<Kind> {
    if !fields.has("Choices") {
        fields.report("", "`Choices` is missing");
    }
    let items = fields.array("Choices")?;
    if items.is_empty() {
        fields.report("Choices", "`Choices` is empty; add a rule");
    }
    let mut rules = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let pointer = format!("{}/{i}", fields.at("Choices"));
        let Value::Object(map) = item else {
            fields.problems.add(pointer, "a choice rule is an object");
            continue;
        };
        let rule = Fields { map, pointer: &pointer, problems: fields.problems };
        rule.comment();
        let next = target(&rule, "Next", targets);
        let test = match language {
            Language::JsonPath => choice_rule(&rule, 0).map(ChoiceTest::Rule),
            Language::Jsonata => {
                rule.only(&["Assign", "Comment", "Condition", "Next", "Output"], "a choice rule in JSONata");
                condition(&rule)
            }
        };
        if let (Some(test), Some(next)) = (test, next) {
            rules.push(ChoiceRule { test, next, assign: assign(&rule, language), output: rule.template("Output", language) });
        }
    }
    let default = if fields.has("Default") { target(fields, "Default", targets) } else { None };
    Some(Kind::Choice { rules, default })
}

fn condition(rule: &Fields<'_>) -> Option<ChoiceTest> {
    match rule.get("Condition") {
        Some(Value::Bool(_)) => {}
        Some(Value::String(text)) if crate::lang::jsonata_expression(text).is_some() => {}
        Some(_) => rule.report("Condition", "`Condition` must be an expression in `{% … %}`"),
        None => rule.report("", "`Condition` is missing"),
    }
    rule.template("Condition", Language::Jsonata).map(ChoiceTest::Condition)
}

fn choice_rule(rule: &Fields<'_>, depth: usize) -> Option<Rule> {
    if depth > MAX_RULE_DEPTH {
        rule.report("", "choice rules are nested too deeply");
        return None;
    }
    if depth > 0 && rule.has("Next") {
        rule.report("Next", "`Next` belongs to the outermost rule; remove it");
    }
    let mut found: Option<Rule> = None;
    let mut count = 0;
    for (key, value) in rule.map {
        let parsed = match key.as_str() {
            "Variable" | "Next" | "Comment" => continue,
            "Assign" if depth == 0 => continue,
            "And" | "Or" => all_rules(rule, key, depth).map(if key == "And" { Rule::And } else { Rule::Or }),
            "Not" => nested(rule, &rule.at("Not"), value, depth).map(|inner| Rule::Not(Box::new(inner))),
            name => match Test::parse(name, value) {
                Some(Ok(test)) => variable(rule).map(|variable| Rule::Test { variable, test }),
                Some(Err(reason)) => {
                    rule.report(name, reason);
                    None
                }
                None => {
                    rule.report(name, format!("`{name}` is no comparison of a choice rule"));
                    continue;
                }
            },
        };
        count += 1;
        found = parsed;
    }
    if count != 1 {
        rule.report("", "a choice rule has exactly one comparison, `And`, `Or` or `Not`");
    }
    if rule.has("Variable") && matches!(found, Some(Rule::And(_) | Rule::Or(_) | Rule::Not(_))) {
        rule.report("Variable", "`Variable` belongs to a comparison; remove it here");
    }
    found
}

fn variable(rule: &Fields<'_>) -> Option<Path> {
    if !rule.has("Variable") {
        rule.report("", "`Variable` is missing");
    }
    rule.path("Variable")
}

fn nested(rule: &Fields<'_>, pointer: &str, value: &Value, depth: usize) -> Option<Rule> {
    match value {
        Value::Object(map) => choice_rule(&Fields { map, pointer, problems: rule.problems }, depth + 1),
        _ => {
            rule.problems.add(pointer, "a choice rule is an object");
            None
        }
    }
}

fn all_rules(rule: &Fields<'_>, field: &str, depth: usize) -> Option<Vec<Rule>> {
    let items = rule.array(field)?;
    if items.is_empty() {
        rule.report(field, format!("`{field}` is empty; add a rule"));
    }
    let rules: Vec<_> = items.iter().enumerate().map(|(i, item)| nested(rule, &format!("{}/{i}", rule.at(field)), item, depth)).collect();
    rules.into_iter().collect()
}

fn parallel(builder: &mut Builder<'_>, fields: &Fields<'_>) -> Option<Kind> {
    if !fields.has("Branches") {
        fields.report("", "`Branches` is missing");
    }
    let items = fields.array("Branches")?;
    if items.is_empty() {
        fields.report("Branches", "`Branches` is empty; add a branch");
    }
    let mut branches = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let pointer = format!("{}/{i}", fields.at("Branches"));
        match item {
            Value::Object(map) => {
                let branch = Fields { map, pointer: &pointer, problems: fields.problems };
                branch.only(&["Comment", "QueryLanguage", "StartAt", "States"], "a branch");
                let inner = super::parse::language(&branch, builder.language, true);
                branches.push(builder.graph(map, &pointer, inner));
            }
            _ => fields.problems.add(pointer, "a branch is an object"),
        }
    }
    Some(Kind::Parallel { branches })
}

fn map_state(builder: &mut Builder<'_>, fields: &Fields<'_>, language: Language) -> Option<MapSpec> {
    let processor = match (fields.has("ItemProcessor"), fields.has("Iterator")) {
        (true, true) => {
            fields.report("Iterator", "`ItemProcessor` and `Iterator` are both given; keep `ItemProcessor`");
            "ItemProcessor"
        }
        (false, true) => "Iterator",
        (true, false) => "ItemProcessor",
        (false, false) => {
            fields.report("", "`ItemProcessor` is missing");
            return None;
        }
    };
    let map = fields.object(processor)?;
    let pointer = fields.at(processor);
    let inner = Fields { map, pointer: &pointer, problems: fields.problems };
    inner.only(&["Comment", "ProcessorConfig", "QueryLanguage", "StartAt", "States"], "an `ItemProcessor`");
    let is_distributed = processor_mode(&inner, fields);
    let inner_language = super::parse::language(&inner, builder.language, true);
    if fields.has("ItemSelector") && fields.has("Parameters") {
        fields.report("Parameters", "`ItemSelector` and `Parameters` are both given; keep `ItemSelector`");
    }
    let selector = if fields.has("ItemSelector") { "ItemSelector" } else { "Parameters" };
    let items = match language {
        Language::JsonPath if fields.has("ItemsPath") => fields.expr("ItemsPath").map(Items::Path),
        Language::JsonPath => None,
        Language::Jsonata => fields.template("Items", language).map(Items::Jsonata),
    };
    Some(MapSpec {
        graph: builder.graph(map, &pointer, inner_language),
        is_distributed,
        items,
        selector: fields.template(selector, language),
        max_concurrency: fields.amount("MaxConcurrency", language, 0, i64::from(i32::MAX)),
        tolerated_count: fields.amount("ToleratedFailureCount", language, 0, i64::MAX),
        tolerated_percentage: fields.amount("ToleratedFailurePercentage", language, 0, 100),
        reader: reader(fields, language),
        batcher: batcher(fields, language),
        writer: writer(fields, language),
        label: fields.text("Label").map(str::to_owned),
    })
}

fn processor_mode(inner: &Fields<'_>, state: &Fields<'_>) -> bool {
    let Some(map) = inner.object("ProcessorConfig") else { return false };
    let pointer = inner.at("ProcessorConfig");
    let config = Fields { map, pointer: &pointer, problems: state.problems };
    config.only(&["Comment", "ExecutionType", "Mode"], "a `ProcessorConfig`");
    let mode = config.text("Mode").unwrap_or("INLINE");
    if !matches!(mode, "INLINE" | "DISTRIBUTED") {
        config.report("Mode", "`Mode` is `INLINE` or `DISTRIBUTED`");
    }
    if let Some(kind) = config.text("ExecutionType") {
        if !matches!(kind, "STANDARD" | "EXPRESS") {
            config.report("ExecutionType", "`ExecutionType` is `STANDARD` or `EXPRESS`");
        }
    } else if mode == "DISTRIBUTED" {
        config.report("", "`ExecutionType` is missing; a distributed Map needs `STANDARD` or `EXPRESS`");
    }
    mode == "DISTRIBUTED"
}

fn reader(state: &Fields<'_>, language: Language) -> Option<Reader> {
    let map = state.object("ItemReader")?;
    let pointer = state.at("ItemReader");
    let fields = Fields { map, pointer: &pointer, problems: state.problems };
    let parameters = if language == Language::Jsonata { "Arguments" } else { "Parameters" };
    fields.only(&["Comment", "ReaderConfig", "Resource", parameters], "an `ItemReader`");
    let resource = fields.required_text("Resource")?;
    let mut max_items = None;
    if let Some(config) = fields.object("ReaderConfig") {
        let pointer = fields.at("ReaderConfig");
        let config = Fields { map: config, pointer: &pointer, problems: state.problems };
        max_items = config.amount("MaxItems", language, i64::MIN, i64::MAX);
    }
    Some(Reader {
        resource: resource.to_owned(),
        config: fields.get("ReaderConfig").cloned().unwrap_or(Value::Null),
        parameters: fields.template(parameters, language),
        max_items,
    })
}

fn batcher(state: &Fields<'_>, language: Language) -> Option<Batcher> {
    let map = state.object("ItemBatcher")?;
    let pointer = state.at("ItemBatcher");
    let fields = Fields { map, pointer: &pointer, problems: state.problems };
    let names = ["BatchInput", "Comment", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", "MaxItemsPerBatch", "MaxItemsPerBatchPath"];
    fields.only(&names, "an `ItemBatcher`");
    let max_items = fields.amount("MaxItemsPerBatch", language, 1, i64::MAX);
    let max_bytes = fields.amount("MaxInputBytesPerBatch", language, 1, 262_144);
    if max_items.is_none() && max_bytes.is_none() {
        fields.report("", "an `ItemBatcher` needs `MaxItemsPerBatch` or `MaxInputBytesPerBatch`");
    }
    Some(Batcher { max_items, max_bytes, batch_input: fields.template("BatchInput", language) })
}

fn writer(state: &Fields<'_>, language: Language) -> Option<Writer> {
    let map = state.object("ResultWriter")?;
    let pointer = state.at("ResultWriter");
    let fields = Fields { map, pointer: &pointer, problems: state.problems };
    let parameters = if language == Language::Jsonata { "Arguments" } else { "Parameters" };
    fields.only(&["Comment", "Resource", "WriterConfig", parameters], "a `ResultWriter`");
    let config = fields.object("WriterConfig").cloned().map_or(Value::Null, Value::Object);
    Some(Writer { resource: fields.text("Resource").map(str::to_owned), parameters: fields.template(parameters, language), config })
}
