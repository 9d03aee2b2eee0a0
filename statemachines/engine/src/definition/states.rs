//! One state of each type.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::parse::{Builder, language};
use super::{Amount, Kind, Language, State, Task, Wait, children, retry, rules};
use crate::lang::Template;

/// AWS's longest wait and timeout.
const MAX_SECONDS: i64 = 99_999_999;

/// Where a state leads.
enum Next {
    State(u32),
    End,
}

pub(super) type Targets = HashMap<String, u32>;

/// The fields a type of state may have beside `Type`, `Comment` and `QueryLanguage`.
fn allowed(kind: &str, language: Language) -> Option<&'static [&'static str]> {
    Some(match (kind, language) {
        ("Pass", Language::JsonPath) => &[
            "Assign",
            "End",
            "InputPath",
            "Next",
            "OutputPath",
            "Parameters",
            "Result",
            "ResultPath",
        ],
        ("Pass", Language::Jsonata) => &["Assign", "End", "Next", "Output"],
        ("Task", Language::JsonPath) => &[
            "Assign",
            "Catch",
            "Credentials",
            "End",
            "HeartbeatSeconds",
            "HeartbeatSecondsPath",
            "InputPath",
            "Next",
            "OutputPath",
            "Parameters",
            "Resource",
            "ResultPath",
            "ResultSelector",
            "Retry",
            "TimeoutSeconds",
            "TimeoutSecondsPath",
        ],
        ("Task", Language::Jsonata) => &[
            "Arguments",
            "Assign",
            "Catch",
            "Credentials",
            "End",
            "HeartbeatSeconds",
            "Next",
            "Output",
            "Resource",
            "Retry",
            "TimeoutSeconds",
        ],
        ("Choice", Language::JsonPath) => {
            &["Assign", "Choices", "Default", "InputPath", "OutputPath"]
        }
        ("Choice", Language::Jsonata) => &["Assign", "Choices", "Default", "Output"],
        ("Wait", Language::JsonPath) => &[
            "Assign",
            "End",
            "InputPath",
            "Next",
            "OutputPath",
            "Seconds",
            "SecondsPath",
            "Timestamp",
            "TimestampPath",
        ],
        ("Wait", Language::Jsonata) => &["Assign", "End", "Next", "Output", "Seconds", "Timestamp"],
        ("Succeed", Language::JsonPath) => &["InputPath", "OutputPath"],
        ("Succeed", Language::Jsonata) => &["Output"],
        ("Fail", Language::JsonPath) => &["Cause", "CausePath", "Error", "ErrorPath"],
        ("Fail", Language::Jsonata) => &["Cause", "Error"],
        ("Parallel", Language::JsonPath) => &[
            "Assign",
            "Branches",
            "Catch",
            "End",
            "InputPath",
            "Next",
            "OutputPath",
            "Parameters",
            "ResultPath",
            "ResultSelector",
            "Retry",
        ],
        ("Parallel", Language::Jsonata) => {
            &["Arguments", "Assign", "Branches", "Catch", "End", "Next", "Output", "Retry"]
        }
        ("Map", Language::JsonPath) => &[
            "Assign",
            "Catch",
            "End",
            "InputPath",
            "ItemBatcher",
            "ItemProcessor",
            "ItemReader",
            "ItemSelector",
            "ItemsPath",
            "Iterator",
            "Label",
            "MaxConcurrency",
            "MaxConcurrencyPath",
            "Next",
            "OutputPath",
            "Parameters",
            "ResultPath",
            "ResultSelector",
            "ResultWriter",
            "Retry",
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
        ],
        ("Map", Language::Jsonata) => &[
            "Assign",
            "Catch",
            "End",
            "ItemBatcher",
            "ItemProcessor",
            "ItemReader",
            "ItemSelector",
            "Items",
            "Label",
            "MaxConcurrency",
            "Next",
            "Output",
            "ResultWriter",
            "Retry",
            "ToleratedFailureCount",
            "ToleratedFailurePercentage",
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
    let next = if allowed.contains(&"Next") { next(&fields, targets) } else { Some(Next::End) };
    let kind = match kind_name {
        "Pass" => Some(Kind::Pass { result: fields.get("Result").cloned().map(Arc::new) }),
        "Task" => task(&fields, language).map(Kind::Task),
        "Choice" => rules::choice(&fields, language, targets),
        "Wait" => wait(&fields, language).map(Kind::Wait),
        "Succeed" => Some(Kind::Succeed),
        "Fail" => Some(Kind::Fail {
            error: fields.computed_text("Error", language),
            cause: fields.computed_text("Cause", language),
        }),
        "Parallel" => children::parallel(builder, &fields),
        _ => children::map_state(builder, &fields, language).map(|map| Kind::Map(Box::new(map))),
    };
    let parameters = match (kind_name, language) {
        // `Parameters` of a Map is what `ItemSelector` used to be called.
        ("Map", _) => None,
        (_, Language::JsonPath) => fields.template("Parameters", language),
        (_, Language::Jsonata) => fields.template("Arguments", language),
    };
    // Every field is read before anything is given up, so that all problems are told.
    let state = State {
        name: name.into(),
        language,
        kind: Kind::Succeed,
        next: None,
        input_path: fields.io_path("InputPath"),
        output_path: fields.io_path("OutputPath"),
        parameters,
        result_selector: fields.object_template("ResultSelector", language),
        result_path: fields.result_path("ResultPath"),
        output: fields.template("Output", language),
        assign: assign(&fields, language),
        retry: retry::retriers(&fields),
        catch: retry::catchers(&fields, language, targets),
    };
    let next = match next? {
        Next::State(next) => Some(next),
        Next::End => None,
    };
    Some(State { kind: kind?, next, ..state })
}

/// The state that `field` names.
pub(super) fn target(fields: &Fields<'_>, field: &str, targets: &Targets) -> Option<u32> {
    let name = fields.required_text(field)?;
    let found = targets.get(name).copied();
    if found.is_none() {
        fields.report(
            field,
            format!("there is no state `{name}` here; name one of the same `States`"),
        );
    }
    found
}

/// `Assign`, with names that are names of variables.
pub(super) fn assign(fields: &Fields<'_>, language: Language) -> Option<Template> {
    let map = fields.object("Assign")?;
    for key in map.keys() {
        let name = if language == Language::JsonPath {
            key.strip_suffix(".$").unwrap_or(key)
        } else {
            key
        };
        let has_form = name.chars().next().is_some_and(char::is_alphabetic)
            && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !has_form || name.chars().count() > 80 {
            fields.report(
                "Assign",
                format!("`{name}` is no name of a variable; use letters, digits and `_`"),
            );
        } else if name == "states" {
            fields.report("Assign", "`states` is reserved; use another name");
        }
    }
    fields.template("Assign", language)
}

fn next(fields: &Fields<'_>, targets: &Targets) -> Option<Next> {
    match (fields.has("Next"), fields.get("End")) {
        (true, Some(end)) if *end != Value::Bool(false) => {
            fields.report("End", "`Next` and `End` are both given; keep one");
            None
        }
        (true, _) => target(fields, "Next", targets).map(Next::State),
        (false, Some(Value::Bool(true))) => Some(Next::End),
        (false, Some(Value::Bool(false)) | None) => {
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
    let resource = fields.required_text("Resource");
    if let Some(Err(reason)) = resource.map(super::resource::check) {
        fields.report("Resource", reason);
    }
    let timeout = fields.amount("TimeoutSeconds", language, 1, MAX_SECONDS);
    let heartbeat = fields.amount("HeartbeatSeconds", language, 1, MAX_SECONDS);
    if let (Some(Amount::Fixed(timeout)), Some(Amount::Fixed(heartbeat))) = (&timeout, &heartbeat)
        && heartbeat >= timeout
    {
        fields.report(
            "HeartbeatSeconds",
            "`HeartbeatSeconds` must be smaller than `TimeoutSeconds`, else it can never fire",
        );
    }
    if fields.has("Credentials") {
        fields.object("Credentials");
    }
    Some(Task {
        resource: resource?.into(),
        timeout,
        heartbeat,
        credentials: fields.template("Credentials", language),
    })
}

fn wait(fields: &Fields<'_>, language: Language) -> Option<Wait> {
    let given: Vec<_> = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"]
        .into_iter()
        .filter(|f| fields.has(f))
        .collect();
    match given.as_slice() {
        ["Seconds" | "SecondsPath"] => {
            fields.amount("Seconds", language, 0, MAX_SECONDS).map(Wait::Seconds)
        }
        ["Timestamp" | "TimestampPath"] => {
            let text = fields.computed_text("Timestamp", language)?;
            if let super::Text::Literal(literal) = &text
                && crate::lang::parse_timestamp(literal).is_none()
                && language == Language::JsonPath
            {
                fields.report(
                    "Timestamp",
                    format!("`{literal}` is no ISO 8601 date-time with an offset"),
                );
            }
            Some(Wait::Timestamp(text))
        }
        _ => {
            fields.report("", "a Wait state has exactly one of `Seconds`, `SecondsPath`, `Timestamp` and `TimestampPath`");
            None
        }
    }
}
