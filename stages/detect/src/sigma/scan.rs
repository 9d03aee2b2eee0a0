//! The top level of an event, read without building the rest.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use aisaws_core::source::glance;
use memchr::memchr;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::skim::{Members, members};

/// Why an event could not be examined.
#[derive(Debug, thiserror::Error)]
#[error("the event is not a JSON object that can be read")]
pub struct ScanError(#[from] serde_json::Error);

/// The members of an event's top level, their values still text.
#[derive(Debug)]
pub struct Head<'a> {
    members: Members<'a>,
}

/// As the JSON parser reads them.
struct Parsed<'a>(Members<'a>);

/// A member that rules are filed by.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Label<'a> {
    /// It is not there, or `null`: no equality holds.
    Missing,
    Text(Cow<'a, str>),
    /// A list or anything else, in which an equality may hold.
    Other,
}

/// A member, as far as it is told without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain<'a> {
    /// There is none.
    Missing,
    /// A text without escapes.
    Text(&'a str),
    /// Anything else.
    Unclear,
}

/// The texts at an event's top level; those that most rules ask for are looked up once.
pub(super) struct Texts<'h> {
    head: &'h Head<'h>,
    name: Plain<'h>,
    source: Plain<'h>,
}

impl<'h> Texts<'h> {
    /// As [`Head::plain`].
    pub(super) fn plain(&self, name: &str) -> Plain<'h> {
        match name {
            "eventName" => self.name,
            "eventSource" => self.source,
            _ => self.head.plain(name),
        }
    }
}

impl<'a> Head<'a> {
    /// Reads the top level of one event.
    ///
    /// # Errors
    /// Where the text is no JSON object.
    pub fn read(raw: &'a str) -> Result<Self, ScanError> {
        if let Some(members) = members(raw) {
            return Ok(Self { members });
        }
        let Parsed(members) = serde_json::from_str(raw)?;
        Ok(Self { members })
    }

    /// Whether there is such a member.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.label(name) {
            Label::Text(text) => Some(text),
            Label::Missing | Label::Other => None,
        }
    }

    /// Whether a structure stands in it as a text, as in the rows of an export.
    pub(crate) fn has_object_in_text(&self) -> bool {
        let structures = ["requestParameters", "responseElements", "userIdentity"];
        structures.iter().any(|name| self.raw(name).is_some_and(|raw| raw.starts_with("\"{")))
    }

    /// Every member, in the order of the event.
    pub(crate) fn members(&self) -> impl Iterator<Item = glance::Member<'a, '_>> {
        let members = self.members.iter();
        members.map(|m| glance::Member { name: m.name, raw: m.raw, is_plain: m.is_plain })
    }

    /// The raw text of a member.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.members.get(name).map(|member| member.raw)
    }

    pub(super) fn texts_at_top(&'a self) -> Texts<'a> {
        Texts { head: self, name: self.plain("eventName"), source: self.plain("eventSource") }
    }

    /// A member as it may be compared without reading it.
    pub(super) fn plain(&self, name: &str) -> Plain<'a> {
        let Some(member) = self.members.get(name) else { return Plain::Missing };
        member.plain().map_or(Plain::Unclear, Plain::Text)
    }

    pub(super) fn label(&self, name: &str) -> Label<'a> {
        let Some(member) = self.members.get(name) else {
            return Label::Missing;
        };
        if let Some(text) = member.plain() {
            return Label::Text(Cow::Borrowed(text));
        }
        let raw = member.raw;
        if raw == "null" {
            return Label::Missing;
        }
        serde_json::from_str(raw).map_or(Label::Other, |Text(text)| Label::Text(text))
    }

    /// Builds the members of these names into an object of their own; see `value_of` for
    /// those that cannot be read.
    pub fn part(&self, names: &BTreeSet<&str>) -> Value {
        Value::Object(self.build(|name| names.contains(name)))
    }

    /// Builds the members that are wanted.
    pub(super) fn build(&self, is_wanted: impl Fn(&str) -> bool) -> Map<String, Value> {
        let wanted = self.members.iter().filter(|member| is_wanted(member.name));
        wanted.map(|member| (member.name.to_owned(), value_of(member.raw))).collect()
    }
}

/// A member's value. One that cannot be read (half a surrogate pair, a number beyond all range,
/// too deep a nesting) is the text it was written as: nobody hides an event from the rules that
/// look elsewhere, and what is written there is still searched.
fn value_of(raw: &str) -> Value {
    serde_json::from_str(raw).unwrap_or_else(|_| Value::String(raw.to_owned()))
}

/// A JSON string, borrowed where it has no escapes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A member's name. Half a surrogate pair, which no text can hold, stands in it as three signs of
/// what cannot be read: so no one hides an event by a name.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_bytes<E>(self, name: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Name(String::from_utf8_lossy(name)))
            }
            fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(String::from_utf8_lossy(name).into_owned())))
            }
        }
        deserializer.deserialize_bytes(NameVisitor)
    }
}

impl<'de> Deserialize<'de> for Parsed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadVisitor;
        impl<'de> Visitor<'de> for HeadVisitor {
            type Value = Parsed<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event, which is a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::new();
                while let Some(Name(key)) = map.next_key()? {
                    let raw = map.next_value::<&RawValue>()?.get();
                    let is_plain = raw.starts_with('"') && memchr(b'\\', raw.as_bytes()).is_none();
                    members.push(key, raw, is_plain);
                }
                Ok(Parsed(members))
            }
        }
        deserializer.deserialize_map(HeadVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_a_full_parse_would() {
        let head = Head::read(r#"{"a":"x","a":"y\u0041","b":null,"c":["z"],"d":{}}"#).unwrap();
        assert_eq!(head.label("a"), Label::Text("yA".into()));
        assert_eq!(head.label("b"), Label::Missing);
        assert_eq!(head.label("c"), Label::Other);
        assert_eq!(head.label("e"), Label::Missing);
    }

    #[test]
    fn a_member_that_cannot_be_read_is_its_text() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        for unreadable in [r#""x\ud800""#, r#"{"b":"\udc00"}"#, r#"{"\ud800":1}"#, "1e999", &deep] {
            let text = format!(r#"{{"a":{unreadable},"c":{{"d":1}}}}"#);
            let built = Head::read(&text).unwrap().part(&BTreeSet::from(["a", "c"]));
            assert_eq!(built["a"], unreadable);
            assert_eq!(built["c"]["d"], 1);
        }
    }

    #[test]
    fn a_name_that_cannot_be_read_hides_no_other() {
        for name in [r"\ud800", r"\udc00", r"\ud800\u0041", r"a\udbff", r"\ud800\ud800"] {
            let text = format!(r#"{{"{name}":1,"event\u004eame":"A","b":{{"{name}":2}}}}"#);
            let head = Head::read(&text).unwrap();
            assert_eq!(head.text("eventName").as_deref(), Some("A"), "{name}");
            assert_eq!(head.raw("b").map(str::len), Some(name.len() + 6), "{name}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in
            ["", "[]", "1", "{", r#"{"a":}"#, "null", r#"{"a":1}x"#, r#"{"\ud8":1}"#, r"{1:2}"]
        {
            assert!(Head::read(text).is_err(), "{text}");
        }
    }
}
