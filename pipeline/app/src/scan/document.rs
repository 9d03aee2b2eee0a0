//! Finds the records of a document that is not one record a line, as its bytes come in.
//!
//! The same shapes as in `input::unwrap`, which needs the whole text: objects one after the
//! other, arrays of them, and log files (`{"Records":[…]}`) of any size.

use std::ops::Range;

use memchr::{memchr, memchr2};

/// Bytes that may stand before a log file's `Records`.
const MAX_OPENING: usize = 64 * 1024;

/// Where the scanner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Between values.
    Top,
    /// In an array; in a log file's, its wrapper is still open.
    Array { wrapped: bool },
    /// Behind a log file's records, so many brackets open.
    Tail(usize),
    /// In an array or object that is none of ours.
    Foreign { depth: usize, wrapped: bool },
    /// In a record, so many brackets open.
    Record { depth: usize, within: Within },
}

/// What a record stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Array,
    WrappedArray,
}

/// Something found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A record.
    Record(Range<usize>),
    /// Bytes that are none, and why.
    Broken(Range<usize>, &'static str),
    /// Nothing more without more bytes.
    More,
}

/// What stands at the beginning of an object.
enum Opening {
    Record,
    /// A log file, whose records begin here.
    Wrapper(usize),
    Unclear,
}

/// A scanner over a buffer that grows at its end; see [`Scanner::forget`].
#[derive(Debug)]
pub(super) struct Scanner {
    at: At,
    /// How far the buffer was read.
    position: usize,
    /// Where the present record or foreign value begins.
    start: usize,
    in_string: bool,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { at: At::Top, position: 0, start: 0, in_string: false }
    }

    /// From where on the buffer is still needed.
    pub(super) fn needed(&self) -> usize {
        match self.at {
            At::Record { .. } => self.start,
            _ => self.position,
        }
    }

    /// The first `count` bytes, which are no longer needed, were taken from the buffer.
    pub(super) fn forget(&mut self, count: usize) {
        self.position -= count;
        self.start = self.start.saturating_sub(count);
    }

    /// Gives up what is too large for the buffer: the rest of it is passed over.
    pub(super) fn give_up(&mut self, buffer: &[u8]) {
        self.position = buffer.len();
        if let At::Record { depth, within } = self.at {
            self.at = match within {
                Within::Nothing => At::Tail(depth),
                Within::Array => At::Foreign { depth, wrapped: false },
                Within::WrappedArray => At::Foreign { depth, wrapped: true },
            };
        }
    }

    /// The next thing in the buffer; `ended`: nothing will be added to it.
    pub(super) fn next(&mut self, buffer: &[u8], ended: bool) -> Found {
        loop {
            match self.at {
                At::Record { depth, within } => {
                    let depth = self.close(buffer, depth);
                    if depth > 0 {
                        self.at = At::Record { depth, within };
                        return self.cut(buffer, ended);
                    }
                    self.at = match within {
                        Within::Nothing => At::Top,
                        Within::Array => At::Array { wrapped: false },
                        Within::WrappedArray => At::Array { wrapped: true },
                    };
                    return Found::Record(self.start..self.position);
                }
                At::Foreign { depth, wrapped } => match self.close(buffer, depth) {
                    0 => self.at = At::Array { wrapped },
                    depth => {
                        self.at = At::Foreign { depth, wrapped };
                        return Found::More;
                    }
                },
                At::Tail(depth) => match self.close(buffer, depth) {
                    0 => self.at = At::Top,
                    depth => {
                        self.at = At::Tail(depth);
                        return Found::More;
                    }
                },
                At::Top | At::Array { .. } => {
                    if let Some(found) = self.between(buffer, ended) {
                        return found;
                    }
                }
            }
        }
    }

    fn cut(&mut self, buffer: &[u8], ended: bool) -> Found {
        if !ended {
            return Found::More;
        }
        self.position = buffer.len();
        let range = self.start..self.position;
        self.at = At::Top;
        Found::Broken(range, "the record is cut off")
    }

    /// Looks at what stands between records; `None`: go on where it led.
    fn between(&mut self, buffer: &[u8], ended: bool) -> Option<Found> {
        let rest = buffer.get(self.position..).unwrap_or_default();
        let skip = |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | 0x1e);
        let Some(skipped) = rest.iter().position(|b| !skip(b)) else {
            self.position = buffer.len();
            let is_open = self.at != At::Top;
            if ended && is_open {
                self.at = At::Top;
                return Some(Found::Broken(
                    buffer.len()..buffer.len(),
                    "the list of records is cut off",
                ));
            }
            return Some(Found::More);
        };
        let start = self.position + skipped;
        self.position = start;
        let wrapped = matches!(self.at, At::Array { wrapped: true });
        match (buffer.get(start), self.at) {
            (Some(b'['), At::Top) => {
                self.position = start + 1;
                self.at = At::Array { wrapped: false };
            }
            (Some(b'['), _) => {
                self.position = start + 1;
                self.at = At::Foreign { depth: 1, wrapped };
                return Some(Found::Broken(start..start + 1, "a record must be a JSON object"));
            }
            (Some(b']'), At::Array { .. }) => {
                self.position = start + 1;
                self.at = if wrapped { At::Tail(1) } else { At::Top };
            }
            (Some(b'{'), at) => {
                if at == At::Top {
                    match opening(buffer.get(start..).unwrap_or_default()) {
                        Opening::Wrapper(inside) => {
                            self.position = start + inside;
                            self.at = At::Array { wrapped: true };
                            return None;
                        }
                        // Names before `Records` are few and short.
                        Opening::Unclear if !ended && buffer.len() - start < MAX_OPENING => {
                            return Some(Found::More);
                        }
                        Opening::Unclear | Opening::Record => {}
                    }
                }
                let within = match (at, wrapped) {
                    (At::Top, _) => Within::Nothing,
                    (_, true) => Within::WrappedArray,
                    (_, false) => Within::Array,
                };
                self.start = start;
                self.position = start + 1;
                self.in_string = false;
                self.at = At::Record { depth: 1, within };
            }
            (_, at) => {
                let is_stop = |b: &u8| match at {
                    At::Top => *b == b'\n',
                    _ => matches!(b, b',' | b']' | b'\n'),
                };
                let rest = buffer.get(start..).unwrap_or_default();
                let length = rest.iter().position(is_stop);
                if length.is_none() && !ended {
                    return Some(Found::More);
                }
                self.position = length.map_or(buffer.len(), |l| start + l);
                return Some(Found::Broken(start..self.position, "this is not a JSON object"));
            }
        }
        None
    }

    /// Reads on to where so many brackets are closed, and says how many are still open where the
    /// buffer ends.
    fn close(&mut self, buffer: &[u8], mut depth: usize) -> usize {
        loop {
            if self.in_string {
                let rest = buffer.get(self.position..).unwrap_or_default();
                let Some(found) = memchr2(b'"', b'\\', rest) else {
                    self.position = buffer.len();
                    return depth;
                };
                let at = self.position + found;
                if buffer.get(at) == Some(&b'"') {
                    self.position = at + 1;
                    self.in_string = false;
                } else if at + 1 < buffer.len() {
                    self.position = at + 2;
                } else {
                    // The character after the backslash has not come yet.
                    self.position = at;
                    return depth;
                }
                continue;
            }
            let rest = buffer.get(self.position..).unwrap_or_default();
            let is_mark = |b: &u8| matches!(b, b'"' | b'{' | b'}' | b'[' | b']');
            let Some(found) = rest.iter().position(is_mark) else {
                self.position = buffer.len();
                return depth;
            };
            self.position += found + 1;
            match rest.get(found) {
                Some(b'"') => self.in_string = true,
                Some(b'{' | b'[') => depth += 1,
                _ => {
                    depth -= 1;
                    if depth == 0 {
                        return 0;
                    }
                }
            }
        }
    }
}

/// Tells a log file by its `Records`, before which only scalars may stand.
fn opening(object: &[u8]) -> Opening {
    let mut at = 1;
    let solid = |from: usize| {
        let rest = object.get(from..).unwrap_or_default();
        rest.iter().position(|b| !b.is_ascii_whitespace()).map(|i| from + i)
    };
    loop {
        let Some(key) = solid(at) else { return Opening::Unclear };
        if object.get(key) != Some(&b'"') {
            return Opening::Record;
        }
        let Some(end) = string_end(object, key + 1) else { return Opening::Unclear };
        let Some(colon) = solid(end) else { return Opening::Unclear };
        let Some(value) = solid(colon + 1) else { return Opening::Unclear };
        let is_records = object.get(key..end) == Some(b"\"Records\"");
        let behind = match object.get(value) {
            Some(b'[') if is_records => return Opening::Wrapper(value + 1),
            Some(b'"') => string_end(object, value + 1),
            Some(b'{' | b'[' | b'}' | b']') => return Opening::Record,
            _ => {
                let rest = object.get(value..).unwrap_or_default();
                rest.iter().position(|b| matches!(b, b',' | b'}')).map(|i| value + i)
            }
        };
        let Some(comma) = behind.and_then(solid) else { return Opening::Unclear };
        if object.get(comma) != Some(&b',') {
            return Opening::Record;
        }
        at = comma + 1;
    }
}

fn string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let end = memchr(b'"', rest)?;
        match memchr(b'\\', rest.get(..end)?) {
            Some(escape) => at += escape + 2,
            None => return Some(at + end + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found when the bytes come in pieces of this size.
    fn found(text: &str, piece: usize) -> (Vec<String>, usize) {
        let mut scanner = Scanner::new();
        let (mut buffer, mut rest) = (Vec::new(), text.as_bytes());
        let (mut records, mut broken) = (Vec::new(), 0);
        loop {
            match scanner.next(&buffer, rest.is_empty()) {
                Found::Record(range) => {
                    records.push(String::from_utf8_lossy(&buffer[range]).into_owned());
                }
                Found::Broken(..) => broken += 1,
                Found::More if rest.is_empty() => return (records, broken),
                Found::More => {
                    let needed = scanner.needed();
                    buffer.drain(..needed);
                    scanner.forget(needed);
                    let (next, after) = rest.split_at(piece.min(rest.len()));
                    buffer.extend_from_slice(next);
                    rest = after;
                }
            }
        }
    }

    #[test]
    fn every_shape_gives_its_records() {
        for text in [
            r#"{"Records":[{"a":"}]\"\\"},{"b":[{}]}]}"#,
            r#"{"format": 1, "x":"\"", "Records" : [ {"a":"}]\"\\"} , {"b":[{}]} ], "y":{"z":[]} }"#,
            "{\"a\":\"}]\\\"\\\\\"}\n{\"b\":[{}]}",
            "[\n{\"a\":\"}]\\\"\\\\\"},\n{\"b\":[{}]}]\n",
            "[{\"a\":\"}]\\\"\\\\\"}]\n[{\"b\":[{}]}]",
        ] {
            for piece in [1, 2, 3, 7, 1000] {
                let expected = vec![r#"{"a":"}]\"\\"}"#.to_owned(), r#"{"b":[{}]}"#.to_owned()];
                assert_eq!(found(text, piece), (expected, 0), "{text} by {piece}");
            }
        }
    }

    #[test]
    fn what_is_broken_does_not_hide_the_rest() {
        let one = |s: &str| vec![s.to_owned()];
        let rows = [
            (r#"{"Records":[{"a":1},{"b":"#, one(r#"{"a":1}"#), 1),
            (r#"{"Records":[7,{"a":1},[{"c":2}]]}"#, one(r#"{"a":1}"#), 2),
            ("[{\"a\":1}", one(r#"{"a":1}"#), 1),
            ("oops\n{\"a\":1}", one(r#"{"a":1}"#), 1),
            ("", Vec::new(), 0),
        ];
        for (text, records, broken) in rows {
            for piece in [1, 5, 100] {
                assert_eq!(found(text, piece), (records.clone(), broken), "{text} by {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_hangs_and_pieces_make_no_difference(
            text in "[\\[\\]{}\",:\\\\ \nRecords1]{0,60}", piece in 1_usize..9,
        ) {
            prop_assert_eq!(found(&text, piece), found(&text, 1000));
        }
    }
}
