//! The difference of two states, field by field, and as a guarded JSON Patch.
//!
//! Objects are compared field by field; everything else, lists included, is one value: sets
//! are maps here, so a list is always something whose order and whole matter.

use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{
    AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
};
use serde_json::Value;

/// One field that differs; `None` is a field that is not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Where, as a JSON pointer (RFC 6901).
    pub path: PointerBuf,
    /// What it was.
    pub before: Option<Value>,
    /// What it is to be.
    pub after: Option<Value>,
}

/// The fields in which two states differ: what is added or replaced first, what is removed
/// last, each in the order of the paths.
pub fn diff(before: &Value, after: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    compare(PointerBuf::new(), before, after, &mut fields);
    fields.sort_by(|a, b| {
        let rank = |field: &Field| field.after.is_none();
        rank(a).cmp(&rank(b)).then_with(|| a.path.as_str().cmp(b.path.as_str()))
    });
    fields
}

fn compare(path: PointerBuf, before: &Value, after: &Value, fields: &mut Vec<Field>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        fields.push(Field { path, before: Some(before.clone()), after: Some(after.clone()) });
        return;
    };
    for (key, before) in old {
        let path = path.with_trailing_token(key);
        match new.get(key) {
            Some(after) => compare(path, before, after, fields),
            None => fields.push(Field { path, before: Some(before.clone()), after: None }),
        }
    }
    for (key, after) in new {
        if !old.contains_key(key) {
            let path = path.with_trailing_token(key);
            fields.push(Field { path, before: None, after: Some(after.clone()) });
        }
    }
}

/// The fields as a patch in which every operation follows a `test`. A `test` cannot ask for
/// absence, so an `add` is guarded by the present value of the object it adds to.
pub(super) fn patch(before: &Value, fields: &[Field]) -> Patch {
    let mut document = before.clone();
    let mut operations = Vec::new();
    for field in fields {
        let path = field.path.clone();
        let test =
            |path: PointerBuf, value: Value| PatchOperation::Test(TestOperation { path, value });
        match (&field.before, &field.after) {
            (Some(before), Some(after)) => {
                operations.push(test(path.clone(), before.clone()));
                let value = after.clone();
                operations.push(PatchOperation::Replace(ReplaceOperation { path, value }));
            }
            (Some(before), None) => {
                operations.push(test(path.clone(), before.clone()));
                operations.push(PatchOperation::Remove(RemoveOperation { path }));
            }
            (None, Some(after)) => {
                let parent = path.parent().map(Pointer::to_buf).unwrap_or_default();
                let now = document.pointer(parent.as_str()).cloned().unwrap_or_default();
                operations.push(test(parent, now));
                let value = after.clone();
                operations.push(PatchOperation::Add(AddOperation { path, value }));
            }
            (None, None) => {}
        }
        // Both documents are the same by construction; a field that cannot be set here could
        // not be set there either, and the patch would fail its test.
        let _is_set = set(&mut document, &field.path, field.after.as_ref());
    }
    Patch(operations)
}

/// Puts a value at a path, or takes it away. `false`: there is nothing there to put it into.
pub(super) fn set(document: &mut Value, path: &PointerBuf, value: Option<&Value>) -> bool {
    let Some((parent, last)) = path.split_back() else {
        *document = value.cloned().unwrap_or_default();
        return true;
    };
    let parent = document.pointer_mut(parent.as_str()).and_then(Value::as_object_mut);
    let Some(parent) = parent else { return false };
    let key = last.decoded().into_owned();
    match value {
        Some(value) => drop(parent.insert(key, value.clone())),
        None => drop(parent.remove(&key)),
    }
    true
}

/// The difference as lines for people: `+` is added, `-` removed, `~` changed.
pub fn diff_text(before: &Value, after: &Value) -> String {
    let mut lines = Vec::new();
    for field in diff(before, after) {
        let place = place(&field.path);
        match (&field.before, &field.after) {
            (Some(Value::Null) | None, Some(after)) => {
                lines.push(format!("+ {place}: {}", shown(after)));
            }
            (Some(before), Some(Value::Null) | None) => {
                lines.push(format!("- {place}: {}", shown(before)));
            }
            (Some(before), Some(after)) => {
                lines.push(format!("~ {place}: {} -> {}", shown(before), shown(after)));
            }
            (None, None) => {}
        }
    }
    lines.join("\n")
}

/// A path as people read it: names, no escapes.
fn place(path: &PointerBuf) -> String {
    if path.is_root() {
        return "the resource".to_owned();
    }
    let names: Vec<String> =
        path.tokens().map(|token| printable(token.decoded().as_ref())).collect();
    names.join(" > ")
}

/// A value on one line; text from outside keeps its quotes and escapes.
fn shown(value: &Value) -> String {
    printable(&aisaws_core::canonical::to_string(value))
}

/// The text with everything escaped that would move the cursor or change the direction.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == ' ' || letter.is_ascii_graphic() {
            out.push(letter);
        } else {
            out.extend(letter.escape_debug());
        }
    }
    out
}
