//! Reading the parameters of a planned call, which are in the API's own shape.

use std::collections::BTreeMap;

use aisaws_core::ledger::Call;
use serde_json::Value;

use super::error::DriverError;

/// The parameters of a call, or an object within them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters<'a> {
    action: &'a str,
    value: &'a Value,
}

impl<'a> Parameters<'a> {
    pub(super) fn of(call: &'a Call) -> Self {
        Self { action: &call.action, value: &call.parameters }
    }

    pub(super) fn wrong(&self, why: &'static str) -> DriverError {
        DriverError::Unmakeable { action: self.action.to_owned(), why }
    }

    fn inner(&self, value: &'a Value) -> Self {
        Self { action: self.action, value }
    }

    /// The object under that name.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        self.value.get(name).filter(|value| !value.is_null()).map(|value| self.inner(value))
    }

    pub(super) fn must(&self, name: &'static str) -> Result<Self, DriverError> {
        self.get(name).ok_or_else(|| self.wrong(name))
    }

    /// Whether it names nothing but its subject, which stands for a deletion.
    pub(super) fn is_bare(&self) -> bool {
        self.value.as_object().is_some_and(|map| map.len() == 1)
    }

    pub(super) fn get_text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name).and_then(Value::as_str)
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, DriverError> {
        self.get_text(name).ok_or_else(|| self.wrong(name))
    }

    pub(super) fn get_truth(&self, name: &str) -> Option<bool> {
        self.value.get(name).and_then(Value::as_bool)
    }

    pub(super) fn get_number(&self, name: &str) -> Option<i64> {
        self.value.get(name).and_then(Value::as_i64)
    }

    pub(super) fn truth(&self, name: &'static str) -> Result<bool, DriverError> {
        self.get_truth(name).ok_or_else(|| self.wrong(name))
    }

    /// The objects of the list under that name; none where there is no list.
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = Self> + use<'a> {
        let this = *self;
        let items = self.value.get(name).and_then(Value::as_array);
        items.into_iter().flatten().map(move |value| this.inner(value))
    }

    /// The texts of the list under that name; `None` where there is no list.
    pub(super) fn get_texts(&self, name: &str) -> Option<Vec<String>> {
        let items = self.value.get(name)?.as_array()?;
        Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// A list of `{Key, Value}`.
    pub(super) fn tags(&self, name: &'static str) -> Result<BTreeMap<String, String>, DriverError> {
        self.list(name)
            .map(|tag| {
                let value = tag.get_text("Value").unwrap_or_default();
                Ok((tag.text("Key")?.to_owned(), value.to_owned()))
            })
            .collect()
    }
}
