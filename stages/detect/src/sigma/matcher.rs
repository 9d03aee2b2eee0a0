//! The compiled form of a rule, and its verdict on an event.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::field::Path;
use super::modifier::{Affix, Comparison};
use super::number::Number;
use super::pattern::{Case, Pattern};
use super::ruleset::EXTRA;
use super::scan::{Plain, Texts};
use super::text::fold;
use super::when::TimePart;

/// How several values or tests are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Any,
    All,
}

impl Link {
    fn over<T>(self, items: &[T], test: impl FnMut(&T) -> bool) -> bool {
        match self {
            Self::Any => items.iter().any(test),
            Self::All => items.iter().all(test),
        }
    }
}

/// A part of a rule.
#[derive(Debug, Clone)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Field(FieldTest),
    Keywords(Link, Vec<Pattern>),
}

/// One field and what it is compared with.
#[derive(Debug, Clone)]
pub(super) struct FieldTest {
    pub(super) path: Path,
    pub(super) tests: Vec<Test>,
    pub(super) link: Link,
}

/// One comparison.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Null,
    Exists(bool),
    Text(Pattern),
    Number(Number),
    Bool(bool),
    Compare(Comparison, Number),
    Cidr(IpNet),
    FieldRef(Path, Affix, Case),
    Time(TimePart, Option<Comparison>, Number),
}

impl Node {
    /// The verdict, where the texts at the event's top level suffice for it.
    pub(super) fn decide(&self, texts: &Texts<'_>) -> Option<bool> {
        match self {
            Self::All(nodes) => decide_all(nodes.iter().map(|node| node.decide(texts)), true),
            Self::Any(nodes) => decide_all(nodes.iter().map(|node| node.decide(texts)), false),
            Self::Not(node) => node.decide(texts).map(|verdict| !verdict),
            Self::Field(field) => field.decide(texts),
            Self::Keywords(..) => None,
        }
    }

    /// Makes this match only where the other part does too.
    pub(super) fn restrict(&mut self, other: &Self) {
        let own = std::mem::replace(self, Self::All(Vec::new()));
        *self = Self::All(vec![own, other.clone()]);
    }

    pub(super) fn matches(&self, event: &Value) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|n| n.matches(event)),
            Self::Any(nodes) => nodes.iter().any(|n| n.matches(event)),
            Self::Not(node) => !node.matches(event),
            Self::Field(field) => field.matches(event),
            Self::Keywords(link, patterns) => {
                link.over(patterns, |pattern| keyword_in_event(pattern, event))
            }
        }
    }

    /// Calls `visit` for every field the rule looks at; `None` stands for the whole event.
    pub(super) fn for_each_field<'n>(&'n self, visit: &mut dyn FnMut(Option<&'n Path>)) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                for node in nodes {
                    node.for_each_field(visit);
                }
            }
            Self::Not(node) => node.for_each_field(visit),
            Self::Keywords(..) => visit(None),
            Self::Field(field) => {
                visit(Some(&field.path));
                for test in &field.tests {
                    if let Test::FieldRef(other, ..) = test {
                        visit(Some(other));
                    }
                }
            }
        }
    }
}

/// All hold, or any holds: one that is not `neutral` decides, whatever the others are.
fn decide_all(verdicts: impl Iterator<Item = Option<bool>>, neutral: bool) -> Option<bool> {
    let mut all_known = true;
    for verdict in verdicts {
        match verdict {
            Some(verdict) if verdict == neutral => {}
            Some(_) => return Some(!neutral),
            None => all_known = false,
        }
    }
    all_known.then_some(neutral)
}

impl FieldTest {
    fn decide(&self, texts: &Texts<'_>) -> Option<bool> {
        let name = self.path.as_str();
        if name == EXTRA || self.path.ends().len() > 1 {
            return None;
        }
        let text = match texts.plain(name) {
            Plain::Missing => None,
            Plain::Text(text) => Some(text),
            Plain::Unclear => return None,
        };
        let verdicts = self.tests.iter().map(|test| match test {
            Test::Text(pattern) => Some(text.is_some_and(|text| pattern.matches(text))),
            Test::Exists(wanted) => Some(text.is_some() == *wanted),
            Test::Null => Some(text.is_none()),
            Test::Number(_)
            | Test::Bool(_)
            | Test::Compare(..)
            | Test::Cidr(_)
            | Test::FieldRef(..)
            | Test::Time(..) => None,
        });
        decide_all(verdicts, self.link == Link::All)
    }

    fn matches(&self, event: &Value) -> bool {
        self.link.over(&self.tests, |test| test.matches(&self.path, event))
    }
}

impl Test {
    fn matches(&self, path: &Path, event: &Value) -> bool {
        match self {
            Self::Exists(wanted) => path.exists(event) == *wanted,
            Self::Null => {
                let mut empty = true;
                let null = path.any(event, &mut |value| {
                    empty = false;
                    value.is_null()
                });
                empty || null
            }
            Self::FieldRef(other, affix, case) => {
                let mut rights = HashSet::new();
                other.any(event, &mut |right| {
                    rights.extend(scalar_text(right).map(|text| cased(text, *case)));
                    false
                });
                path.any(event, &mut |left| {
                    let left = scalar_text(left).map(|text| cased(text, *case));
                    left.is_some_and(|left| related(&left, &rights, *affix))
                })
            }
            Self::Text(pattern) => path
                .any(event, &mut |value| text_of(value).is_some_and(|text| pattern.matches(&text))),
            Self::Number(_)
            | Self::Bool(_)
            | Self::Compare(..)
            | Self::Cidr(_)
            | Self::Time(..) => path.any(event, &mut |value| self.matches_scalar(value)),
        }
    }

    fn matches_scalar(&self, value: &Value) -> bool {
        match self {
            Self::Number(wanted) => {
                number_of(value).and_then(|n| n.compare(*wanted)) == Some(Ordering::Equal)
            }
            Self::Bool(wanted) => match value {
                Value::Bool(found) => found == wanted,
                Value::String(text) => {
                    text.eq_ignore_ascii_case(if *wanted { "true" } else { "false" })
                }
                Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
            },
            Self::Compare(how, limit) => {
                number_of(value).and_then(|n| n.compare(*limit)).is_some_and(|o| how.allows(o))
            }
            Self::Cidr(net) => {
                value.as_str().and_then(|s| s.parse::<IpAddr>().ok()).is_some_and(|address| {
                    net.contains(&address) || net.contains(&address.to_canonical())
                })
            }
            Self::Time(part, how, wanted) => {
                let number = value.as_str().and_then(|s| part.of(s)).map(Number::Int);
                number.and_then(|n| n.compare(*wanted)).is_some_and(|order| match how {
                    Some(how) => how.allows(order),
                    None => order == Ordering::Equal,
                })
            }
            Self::Null | Self::Exists(_) | Self::Text(_) | Self::FieldRef(..) => false,
        }
    }
}

impl Comparison {
    fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn number_of(value: &Value) -> Option<Number> {
    match value {
        Value::Number(n) => Number::from_json(n),
        Value::String(s) => Number::from_text(s),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn scalar_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(s) => Some(Cow::Borrowed(s)),
        Value::Number(n) => Some(Cow::Owned(n.to_string())),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As [`scalar_text`], and an object as its compact JSON.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Object(_) => Some(Cow::Owned(value.to_string())),
        _ => scalar_text(value),
    }
}

fn cased(text: Cow<'_, str>, case: Case) -> Cow<'_, str> {
    match (case, text) {
        (Case::Counts, text) => text,
        (Case::Ignored, Cow::Borrowed(text)) => fold(text),
        (Case::Ignored, Cow::Owned(text)) => Cow::Owned(fold(&text).into_owned()),
    }
}

fn related(left: &str, rights: &HashSet<Cow<'_, str>>, affix: Affix) -> bool {
    match affix {
        Affix::Whole | Affix::Verbatim => rights.contains(left),
        Affix::Contains => rights.iter().any(|right| left.contains(&**right)),
        Affix::StartsWith => rights.iter().any(|right| left.starts_with(&**right)),
        Affix::EndsWith => rights.iter().any(|right| left.ends_with(&**right)),
    }
}

/// Keywords are about what the event says, not about what is added to it.
fn keyword_in_event(pattern: &Pattern, event: &Value) -> bool {
    let Some(members) = event.as_object() else { return keyword_in(pattern, event) };
    let own = members.iter().filter(|(key, _)| *key != EXTRA);
    own.into_iter().any(|(key, value)| pattern.matches(key) || keyword_in(pattern, value))
}

fn keyword_in(pattern: &Pattern, value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|i| keyword_in(pattern, i)),
        Value::Object(members) => {
            members.iter().any(|(key, v)| pattern.matches(key) || keyword_in(pattern, v))
        }
        _ => scalar_text(value).is_some_and(|text| pattern.matches(&text)),
    }
}
