//! How an error that leaves a stage is to be treated: would the same call succeed in a minute?

use serde::{Deserialize, Serialize};

/// The class of an error. Its [`Fault::name`] is the error name that `Retry` and `Catch` of
/// the state machine match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The same call may succeed shortly: a lock, a dropped connection, a 5xx.
    Transient,
    /// The service asks to slow down.
    Throttled,
    /// The resource is not what the plan was made from: plan again.
    PlanChanged,
    /// The read-back does not (yet) show what was written.
    NotVerified,
    /// The role may not do this.
    AccessDenied,
    /// The control declines to repair this state; a human has to.
    Refused,
    /// The input is malformed; repeating is pointless.
    BadInput,
    /// It will not succeed by repeating, for another reason.
    Permanent,
}

impl Fault {
    /// Every fault there is.
    pub const ALL: [Self; 8] = [
        Self::Transient,
        Self::Throttled,
        Self::PlanChanged,
        Self::NotVerified,
        Self::AccessDenied,
        Self::Refused,
        Self::BadInput,
        Self::Permanent,
    ];

    /// The error name in state machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "Fault.Transient",
            Self::Throttled => "Fault.Throttled",
            Self::PlanChanged => "Fault.PlanChanged",
            Self::NotVerified => "Fault.NotVerified",
            Self::AccessDenied => "Fault.AccessDenied",
            Self::Refused => "Fault.Refused",
            Self::BadInput => "Fault.BadInput",
            Self::Permanent => "Fault.Permanent",
        }
    }

    /// The fault of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Implemented by every error that can leave a stage or a port.
pub trait Classify: std::error::Error {
    /// The class, chosen by asking whether the same call would succeed in a minute.
    fn fault(&self) -> Fault;
}

/// An error with its causes on one line, as people read it at the edge.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_faults_match_one_to_one() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_name(fault.name()), Some(fault));
        }
        assert_eq!(Fault::from_name("States.Timeout"), None);
    }
}
