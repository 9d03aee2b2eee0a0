//! What happens while one waits.

use std::time::Duration;

/// How one waits for a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks.
    pub interval: Duration,
    /// Looks until it is given up.
    pub looks: u32,
}

impl Default for Pace {
    /// Every three seconds for an hour.
    fn default() -> Self {
        Self { interval: Duration::from_secs(3), looks: 1200 }
    }
}

impl Pace {
    pub(super) fn minutes(self) -> u64 {
        self.interval.saturating_mul(self.looks).as_secs() / 60
    }
}

/// One step of a stack's resource, as CloudFormation tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name in the template; the stack's own for the stack.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// `CREATE_IN_PROGRESS`, ...
    pub status: String,
    /// Why, where a reason is given.
    pub reason: Option<String>,
}

impl Step {
    /// Whether this is a cause of a failure, and not one that followed from another.
    pub(super) fn is_cause(&self) -> bool {
        // What is given up because something else failed says so; there is no code for it.
        let followed = self.reason.as_deref().is_some_and(|reason| {
            reason.contains("Resource creation cancelled")
                || reason.contains("Resource update cancelled")
        });
        self.status.ends_with("_FAILED") && !followed && self.kind != "AWS::CloudFormation::Stack"
    }
}
