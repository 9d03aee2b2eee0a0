//! The rules of a JSONPath Choice state.

use serde_json::Value;

use super::Scope;
use super::timestamp::parse_timestamp;
use crate::path::Path;

/// A boolean expression over the state's data.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Test { variable: Path, test: Test },
}

/// The comparison of one rule.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    IsPresent(bool),
    IsNull(bool),
    IsBoolean(bool),
    IsNumeric(bool),
    IsString(bool),
    IsTimestamp(bool),
    StringMatches(String),
    Compare { kind: Type, order: Order, with: Operand },
}

/// What a comparison is made with.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Literal(Value),
    Path(Path),
}

/// The type both sides of a comparison must have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Type {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

/// How the two sides must stand to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl Rule {
    /// Whether the rule holds.
    ///
    /// # Errors
    /// The text of a path that found nothing.
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> Result<bool, String> {
        Ok(match self {
            Self::And(rules) => {
                for rule in rules {
                    if !rule.holds(scope)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Or(rules) => {
                for rule in rules {
                    if rule.holds(scope)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(rule) => !rule.holds(scope)?,
            Self::Test { variable, test: Test::IsPresent(wanted) } => {
                let found = scope.find(variable);
                let is_present = match &found {
                    Ok(Value::Array(items)) if !variable.is_definite() => !items.is_empty(),
                    other => other.is_ok(),
                };
                is_present == *wanted
            }
            Self::Test { variable, test } => {
                let value = scope.find(variable).map_err(|_| variable.text().to_owned())?;
                test.holds(&value, scope)?
            }
        })
    }
}

impl Test {
    /// The test that the field `name` of a choice rule stands for.
    pub(crate) fn parse(name: &str, value: &Value) -> Option<Result<Self, String>> {
        let flag = |make: fn(bool) -> Self| match value.as_bool() {
            Some(flag) => Ok(make(flag)),
            None => Err(format!("`{name}` takes true or false")),
        };
        Some(match name {
            "IsPresent" => flag(Self::IsPresent),
            "IsNull" => flag(Self::IsNull),
            "IsBoolean" => flag(Self::IsBoolean),
            "IsNumeric" => flag(Self::IsNumeric),
            "IsString" => flag(Self::IsString),
            "IsTimestamp" => flag(Self::IsTimestamp),
            "StringMatches" => match value.as_str() {
                Some(pattern) => Ok(Self::StringMatches(pattern.to_owned())),
                None => Err("`StringMatches` takes a pattern".to_owned()),
            },
            _ => return Self::comparison(name, value),
        })
    }

    fn comparison(name: &str, value: &Value) -> Option<Result<Self, String>> {
        const KINDS: [(&str, Type); 4] = [
            ("String", Type::String),
            ("Numeric", Type::Numeric),
            ("Boolean", Type::Boolean),
            ("Timestamp", Type::Timestamp),
        ];
        let (stem, is_path) = name.strip_suffix("Path").map_or((name, false), |stem| (stem, true));
        let (kind, order) =
            KINDS.iter().find_map(|(prefix, kind)| Some((*kind, stem.strip_prefix(prefix)?)))?;
        let order = match order {
            "Equals" => Order::Equals,
            "LessThan" if kind != Type::Boolean => Order::LessThan,
            "LessThanEquals" if kind != Type::Boolean => Order::LessThanEquals,
            "GreaterThan" if kind != Type::Boolean => Order::GreaterThan,
            "GreaterThanEquals" if kind != Type::Boolean => Order::GreaterThanEquals,
            _ => return None,
        };
        let with = if is_path {
            match value.as_str().map(Path::parse) {
                Some(Ok(path)) => Operand::Path(path),
                Some(Err(reason)) => return Some(Err(reason)),
                None => return Some(Err(format!("`{name}` takes a path"))),
            }
        } else {
            let fits = match kind {
                Type::String => value.is_string(),
                Type::Numeric => value.is_number(),
                Type::Boolean => value.is_boolean(),
                Type::Timestamp => value.as_str().is_some_and(|t| parse_timestamp(t).is_some()),
            };
            if !fits {
                return Some(Err(format!("`{name}` does not take `{value}`")));
            }
            Operand::Literal(value.clone())
        };
        Some(Ok(Self::Compare { kind, order, with }))
    }

    fn holds(&self, value: &Value, scope: &Scope<'_>) -> Result<bool, String> {
        Ok(match self {
            Self::IsPresent(wanted) => *wanted,
            Self::IsNull(wanted) => value.is_null() == *wanted,
            Self::IsBoolean(wanted) => value.is_boolean() == *wanted,
            Self::IsNumeric(wanted) => value.is_number() == *wanted,
            Self::IsString(wanted) => value.is_string() == *wanted,
            Self::IsTimestamp(wanted) => is_timestamp(value) == *wanted,
            Self::StringMatches(pattern) => {
                value.as_str().is_some_and(|text| matches(pattern, text))
            }
            Self::Compare { kind, order, with } => match with {
                Operand::Literal(other) => compare(*kind, *order, value, other),
                Operand::Path(path) => {
                    let other = scope.find(path).map_err(|_| path.text().to_owned())?;
                    compare(*kind, *order, value, &other)
                }
            },
        })
    }
}

fn is_timestamp(value: &Value) -> bool {
    value.as_str().is_some_and(|text| parse_timestamp(text).is_some())
}

fn compare(kind: Type, order: Order, left: &Value, right: &Value) -> bool {
    let ordering = match kind {
        Type::String => match (left, right) {
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            _ => None,
        },
        Type::Numeric => match (left, right) {
            (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => a.as_f64().partial_cmp(&b.as_f64()),
            },
            _ => None,
        },
        Type::Boolean => match (left, right) {
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        },
        Type::Timestamp => match (
            left.as_str().and_then(parse_timestamp),
            right.as_str().and_then(parse_timestamp),
        ) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => None,
        },
    };
    ordering.is_some_and(|o| match order {
        Order::Equals => o.is_eq(),
        Order::LessThan => o.is_lt(),
        Order::LessThanEquals => o.is_le(),
        Order::GreaterThan => o.is_gt(),
        Order::GreaterThanEquals => o.is_ge(),
    })
}

/// `*` stands for any text, `\*` for a star and `\\` for a backslash.
fn matches(pattern: &str, text: &str) -> bool {
    let mut tokens: Vec<Option<char>> = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => None,
            '\\' => Some(chars.next().unwrap_or('\\')),
            c => Some(c),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match tokens.get(p) {
            Some(None) => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(Some(c)) if text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    p = after_star;
                    t = from + 1;
                    retry = Some((after_star, from + 1));
                }
                None => return false,
            },
        }
    }
    tokens.iter().skip(p).all(Option::is_none)
}
