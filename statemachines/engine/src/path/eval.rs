//! Evaluation, with Jayway's messages for what a definite path does not find.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Write as _;

use serde_json::Value;

use super::{Function, Path, Segment};

/// Values one evaluation may look at; beyond it the path fails instead of eating time and memory.
const MAX_LOOKS: usize = 2_000_000;

/// What is left of the values one evaluation may look at.
pub(super) struct Budget(Cell<usize>);

impl Budget {
    fn spend(&self, looks: usize) -> Result<(), String> {
        let left = self.0.get().checked_sub(looks);
        self.0.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| format!("the path looks at more than {MAX_LOOKS} values"))
    }
}

impl Path {
    /// The value at this path below `root`.
    ///
    /// # Errors
    /// Why a definite path names nothing, in Jayway's words.
    pub(crate) fn find<'v>(&self, root: &'v Value) -> Result<Cow<'v, Value>, String> {
        let found = if self.definite {
            Cow::Borrowed(walk(&self.segments, root)?)
        } else {
            let budget = Budget(Cell::new(MAX_LOOKS));
            let matches = select(&self.segments, root, root, &budget)?;
            Cow::Owned(Value::Array(matches.into_iter().cloned().collect()))
        };
        match self.function {
            None => Ok(found),
            Some(function) => apply(function, &found).map(Cow::Owned),
        }
    }

    /// Whether a definite path ends in an index that the array there is too short for.
    pub(crate) fn is_past_end(&self, root: &Value) -> bool {
        let Some((Segment::Indexes(indexes), before)) = self.segments.split_last() else {
            return false;
        };
        self.definite
            && self.function.is_none()
            && matches!(
                (walk(before, root), indexes.as_slice()),
                (Ok(Value::Array(items)), [index]) if item(items, *index).is_none()
            )
    }
}

/// `$['a'][0]`: the first `count` segments in canonical form.
fn canonical(segments: &[Segment], count: usize) -> String {
    let mut text = "$".to_owned();
    for segment in segments.iter().take(count) {
        let written = match segment {
            Segment::Keys(keys) => {
                let names: Vec<_> = keys.iter().map(|k| format!("'{k}'")).collect();
                write!(text, "[{}]", names.join(","))
            }
            Segment::Indexes(indexes) => {
                let numbers: Vec<_> = indexes.iter().map(ToString::to_string).collect();
                write!(text, "[{}]", numbers.join(","))
            }
            Segment::Slice(from, to) => {
                let side = |n: &Option<i64>| n.map_or_else(String::new, |n| n.to_string());
                write!(text, "[{}:{}]", side(from), side(to))
            }
            Segment::Wildcard => write!(text, "[*]"),
            Segment::Descend => write!(text, ".."),
            Segment::Filter(_) => write!(text, "[?]"),
        };
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
    text
}

fn walk<'v>(segments: &[Segment], root: &'v Value) -> Result<&'v Value, String> {
    let mut at = root;
    for (i, segment) in segments.iter().enumerate() {
        let is_leaf = i + 1 == segments.len();
        let missing = || {
            let path = canonical(segments, i + 1);
            if is_leaf {
                format!("No results for path: {path}")
            } else {
                format!("Missing property in path {path}")
            }
        };
        at = match segment {
            Segment::Keys(keys) => {
                let key = keys.first().map_or("", String::as_str);
                match at {
                    Value::Object(map) => map.get(key).ok_or_else(missing)?,
                    other => return Err(no_object(key, &canonical(segments, i), other)),
                }
            }
            Segment::Indexes(indexes) => match at {
                Value::Array(items) => {
                    let index = indexes.first().copied().unwrap_or(0);
                    item(items, index).ok_or_else(|| {
                        format!("No results for path: {}", canonical(segments, i + 1))
                    })?
                }
                Value::Null => return Err(format!("The path {} is null", canonical(segments, i))),
                other => {
                    return Err(format!(
                        "Filter: {} can only be applied to arrays. Current context is: {other}",
                        canonical(segments, i + 1).trim_start_matches(&canonical(segments, i))
                    ));
                }
            },
            Segment::Slice(..) | Segment::Wildcard | Segment::Descend | Segment::Filter(_) => {
                return Err("the path is not definite".to_owned());
            }
        };
    }
    Ok(at)
}

fn no_object(key: &str, path: &str, found: &Value) -> String {
    let class = match found {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(n) if n.is_f64() => "java.lang.Double",
        Value::Number(_) => "java.lang.Integer",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    };
    format!(
        "Expected to find an object with property ['{key}'] in path {path} but found '{class}'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
    )
}

fn item(items: &[Value], index: i64) -> Option<&Value> {
    let at = if index < 0 {
        items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
    } else {
        usize::try_from(index).ok()?
    };
    items.get(at)
}

/// Every match of `segments` below `at`, in document order.
pub(super) fn select<'v>(
    segments: &[Segment],
    at: &'v Value,
    root: &'v Value,
    budget: &Budget,
) -> Result<Vec<&'v Value>, String> {
    let mut matches = vec![at];
    for segment in segments {
        let mut next = Vec::new();
        for value in matches {
            let before = next.len();
            step(segment, value, root, budget, &mut next)?;
            budget.spend(1 + next.len() - before)?;
        }
        matches = next;
    }
    Ok(matches)
}

fn step<'v>(
    segment: &Segment,
    value: &'v Value,
    root: &'v Value,
    budget: &Budget,
    out: &mut Vec<&'v Value>,
) -> Result<(), String> {
    match (segment, value) {
        (Segment::Keys(keys), Value::Object(map)) => {
            out.extend(keys.iter().filter_map(|k| map.get(k)));
        }
        (Segment::Indexes(indexes), Value::Array(items)) => {
            out.extend(indexes.iter().filter_map(|i| item(items, *i)));
        }
        (Segment::Slice(from, to), Value::Array(items)) => out.extend(slice(items, *from, *to)),
        (Segment::Wildcard, Value::Array(items)) => out.extend(items),
        (Segment::Wildcard, Value::Object(map)) => out.extend(map.values()),
        (Segment::Descend, _) => descend(value, budget, out)?,
        (Segment::Filter(filter), Value::Array(items)) => {
            for item in items {
                budget.spend(1)?;
                if filter.holds(item, root, budget)? {
                    out.push(item);
                }
            }
        }
        (Segment::Filter(filter), Value::Object(_)) if filter.holds(value, root, budget)? => {
            out.push(value);
        }
        _ => {}
    }
    Ok(())
}

fn descend<'v>(value: &'v Value, budget: &Budget, out: &mut Vec<&'v Value>) -> Result<(), String> {
    let mut stack = vec![value];
    while let Some(value) = stack.pop() {
        out.push(value);
        budget.spend(1)?;
        match value {
            Value::Array(items) => stack.extend(items.iter().rev()),
            Value::Object(map) => stack.extend(map.values().rev()),
            _ => {}
        }
    }
    Ok(())
}

fn slice(items: &[Value], from: Option<i64>, to: Option<i64>) -> &[Value] {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let clamp = |n: i64| if n < 0 { (length.saturating_add(n)).max(0) } else { n.min(length) };
    let start = usize::try_from(clamp(from.unwrap_or(0))).unwrap_or(0);
    let end = usize::try_from(clamp(to.unwrap_or(length))).unwrap_or(0);
    items.get(start..end).unwrap_or_default()
}

fn apply(function: Function, found: &Value) -> Result<Value, String> {
    match (function, found) {
        (Function::Length, Value::Array(items)) => return Ok(items.len().into()),
        (Function::Length, Value::Object(map)) => return Ok(map.len().into()),
        (Function::Length, Value::String(text)) => return Ok(text.chars().count().into()),
        (Function::Keys, Value::Object(map)) => {
            return Ok(map.keys().map(String::as_str).collect());
        }
        _ => {}
    }
    let numbers: Vec<f64> = match found {
        Value::Array(items) => items.iter().filter_map(Value::as_f64).collect(),
        _ => Vec::new(),
    };
    if numbers.is_empty() {
        return Err(
            "Aggregation function attempted to calculate value using empty array".to_owned()
        );
    }
    let sum: f64 = numbers.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a count of array items is far below 2^52")]
    let result = match function {
        Function::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Avg => sum / numbers.len() as f64,
        Function::Sum | Function::Length | Function::Keys => sum,
    };
    Ok(Value::from(result))
}
