//! Sets as maps keyed by identity, so that a patch path names what it changes.

use std::collections::BTreeMap;

use aisaws_core::canonical::Digest;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What makes an element of a set this one and no other.
pub trait Identity {
    /// The key; equal for elements that the service treats as the same.
    fn identity(&self) -> String;
}

/// A set as a map from identity to element. A key that is not its element's identity is
/// refused when reading, so that no patch path can lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed<T>(BTreeMap<String, T>);

impl<T> Keyed<T> {
    /// The empty set.
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Elements with their keys, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(key, item)| (key.as_str(), item))
    }

    /// The elements in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values()
    }

    /// The element of that key.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.get(key)
    }

    /// Whether there is an element of that key.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Keeps the elements for which the question holds.
    pub fn retain(&mut self, mut holds: impl FnMut(&T) -> bool) {
        self.0.retain(|_, item| holds(item));
    }

    /// Takes the element of that key out.
    pub fn remove(&mut self, key: &str) -> Option<T> {
        self.0.remove(key)
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Identity> Keyed<T> {
    /// Puts an element in, over the one of the same identity.
    pub fn insert(&mut self, item: T) {
        self.0.insert(item.identity(), item);
    }

    /// Puts an element in unless one of the same identity is there.
    pub fn insert_if_absent(&mut self, item: T) {
        self.0.entry(item.identity()).or_insert(item);
    }
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Identity> FromIterator<T> for Keyed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(|item| (item.identity(), item)).collect())
    }
}

impl<T: Serialize> Serialize for Keyed<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, T: DeserializeOwned + Identity> Deserialize<'de> for Keyed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, T>::deserialize(from)?;
        for (key, item) in &map {
            let identity = item.identity();
            if *key != identity {
                return Err(D::Error::custom(format!("key `{key}` names `{identity}`")));
            }
        }
        Ok(Self(map))
    }
}

/// A JSON object kept as it came, such as a policy statement. Its identity is its content:
/// the digest of its canonical form, after its `Sid` or `Name` where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(pub Value);

impl Identity for Document {
    fn identity(&self) -> String {
        let digest = Digest::of(&self.0);
        let name = ["Sid", "Name"].iter().find_map(|field| self.0.get(field)?.as_str());
        match name {
            Some(name) if !name.is_empty() => format!("{name} {}", digest.short()),
            Some(_) | None => digest.short().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_that_is_not_the_identity_is_refused() {
        let good: Keyed<Document> = [Document(json!({"Sid": "A"}))].into_iter().collect();
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<Keyed<Document>>(&text).unwrap(), good);
        let e = serde_json::from_str::<Keyed<Document>>(r#"{"B 0":{"Sid":"A"}}"#).unwrap_err();
        assert!(e.to_string().contains("`B 0`"), "{e}");
    }

    #[test]
    fn key_order_does_not_make_another_document() {
        let one = Document(serde_json::from_str(r#"{"a":1,"b":2}"#).unwrap());
        let two = Document(serde_json::from_str(r#"{"b":2,"a":1}"#).unwrap());
        assert_eq!(one.identity(), two.identity());
    }
}
