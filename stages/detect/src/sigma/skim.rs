//! The top level of an event as CloudTrail writes it, without a byte that has no meaning: found
//! by leaping from quote to quote. Whatever is written otherwise is left to the JSON parser.

use std::borrow::Cow;

use memchr::memchr2;

/// Members that an event of CloudTrail has at most, mostly. Their list is then of a size that
/// allocators keep at hand.
pub(super) const USUAL: usize = 25;

/// Name and text of each, in the order of the event.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// Objects and lists around a value that are told apart.
const MAX_DEPTH: u32 = u64::BITS;

/// Name and text of each member of the object; `None` where only the parser tells. What is given
/// is what the parser gives, and where it refuses the text nothing is.
pub(super) fn members(raw: &str) -> Option<Members<'_>> {
    let mut members = Vec::with_capacity(USUAL);
    each(raw, |name, value| members.push((Cow::Borrowed(name), value)))?;
    Some(members)
}

/// As [`members`], one after the other; those before something unusual are told in vain.
pub(super) fn each<'a>(raw: &'a str, mut visit: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let bytes = raw.as_bytes();
    // No line breaks between members, and none of the characters that no text may hold.
    if bytes.iter().copied().min()? < b' ' {
        return None;
    }
    let mut at = after(bytes, 0, b'{')?;
    if after(bytes, at, b'}') == Some(bytes.len()) {
        return Some(());
    }
    loop {
        let (name_end, is_plain) = text(bytes, at)?;
        let name = raw.get(at + 1..name_end - 1).filter(|_| is_plain)?;
        let from = after(bytes, name_end, b':')?;
        let to = value(bytes, from)?;
        visit(name, raw.get(from..to)?);
        match bytes.get(to)? {
            b',' => at = to + 1,
            b'}' if to + 1 == bytes.len() => return Some(()),
            _ => return None,
        }
    }
}

/// The place behind this byte, which must stand here.
fn after(bytes: &[u8], at: usize, wanted: u8) -> Option<usize> {
    (*bytes.get(at)? == wanted).then_some(at + 1)
}

/// The place behind the text that begins here, and whether it is without escapes.
fn text(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut at = after(bytes, at, b'"')?;
    let mut is_plain = true;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if *bytes.get(at)? == b'"' {
            return Some((at + 1, is_plain));
        }
        is_plain = false;
        at += match bytes.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return None,
        };
    }
}

/// The place behind the name and the colon of a member that begins here.
fn name(bytes: &[u8], at: usize) -> Option<usize> {
    after(bytes, text(bytes, at)?.0, b':')
}

/// The place behind the value that begins here.
fn value(bytes: &[u8], mut at: usize) -> Option<usize> {
    // One bit for everything that is open, the innermost last: whether it is an object.
    let (mut is_object, mut depth) = (0_u64, 0_u32);
    loop {
        at = match bytes.get(at)? {
            b'"' => text(bytes, at)?.0,
            open @ (b'{' | b'[') => {
                if depth == MAX_DEPTH {
                    return None;
                }
                depth += 1;
                is_object = is_object << 1 | u64::from(*open == b'{');
                at += 1;
                match (open, bytes.get(at)?) {
                    (b'{', b'}') | (b'[', b']') => at,
                    (b'{', _) => {
                        at = name(bytes, at)?;
                        continue;
                    }
                    _ => continue,
                }
            }
            b't' => word(bytes, at, b"true")?,
            b'f' => word(bytes, at, b"false")?,
            b'n' => word(bytes, at, b"null")?,
            b'-' | b'0'..=b'9' => number(bytes, at)?,
            _ => return None,
        };
        // Behind a value, or at the end of something empty.
        loop {
            if depth == 0 {
                return Some(at);
            }
            match (bytes.get(at)?, is_object & 1 == 1) {
                (b',', true) => {
                    at = name(bytes, at + 1)?;
                    break;
                }
                (b',', false) => {
                    at += 1;
                    break;
                }
                (b'}', true) | (b']', false) => {
                    at += 1;
                    depth -= 1;
                    is_object >>= 1;
                }
                _ => return None,
            }
        }
    }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes.get(at..)?.starts_with(word).then_some(at + word.len())
}

/// The place behind a number, as RFC 8259 section 6 has it.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let first = if *bytes.get(at)? == b'-' { at + 1 } else { at };
    let mut end = digits(bytes, first)?;
    if end > first + 1 && *bytes.get(first)? == b'0' {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        end = digits(bytes, end + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let is_signed = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        end = digits(bytes, end + 1 + usize::from(is_signed))?;
    }
    Some(end)
}

/// The place behind the digits here, of which there must be one.
fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    let count = bytes.get(at..)?.iter().take_while(|b| b.is_ascii_digit()).count();
    (count > 0).then_some(at + count)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    /// Whether the parser says the same, of objects without repeated names.
    fn agrees(raw: &str) -> Result<(), TestCaseError> {
        let Some(found) = members(raw) else { return Ok(()) };
        let parsed: Result<BTreeMap<String, &RawValue>, _> = serde_json::from_str(raw);
        prop_assert!(parsed.is_ok(), "accepted: {raw}");
        for (name, value) in parsed.into_iter().flatten() {
            let last = found.iter().rev().find(|(known, _)| *known == name);
            prop_assert_eq!(last.map(|(_, value)| *value), Some(value.get()), "{}", raw);
        }
        Ok(())
    }

    #[test]
    fn what_is_written_as_usual_is_told() {
        let rows = [
            (r"{}", vec![]),
            (r#"{"a":"b"}"#, vec![("a", r#""b""#)]),
            (r#"{"a":{},"b":[]}"#, vec![("a", "{}"), ("b", "[]")]),
            (
                r#"{"a":{"b":[1,-20,{"c":null}],"d":"\\\"}"},"e":true,"f":false}"#,
                vec![
                    ("a", r#"{"b":[1,-20,{"c":null}],"d":"\\\"}"}"#),
                    ("e", "true"),
                    ("f", "false"),
                ],
            ),
            (r#"{"a":"\u00e9 ü"}"#, vec![("a", r#""\u00e9 ü""#)]),
            (
                r#"{"a":0.0,"b":[-1.5e+9,0],"c":1E400}"#,
                vec![("a", "0.0"), ("b", "[-1.5e+9,0]"), ("c", "1E400")],
            ),
        ];
        for (raw, expected) in rows {
            let found = members(raw).unwrap();
            let found: Vec<_> = found.iter().map(|(name, value)| (&**name, *value)).collect();
            assert_eq!(found, expected, "{raw}");
        }
    }

    #[test]
    fn what_is_written_otherwise_is_left_to_the_parser() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(65), "]".repeat(65));
        for raw in [
            "",
            "{",
            "[]",
            r#"{"a": 1}"#,
            r#"{"\u0061":1}"#,
            "{\"a\":\"\t\"}",
            "{\n}",
            &deep,
            // No JSON.
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e}"#,
            r#"{"a":1e+}"#,
            r#"{"a":+1}"#,
            r#"{"a":tru}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1}}"#,
            r#"{"a":{"b"}}"#,
            r#"{"a":{1:2}}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":1}}"#,
            r#"{"a":1}x"#,
            r#"{"a":"b}"#,
            r#"{"a":}"#,
        ] {
            assert_eq!(members(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_told_that_the_parser_does_not_say(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"c\\\"\"", "\"", "\\", "1",
                    "-0", "00", "1.5", "0.", "e9", "E-", "null", "true", "\"\\u00zz\"", "\"a\":", "{\"b\":", ",\"d\":", " ",
                ]),
                0..14,
            ),
        ) {
            agrees(&format!("{{\"x\":{}}}", pieces.concat()))?;
            agrees(&pieces.concat())?;
        }

        #[test]
        fn cut_and_changed_events_are_told_as_the_parser_tells_them(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            const EVENT: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"Root","n":[1,{"a":"\n"}]},"readOnly":false,"x":null,"y":-7}"#;
            let mut bytes = EVENT.as_bytes().to_vec();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            if let Ok(text) = String::from_utf8(bytes) {
                agrees(&text)?;
            }
        }
    }
}
