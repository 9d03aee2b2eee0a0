//! Numbers of rules and events, compared without rounding.

use std::cmp::Ordering;

/// A number; integers stay integers, so that account ids are compared exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(super) fn from_json(n: &serde_json::Number) -> Option<Self> {
        if let Some(i) = n.as_i64() {
            return Some(Self::Int(i.into()));
        }
        n.as_u64().map(|u| Self::Int(u.into())).or_else(|| n.as_f64().map(Self::Float))
    }

    pub(super) fn from_yaml(n: &yaml_serde::Number) -> Option<Self> {
        if let Some(i) = n.as_i64() {
            return Some(Self::Int(i.into()));
        }
        n.as_u64().map(|u| Self::Int(u.into())).or_else(|| n.as_f64().map(Self::Float))
    }

    /// A decimal number without padding: `022` is a text, not twenty-two.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        match digits {
            [b'0', next, ..] if *next != b'.' => return None,
            [first, ..] if first.is_ascii_digit() => {}
            _ => return None,
        }
        if digits.iter().all(u8::is_ascii_digit) {
            return text.parse().ok().map(Self::Int);
        }
        text.parse().ok().map(Self::Float)
    }

    #[expect(clippy::cast_precision_loss, reason = "only against a number that is a float already")]
    fn as_f64(self) -> f64 {
        match self {
            Self::Int(i) => i as f64,
            Self::Float(f) => f,
        }
    }

    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }

    pub(super) fn to_text(self) -> String {
        match self {
            Self::Int(i) => i.to_string(),
            Self::Float(f) => f.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_not_plain_decimals_are_not_numbers() {
        for text in ["", "-", "022", "0x16", " 22", "22 ", "+1", "inf", "nan", "1_000", ".5"] {
            assert_eq!(Number::from_text(text), None, "{text:?}");
        }
        assert_eq!(Number::from_text("-22"), Some(Number::Int(-22)));
        assert_eq!(Number::from_text("0.5"), Some(Number::Float(0.5)));
        assert_eq!(Number::from_text("0"), Some(Number::Int(0)));
    }
}
