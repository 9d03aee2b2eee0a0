//! One state alone, as `TestState` runs it.

use serde_json::{Map, Value, json};

/// Runs the state of a case of kind `test_state`.
pub(super) fn run(_case: &Map<String, Value>) -> Value {
    json!({})
}

/// Whether the call of a case of kind `test_state_invalid` is accepted.
pub(super) fn is_accepted(_case: &Map<String, Value>) -> bool {
    true
}
