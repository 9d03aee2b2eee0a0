//! A resource's state, typed inside and JSON outside.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The security-relevant configuration of one resource.
///
/// Its JSON has the shape of the type's CloudFormation schema. Every field is always there
/// (absent settings are `null`), so that one state has exactly one JSON form, a missing
/// field is an error rather than a silent default, and a patch can test what it replaces.
pub trait State: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug {
    /// CloudFormation type name (`AWS::S3::Bucket`).
    const TYPE: &'static str;
}

/// Why JSON is no state.
#[derive(Debug, thiserror::Error)]
#[error("this is no state of an `{kind}`")]
pub struct StateError {
    /// The type it should be a state of.
    pub kind: &'static str,
    /// What is wrong with it.
    #[source]
    pub source: serde_json::Error,
}

/// Reads a state; `null` is a resource that does not exist.
pub(crate) fn read<S: State>(value: &Value) -> Result<Option<S>, StateError> {
    if value.is_null() {
        return Ok(None);
    }
    match S::deserialize(value) {
        Ok(state) => Ok(Some(state)),
        Err(source) => Err(StateError { kind: S::TYPE, source }),
    }
}

/// The JSON of a state.
pub(crate) fn write<S: State>(state: Option<&S>) -> Result<Value, StateError> {
    match state {
        None => Ok(Value::Null),
        Some(state) => {
            serde_json::to_value(state).map_err(|source| StateError { kind: S::TYPE, source })
        }
    }
}

/// Reads an optional setting that must be spelled out: `null` is fine, a missing field is not.
pub(crate) fn explicit<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    serde::Deserialize::deserialize(from)
}
