//! The texts of a field, read from JSON without building what is around them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::field::Path;
use super::scan::{Head, Text};
use super::skim::each;

impl<'a> Head<'a> {
    /// The texts that [`Path::any`] finds in the event, in the same order. `None` where only
    /// the built event tells: a name is repeated or stands beside a longer one, or something
    /// cannot be read.
    pub(crate) fn texts(&self, path: &Path) -> Option<Vec<Cow<'a, str>>> {
        if let Some(text) = self.text_of_member(path) {
            return Some(text.map(Cow::Borrowed).into_iter().collect());
        }
        let mut texts = Vec::new();
        let mut rest = path.ends();
        while let [end, after @ ..] = rest {
            rest = after;
            let Some(raw) = path.part(0, *end).and_then(|name| self.raw(name)) else { continue };
            let place = (!after.is_empty()).then_some((end + 1, after));
            let mut is_clear = true;
            let walk = Walk { path, place, texts: &mut texts, is_clear: &mut is_clear };
            let mut json = serde_json::Deserializer::from_str(raw);
            walk.deserialize(&mut json).ok().filter(|()| is_clear)?;
        }
        Some(texts)
    }

    /// The field as nearly all are: a member of an object at the top, without escapes, or not
    /// there. `None` where it takes a closer look.
    #[expect(clippy::option_option, reason = "not told, and not there, are two things")]
    fn text_of_member(&self, path: &Path) -> Option<Option<&'a str>> {
        let [first, last] = path.ends() else { return None };
        // Under the whole name, at the top?
        if self.raw(path.part(0, *last)?).is_some() {
            return None;
        }
        let Some(object) = self.raw(path.part(0, *first)?) else { return Some(None) };
        let name = path.part(first + 1, *last)?;
        let (mut found, mut is_clear) = (None, true);
        each(object, |key, value, is_plain| {
            if key == name {
                is_clear &= found.is_none() && is_plain;
                found = Some(value);
            }
        })?;
        is_clear.then(|| found.and_then(|text| text.strip_prefix('"')?.strip_suffix('"')))
    }
}

/// Goes through one value.
struct Walk<'w, 'a> {
    path: &'w Path,
    /// Where in the name the rest begins, and its ends; `None`: the value is the field's.
    place: Option<(usize, &'w [usize])>,
    texts: &'w mut Vec<Cow<'a, str>>,
    is_clear: &'w mut bool,
}

impl<'w> Walk<'w, '_> {
    /// The place behind a member of this name, if it leads to the field.
    #[expect(clippy::option_option, reason = "no way there, and being there, are two things")]
    fn behind(&self, name: &str) -> Option<Option<(usize, &'w [usize])>> {
        let (start, mut rest) = self.place?;
        while let [end, after @ ..] = rest {
            rest = after;
            if self.path.part(start, *end) == Some(name) {
                return Some((!after.is_empty()).then_some((end + 1, after)));
            }
        }
        None
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_led = false;
        while let Some(Text(name)) = map.next_key()? {
            let Some(place) = self.behind(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            *self.is_clear &= !has_led;
            has_led = true;
            map.next_value_seed(Walk {
                path: self.path,
                place,
                texts: &mut *self.texts,
                is_clear: &mut *self.is_clear,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            let walk = Walk {
                path: self.path,
                place: self.place,
                texts: &mut *self.texts,
                is_clear: &mut *self.is_clear,
            };
            if list.next_element_seed(walk)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        if self.place.is_none() {
            self.texts.push(Cow::Borrowed(text));
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.place.is_none() {
            self.texts.push(Cow::Owned(text.to_owned()));
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What the built event says.
    fn built(event: &str, path: &Path) -> Vec<String> {
        let names: BTreeSet<&str> = path.top_level_names().collect();
        let record = Head::read(event).unwrap().part(&names);
        let mut texts = Vec::new();
        path.any(&record, &mut |value| {
            texts.extend(value.as_str().map(str::to_owned));
            false
        });
        texts
    }

    fn value() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec!["\"x\"", "\"y\\n\"", "7", "null", "true", "[]", "{}"]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
            let name = prop::sample::select(vec!["a", "b", "c", "a.b", "b.c", "a.b.c"]);
            let object = prop::collection::vec((name, inner.clone()), 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(n, v)| format!("\"{n}\": {v}")).collect();
                format!("{{{}}}", members.join(", "))
            });
            let list = prop::collection::vec(inner, 0..3);
            prop_oneof![3 => object, 1 => list.prop_map(|items| format!("[{}]", items.join(",")))]
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_is_built(
            event in value().prop_filter("an event is an object", |v| v.starts_with('{')),
            path in prop::sample::select(vec!["a", "a.b", "a.b.c", "b.c", "c"]),
        ) {
            let path = Path::new(path);
            let head = Head::read(&event).unwrap();
            if let Some(texts) = head.texts(&path) {
                prop_assert_eq!(texts, built(&event, &path), "{}", event);
            }
        }
    }

    #[test]
    fn texts_are_those_of_the_built_event() {
        let rows = [
            (r#"{"a":{"b":"x","c":[{"d":"y"}]}}"#, "a.b", Some(&["x"][..])),
            (r#"{"a":{"b":"x\n"}}"#, "a.b", Some(&["x\n"])),
            (r#"{"a":[{"b":["x",["y",7,null]]},{"b":"z"},"b"]}"#, "a.b", Some(&["x", "y", "z"])),
            (r#"{"a.b":"x","a":{"b":"y"}}"#, "a.b", Some(&["y", "x"])),
            (r#"{"a":{"b":{"c":"x"}}}"#, "a.b", Some(&[])),
            (r#"{"a":{"b.c":"x"}}"#, "a.b.c", Some(&["x"])),
            (r#"{"a":{"b":true},"c":1.5}"#, "a.b", Some(&[])),
            (r#"{"a":"x"}"#, "a", Some(&["x"])),
            (r#"{"a":"x"}"#, "b", Some(&[])),
            (r#"{"c":"x"}"#, "a.b", Some(&[])),
            (r#"{"a":{"c":"x"}}"#, "a.b", Some(&[])),
            (r#"{"a":"x"}"#, "a.b", Some(&[])),
            (r#"{"a":{"b":"x","b":"y"}}"#, "a.b", None),
            (r#"{"a":{"b.c":"x","b":{"c":"y"}}}"#, "a.b.c", None),
        ];
        for (event, path, expected) in rows {
            let path = Path::new(path);
            let head = Head::read(event).unwrap();
            let texts = head.texts(&path);
            assert_eq!(texts.is_some(), expected.is_some(), "{event}");
            if let (Some(texts), Some(expected)) = (texts, expected) {
                assert_eq!(texts, expected, "{event}");
                assert_eq!(texts, built(event, &path), "{event}");
            }
        }
    }
}
