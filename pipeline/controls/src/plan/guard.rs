//! Writes that compare before they swap, field by field.

use serde_json::Value;

use super::diff::{diff, set};

/// Fields that hold neither what the plan found nor what it wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("changed since the plan was made: {}", .0.join(", "))]
pub struct Changed(
    /// Their JSON pointers.
    pub Vec<String>,
);

/// What going back comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// The state to write; equal to the present one where there is nothing to take back.
    pub target: Value,
    /// JSON pointers of fields that others changed meanwhile and that stay theirs.
    pub left: Vec<String>,
}

/// The present state with the plan applied: each field in which `before` and `after` differ
/// gets its `after` value; all other fields keep their present one.
///
/// # Errors
/// [`Changed`], where such a field holds neither its `before` nor its `after` value.
pub fn apply_guarded(before: &Value, after: &Value, now: &Value) -> Result<Value, Changed> {
    // Of what is gone, every field that is to be taken away looks as if it were already.
    if now.is_null() && !before.is_null() && !after.is_null() && before != after {
        return Err(Changed(vec![String::new()]));
    }
    let swapped = swap(before, after, now);
    if swapped.left.is_empty() { Ok(swapped.target) } else { Err(Changed(swapped.left)) }
}

/// The present state with the plan taken back: each field in which `before` and `after`
/// differ gets its `before` value, if it holds one of the two; else it is left. So a write
/// that stopped half-way is undone as surely as a whole one.
pub fn rollback(before: &Value, after: &Value, now: &Value) -> Rollback {
    swap(after, before, now)
}

fn swap(from: &Value, to: &Value, now: &Value) -> Rollback {
    let mut target = now.clone();
    let mut left = Vec::new();
    for field in diff(from, to) {
        let present = now.pointer(field.path.as_str());
        let is_there = present == field.after.as_ref();
        let may = is_there || present == field.before.as_ref();
        if !may || (!is_there && !set(&mut target, &field.path, field.after.as_ref())) {
            left.push(field.path.to_string());
        }
    }
    Rollback { target, left }
}
