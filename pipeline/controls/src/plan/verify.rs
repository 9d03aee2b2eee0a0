//! Whether what is read back is what was planned.

use aisaws_core::id::ControlId;
use serde_json::Value;

use super::diff::diff;
use crate::control::Cause;
use crate::registry;

/// What is wrong with a state that was read back. Each problem is a line for people; those about a
/// field name its JSON pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// What keeps the repair from holding.
    pub of_plan: Vec<String>,
    /// What changed that was not planned: somebody else wrote too, or the write had an effect that was
    /// not meant. The repair holds all the same; taking it back would undo what was planned alone.
    pub beside: Vec<String>,
}

impl Problems {
    /// All of them; none: the repair holds and nothing else changed.
    pub fn all(mut self) -> Vec<String> {
        self.of_plan.append(&mut self.beside);
        self.of_plan
    }
}

/// What is wrong with the state that was read back after `before` was to become `after`.
pub fn verify(
    controls: &[ControlId],
    before: &Value,
    after: &Value,
    now: &Value,
    baselines: impl Fn(&ControlId) -> Option<Value>,
) -> Problems {
    let mut problems = Vec::new();
    for id in controls {
        let Some(control) = registry::get(id) else {
            problems.push(format!("control `{id}` does not exist any more"));
            continue;
        };
        let baseline = baselines(id);
        match control.check(now, &Cause::Detection { baseline: baseline.as_ref() }) {
            Ok(None) => {}
            Ok(Some(finding)) => problems.push(format!("`{id}` still finds: {}", finding.message)),
            Err(error) => {
                let error = aisaws_core::fault::chain(&error);
                problems.push(format!("`{id}` cannot read the state: {error}"));
            }
        }
    }
    let mut beside = Vec::new();
    let planned = diff(before, after);
    for field in diff(after, now) {
        let path = field.path.as_str();
        let is_planned = planned
            .iter()
            .any(|one| one.path.starts_with(&field.path) || field.path.starts_with(&one.path));
        if is_planned {
            problems.push(format!("`{path}` does not hold what was written"));
        } else {
            beside.push(format!("`{path}` changed, which was not planned"));
        }
    }
    Problems { of_plan: problems, beside }
}
