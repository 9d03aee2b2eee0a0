//! The order-free form in which histories of Parallel states were recorded.

use serde_json::Value;

/// Drops what the recorder's normalisation dropped: between the start of a Parallel and its
/// end, events were sorted, and `ParallelStateSucceeded` fell into that range.
pub(super) fn history(events: &mut Vec<Value>) {
    events.retain(|event| event.get("type").and_then(Value::as_str) != Some("ParallelStateSucceeded"));
}
