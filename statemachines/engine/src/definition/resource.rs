//! What may stand in `Resource`.

use serde_json::Value;

use super::Problem;

/// The actions of service integrations that have a closed list of them.
const ACTIONS: &[(&str, &[&str])] = &[
    ("dynamodb", &["getItem", "putItem", "deleteItem", "updateItem"]),
    ("lambda", &["invoke"]),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("events", &["putEvents"]),
    ("states", &["startExecution"]),
    ("batch", &["submitJob"]),
    ("ecs", &["runTask"]),
    ("glue", &["startJobRun"]),
    ("apigateway", &["invoke"]),
    ("databrew", &["startJobRun"]),
    ("http", &["invoke"]),
    ("mediaconvert", &["createJob"]),
];

/// Whether `resource` may name a task: an ARN or another URI, or a placeholder for one.
pub(super) fn check(resource: &str) -> Result<(), String> {
    if let Some((_, rest)) = resource.split_once("${") {
        return if rest.contains('}') {
            Ok(())
        } else {
            Err(format!("the placeholder in `{resource}` is not closed"))
        };
    }
    let parts: Vec<&str> = resource.split(':').collect();
    match parts.as_slice() {
        [_] => Err(format!(
            "`{resource}` is no ARN; name a Lambda function, an activity or a service integration"
        )),
        ["arn", _, "lambda", _, _, "function", rest @ ..] => function(resource, rest),
        ["arn", _, "states", "", "", "aws-sdk", rest @ ..] if rest.len() < 2 => {
            Err(format!("`{resource}` names no action of the SDK"))
        }
        ["arn", _, "states", "", "", service, action] => {
            let action = action.split('.').next().unwrap_or(action);
            match ACTIONS.iter().find(|(name, _)| name == service) {
                Some((_, actions)) if !actions.contains(&action) => Err(format!(
                    "`{resource}` is not recognized; `{service}` has {}",
                    actions.join(", ")
                )),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// A function's name and alias or version.
fn function(resource: &str, rest: &[&str]) -> Result<(), String> {
    let is_name = |text: &&str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let is_alias = |text: &&str| *text == "$LATEST" || is_name(text);
    let has_form = match rest {
        [name] => is_name(name),
        [name, alias] => is_name(name) && is_alias(alias),
        _ => false,
    };
    if has_form {
        Ok(())
    } else {
        Err(format!("`{resource}` is no ARN of a function; check its name and alias"))
    }
}

/// What an Express state machine cannot do, with where.
pub(crate) fn express_problems(definition: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(definition, "", 0, &mut problems);
    problems
}

fn walk(value: &Value, pointer: &str, depth: usize, problems: &mut Vec<Problem>) {
    let Value::Object(map) = value else { return };
    if depth > 32 {
        return;
    }
    for (name, state) in map.get("States").and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{pointer}/States/{}", crate::lang_escape(name));
        if let Some(resource) = state.get("Resource").and_then(Value::as_str) {
            let why = if resource.contains(":activity:") {
                Some("Activity ARN")
            } else if resource.contains(".sync") || resource.ends_with(".waitForTaskToken") {
                Some("service integrations that wait")
            } else {
                None
            };
            if let Some(why) = why {
                let message =
                    format!("an Express state machine does not support {why}; use a Standard one");
                problems.push(Problem { pointer: format!("{at}/Resource"), message });
            }
        }
        for (i, branch) in
            state.get("Branches").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            walk(branch, &format!("{at}/Branches/{i}"), depth + 1, problems);
        }
        for field in ["ItemProcessor", "Iterator"] {
            if let Some(inner) = state.get(field) {
                walk(inner, &format!("{at}/{field}"), depth + 1, problems);
            }
        }
    }
}
