//! `Retry` and `Catch`.

use std::collections::HashMap;

use serde_json::Value;

use super::fields::Fields;
use super::{Catcher, Language, Retrier};

fn errors(
    fields: &Fields<'_>,
    is_last: bool,
    seen: &mut Vec<String>,
    is_retry: bool,
) -> Vec<String> {
    if !fields.has("ErrorEquals") {
        fields.report("", "`ErrorEquals` is missing");
    }
    let Some(items) = fields.array("ErrorEquals") else { return Vec::new() };
    if items.is_empty() {
        fields.report("ErrorEquals", "`ErrorEquals` is empty; name an error");
    }
    let names: Vec<String> = items.iter().filter_map(|i| i.as_str().map(str::to_owned)).collect();
    if names.len() != items.len() {
        fields.report("ErrorEquals", "`ErrorEquals` holds error names only");
    }
    if names.iter().any(|n| n == "States.ALL") {
        if names.len() > 1 {
            fields.report("ErrorEquals", "`States.ALL` stands alone in `ErrorEquals`");
        }
        if !is_last {
            fields.report(
                "ErrorEquals",
                "`States.ALL` is for the last entry; those after it can never fire",
            );
        }
    }
    if is_retry && !names.is_empty() && names.iter().all(|n| seen.contains(n)) {
        fields.report(
            "ErrorEquals",
            "an entry before this one takes all of these errors, so this one can never fire",
        );
    }
    seen.extend(names.iter().cloned());
    names
}

/// Reads `Retry`.
pub(super) fn retriers(state: &Fields<'_>) -> Vec<Retrier> {
    let Some(items) = state.array("Retry") else { return Vec::new() };
    let (mut all, mut seen) = (Vec::new(), Vec::new());
    for (i, item) in items.iter().enumerate() {
        let pointer = format!("{}/{i}", state.at("Retry"));
        let Value::Object(map) = item else {
            state.problems.add(pointer, "an entry of `Retry` is an object");
            continue;
        };
        let fields = Fields { map, pointer: &pointer, problems: state.problems };
        fields.only(
            &[
                "BackoffRate",
                "Comment",
                "ErrorEquals",
                "IntervalSeconds",
                "JitterStrategy",
                "MaxAttempts",
                "MaxDelaySeconds",
            ],
            "an entry of `Retry`",
        );
        fields.comment();
        let whole = |field: &str, least: u64, most: u64, default: u64| match fields.get(field) {
            None => default,
            Some(value) => {
                value.as_u64().filter(|n| (least..=most).contains(n)).unwrap_or_else(|| {
                    fields.report(
                        field,
                        format!("`{field}` must be a whole number from {least} to {most}"),
                    );
                    default
                })
            }
        };
        let interval = whole("IntervalSeconds", 1, 99_999_999, 1);
        let max_delay = fields
            .has("MaxDelaySeconds")
            .then(|| whole("MaxDelaySeconds", 1, 31_622_400, 31_622_400));
        if max_delay.is_some_and(|most| most <= interval && fields.has("IntervalSeconds")) {
            fields.report(
                "MaxDelaySeconds",
                "`MaxDelaySeconds` must be greater than `IntervalSeconds`",
            );
        }
        let rate = fields.get("BackoffRate").map_or(Some(2.0), Value::as_f64).filter(|r| *r >= 1.0);
        if rate.is_none() {
            fields.report("BackoffRate", "`BackoffRate` must be a number of at least 1.0");
        }
        let jitter = fields.text("JitterStrategy").unwrap_or("NONE");
        if !matches!(jitter, "FULL" | "NONE") {
            fields.report("JitterStrategy", "`JitterStrategy` is `FULL` or `NONE`");
        }
        #[expect(clippy::cast_precision_loss, reason = "both are below 2^52")]
        all.push(Retrier {
            errors: errors(&fields, i + 1 == items.len(), &mut seen, true),
            interval_seconds: interval as f64,
            backoff_rate: rate.unwrap_or(2.0),
            max_attempts: u32::try_from(whole("MaxAttempts", 0, 99_999_999, 3)).unwrap_or(3),
            max_delay_seconds: max_delay.map(|n| n as f64),
            has_full_jitter: jitter == "FULL",
        });
    }
    all
}

/// Reads `Catch`.
pub(super) fn catchers(
    state: &Fields<'_>,
    language: Language,
    targets: &HashMap<String, u32>,
) -> Vec<Catcher> {
    let Some(items) = state.array("Catch") else { return Vec::new() };
    let (mut all, mut seen) = (Vec::new(), Vec::new());
    for (i, item) in items.iter().enumerate() {
        let pointer = format!("{}/{i}", state.at("Catch"));
        let Value::Object(map) = item else {
            state.problems.add(pointer, "an entry of `Catch` is an object");
            continue;
        };
        let fields = Fields { map, pointer: &pointer, problems: state.problems };
        match language {
            Language::JsonPath => fields.only(
                &["Assign", "Comment", "ErrorEquals", "Next", "ResultPath"],
                "an entry of `Catch` in JSONPath",
            ),
            Language::Jsonata => fields.only(
                &["Assign", "Comment", "ErrorEquals", "Next", "Output"],
                "an entry of `Catch` in JSONata",
            ),
        }
        fields.comment();
        let errors = errors(&fields, i + 1 == items.len(), &mut seen, false);
        let Some(next) = super::states::target(&fields, "Next", targets) else { continue };
        all.push(Catcher {
            errors,
            next,
            result_path: fields.result_path("ResultPath"),
            assign: super::states::assign(&fields, language),
            output: fields.template("Output", language),
        });
    }
    all
}
