//! What an action makes of one item: a pure function, for every table that keeps items itself.

use serde_json::{Map, Value, json};

use super::super::answer::ServiceError;
use super::condition::{holds, typed};
use super::number::Number;
use super::path::{Given, Step, get, path, set};
use super::token::Words;
use super::update::apply;
use super::{Action, Item};

/// An action on one item of a table.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Operation<'a> {
    pub(in super::super) action: Action,
    pub(in super::super) arguments: &'a Map<String, Value>,
    /// Names of the table's key attributes.
    pub(in super::super) keys: &'a [String],
}

/// What becomes of the item.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum After {
    Unchanged,
    Is(Item),
    Gone,
}

fn validation(why: impl Into<String>) -> ServiceError {
    ServiceError::other("ValidationException", why)
}

impl Operation<'_> {
    /// The item's key as text: what it is stored under.
    pub(in super::super) fn key(&self) -> Result<String, ServiceError> {
        let field = if self.action == Action::PutItem { "Item" } else { "Key" };
        let given = self.arguments.get(field).and_then(Value::as_object).ok_or_else(|| {
            validation(format!(
                "Value null at '{}' failed to satisfy constraint: Member must not be null",
                field.to_ascii_lowercase()
            ))
        })?;
        let mut key = Map::new();
        for name in self.keys {
            let Some(value) = given.get(name) else {
                return Err(validation(if self.action == Action::PutItem {
                    format!(
                        "One or more parameter values were invalid: Missing the key {name} in the item"
                    )
                } else {
                    "The provided key element does not match the schema".to_owned()
                }));
            };
            let is_key = matches!(typed(value), Some(("S" | "N" | "B", Value::String(text))) if !text.is_empty());
            if !is_key {
                return Err(validation(format!(
                    "One or more parameter values were invalid: Type mismatch for key {name}"
                )));
            }
            let number = value.get("N").and_then(Value::as_str).and_then(Number::parse);
            let same = number.map_or_else(|| value.clone(), |n| json!({"N": n.to_text()}));
            key.insert(name.clone(), same);
        }
        if self.action != Action::PutItem && given.len() != key.len() {
            return Err(validation("The provided key element does not match the schema"));
        }
        Ok(Value::Object(key).to_string())
    }

    /// What the action answers and what becomes of the item.
    pub(in super::super) fn on(
        &self,
        item: Option<&Item>,
    ) -> Result<(After, Map<String, Value>), ServiceError> {
        let given = Given::of(self.arguments);
        if let Some(condition) = self.arguments.get("ConditionExpression").and_then(Value::as_str)
            && !holds(condition, given, item)?
        {
            return Err(ServiceError::modelled(
                "ConditionalCheckFailedException",
                "The conditional request failed",
            ));
        }
        let mut answer = Map::new();
        let returned = self.returned()?;
        let after = match self.action {
            Action::GetItem => {
                if let Some(item) = item {
                    answer.insert("Item".to_owned(), Value::Object(self.projected(given, item)?));
                }
                return Ok((After::Unchanged, answer));
            }
            Action::PutItem => After::Is(
                self.arguments.get("Item").and_then(Value::as_object).cloned().unwrap_or_default(),
            ),
            Action::DeleteItem => After::Gone,
            Action::UpdateItem => {
                let key = self.arguments.get("Key").and_then(Value::as_object).cloned();
                let before = item.cloned().or(key).unwrap_or_default();
                let (after, touched) =
                    match self.arguments.get("UpdateExpression").and_then(Value::as_str) {
                        Some(text) => apply(text, given, &before)?,
                        None => (before.clone(), Vec::new()),
                    };
                let is_key = |at: &Vec<Step>| matches!(at.first(), Some(Step::Name(n)) if self.keys.contains(n));
                if touched.iter().any(is_key) {
                    return Err(validation(
                        "One or more parameter values were invalid: Cannot update attribute. This attribute is part of the key",
                    ));
                }
                let attributes = match returned {
                    "ALL_NEW" => Some(after.clone()),
                    "UPDATED_NEW" => Some(only(&after, &touched)),
                    "UPDATED_OLD" => item.map(|old| only(old, &touched)),
                    _ => None,
                };
                if let Some(attributes) = attributes.filter(|a| !a.is_empty()) {
                    answer.insert("Attributes".to_owned(), Value::Object(attributes));
                }
                After::Is(after)
            }
        };
        if let (Some(old), "ALL_OLD") = (item, returned) {
            answer.insert("Attributes".to_owned(), Value::Object(old.clone()));
        }
        Ok((after, answer))
    }

    fn returned(&self) -> Result<&str, ServiceError> {
        let wanted = self.arguments.get("ReturnValues").and_then(Value::as_str).unwrap_or("NONE");
        let is_known = match self.action {
            Action::UpdateItem => {
                matches!(wanted, "NONE" | "ALL_OLD" | "UPDATED_OLD" | "ALL_NEW" | "UPDATED_NEW")
            }
            Action::PutItem | Action::DeleteItem => matches!(wanted, "NONE" | "ALL_OLD"),
            Action::GetItem => true,
        };
        if is_known { Ok(wanted) } else { Err(validation("Return values set to invalid value")) }
    }

    /// The attributes that `ProjectionExpression` names, all without one.
    fn projected(&self, given: Given<'_>, item: &Item) -> Result<Item, ServiceError> {
        let Some(text) = self.arguments.get("ProjectionExpression").and_then(Value::as_str) else {
            return Ok(item.clone());
        };
        let mut words = Words::new("ProjectionExpression", text)?;
        let mut paths = vec![path(&mut words, given)?];
        while words.sign(",") {
            paths.push(path(&mut words, given)?);
        }
        words.end()?;
        Ok(only(item, &paths))
    }
}

/// A part of the item: what is at `paths`, with the maps and lists around it.
fn only(item: &Item, paths: &[Vec<Step>]) -> Item {
    let mut part = Item::new();
    for at in paths {
        let Some(value) = get(item, at) else { continue };
        for length in 1..at.len() {
            let around = at.get(..length).unwrap_or_default();
            if get(&part, around).is_none() {
                let empty = match at.get(length) {
                    Some(Step::Index(_)) => json!({"L": []}),
                    _ => json!({"M": {}}),
                };
                // The part around it was just made.
                drop(set(&mut part, around, empty));
            }
        }
        drop(set(&mut part, at, value.clone()));
    }
    part
}
