//! Names given twice in one object: JSON readers keep one of the two and say nothing.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::parse::Problems;

/// Notes every name that an object of `definition` has twice.
pub(super) fn check(definition: &str, problems: &Problems) {
    let mut reader = serde_json::Deserializer::from_str(definition);
    // Whoever reads the values reports what is no JSON.
    drop(Value { pointer: String::new(), problems }.deserialize(&mut reader));
}

struct Value<'a> {
    pointer: String,
    problems: &'a Problems,
}

impl Value<'_> {
    fn below(&self, token: &str) -> Self {
        let pointer = format!("{}/{}", self.pointer, crate::lang_escape(token));
        Self { pointer, problems: self.problems }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let inside = self.below(&key);
            if seen.contains(&key) {
                let message = format!("`{key}` is given twice here; remove or rename one");
                self.problems.add(inside.pointer.clone(), message);
            }
            seen.insert(key);
            map.next_value_seed(inside)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        while items.next_element_seed(self.below(&index.to_string()))?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}
