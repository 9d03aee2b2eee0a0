//! Payload templates: `Parameters`, `ItemSelector`, `ResultSelector`, `Assign` with their
//! `.$` keys, and `Arguments`, `Output`, `Items` with their `{% … %}` strings.

use serde_json::{Map, Value};

use super::{EvalError, Intrinsic, Scope, jsonata};
use crate::path::Path;

/// A JSONPath or intrinsic function: the value of a `.$` key.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Path(Path),
    Call(Intrinsic),
}

impl Expr {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('$') {
            Path::parse(text).map(Self::Path)
        } else {
            Intrinsic::parse(text).map(Self::Call)
        }
    }

    /// Evaluates for the field `field`, which messages name.
    pub(crate) fn evaluate(&self, field: &str, scope: &Scope<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Path(path) => {
                let found = match scope.find(path) {
                    Ok(found) => found,
                    // AWS gives null for an item behind the end of an array that is there.
                    Err(_) if scope.is_past_end(path) => Value::Null,
                    Err(_) => {
                        return Err(EvalError::NotFound {
                            field: field.to_owned(),
                            path: path.text().to_owned(),
                        });
                    }
                };
                scope.spend(&found)?;
                Ok(found)
            }
            Self::Call(call) => call.evaluate(scope),
        }
    }
}

/// A value with expressions in it.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    Literal(Value),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
    Expr { field: String, expr: Expr },
    Jsonata(String),
}

/// Definitions nested deeper are refused when they are parsed.
const MAX_DEPTH: usize = 120;

impl Template {
    /// Reads a JSONPath template; `report` gets the pointer below `pointer` and the problem.
    pub(crate) fn jsonpath(
        value: &Value,
        pointer: &str,
        report: &mut dyn FnMut(String, String),
    ) -> Self {
        Self::jsonpath_at(value, pointer, 0, report)
    }

    fn jsonpath_at(
        value: &Value,
        pointer: &str,
        depth: usize,
        report: &mut dyn FnMut(String, String),
    ) -> Self {
        if depth > MAX_DEPTH {
            report(pointer.to_owned(), "the template is nested too deeply".to_owned());
            return Self::Literal(Value::Null);
        }
        match value {
            Value::Object(map) => {
                let mut fields = Vec::with_capacity(map.len());
                for (key, item) in map {
                    let at = format!("{pointer}/{}", escape(key));
                    let Some(name) = key.strip_suffix(".$") else {
                        fields.push((key.clone(), Self::jsonpath_at(item, &at, depth + 1, report)));
                        continue;
                    };
                    if map.contains_key(name) {
                        report(
                            at.clone(),
                            format!("`{key}` and `{name}` are both given; keep one"),
                        );
                    }
                    match item.as_str().map(Expr::parse) {
                        Some(Ok(expr)) => fields.push((name.to_owned(), Self::Expr { field: key.clone(), expr })),
                        Some(Err(reason)) => report(at, format!("{reason}; the value of a field ending in `.$` must be a JSONPath or an intrinsic function")),
                        None => report(at, "the value of a field ending in `.$` must be a JSONPath or an intrinsic function".to_owned()),
                    }
                }
                Self::Object(fields).folded()
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Self::Array(
                    items
                        .map(|(i, item)| {
                            Self::jsonpath_at(item, &format!("{pointer}/{i}"), depth + 1, report)
                        })
                        .collect(),
                )
                .folded()
            }
            literal => Self::Literal(literal.clone()),
        }
    }

    /// Reads a JSONata template.
    pub(crate) fn jsonata(
        value: &Value,
        pointer: &str,
        report: &mut dyn FnMut(String, String),
    ) -> Self {
        Self::jsonata_at(value, pointer, 0, report)
    }

    fn jsonata_at(
        value: &Value,
        pointer: &str,
        depth: usize,
        report: &mut dyn FnMut(String, String),
    ) -> Self {
        if depth > MAX_DEPTH {
            report(pointer.to_owned(), "the template is nested too deeply".to_owned());
            return Self::Literal(Value::Null);
        }
        match value {
            Value::Object(map) => {
                let fields = map.iter().map(|(key, item)| {
                    let at = format!("{pointer}/{}", escape(key));
                    (key.clone(), Self::jsonata_at(item, &at, depth + 1, report))
                });
                Self::Object(fields.collect()).folded()
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Self::Array(
                    items
                        .map(|(i, item)| {
                            Self::jsonata_at(item, &format!("{pointer}/{i}"), depth + 1, report)
                        })
                        .collect(),
                )
                .folded()
            }
            Value::String(text) => match jsonata::expression(text) {
                None => Self::Literal(value.clone()),
                Some(Ok(expression)) => {
                    if let Err(reason) = jsonata::check(expression, is_in_catcher(pointer)) {
                        report(pointer.to_owned(), reason);
                    }
                    Self::Jsonata(expression.to_owned())
                }
                Some(Err(reason)) => {
                    report(pointer.to_owned(), reason);
                    Self::Literal(value.clone())
                }
            },
            literal => Self::Literal(literal.clone()),
        }
    }

    /// A template without expressions is a literal, which costs one clone.
    fn folded(self) -> Self {
        let is_literal = |t: &Self| matches!(t, Self::Literal(_));
        let take = |t| match t {
            Self::Literal(value) => value,
            _ => Value::Null,
        };
        match self {
            Self::Object(fields) if fields.iter().all(|(_, t)| is_literal(t)) => Self::Literal(
                Value::Object(fields.into_iter().map(|(k, t)| (k, take(t))).collect()),
            ),
            Self::Array(items) if items.iter().all(is_literal) => {
                Self::Literal(Value::Array(items.into_iter().map(take).collect()))
            }
            other => other,
        }
    }

    /// The expression, where the template is one.
    pub(crate) fn expression(&self) -> &str {
        match self {
            Self::Jsonata(expression) => expression,
            Self::Literal(_) | Self::Object(_) | Self::Array(_) | Self::Expr { .. } => "",
        }
    }

    /// Evaluates the whole; `location` names the field for JSONata messages.
    pub(crate) fn evaluate(&self, location: &str, scope: &Scope<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Object(fields) => {
                let mut map = Map::new();
                for (key, template) in fields {
                    let value = template.evaluate(&format!("{location}/{key}"), scope)?;
                    map.insert(key.clone(), value);
                }
                Ok(Value::Object(map))
            }
            Self::Array(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(i, item)| item.evaluate(&format!("{location}[{i}]"), scope))
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            Self::Expr { field, expr } => expr.evaluate(field, scope),
            Self::Jsonata(expression) => jsonata::evaluate(expression, location, scope),
        }
    }
}

/// Whether `pointer` leads into an entry of `Catch`: `/States/A/Catch/0/Output/…`.
fn is_in_catcher(pointer: &str) -> bool {
    let (_, inside) = pointer.rsplit_once("/Catch/").unwrap_or_default();
    inside.split_once('/').is_some_and(|(index, _)| index.parse::<u32>().is_ok())
}

/// A key as a token of a JSON Pointer (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
