//! Filter expressions: `[?(@.price < 10 && @.tag in ['a', 'b'])]`.

use serde_json::Value;

use super::eval::Budget;
use super::parse::{Cursor, parse_segments};
use super::{Segment, eval};

/// Groups inside groups deeper than this are refused.
const MAX_DEPTH: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Literal(Value),
    /// `@…` is relative to the item, `$…` to the root.
    Path {
        relative: bool,
        segments: Vec<Segment>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
    StartsWith,
}

const OPERATORS: [(&str, Operator); 14] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessEqual),
    (">=", Operator::GreaterEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("in ", Operator::In),
    ("in[", Operator::In),
    ("nin ", Operator::NotIn),
    ("contains ", Operator::Contains),
    ("size ", Operator::Size),
    ("empty ", Operator::Empty),
    ("startsWith ", Operator::StartsWith),
    ("IN ", Operator::In),
];

impl Filter {
    pub(super) fn parse_at(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if cursor.peek() != Some('(') {
            return Err("a filter is written `?(…)`".to_owned());
        }
        unary(cursor, 0)
    }

    pub(super) fn holds(
        &self,
        item: &Value,
        root: &Value,
        budget: &Budget,
    ) -> Result<bool, String> {
        Ok(match self {
            Self::And(all) => {
                for filter in all {
                    if !filter.holds(item, root, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Or(any) => {
                for filter in any {
                    if filter.holds(item, root, budget)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(filter) => !filter.holds(item, root, budget)?,
            Self::Exists(operand) => operand.value(item, root, budget)?.is_some(),
            Self::Compare(left, operator, right) => {
                let (left, right) =
                    (left.value(item, root, budget)?, right.value(item, root, budget)?);
                compare(left.as_ref(), *operator, right.as_ref())
            }
        })
    }
}

impl Operand {
    fn value(&self, item: &Value, root: &Value, budget: &Budget) -> Result<Option<Value>, String> {
        let (relative, segments) = match self {
            Self::Literal(value) => return Ok(Some(value.clone())),
            Self::Path { relative, segments } => (*relative, segments),
        };
        let matches = eval::select(segments, if relative { item } else { root }, root, budget)?;
        let definite = segments.iter().all(|s| match s {
            Segment::Keys(keys) => keys.len() == 1,
            Segment::Indexes(indexes) => indexes.len() == 1,
            _ => false,
        });
        if definite {
            return Ok(matches.first().map(|v| (*v).clone()));
        }
        Ok(Some(Value::Array(matches.into_iter().cloned().collect())))
    }
}

fn compare(left: Option<&Value>, operator: Operator, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return operator == Operator::NotEqual && (left.is_some() || right.is_some());
    };
    let order = || match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    let contains = |list: &Value, needle: &Value| {
        list.as_array().is_some_and(|items| items.iter().any(|i| same(i, needle)))
    };
    match operator {
        Operator::Equal => same(left, right),
        Operator::NotEqual => !same(left, right),
        Operator::Less => order().is_some_and(std::cmp::Ordering::is_lt),
        Operator::LessEqual => order().is_some_and(std::cmp::Ordering::is_le),
        Operator::Greater => order().is_some_and(std::cmp::Ordering::is_gt),
        Operator::GreaterEqual => order().is_some_and(std::cmp::Ordering::is_ge),
        Operator::In => contains(right, left),
        Operator::NotIn => !contains(right, left),
        Operator::Contains => match (left, right) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            _ => contains(left, right),
        },
        Operator::Size => length(left).is_some_and(|n| Some(n) == right.as_u64()),
        Operator::Empty => length(left).is_some_and(|n| Some(n == 0) == right.as_bool()),
        Operator::StartsWith => match (left, right) {
            (Value::String(text), Value::String(part)) => text.starts_with(part.as_str()),
            _ => false,
        },
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => left == right,
    }
}

fn length(value: &Value) -> Option<u64> {
    let length = match value {
        Value::Array(items) => items.len(),
        Value::String(text) => text.chars().count(),
        Value::Object(map) => map.len(),
        _ => return None,
    };
    u64::try_from(length).ok()
}

fn disjunction(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, String> {
    let mut any = vec![conjunction(cursor, depth)?];
    loop {
        cursor.skip_spaces();
        if !cursor.eat("||") {
            break;
        }
        any.push(conjunction(cursor, depth)?);
    }
    Ok(if any.len() > 1 { Filter::Or(any) } else { any.pop().ok_or("a filter is empty")? })
}

fn conjunction(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, String> {
    let mut all = vec![unary(cursor, depth)?];
    loop {
        cursor.skip_spaces();
        if !cursor.eat("&&") {
            break;
        }
        all.push(unary(cursor, depth)?);
    }
    Ok(if all.len() > 1 { Filter::And(all) } else { all.pop().ok_or("a filter is empty")? })
}

fn unary(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, String> {
    if depth > MAX_DEPTH {
        return Err("a filter is nested too deeply".to_owned());
    }
    cursor.skip_spaces();
    if cursor.peek() == Some('!') && !cursor.rest().starts_with("!=") {
        cursor.next();
        return Ok(Filter::Not(Box::new(unary(cursor, depth + 1)?)));
    }
    if cursor.eat("(") {
        let inner = disjunction(cursor, depth + 1)?;
        cursor.skip_spaces();
        return if cursor.eat(")") {
            Ok(inner)
        } else {
            Err("`)` is missing in a filter".to_owned())
        };
    }
    let left = operand(cursor, depth)?;
    cursor.skip_spaces();
    for (text, operator) in OPERATORS {
        if cursor.rest().starts_with(text) {
            cursor.eat(text.trim_end_matches('['));
            cursor.skip_spaces();
            return Ok(Filter::Compare(left, operator, operand(cursor, depth)?));
        }
    }
    Ok(Filter::Exists(left))
}

fn operand(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, String> {
    if depth > MAX_DEPTH {
        return Err("a filter is nested too deeply".to_owned());
    }
    cursor.skip_spaces();
    match cursor.peek() {
        Some(root @ ('@' | '$')) => {
            cursor.next();
            let (segments, _) = parse_segments(cursor)?;
            Ok(Operand::Path { relative: root == '@', segments })
        }
        Some(quote @ ('\'' | '"')) => {
            cursor.next();
            Ok(Operand::Literal(Value::String(cursor.quoted(quote)?)))
        }
        Some('[') => {
            cursor.next();
            list(cursor, depth)
        }
        _ => {
            let word =
                cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
            let value = serde_json::from_str(word)
                .map_err(|_| format!("`{word}` is no value a filter can compare"))?;
            Ok(Operand::Literal(value))
        }
    }
}

fn list(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, String> {
    let mut items = Vec::new();
    loop {
        cursor.skip_spaces();
        if cursor.eat("]") {
            return Ok(Operand::Literal(Value::Array(items)));
        }
        match operand(cursor, depth + 1)? {
            Operand::Literal(value) => items.push(value),
            Operand::Path { .. } => return Err("a list in a filter holds values only".to_owned()),
        }
        cursor.skip_spaces();
        if !cursor.eat(",") && cursor.peek() != Some(']') {
            return Err("`]` is missing in a filter".to_owned());
        }
    }
}
