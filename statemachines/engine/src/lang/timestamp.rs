//! ISO 8601 extended offset date-times, as Wait, Choice and the context object use them.

use jiff::Timestamp;

/// Milliseconds since the epoch, where `text` is a date-time with an offset as RFC 3339 has it.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes.get(10) != Some(&b'T') || text.contains(char::is_whitespace) {
        return None;
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// As [`parse_timestamp`]; refuses lower-case designators and offsets without a colon.
pub(crate) fn parse_timestamp_strict(text: &str) -> Option<i64> {
    let zone = text.get(19..)?;
    let zone = zone.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let has_form = zone == "Z" || (zone.len() == 6 && zone.as_bytes().get(3) == Some(&b':'));
    if has_form { parse_timestamp(text) } else { None }
}

/// `2016-12-05T21:29:29.123Z`.
pub(crate) fn format_millis(ms: i64) -> String {
    let timestamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{timestamp:.3}")
}
