//! Update expressions.

use serde_json::{Value, json};

use super::super::answer::ServiceError;
use super::Item;
use super::condition::{same, typed};
use super::number::Number;
use super::path::{Given, Step, get, path, remove, set};
use super::token::{Token, Words, invalid};

const WHAT: &str = "UpdateExpression";

fn wrong_type() -> ServiceError {
    ServiceError::other(
        "ValidationException",
        "An operand in the update expression has an incorrect data type",
    )
}

/// One change; values are computed from the item as it was before.
enum Change {
    Set(Vec<Step>, Value),
    Remove(Vec<Step>),
    Add(Vec<Step>, Value),
    Delete(Vec<Step>, Value),
}

/// Applies the expression; gives the item after it and the attributes it names.
pub(super) fn apply(
    text: &str,
    given: Given<'_>,
    before: &Item,
) -> Result<(Item, Vec<Vec<Step>>), ServiceError> {
    let mut words = Words::new(WHAT, text)?;
    let mut changes = Vec::new();
    while words.peek().is_some() {
        let clause = ["SET", "REMOVE", "ADD", "DELETE"].into_iter().find(|c| words.keyword(c));
        let Some(clause) = clause else { return Err(words.error()) };
        loop {
            let at = path(&mut words, given)?;
            changes.push(match clause {
                "SET" => {
                    words.expect("=")?;
                    Change::Set(at, sum(&mut words, given, before)?)
                }
                "REMOVE" => Change::Remove(at),
                "ADD" => Change::Add(at, value(&mut words, given)?),
                _ => Change::Delete(at, value(&mut words, given)?),
            });
            if !words.sign(",") {
                break;
            }
        }
    }
    let touched: Vec<Vec<Step>> = changes
        .iter()
        .map(|change| match change {
            Change::Set(at, _)
            | Change::Remove(at)
            | Change::Add(at, _)
            | Change::Delete(at, _) => at.clone(),
        })
        .collect();
    for (i, one) in touched.iter().enumerate() {
        if touched.iter().take(i).any(|other| one.starts_with(other) || other.starts_with(one)) {
            let why = "Two document paths overlap with each other; must remove or rewrite one of these paths";
            return Err(invalid(WHAT, why));
        }
    }
    let mut item = before.clone();
    // Removed elements of a list are those of the list as it was: the last one goes first.
    let mut removed = Vec::new();
    for change in changes {
        match change {
            Change::Set(at, value) => set(&mut item, &at, value)?,
            Change::Remove(at) => removed.push(at),
            Change::Add(at, value) => add(&mut item, &at, value)?,
            Change::Delete(at, value) => delete(&mut item, &at, &value)?,
        }
    }
    removed.sort_by_key(|at| std::cmp::Reverse(last_index(at)));
    for at in removed {
        remove(&mut item, &at)?;
    }
    Ok((item, touched))
}

fn last_index(path: &[Step]) -> Option<usize> {
    match path.last()? {
        Step::Index(index) => Some(*index),
        Step::Name(_) => None,
    }
}

fn value(words: &mut Words<'_>, given: Given<'_>) -> Result<Value, ServiceError> {
    match words.next() {
        Some(Token::Value(name)) => given.value(WHAT, name),
        _ => Err(words.error()),
    }
}

/// `operand`, `operand + operand` or `operand - operand`.
fn sum(words: &mut Words<'_>, given: Given<'_>, item: &Item) -> Result<Value, ServiceError> {
    let left = operand(words, given, item)?;
    let is_plus = words.sign("+");
    if !is_plus && !words.sign("-") {
        return Ok(left);
    }
    let right = operand(words, given, item)?;
    let (left, right) = (number(&left)?, number(&right)?);
    let result = if is_plus { left.add(right) } else { left.subtract(right) };
    result.map(|n| json!({"N": n.to_text()})).ok_or_else(overflow)
}

fn overflow() -> ServiceError {
    ServiceError::other(
        "ValidationException",
        "Number overflow. Attempting to store a number with magnitude larger than supported range",
    )
}

fn number(value: &Value) -> Result<Number, ServiceError> {
    match typed(value) {
        Some(("N", Value::String(text))) => Number::parse(text).ok_or_else(overflow),
        _ => Err(wrong_type()),
    }
}

fn operand(words: &mut Words<'_>, given: Given<'_>, item: &Item) -> Result<Value, ServiceError> {
    if let Some(Token::Value(_)) = words.peek() {
        return value(words, given);
    }
    if words.keyword("if_not_exists") {
        words.expect("(")?;
        let at = path(words, given)?;
        words.expect(",")?;
        let default = simple(words, given, item)?;
        words.expect(")")?;
        return get(item, &at).cloned().or(default).ok_or_else(missing);
    }
    if words.keyword("list_append") {
        words.expect("(")?;
        let first = list_operand(words, given, item)?;
        words.expect(",")?;
        let second = list_operand(words, given, item)?;
        words.expect(")")?;
        let list = |value: Value| match value {
            Value::Object(mut map) => match map.remove("L") {
                Some(Value::Array(list)) => Ok(list),
                _ => Err(wrong_type()),
            },
            _ => Err(wrong_type()),
        };
        let mut joined = list(first)?;
        joined.extend(list(second)?);
        return Ok(json!({"L": joined}));
    }
    let at = path(words, given)?;
    get(item, &at).cloned().ok_or_else(missing)
}

/// `list_append` takes `if_not_exists` as an argument.
fn list_operand(
    words: &mut Words<'_>,
    given: Given<'_>,
    item: &Item,
) -> Result<Value, ServiceError> {
    let is_default =
        matches!(words.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case("if_not_exists"));
    if is_default {
        return operand(words, given, item);
    }
    simple(words, given, item)?.ok_or_else(missing)
}

/// A value or what is at a path.
fn simple(
    words: &mut Words<'_>,
    given: Given<'_>,
    item: &Item,
) -> Result<Option<Value>, ServiceError> {
    if let Some(Token::Value(_)) = words.peek() {
        return value(words, given).map(Some);
    }
    let at = path(words, given)?;
    Ok(get(item, &at).cloned())
}

fn missing() -> ServiceError {
    ServiceError::other(
        "ValidationException",
        "The provided expression refers to an attribute that does not exist in the item",
    )
}

fn is_set(kind: &str) -> bool {
    matches!(kind, "SS" | "NS" | "BS")
}

/// Adds a number to a number or elements to a set; what is absent is zero or empty.
fn add(item: &mut Item, at: &[Step], value: Value) -> Result<(), ServiceError> {
    let Some(present) = get(item, at).cloned() else {
        let kind = typed(&value).map(|(kind, _)| kind.to_owned()).unwrap_or_default();
        return if kind == "N" || is_set(&kind) { set(item, at, value) } else { Err(wrong_type()) };
    };
    let sum = match (typed(&present), typed(&value)) {
        (Some(("N", _)), Some(("N", _))) => {
            let sum = number(&present)?.add(number(&value)?).ok_or_else(overflow)?;
            json!({"N": sum.to_text()})
        }
        (Some((a, Value::Array(held))), Some((b, Value::Array(added)))) if a == b && is_set(a) => {
            let mut joined = held.clone();
            let new = added.iter().filter(|one| !holds(a, held, one));
            joined.extend(new.cloned());
            json!({a: joined})
        }
        _ => return Err(wrong_type()),
    };
    set(item, at, sum)
}

fn holds(kind: &str, set: &[Value], one: &Value) -> bool {
    let scalar = |v: &Value| json!({kind.get(..1).unwrap_or_default(): v});
    set.iter().any(|other| same(&scalar(other), &scalar(one)))
}

/// Takes elements out of a set; an empty set is no attribute.
fn delete(item: &mut Item, at: &[Step], value: &Value) -> Result<(), ServiceError> {
    let Some(present) = get(item, at).cloned() else { return Ok(()) };
    match (typed(&present), typed(value)) {
        (Some((a, Value::Array(held))), Some((b, Value::Array(gone)))) if a == b && is_set(a) => {
            let left: Vec<Value> =
                held.iter().filter(|one| !holds(a, gone, one)).cloned().collect();
            if left.is_empty() { remove(item, at) } else { set(item, at, json!({a: left})) }
        }
        _ => Err(wrong_type()),
    }
}
