//! Condition expressions.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::super::answer::ServiceError;
use super::Item;
use super::number::Number;
use super::path::{Given, Step, get, path};
use super::token::{Token, Words, invalid};

const WHAT: &str = "ConditionExpression";
/// DynamoDB allows 300 operators; parentheses deeper than this are no honest expression.
const MAX_DEPTH: usize = 64;

enum Operand {
    Path(Vec<Step>),
    Size(Vec<Step>),
    Value(Value),
}

impl Operand {
    fn value(&self, item: &Item) -> Option<Value> {
        match self {
            Self::Path(path) => get(item, path).cloned(),
            Self::Value(value) => Some(value.clone()),
            Self::Size(path) => {
                let (kind, value) = typed(get(item, path)?)?;
                let size = match value {
                    Value::String(text) if kind == "B" => text.trim_end_matches('=').len() * 3 / 4,
                    Value::String(text) if kind == "S" => text.chars().count(),
                    Value::Array(list) => list.len(),
                    Value::Object(map) => map.len(),
                    _ => return None,
                };
                Some(json!({"N": size.to_string()}))
            }
        }
    }
}

/// The type and the value of an attribute.
pub(super) fn typed(attribute: &Value) -> Option<(&str, &Value)> {
    let map = attribute.as_object()?;
    let mut entries = map.iter();
    let (kind, value) = entries.next()?;
    entries.next().is_none().then_some((kind.as_str(), value))
}

/// How two attributes of one type are ordered; `None` where they are not.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (typed(left)?, typed(right)?) {
        (("N", Value::String(a)), ("N", Value::String(b))) => {
            Some(Number::parse(a)?.compare(Number::parse(b)?))
        }
        (("S", Value::String(a)), ("S", Value::String(b)))
        | (("B", Value::String(a)), ("B", Value::String(b))) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Whether two attributes are the same: numbers by value, sets without order.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    if let Some(order) = order(left, right) {
        return order == Ordering::Equal;
    }
    match (typed(left), typed(right)) {
        (Some((a, Value::Array(x))), Some((b, Value::Array(y))))
            if a == b && matches!(a, "SS" | "NS" | "BS") =>
        {
            let scalar = |v: &Value| json!({a.trim_end_matches('S'): v});
            let scalar = |v: &Value| if a == "SS" { json!({"S": v}) } else { scalar(v) };
            x.len() == y.len() && x.iter().all(|v| y.iter().any(|w| same(&scalar(v), &scalar(w))))
        }
        _ => left == right,
    }
}

/// Whether the condition holds for the item, or for none.
pub(super) fn holds(
    text: &str,
    given: Given<'_>,
    item: Option<&Item>,
) -> Result<bool, ServiceError> {
    let nothing = Item::new();
    let mut words = Words::new(WHAT, text)?;
    let mut reader = Reader { words: &mut words, given, item: item.unwrap_or(&nothing) };
    let holds = reader.either(0)?;
    reader.words.end()?;
    Ok(holds)
}

/// Reads and evaluates in one go; both sides of `AND` and `OR` are always read.
struct Reader<'r, 'a> {
    words: &'r mut Words<'a>,
    given: Given<'r>,
    item: &'r Item,
}

impl Reader<'_, '_> {
    fn either(&mut self, depth: usize) -> Result<bool, ServiceError> {
        let mut holds = self.all(depth)?;
        while self.words.keyword("OR") {
            holds |= self.all(depth)?;
        }
        Ok(holds)
    }

    fn all(&mut self, depth: usize) -> Result<bool, ServiceError> {
        let mut holds = self.not(depth)?;
        while self.words.keyword("AND") {
            holds &= self.not(depth)?;
        }
        Ok(holds)
    }

    fn not(&mut self, depth: usize) -> Result<bool, ServiceError> {
        if depth > MAX_DEPTH {
            return Err(invalid(WHAT, "The expression is nested too deeply"));
        }
        if self.words.keyword("NOT") {
            return Ok(!self.not(depth + 1)?);
        }
        if self.words.sign("(") {
            let holds = self.either(depth + 1)?;
            self.words.expect(")")?;
            return Ok(holds);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<bool, ServiceError> {
        let left = match self.words.peek() {
            Some(Token::Word(word)) => {
                let word = word.to_ascii_lowercase();
                match self.function(&word)? {
                    Called::Holds(holds) => return Ok(holds),
                    Called::Operand(operand) => operand,
                }
            }
            _ => self.operand()?,
        };
        let left = left.value(self.item);
        if self.words.keyword("BETWEEN") {
            let low = self.operand()?.value(self.item);
            if !self.words.keyword("AND") {
                return Err(self.words.error());
            }
            let high = self.operand()?.value(self.item);
            let at_least = compare(left.as_ref(), ">=", low.as_ref());
            return Ok(at_least && compare(left.as_ref(), "<=", high.as_ref()));
        }
        if self.words.keyword("IN") {
            self.words.expect("(")?;
            let mut holds = false;
            loop {
                let one = self.operand()?.value(self.item);
                holds |= compare(left.as_ref(), "=", one.as_ref());
                if !self.words.sign(",") {
                    break;
                }
            }
            self.words.expect(")")?;
            return Ok(holds);
        }
        let sign = ["=", "<>", "<=", ">=", "<", ">"].into_iter().find(|s| self.words.sign(s));
        let Some(sign) = sign else { return Err(self.words.error()) };
        let right = self.operand()?.value(self.item);
        Ok(compare(left.as_ref(), sign, right.as_ref()))
    }

    /// A function, or the path that begins with this word.
    fn function(&mut self, word: &str) -> Result<Called, ServiceError> {
        let is_function = matches!(
            word,
            "attribute_exists"
                | "attribute_not_exists"
                | "attribute_type"
                | "begins_with"
                | "contains"
                | "size"
        );
        if !is_function {
            return Ok(Called::Operand(self.operand()?));
        }
        self.words.next();
        self.words.expect("(")?;
        let at = path(self.words, self.given)?;
        let found = get(self.item, &at).cloned();
        let called = match word {
            "attribute_exists" => Called::Holds(found.is_some()),
            "attribute_not_exists" => Called::Holds(found.is_none()),
            "size" => Called::Operand(Operand::Size(at)),
            _ => {
                self.words.expect(",")?;
                let wanted = self.operand()?.value(self.item);
                Called::Holds(
                    found.zip(wanted).is_some_and(|(found, wanted)| test(word, &found, &wanted)),
                )
            }
        };
        self.words.expect(")")?;
        Ok(called)
    }

    fn operand(&mut self) -> Result<Operand, ServiceError> {
        if let Some(Token::Value(name)) = self.words.peek() {
            let value = self.given.value(WHAT, name)?;
            self.words.next();
            return Ok(Operand::Value(value));
        }
        let is_size =
            matches!(self.words.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case("size"));
        if is_size {
            return match self.function("size")? {
                Called::Operand(operand) => Ok(operand),
                Called::Holds(_) => Err(self.words.error()),
            };
        }
        path(self.words, self.given).map(Operand::Path)
    }
}

enum Called {
    Holds(bool),
    Operand(Operand),
}

fn test(function: &str, found: &Value, wanted: &Value) -> bool {
    let (Some((kind, value)), Some((wanted_kind, wanted_value))) = (typed(found), typed(wanted))
    else {
        return false;
    };
    match (function, value, wanted_value) {
        ("attribute_type", _, Value::String(name)) => kind == name,
        ("begins_with", Value::String(text), Value::String(start)) => {
            kind == wanted_kind && text.starts_with(start.as_str())
        }
        ("contains", Value::String(text), Value::String(part)) => {
            kind == wanted_kind && kind == "S" && text.contains(part.as_str())
        }
        ("contains", Value::Array(list), _) if kind == "L" => {
            list.iter().any(|one| same(one, wanted))
        }
        ("contains", Value::Array(set), _) => {
            let is_of_set = kind == format!("{wanted_kind}S");
            is_of_set && set.iter().any(|one| same(&json!({wanted_kind: one}), wanted))
        }
        _ => false,
    }
}

/// What is absent compares as nothing does.
fn compare(left: Option<&Value>, sign: &str, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return sign == "<>" };
    match sign {
        "=" => same(left, right),
        "<>" => !same(left, right),
        _ => order(left, right).is_some_and(|order| match sign {
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        }),
    }
}
