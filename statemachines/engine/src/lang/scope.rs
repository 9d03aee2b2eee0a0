//! What an expression can see: data, context object, variables, and fixed chance.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::path::{Path, Root};

/// Variables by name, without the `$`.
pub(crate) type Variables = Arc<BTreeMap<String, Arc<Value>>>;

/// A stream of numbers that is fixed by its seed, so that a step can be explained later.
#[derive(Debug)]
pub(crate) struct Chance(Cell<u64>);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The next 64 bits (splitmix64).
    pub(crate) fn bits(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn fraction(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let bits = (self.bits() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    /// A version-4 UUID.
    pub(crate) fn uuid(&self) -> String {
        let high = u128::from(self.bits()) << 64;
        uuid::Builder::from_random_bytes((high | u128::from(self.bits())).to_be_bytes())
            .into_uuid()
            .to_string()
    }
}

/// Everything an expression of a state may refer to.
pub(crate) struct Scope<'a> {
    pub(crate) data: &'a Value,
    pub(crate) variables: &'a Variables,
    pub(crate) context: &'a OnceCell<Value>,
    pub(crate) make_context: &'a dyn Fn() -> Value,
    pub(crate) chance: &'a Chance,
    pub(crate) now_ms: i64,
    /// Bytes that the results of this evaluation may still copy.
    pub(crate) allowance: Cell<usize>,
    /// The result of the state's work, where there is one.
    pub(crate) result: Option<&'a Value>,
    /// What was caught, where something was.
    pub(crate) error: Option<&'a Value>,
    /// The input as `$states.input` shows it; the data where absent.
    pub(crate) input: Option<&'a Value>,
}

impl<'a> Scope<'a> {
    /// Notes that `value` was copied into a result.
    pub(crate) fn spend(&self, value: &Value) -> Result<(), super::EvalError> {
        let left = self.allowance.get().checked_sub(crate::history::weight(value));
        self.allowance.set(left.unwrap_or(0));
        left.map(drop).ok_or(super::EvalError::TooMuch)
    }

    pub(crate) fn context(&self) -> &'a Value {
        self.context.get_or_init(self.make_context)
    }

    /// Whether `path` names an item that its array is too short for.
    pub(crate) fn is_past_end(&self, path: &Path) -> bool {
        match &path.root {
            Root::Data => path.is_past_end(self.data),
            Root::Context => path.is_past_end(self.context()),
            Root::Variable(name) => {
                self.variables.get(name).is_some_and(|value| path.is_past_end(value))
            }
        }
    }

    /// What `path` names here.
    pub(crate) fn find(&self, path: &Path) -> Result<Value, String> {
        match &path.root {
            Root::Data => path.find(self.data).map(std::borrow::Cow::into_owned),
            Root::Context => path.find(self.context()).map(std::borrow::Cow::into_owned),
            Root::Variable(name) => match self.variables.get(name) {
                Some(value) => path.find(value).map(std::borrow::Cow::into_owned),
                None => Err(format!("The variable '{name}' is not defined")),
            },
        }
    }
}
