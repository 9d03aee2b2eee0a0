//! A control: two pure functions over a state.
//!
//! The laws, for a fixed cause, which one property test holds over every control: after
//! `fix`, `check` is silent; fixing twice is fixing once; nothing changes that did not
//! convict.

use aisaws_core::ledger::Finding;
use serde_json::Value;

use crate::meta::Meta;
use crate::state::{self, State, StateError};

/// Why a control looks.
#[derive(Debug)]
pub enum Cause<'a, B = Value> {
    /// A scan: the state alone must convict.
    Posture,
    /// Something was detected on this resource.
    Detection {
        /// The last state of the resource on which this control was silent, where one is known.
        baseline: Option<&'a B>,
    },
}

impl<B> Clone for Cause<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Cause<'_, B> {}

impl<'a, B> Cause<'a, B> {
    /// The last clean state, where the cause carries one.
    pub fn baseline(&self) -> Option<&'a B> {
        match self {
            Self::Posture => None,
            Self::Detection { baseline } => *baseline,
        }
    }

    /// Whether something was detected, as opposed to scanned for.
    pub fn is_detection(&self) -> bool {
        match self {
            Self::Posture => false,
            Self::Detection { .. } => true,
        }
    }
}

/// Why a control declines to repair a state on which it convicts. A human has to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The value to restore was never seen.
    #[error("no clean state of the resource is known to take the {0} from; set it by hand")]
    NoBaseline(&'static str),
    /// No write of ours would repair it.
    #[error("{0}")]
    Beyond(&'static str),
}

/// Why there is no fixed state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FixError {
    /// The control declines.
    #[error("control `{control}` declines to repair this state")]
    Refused {
        /// The control.
        control: &'static str,
        /// Why.
        #[source]
        source: Refusal,
    },
    /// The JSON is no state of its type.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A control over one type of resource.
pub trait Control: Send + Sync {
    /// The state it judges.
    type Of: State;

    /// What it tells people.
    fn meta(&self) -> &Meta;

    /// Whether the state is bad, and how.
    fn check(&self, state: &Self::Of, cause: &Cause<'_, Self::Of>) -> Option<Finding>;

    /// The nearest state on which `check` is silent. A state that is silent already comes
    /// back unchanged.
    ///
    /// # Errors
    /// [`Refusal`], where no write of ours would repair it.
    fn fix(&self, state: &Self::Of, cause: &Cause<'_, Self::Of>) -> Result<Self::Of, Refusal>;

    /// Whether it is bad that the resource does not exist. By default it is not.
    fn check_absent(&self, _cause: &Cause<'_, Self::Of>) -> Option<Finding> {
        None
    }

    /// The state to create, where [`Control::check_absent`] convicts.
    ///
    /// # Errors
    /// [`Refusal`], where nothing can be created.
    fn fix_absent(&self, _cause: &Cause<'_, Self::Of>) -> Result<Option<Self::Of>, Refusal> {
        Ok(None)
    }
}

/// A control over JSON states; `null` is a resource that does not exist. Every [`Control`]
/// is one.
pub trait AnyControl: Send + Sync {
    /// What it tells people.
    fn meta(&self) -> &Meta;

    /// Whether the state is bad, and how.
    ///
    /// # Errors
    /// Where state or baseline are no state of the control's type.
    fn check(&self, state: &Value, cause: &Cause<'_>) -> Result<Option<Finding>, StateError>;

    /// The nearest state on which `check` is silent.
    ///
    /// # Errors
    /// Where the control declines, or state or baseline are no state of its type.
    fn fix(&self, state: &Value, cause: &Cause<'_>) -> Result<Value, FixError>;
}

impl std::fmt::Debug for dyn AnyControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.meta().id)
    }
}

impl<C: Control> AnyControl for C {
    fn meta(&self) -> &Meta {
        Control::meta(self)
    }

    fn check(&self, state: &Value, cause: &Cause<'_>) -> Result<Option<Finding>, StateError> {
        let baseline = read_baseline::<C::Of>(cause)?;
        let cause = typed(cause, baseline.as_ref());
        Ok(match state::read::<C::Of>(state)? {
            Some(state) => Control::check(self, &state, &cause),
            None => self.check_absent(&cause),
        })
    }

    fn fix(&self, state: &Value, cause: &Cause<'_>) -> Result<Value, FixError> {
        let baseline = read_baseline::<C::Of>(cause)?;
        let cause = typed(cause, baseline.as_ref());
        let refused = |source| FixError::Refused { control: Control::meta(self).id, source };
        let fixed = match state::read::<C::Of>(state)? {
            Some(state) => Some(Control::fix(self, &state, &cause).map_err(refused)?),
            None => self.fix_absent(&cause).map_err(refused)?,
        };
        Ok(state::write(fixed.as_ref())?)
    }
}

fn read_baseline<S: State>(cause: &Cause<'_>) -> Result<Option<S>, StateError> {
    match cause.baseline() {
        Some(value) => state::read(value),
        None => Ok(None),
    }
}

fn typed<'a, S>(cause: &Cause<'_>, baseline: Option<&'a S>) -> Cause<'a, S> {
    match cause {
        Cause::Posture => Cause::Posture,
        Cause::Detection { .. } => Cause::Detection { baseline },
    }
}

/// Whether the state may become the control's baseline: it exists, and the control is silent
/// on it even when it compares with the baseline so far. A baseline ratchets, it never gets
/// weaker.
///
/// # Errors
/// Where state or baseline are no state of the control's type.
pub fn is_clean_for_baseline(
    control: &dyn AnyControl,
    state: &Value,
    baseline: Option<&Value>,
) -> Result<bool, StateError> {
    if state.is_null() {
        return Ok(false);
    }
    Ok(control.check(state, &Cause::Detection { baseline })?.is_none())
}
