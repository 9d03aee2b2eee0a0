//! What tells a recording from a history of today: its form, and the year it was made in.

use serde_json::Value;

/// Drops what the recorder's normalisation dropped: between the start of a Parallel and its
/// end, events were sorted, and `ParallelStateSucceeded` fell into that range.
pub(super) fn history(events: &mut Vec<Value>) {
    events.retain(|event| {
        event.get("type").and_then(Value::as_str) != Some("ParallelStateSucceeded")
    });
}

/// Whether a recording is older than November 2023, when executions became redrivable.
pub(super) fn is_before_redrives(date: &str) -> bool {
    is_before(date, (2023, 11))
}

/// Whether a recording is older than November 2024.
pub(super) fn is_before_autumn_2024(date: &str) -> bool {
    is_before(date, (2024, 11))
}

/// Whether a date, `2024-09-21T…` or `21-09-2024, …`, lies before a month.
fn is_before(date: &str, limit: (u32, u32)) -> bool {
    let mut parts = date.split(['-', 'T', ',']).map(|part| part.trim().parse::<u32>().unwrap_or(0));
    let (first, month, last) =
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let year = if first > 31 { first } else { last };
    year > 0 && (year, month) < limit
}

/// Until autumn 2024, AWS linked the exit of a distributed Map to `MapRunSucceeded`; since
/// then it links it to `MapRunStarted`, as the engine does.
pub(super) fn old_map_exits(events: &mut [Value]) {
    let mut run_succeeded: Option<(Value, Value)> = None;
    for event in events {
        match event.get("type").and_then(Value::as_str) {
            Some("MapRunSucceeded") => {
                run_succeeded = Some((
                    event.get("previousEventId").cloned().unwrap_or_default(),
                    event.get("id").cloned().unwrap_or_default(),
                ));
            }
            Some("MapStateExited") => {
                if let Some((started, succeeded)) = run_succeeded.take()
                    && event.get("previousEventId") == Some(&started)
                    && let Value::Object(map) = event
                {
                    map.insert("previousEventId".to_owned(), succeeded);
                }
            }
            _ => {}
        }
    }
}
