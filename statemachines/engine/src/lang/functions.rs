//! What the intrinsic functions compute, with AWS's rounding and limits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::Digest as _;

use super::scope::Chance;

/// The longest text that `Base64Encode`, `Base64Decode` and `Hash` take.
const MAX_TEXT: usize = 10_000;
/// The most items `ArrayRange` gives.
const MAX_RANGE: i64 = 1_000;

/// The functions by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    Format,
    StringToJson,
    JsonToString,
    Array,
    ArrayPartition,
    ArrayContains,
    ArrayRange,
    ArrayGetItem,
    ArrayLength,
    ArrayUnique,
    Base64Encode,
    Base64Decode,
    Hash,
    JsonMerge,
    MathRandom,
    MathAdd,
    StringSplit,
    Uuid,
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("States.")? {
            "Format" => Self::Format,
            "StringToJson" => Self::StringToJson,
            "JsonToString" => Self::JsonToString,
            "Array" => Self::Array,
            "ArrayPartition" => Self::ArrayPartition,
            "ArrayContains" => Self::ArrayContains,
            "ArrayRange" => Self::ArrayRange,
            "ArrayGetItem" => Self::ArrayGetItem,
            "ArrayLength" => Self::ArrayLength,
            "ArrayUnique" => Self::ArrayUnique,
            "Base64Encode" => Self::Base64Encode,
            "Base64Decode" => Self::Base64Decode,
            "Hash" => Self::Hash,
            "JsonMerge" => Self::JsonMerge,
            "MathRandom" => Self::MathRandom,
            "MathAdd" => Self::MathAdd,
            "StringSplit" => Self::StringSplit,
            "UUID" => Self::Uuid,
            _ => return None,
        })
    }

    pub(super) fn check_arity(self, given: usize) -> Result<(), String> {
        let (least, most) = match self {
            Self::Format => (1, usize::MAX),
            Self::Array => (0, usize::MAX),
            Self::Uuid => (0, 0),
            Self::StringToJson
            | Self::JsonToString
            | Self::ArrayLength
            | Self::ArrayUnique
            | Self::Base64Encode
            | Self::Base64Decode => (1, 1),
            Self::ArrayPartition
            | Self::ArrayContains
            | Self::ArrayGetItem
            | Self::Hash
            | Self::MathAdd
            | Self::StringSplit => (2, 2),
            Self::ArrayRange | Self::JsonMerge => (3, 3),
            Self::MathRandom => (2, 3),
        };
        if (least..=most).contains(&given) {
            Ok(())
        } else {
            Err(format!("`States.{self:?}` does not take {given} arguments"))
        }
    }
}

impl Function {
    /// Whether the literal `value` can be the argument `index`.
    pub(super) fn check_literal(self, index: usize, value: &Value) -> Result<(), String> {
        let fits = match (self, index) {
            (Self::MathAdd | Self::MathRandom | Self::ArrayRange, _)
            | (Self::ArrayPartition | Self::ArrayGetItem, 1) => value.is_number(),
            (Self::StringSplit | Self::Hash, 1)
            | (
                Self::StringToJson
                | Self::Base64Encode
                | Self::Base64Decode
                | Self::Format
                | Self::StringSplit,
                0,
            ) => value.is_string(),
            (
                Self::ArrayPartition
                | Self::ArrayGetItem
                | Self::ArrayContains
                | Self::ArrayLength
                | Self::ArrayUnique,
                0,
            ) => false,
            (Self::JsonMerge, 2) => value.is_boolean(),
            _ => true,
        };
        if fits { Ok(()) } else { Err(format!("`States.{self:?}` does not take `{value}` there")) }
    }
}

/// Calls `function`; the arity was checked when the call was parsed.
pub(super) fn call(
    function: Function,
    arguments: Vec<Value>,
    chance: &Chance,
) -> Result<Value, String> {
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().unwrap_or(Value::Null);
    match function {
        Function::Format => {
            let template = next();
            format(&text(template)?, &arguments.collect::<Vec<_>>()).map(Value::String)
        }
        Function::StringToJson => parse(&text(next())?),
        Function::JsonToString => Ok(Value::String(next().to_string())),
        Function::Array => Ok(arguments.collect()),
        Function::ArrayPartition => partition(&array(next())?, &next()),
        Function::ArrayContains => Ok(Value::Bool(array(next())?.contains(&next()))),
        Function::ArrayRange => range(&next(), &next(), &next()),
        Function::ArrayGetItem => {
            let items = array(next())?;
            let index = usize::try_from(integer(&next())?).ok();
            index
                .and_then(|i| items.get(i).cloned())
                .ok_or_else(|| "The index is out of the bounds of the array".to_owned())
        }
        Function::ArrayLength => Ok(array(next())?.len().into()),
        Function::ArrayUnique => Ok(unique(array(next())?)),
        Function::Base64Encode => Ok(Value::String(STANDARD.encode(bounded(text(next())?)?))),
        Function::Base64Decode => {
            let bytes = STANDARD
                .decode(bounded(text(next())?)?)
                .map_err(|e| format!("Invalid Base64: {e}"))?;
            String::from_utf8(bytes).map(Value::String).map_err(|e| format!("Invalid UTF-8: {e}"))
        }
        Function::Hash => {
            let data = match next() {
                Value::String(text) => text,
                other => other.to_string(),
            };
            hash(&bounded(data)?, &text(next())?).map(Value::String)
        }
        Function::JsonMerge => {
            let (first, second, deep) = (next(), next(), next());
            if deep == Value::Bool(true) {
                return Err("States.JsonMerge supports the shallow merging mode only".to_owned());
            }
            merge(first, second)
        }
        Function::MathRandom => random(&next(), &next(), &next(), chance),
        Function::MathAdd => Ok(Value::from(integer(&next())?.saturating_add(integer(&next())?))),
        Function::StringSplit => {
            let (whole, delimiters) = (text(next())?, text(next())?);
            let parts = whole.split(|c| delimiters.contains(c)).filter(|part| !part.is_empty());
            Ok(parts.collect())
        }
        Function::Uuid => Ok(Value::String(chance.uuid())),
    }
}

fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("expected a string but got {other}")),
    }
}

fn array(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("expected an array but got {other}")),
    }
}

fn bounded(text: String) -> Result<String, String> {
    if text.len() <= MAX_TEXT {
        Ok(text)
    } else {
        Err(format!("the text is longer than {MAX_TEXT} characters"))
    }
}

/// Rounds as Java's `Math.round` does: half towards positive infinity.
fn integer(value: &Value) -> Result<i64, String> {
    if let Some(whole) = value.as_i64() {
        return Ok(whole);
    }
    let number = value.as_f64().ok_or_else(|| format!("expected a number but got {value}"))?;
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, as Math.round does")]
    Ok((number + 0.5).floor() as i64)
}

fn parse(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    match text.trim() {
        "-0" => Ok(Value::from(0)),
        text => serde_json::from_str(text).map_err(|e| format!("the string is no JSON: {e}")),
    }
}

/// Fills `{}` in order; `\{` and `\}` are braces.
fn format(template: &str, arguments: &[Value]) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut arguments = arguments.iter();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if matches!(chars.peek(), Some('{' | '}' | '\\' | '\'')) => {
                out.extend(chars.next());
            }
            '{' if chars.peek() == Some(&'}') => {
                chars.next();
                let argument =
                    arguments.next().ok_or("States.Format has fewer arguments than `{}`")?;
                match argument {
                    Value::String(text) => out.push_str(text),
                    other => java_text(other, &mut out),
                }
            }
            '{' | '}' => {
                return Err(
                    "a brace of States.Format is not closed; write `\\\\{` for a brace".to_owned()
                );
            }
            c => out.push(c),
        }
    }
    if arguments.next().is_some() {
        Err("States.Format has more arguments than `{}`".to_owned())
    } else {
        Ok(out)
    }
}

/// A value as Java's `toString` writes it: `{Arg1=1, Arg2=[]}`.
fn java_text(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                java_text(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                out.push_str(key);
                out.push('=');
                java_text(item, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Chunks of `size`, the last one possibly shorter.
pub(super) fn partition(items: &[Value], size: &Value) -> Result<Value, String> {
    let size = usize::try_from(integer(size)?)
        .ok()
        .filter(|n| *n > 0)
        .ok_or("the chunk size must be positive")?;
    Ok(items.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect())
}

/// `start`, `start + step`, … up to and including `end`.
pub(super) fn range(start: &Value, end: &Value, step: &Value) -> Result<Value, String> {
    let (start, end, step) = (integer(start)?, integer(end)?, integer(step)?);
    if step == 0 {
        return Err("the step of a range must not be 0".to_owned());
    }
    let span = if step > 0 { end.saturating_sub(start) } else { start.saturating_sub(end) };
    let count = if span < 0 { 0 } else { span / step.saturating_abs() + 1 };
    if count > MAX_RANGE {
        return Err(format!("a range has at most {MAX_RANGE} items"));
    }
    Ok((0..count).map(|i| Value::from(start.saturating_add(i.saturating_mul(step)))).collect())
}

fn unique(items: Vec<Value>) -> Value {
    let mut seen = std::collections::HashSet::new();
    items.into_iter().filter(|item| seen.insert(item.to_string())).collect()
}

/// The digest of `data` in lower-case hexadecimal.
pub(super) fn hash(data: &str, algorithm: &str) -> Result<String, String> {
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, b| text + &format!("{b:02x}"));
    Ok(match algorithm {
        "MD5" => hex(&md5::Md5::digest(data)),
        "SHA-1" => hex(&sha1::Sha1::digest(data)),
        "SHA-256" => hex(&sha2::Sha256::digest(data)),
        "SHA-384" => hex(&sha2::Sha384::digest(data)),
        "SHA-512" => hex(&sha2::Sha512::digest(data)),
        other => {
            return Err(format!(
                "`{other}` is no hash algorithm; use MD5, SHA-1, SHA-256, SHA-384 or SHA-512"
            ));
        }
    })
}

fn merge(first: Value, second: Value) -> Result<Value, String> {
    match (first, second) {
        (Value::Object(mut first), Value::Object(second)) => {
            first.extend::<Map<String, Value>>(second);
            Ok(Value::Object(first))
        }
        _ => Err("States.JsonMerge takes two objects".to_owned()),
    }
}

fn random(start: &Value, end: &Value, seed: &Value, chance: &Chance) -> Result<Value, String> {
    let (start, end) = (integer(start)?, integer(end)?);
    let width = end
        .checked_sub(start)
        .filter(|w| *w > 0)
        .ok_or("the end of States.MathRandom must be greater than its start")?;
    let bits = match seed {
        Value::Null => chance.bits(),
        seed => Chance::new(integer(seed)?.cast_unsigned()).bits(),
    };
    let offset = (bits % width.cast_unsigned()).cast_signed();
    Ok(Value::from(start.saturating_add(offset)))
}

/// The same seed gives the same number: what `$random(seed)` of JSONata uses.
pub(super) fn seeded_fraction(seed: f64) -> f64 {
    Chance::new(seed.to_bits()).fraction()
}
