//! Reference paths: where `ResultPath` writes.

use serde_json::{Map, Value};

use super::{Path, Root, Segment};

#[derive(Debug, Clone, PartialEq)]
enum Key {
    Name(String),
    Index(usize),
}

/// A path that names one place, which need not exist yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReferencePath {
    text: String,
    keys: Vec<Key>,
}

impl ReferencePath {
    /// Parses a definite path below `$`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let path = Path::parse(text)?;
        if path.root != Root::Data {
            return Err("a reference path starts with `$`".to_owned());
        }
        if path.function.is_some() {
            return Err("a reference path calls no function".to_owned());
        }
        let mut keys = Vec::new();
        for segment in path.segments {
            keys.push(match segment {
                Segment::Keys(mut names) if names.len() == 1 => {
                    Key::Name(names.pop().unwrap_or_default())
                }
                Segment::Indexes(indexes) if indexes.len() == 1 => {
                    let index = indexes.first().and_then(|i| usize::try_from(*i).ok());
                    Key::Index(index.ok_or("a reference path has no negative index")?)
                }
                _ => return Err("a reference path names exactly one place".to_owned()),
            });
        }
        Ok(Self { text: text.to_owned(), keys })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_root(&self) -> bool {
        self.keys.is_empty()
    }

    /// Puts `value` at this place of `into`, making objects on the way.
    ///
    /// # Errors
    /// Where the way leads through a value that is no object, or beyond the end of an array.
    pub(crate) fn put(&self, into: &mut Value, value: Value) -> Result<(), ()> {
        let mut at = into;
        for key in &self.keys {
            at = match (key, at) {
                (Key::Name(name), Value::Object(map)) => {
                    map.entry(name.clone()).or_insert(Value::Null)
                }
                (Key::Name(name), slot @ Value::Null) => {
                    *slot = Value::Object(Map::new());
                    let Value::Object(map) = slot else { return Err(()) };
                    map.entry(name.clone()).or_insert(Value::Null)
                }
                (Key::Index(index), Value::Array(items)) => items.get_mut(*index).ok_or(())?,
                _ => return Err(()),
            };
        }
        *at = value;
        Ok(())
    }
}
