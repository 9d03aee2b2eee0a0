//! Items to and from values of the domain.

use std::collections::HashMap;
use std::error::Error;

use aisaws_core::canonical::Digest;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::layout::{Index, Key, PK, SK};
use crate::archive::Reference;

/// An item as the SDK has it.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// Attributes of a body: its text, or where it lies in the archive and what it must be.
pub(super) const BODY: &str = "body";
const ARCHIVED: &str = "archived";
const ARCHIVED_DIGEST: &str = "archived_digest";

/// An item that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("item `{pk}` / `{sk}` has no readable `{attribute}`")]
pub(super) struct Unreadable {
    pk: String,
    sk: String,
    attribute: &'static str,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// A body in its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    Inline(String),
    Archived(Reference),
}

/// An item that is put together.
#[derive(Debug, Clone)]
pub(super) struct Item(Attributes);

impl Item {
    pub(super) fn new(key: Key) -> Self {
        Self(HashMap::new()).with(PK, key.pk).with(SK, key.sk)
    }

    pub(super) fn with(mut self, name: &str, text: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::S(text.into()));
        self
    }

    pub(super) fn with_some(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }

    pub(super) fn with_number(mut self, name: &str, number: u32) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(number.to_string()));
        self
    }

    /// Seconds since 1970.
    pub(super) fn with_seconds(mut self, name: &str, seconds: i64) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(seconds.to_string()));
        self
    }

    pub(super) fn with_json(
        self,
        name: &str,
        value: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        Ok(self.with(name, serde_json::to_string(value)?))
    }

    pub(super) fn in_index(
        self,
        index: Index,
        pk: impl Into<String>,
        sk: impl Into<String>,
    ) -> Self {
        self.with(index.pk, pk).with(index.sk, sk)
    }

    pub(super) fn with_body(self, body: &Body) -> Self {
        match body {
            Body::Inline(text) => self.with(BODY, text.as_str()),
            Body::Archived(Reference { key, digest }) => {
                self.with(ARCHIVED, key.as_str()).with(ARCHIVED_DIGEST, digest.as_str())
            }
        }
    }

    /// Its own key.
    pub(super) fn key(&self) -> Key {
        let text = |name| Row(&self.0).get(name).unwrap_or_default().to_owned();
        Key { pk: text(PK), sk: text(SK) }
    }

    pub(super) fn attributes(self) -> Attributes {
        self.0
    }
}

/// The key alone, as calls want it.
pub(super) fn key_attributes(key: &Key) -> Attributes {
    Item::new(key.clone()).attributes()
}

/// An item that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a>(pub(super) &'a Attributes);

impl<'a> Row<'a> {
    /// A text, where it is there.
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(super) fn text(self, name: &'static str) -> Result<&'a str, Unreadable> {
        self.get(name).ok_or_else(|| self.unreadable(name, None))
    }

    pub(super) fn key(self) -> Result<Key, Unreadable> {
        Ok(Key { pk: self.text(PK)?.to_owned(), sk: self.text(SK)?.to_owned() })
    }

    pub(super) fn number(self, name: &'static str) -> Result<u32, Unreadable> {
        let text = self.0.get(name).and_then(|value| value.as_n().ok());
        let text = text.ok_or_else(|| self.unreadable(name, None))?;
        text.parse().map_err(|e| self.unreadable(name, Some(Box::new(e))))
    }

    /// Whether it is there and true.
    pub(super) fn is(self, name: &str) -> bool {
        self.0.get(name).and_then(|value| value.as_bool().ok()).is_some_and(|is| *is)
    }

    /// A value that is written as a text (a time, an id).
    pub(super) fn parsed<T, E>(
        self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Unreadable>
    where
        E: Error + Send + Sync + 'static,
    {
        parse(self.text(name)?).map_err(|e| self.unreadable(name, Some(Box::new(e))))
    }

    /// Bytes of an attribute that have to be so many.
    pub(super) fn of_size<const N: usize>(
        self,
        name: &'static str,
        bytes: Vec<u8>,
    ) -> Result<[u8; N], Unreadable> {
        bytes.try_into().map_err(|_| self.unreadable(name, None))
    }

    pub(super) fn json<T: DeserializeOwned>(self, name: &'static str) -> Result<T, Unreadable> {
        self.parsed(name, |text| serde_json::from_str(text))
    }

    pub(super) fn digest(self, name: &'static str) -> Result<Digest, Unreadable> {
        self.parsed(name, digest)
    }

    pub(super) fn body(self) -> Result<Body, Unreadable> {
        match self.get(BODY) {
            Some(text) => Ok(Body::Inline(text.to_owned())),
            None => Ok(Body::Archived(Reference {
                key: self.text(ARCHIVED)?.to_owned(),
                digest: self.digest(ARCHIVED_DIGEST)?,
            })),
        }
    }

    pub(super) fn unreadable(
        self,
        attribute: &'static str,
        source: Option<Box<dyn Error + Send + Sync>>,
    ) -> Unreadable {
        let text = |name| self.get(name).unwrap_or_default().to_owned();
        Unreadable { pk: text(PK), sk: text(SK), attribute, source }
    }
}

/// A digest as it was written.
pub(super) fn digest(text: &str) -> Result<Digest, serde::de::value::Error> {
    use serde::de::{Deserialize as _, IntoDeserializer as _};
    Digest::deserialize(text.into_deserializer())
}
