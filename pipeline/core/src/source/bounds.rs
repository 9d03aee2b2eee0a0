//! How large and how deep a record may be.

use super::Malformed;

/// The most bytes of one record. CloudTrail and Security Hub cap theirs at 256 KB.
/// Source: CloudTrail user guide, "Quotas"; Security Hub user guide, "Quotas".
pub const MAX_RECORD_BYTES: usize = 256 * 1024;
/// The deepest nesting that is read. Real records stay below 20; the JSON reader stops at 128.
pub const MAX_DEPTH: usize = 100;

/// Checks one record before it is read.
///
/// # Errors
/// [`Malformed::Large`] and [`Malformed::Deep`].
pub fn check(raw: &str) -> Result<(), Malformed> {
    if raw.len() > MAX_RECORD_BYTES {
        return Err(Malformed::Large { bytes: raw.len(), max: MAX_RECORD_BYTES });
    }
    if is_deep(raw.as_bytes()) { Err(Malformed::Deep(MAX_DEPTH)) } else { Ok(()) }
}

fn is_deep(bytes: &[u8]) -> bool {
    // Nearly every record has fewer brackets than the limit, and needs no second look.
    let opening = |b: &&u8| matches!(b, b'{' | b'[');
    if bytes.iter().filter(opening).count() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in bytes {
        if in_text {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_texts() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(check(&nested(MAX_DEPTH)).is_ok());
        assert!(matches!(check(&nested(MAX_DEPTH + 1)), Err(Malformed::Deep(_))));
        assert!(check(&format!(r#"{{"a":"\"{}"}}"#, "[".repeat(500))).is_ok());
        assert!(check(&"[],".repeat(500)).is_ok());
    }

    #[test]
    fn a_record_larger_than_any_source_writes_is_refused() {
        // AWS: WhatIsCloudTrail-Limits.md
        let of = |n: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(n));
        assert!(check(&of(200 * 1024)).is_ok());
        assert!(matches!(check(&of(300 * 1024)), Err(Malformed::Large { .. })));
    }
}
