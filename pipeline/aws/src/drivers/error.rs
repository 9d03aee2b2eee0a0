//! Why a driver could not do what was asked.

use aisaws_controls::{State, StateError};
use aisaws_core::fault::{Classify, Fault};
use serde_json::Value;

use crate::fault::CallError;

#[derive(Debug, thiserror::Error)]
pub(super) enum DriverError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("account `{0}` is not among those that may be reached; name it in the configuration")]
    Unreachable(String),
    #[error("the role of account `{account}` could not be assumed")]
    Session {
        account: String,
        #[source]
        source: CallError,
    },
    /// An answer that does not say what it must. A body of the wrong kind must not pass for an
    /// empty one: empty means that nothing is configured.
    #[error("`{operation}` answered without {missing}")]
    Unexpected { operation: &'static str, missing: &'static str },
    #[error("call `{action}` cannot be made: {why}")]
    Unmakeable { action: String, why: &'static str },
    #[error("`{0}` changed since the plan was made")]
    Changed(&'static str),
    #[error(transparent)]
    State(#[from] StateError),
}

impl Classify for DriverError {
    fn fault(&self) -> Fault {
        match self {
            Self::Call(e) | Self::Session { source: e, .. } => e.fault(),
            Self::Unreachable(_) => Fault::AccessDenied,
            Self::Changed(_) => Fault::PlanChanged,
            Self::Unexpected { .. } | Self::Unmakeable { .. } | Self::State(_) => Fault::Permanent,
        }
    }
}

impl DriverError {
    /// Whether AWS answered with one of these codes.
    pub(super) fn has_code(&self, codes: &[&str]) -> bool {
        match self {
            Self::Call(e) => e.code.as_deref().is_some_and(|code| codes.contains(&code)),
            Self::Unreachable(_)
            | Self::Session { .. }
            | Self::Unexpected { .. }
            | Self::Unmakeable { .. }
            | Self::Changed(_)
            | Self::State(_) => false,
        }
    }
}

/// What is not there is a value: `None` for an answer with one of these codes.
pub(super) fn unless<T>(
    codes: &[&str],
    answer: Result<T, DriverError>,
) -> Result<Option<T>, DriverError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.has_code(codes) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The part of an answer that must be there.
pub(super) fn told<T>(
    part: Option<T>,
    operation: &'static str,
    missing: &'static str,
) -> Result<T, DriverError> {
    part.ok_or(DriverError::Unexpected { operation, missing })
}

/// A state as the port has it.
pub(super) fn state<S: State>(state: &S) -> Result<Value, DriverError> {
    serde_json::to_value(state).map_err(|source| StateError { kind: S::TYPE, source }.into())
}

/// A state of the port, typed.
pub(super) fn typed<S: State>(value: &Value) -> Result<S, DriverError> {
    S::deserialize(value).map_err(|source| StateError { kind: S::TYPE, source }.into())
}
