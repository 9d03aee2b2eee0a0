//! Document paths: `a.b[0].#c`.

use serde_json::{Map, Value};

use super::super::answer::ServiceError;
use super::Item;
use super::token::{Token, Words, invalid};

/// DynamoDB's bound on the depth of paths.
const MAX_DEPTH: usize = 32;

/// One step into a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

/// Names and values that an expression refers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    names: Option<&'a Map<String, Value>>,
    values: Option<&'a Map<String, Value>>,
}

impl<'a> Given<'a> {
    pub(super) fn of(arguments: &'a Map<String, Value>) -> Self {
        let object = |name: &str| arguments.get(name).and_then(Value::as_object);
        Self {
            names: object("ExpressionAttributeNames"),
            values: object("ExpressionAttributeValues"),
        }
    }

    fn name(self, words: &Words<'_>, alias: &str) -> Result<String, ServiceError> {
        let name = self.names.and_then(|n| n.get(&format!("#{alias}"))).and_then(Value::as_str);
        name.map(str::to_owned).ok_or_else(|| {
            let why = format!("An expression attribute name used in the document path is not defined; attribute name: #{alias}");
            invalid(words.what, why)
        })
    }

    pub(super) fn value(self, what: &str, name: &str) -> Result<Value, ServiceError> {
        self.values.and_then(|v| v.get(&format!(":{name}"))).cloned().ok_or_else(|| {
            let why = format!("An expression attribute value used in expression is not defined; attribute value: :{name}");
            invalid(what, why)
        })
    }
}

/// Reads a path.
pub(super) fn path(words: &mut Words<'_>, given: Given<'_>) -> Result<Vec<Step>, ServiceError> {
    let mut steps = Vec::new();
    loop {
        match words.peek() {
            Some(Token::Word(name)) => {
                steps.push(Step::Name((*name).to_owned()));
                words.next();
            }
            Some(Token::Alias(alias)) => {
                let alias = *alias;
                steps.push(Step::Name(given.name(words, alias)?));
                words.next();
            }
            _ => return Err(words.error()),
        }
        while let Some(Token::Index(index)) = words.peek() {
            steps.push(Step::Index(*index));
            words.next();
        }
        if steps.len() > MAX_DEPTH {
            return Err(invalid(words.what, "The document path has too many nesting elements"));
        }
        if !words.sign(".") {
            return Ok(steps);
        }
    }
}

/// The attribute at `path`, where there is one.
pub(super) fn get<'i>(item: &'i Item, path: &[Step]) -> Option<&'i Value> {
    let (first, rest) = path.split_first()?;
    let Step::Name(name) = first else { return None };
    rest.iter().try_fold(item.get(name)?, |value, step| match step {
        Step::Name(name) => value.get("M")?.get(name),
        Step::Index(index) => value.get("L")?.get(index),
    })
}

fn absent() -> ServiceError {
    ServiceError::other(
        "ValidationException",
        "The document path provided in the update expression is invalid for update",
    )
}

/// Writes `value` at `path`; past the end of a list it is appended.
pub(super) fn set(item: &mut Item, path: &[Step], value: Value) -> Result<(), ServiceError> {
    let (last, before) = path.split_last().ok_or_else(absent)?;
    match (before, last) {
        ([], Step::Name(name)) => {
            item.insert(name.clone(), value);
        }
        (before, Step::Name(name)) => {
            let parent = get_mut(item, before).and_then(|v| v.get_mut("M")?.as_object_mut());
            parent.ok_or_else(absent)?.insert(name.clone(), value);
        }
        (before, Step::Index(index)) => {
            let list = get_mut(item, before).and_then(|v| v.get_mut("L")?.as_array_mut());
            let list = list.ok_or_else(absent)?;
            match list.get_mut(*index) {
                Some(slot) => *slot = value,
                None => list.push(value),
            }
        }
    }
    Ok(())
}

/// Removes what is at `path`; that nothing is there is no error.
pub(super) fn remove(item: &mut Item, path: &[Step]) -> Result<(), ServiceError> {
    let (last, before) = path.split_last().ok_or_else(absent)?;
    match (before, last) {
        ([], Step::Name(name)) => {
            item.remove(name);
        }
        (before, Step::Name(name)) => {
            let parent = get_mut(item, before).and_then(|v| v.get_mut("M")?.as_object_mut());
            parent.ok_or_else(absent)?.remove(name);
        }
        (before, Step::Index(index)) => {
            let list = get_mut(item, before).and_then(|v| v.get_mut("L")?.as_array_mut());
            let list = list.ok_or_else(absent)?;
            if *index < list.len() {
                list.remove(*index);
            }
        }
    }
    Ok(())
}

fn get_mut<'i>(item: &'i mut Item, path: &[Step]) -> Option<&'i mut Value> {
    let (first, rest) = path.split_first()?;
    let Step::Name(name) = first else { return None };
    rest.iter().try_fold(item.get_mut(name)?, |value, step| match step {
        Step::Name(name) => value.get_mut("M")?.get_mut(name),
        Step::Index(index) => value.get_mut("L")?.get_mut(index),
    })
}
