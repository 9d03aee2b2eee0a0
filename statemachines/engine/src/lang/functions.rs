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

    fn name(self) -> String {
        match self {
            Self::Uuid => "States.UUID".to_owned(),
            other => format!("States.{other:?}"),
        }
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
///
/// # Errors
/// The reason in AWS's words, which name the function and not the argument.
pub(super) fn call(
    function: Function,
    arguments: Vec<Value>,
    chance: &Chance,
) -> Result<Value, String> {
    if let (Function::Format, [Value::String(template), rest @ ..]) =
        (function, arguments.as_slice())
    {
        return format(template, rest)
            .map(Value::String)
            .map_err(|reason| format!("Invalid {reason}"));
    }
    result(function, arguments, chance)
        .ok_or_else(|| format!("Invalid arguments in {}", function.name()))
}

/// What a function gives, or nothing where it does not take its arguments.
fn result(function: Function, arguments: Vec<Value>, chance: &Chance) -> Option<Value> {
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next();
    match function {
        Function::Format => None,
        Function::StringToJson => parse(&text(next()?)?),
        Function::JsonToString => Some(Value::String(next()?.to_string())),
        Function::Array => Some(arguments.collect()),
        Function::ArrayPartition => partition(&array(next()?)?, &next()?).ok(),
        Function::ArrayContains => Some(Value::Bool(array(next()?)?.contains(&next()?))),
        Function::ArrayRange => range(&next()?, &next()?, &next()?).ok(),
        Function::ArrayGetItem => {
            let items = array(next()?)?;
            let index = usize::try_from(truncated(&next()?)?).ok()?;
            // AWS finds nothing in an empty array, and fails behind the end of any other.
            if items.is_empty() { Some(Value::Null) } else { items.get(index).cloned() }
        }
        Function::ArrayLength => Some(array(next()?)?.len().into()),
        Function::ArrayUnique => Some(unique(array(next()?)?)),
        Function::Base64Encode => Some(Value::String(STANDARD.encode(bounded(text(next()?)?)?))),
        Function::Base64Decode => {
            let bytes = STANDARD.decode(bounded(text(next()?)?)?).ok()?;
            String::from_utf8(bytes).ok().map(Value::String)
        }
        Function::Hash => {
            let data = match next()? {
                Value::String(text) => text,
                other => other.to_string(),
            };
            hash(&bounded(data)?, &text(next()?)?).ok().map(Value::String)
        }
        Function::JsonMerge => match (next()?, next()?, next()?) {
            // Only the shallow mode is there.
            (Value::Object(mut first), Value::Object(second), Value::Bool(false)) => {
                first.extend::<Map<String, Value>>(second);
                Some(Value::Object(first))
            }
            _ => None,
        },
        Function::MathRandom => random(&next()?, &next()?, next(), chance),
        Function::MathAdd => {
            let (first, second) = (rounded(&next()?)?, rounded(&next()?)?);
            first.checked_add(second).map(Value::from)
        }
        Function::StringSplit => {
            let (whole, delimiters) = (text(next()?)?, text(next()?)?);
            let parts = whole.split(|c| delimiters.contains(c)).filter(|part| !part.is_empty());
            Some(parts.collect())
        }
        Function::Uuid => Some(Value::String(chance.uuid())),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn bounded(text: String) -> Option<String> {
    (text.chars().count() <= MAX_TEXT).then_some(text)
}

/// A 32-bit integer, rounded as Java's `Math.round` does: half towards positive infinity.
fn rounded(value: &Value) -> Option<i32> {
    let whole = match value.as_i64() {
        Some(whole) => whole,
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, as Math.round does")]
        None => (value.as_f64()? + 0.5).floor() as i64,
    };
    i32::try_from(whole).ok()
}

/// An integer without its fraction. AWS's pages say that these arguments are rounded; it cuts
/// them.
fn truncated(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    value.as_i64().or_else(|| value.as_f64().map(|f| f.trunc() as i64))
}

fn parse(text: &str) -> Option<Value> {
    match text.trim() {
        "" => Some(Value::Null),
        "-0" => Some(Value::from(0)),
        text => serde_json::from_str(text).ok(),
    }
}

const WRONG_COUNT: &str =
    "arguments in States.Format: number of arguments do not match the occurrences of {}.";

/// Fills `{}` in order; `\{` and `\}` are braces. The error goes on after "Invalid ".
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
                let argument = arguments.next().ok_or(WRONG_COUNT)?;
                match argument {
                    Value::String(text) => out.push_str(text),
                    other => java_text(other, &mut out),
                }
            }
            '{' | '}' => {
                let other = if c == '{' { '}' } else { '{' };
                return Err(format!(
                    "template in States.Format: matching '{other}' not found for '{c}'."
                ));
            }
            c => out.push(c),
        }
    }
    if arguments.next().is_some() { Err(WRONG_COUNT.to_owned()) } else { Ok(out) }
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

/// Why a chunk or range cannot be had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Refused {
    /// A count or step of 0, or a step in the wrong direction.
    Nothing,
    /// An argument that is no number, or too many items.
    Invalid,
}

/// Chunks of `size`, the last one possibly shorter.
pub(super) fn partition(items: &[Value], size: &Value) -> Result<Value, Refused> {
    let size = match truncated(size).map(usize::try_from) {
        Some(Ok(0)) => return Err(Refused::Nothing),
        Some(Ok(size)) => size,
        Some(Err(_)) | None => return Err(Refused::Invalid),
    };
    Ok(items.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect())
}

/// `start`, `start + step`, … up to and including `end`.
pub(super) fn range(start: &Value, end: &Value, step: &Value) -> Result<Value, Refused> {
    let whole = |value| truncated(value).ok_or(Refused::Invalid);
    let (start, end, step) = (whole(start)?, whole(end)?, whole(step)?);
    if step == 0 {
        return Err(Refused::Nothing);
    }
    let span = if step > 0 { end.saturating_sub(start) } else { start.saturating_sub(end) };
    let count = if span < 0 { 0 } else { span / step.saturating_abs() + 1 };
    if count > MAX_RANGE {
        return Err(Refused::Invalid);
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

fn random(start: &Value, end: &Value, seed: Option<Value>, chance: &Chance) -> Option<Value> {
    let (start, end) = (truncated(start)?, truncated(end)?);
    let width = end.checked_sub(start).filter(|w| *w > 0)?;
    let bits = match seed {
        None => chance.bits(),
        Some(seed) => Chance::new(truncated(&seed)?.cast_unsigned()).bits(),
    };
    let offset = (bits % width.cast_unsigned()).cast_signed();
    Some(Value::from(start.saturating_add(offset)))
}

/// The same seed gives the same number: what `$random(seed)` of JSONata uses.
pub(super) fn seeded_fraction(seed: f64) -> f64 {
    Chance::new(seed.to_bits()).fraction()
}
