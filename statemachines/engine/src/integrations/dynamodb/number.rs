//! DynamoDB's numbers: decimal, up to 38 digits, written as text.

use std::cmp::Ordering;

/// Digits that a number has at most.
const DIGITS: usize = 38;

/// A number as its digits and the power of ten they are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    digits: i128,
    power: i32,
}

impl Number {
    /// `None` where the text is no number or has more than 38 digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let has_digits = !(whole.is_empty() && part.is_empty());
        if !has_digits || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let part = part.trim_end_matches('0');
        let joined = format!("{whole}{part}");
        let significant = joined.trim_start_matches('0');
        let trimmed = significant.trim_end_matches('0');
        if trimmed.len() > DIGITS || !(-130..=130).contains(&power) {
            return None;
        }
        if trimmed.is_empty() {
            return Some(Self { digits: 0, power: 0 });
        }
        let zeros = i32::try_from(significant.len() - trimmed.len()).ok()?;
        let power = power.checked_add(zeros)?.checked_sub(i32::try_from(part.len()).ok()?)?;
        let digits: i128 = trimmed.parse().ok()?;
        Some(Self { digits: if is_negative { -digits } else { digits }, power })
    }

    /// Both over the lesser power; `None` where that takes too many digits.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        if self.digits == 0 || other.digits == 0 {
            let power = if self.digits == 0 { other.power } else { self.power };
            return Some((self.digits, other.digits, power));
        }
        let power = self.power.min(other.power);
        let scale = |n: Self| {
            10_i128.checked_pow(u32::try_from(n.power - power).ok()?)?.checked_mul(n.digits)
        };
        Some((scale(self)?, scale(other)?, power))
    }

    /// The sum; `None` where it has more than 38 digits.
    pub(super) fn add(self, other: Self) -> Option<Self> {
        let (a, b, power) = self.aligned(other)?;
        Self { digits: a.checked_add(b)?, power }.bounded()
    }

    /// The difference; `None` where it has more than 38 digits.
    pub(super) fn subtract(self, other: Self) -> Option<Self> {
        self.add(Self { digits: other.digits.checked_neg()?, power: other.power })
    }

    fn bounded(self) -> Option<Self> {
        Self::parse(&format!("{}e{}", self.digits, self.power))
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        if let Some((a, b, _)) = self.aligned(other) {
            return a.cmp(&b);
        }
        // So far apart that the sign or the magnitude decides.
        let signs = self.digits.signum().cmp(&other.digits.signum());
        let magnitude = |n: Self| i64::from(n.power) + i64::from(n.digits.unsigned_abs().ilog10());
        signs.then_with(|| {
            let by_size = magnitude(self).cmp(&magnitude(other));
            if self.digits < 0 { by_size.reverse() } else { by_size }
        })
    }

    /// The number without an exponent, as DynamoDB writes it.
    pub(super) fn to_text(self) -> String {
        let digits = self.digits.unsigned_abs().to_string();
        let sign = if self.digits < 0 { "-" } else { "" };
        if let Ok(zeros) = usize::try_from(self.power) {
            return format!("{sign}{digits}{}", "0".repeat(zeros));
        }
        let places = usize::try_from(-i64::from(self.power)).unwrap_or(0);
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, part) = padded.split_at(padded.len() - places);
        format!("{sign}{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact() {
        let cases = [
            ("1", "2", "3"),
            ("0.1", "0.2", "0.3"),
            ("-1.50", "1.5", "0"),
            ("1e3", "0.001", "1000.001"),
            (
                "99999999999999999999999999999999999998",
                "1",
                "99999999999999999999999999999999999999",
            ),
            ("0", "-0.05", "-0.05"),
        ];
        for (a, b, sum) in cases {
            let found = Number::parse(a).unwrap().add(Number::parse(b).unwrap()).unwrap();
            assert_eq!(found.to_text(), sum, "{a} + {b}");
        }
    }

    #[test]
    fn what_takes_more_digits_is_refused() {
        let nines = "9".repeat(38);
        assert_eq!(Number::parse(&nines).unwrap().add(Number::parse("0.1").unwrap()), None);
        for text in ["", "x", "1.2.3", "--1", ".", &"1".repeat(39), "1e999"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let sorted = ["-1e100", "-2", "-0.1", "0", "1e-100", "0.10", "2", "10", "1e100"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                let found = Number::parse(a).unwrap().compare(Number::parse(b).unwrap());
                assert_eq!(found, i.cmp(&j), "{a} and {b}");
            }
        }
    }
}
