//! The top level of an event as CloudTrail writes it, without a byte that has no meaning: found
//! by leaping from quote to quote. Whatever is written otherwise is left to the JSON parser.

use std::borrow::Cow;

use super::marks::Marks;

/// Members that an event of CloudTrail has at most, mostly. Their list is then of a size that
/// allocators keep at hand.
const USUAL: usize = 25;

/// The members of an object, in its order.
#[derive(Debug)]
pub(super) struct Members<'a> {
    /// Names and raw values.
    list: Vec<(Cow<'a, str>, &'a str)>,
    /// A bit for each of the first ones whose value is a text without escapes.
    plain: u64,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member<'a, 'n> {
    pub(super) name: &'n str,
    /// Its value, still text.
    pub(super) raw: &'a str,
    /// Whether the value is known to be a text without escapes.
    pub(super) is_plain: bool,
}

impl<'a> Members<'a> {
    pub(super) fn new() -> Self {
        Self { list: Vec::with_capacity(USUAL), plain: 0 }
    }

    pub(super) fn push(&mut self, name: Cow<'a, str>, raw: &'a str, is_plain: bool) {
        self.plain |= bit(self.list.len()) * u64::from(is_plain);
        self.list.push((name, raw));
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Member<'a, '_>> {
        let list = self.list.iter().enumerate();
        list.map(|(number, (name, raw))| Member {
            name,
            raw,
            is_plain: self.plain & bit(number) != 0,
        })
    }

    /// Of a repeated member the last counts, as it does in a full parse.
    pub(super) fn get(&self, name: &str) -> Option<Member<'a, '_>> {
        self.iter().rev().find(|member| member.name == name)
    }
}

fn bit(number: usize) -> u64 {
    u32::try_from(number).ok().and_then(|number| 1_u64.checked_shl(number)).unwrap_or_default()
}

impl<'a> Member<'a, '_> {
    /// The value, if it is a text without escapes.
    pub(super) fn plain(&self) -> Option<&'a str> {
        self.raw.strip_prefix('"')?.strip_suffix('"').filter(|_| self.is_plain)
    }
}

/// Objects and lists around a value that are told apart.
const MAX_DEPTH: u32 = u64::BITS;

/// The members of the object; `None` where only the parser tells. What is given is what the
/// parser gives, and where it refuses the text nothing is.
pub(super) fn members(raw: &str) -> Option<Members<'_>> {
    let mut members = Members::new();
    each(raw, |name, raw, is_plain| members.push(Cow::Borrowed(name), raw, is_plain))?;
    Some(members)
}

/// As [`members`], one after the other; those before something unusual are told in vain.
pub(super) fn each<'a>(raw: &'a str, mut visit: impl FnMut(&'a str, &'a str, bool)) -> Option<()> {
    let bytes = raw.as_bytes();
    // No line breaks between members, and none of the characters that no text may hold.
    if bytes.iter().copied().min()? < b' ' {
        return None;
    }
    let mut walk = Walk { bytes, marks: Marks::new(bytes) };
    let mut at = walk.after(0, b'{')?;
    if walk.after(at, b'}') == Some(bytes.len()) {
        return Some(());
    }
    loop {
        let (name_end, is_plain) = walk.text(at)?;
        let name = raw.get(at + 1..name_end - 1).filter(|_| is_plain)?;
        let from = walk.after(name_end, b':')?;
        let (to, is_plain) = match bytes.get(from)? {
            b'"' => walk.text(from)?,
            _ => (walk.value(from)?, false),
        };
        visit(name, raw.get(from..to)?, is_plain);
        match bytes.get(to)? {
            b',' => at = to + 1,
            b'}' if to + 1 == bytes.len() => return Some(()),
            _ => return None,
        }
    }
}

/// Goes through a text, which is read up to some place.
struct Walk<'b> {
    bytes: &'b [u8],
    /// The quotes and backslashes behind that place.
    marks: Marks<'b>,
}

impl Walk<'_> {
    /// The place behind this byte, which must stand here.
    fn after(&self, at: usize, wanted: u8) -> Option<usize> {
        (*self.bytes.get(at)? == wanted).then_some(at + 1)
    }

    /// The place behind the text that begins here, and whether it is without escapes.
    #[expect(clippy::inline_always, reason = "measured: the walk keeps its place in registers")]
    #[inline(always)]
    fn text(&mut self, at: usize) -> Option<(usize, bool)> {
        // What stands between texts holds neither, so the next one is the quote that is wanted.
        if self.marks.next()? != at || *self.bytes.get(at)? != b'"' {
            return None;
        }
        let end = self.marks.next()?;
        if *self.bytes.get(end)? == b'"' {
            return Some((end + 1, true));
        }
        Some((self.escaped(end)?, false))
    }

    /// The place behind a text whose first backslash stands here.
    #[cold]
    fn escaped(&mut self, mut at: usize) -> Option<usize> {
        loop {
            match self.bytes.get(at + 1)? {
                b'"' | b'\\' => _ = self.marks.next()?,
                b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' if self.bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => {}
                _ => return None,
            }
            at = self.marks.next()?;
            if *self.bytes.get(at)? == b'"' {
                return Some(at + 1);
            }
        }
    }

    /// The place behind the name and the colon of a member that begins here.
    #[expect(clippy::inline_always, reason = "measured: the walk keeps its place in registers")]
    #[inline(always)]
    fn name(&mut self, at: usize) -> Option<usize> {
        let (end, _) = self.text(at)?;
        self.after(end, b':')
    }

    /// The place behind the value that begins here.
    fn value(&mut self, mut at: usize) -> Option<usize> {
        let bytes = self.bytes;
        // One bit for everything that is open, the innermost last: whether it is an object.
        let (mut is_object, mut depth) = (0_u64, 0_u32);
        loop {
            at = match bytes.get(at)? {
                b'"' => self.text(at)?.0,
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
                            at = self.name(at)?;
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
                        at = self.name(at + 1)?;
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
            let last = found.get(&name);
            prop_assert_eq!(last.map(|member| member.raw), Some(value.get()), "{}", raw);
            let is_plain = value.get().starts_with('"') && !value.get().contains('\\');
            prop_assert_eq!(last.map(|member| member.is_plain), Some(is_plain), "{}", raw);
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
            let found: Vec<_> = found.iter().map(|member| (member.name, member.raw)).collect();
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
            assert!(members(raw).is_none(), "{raw}");
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
