//! The records inside a JSON text: a CloudTrail log file's `Records[]`, EventBridge envelopes,
//! arrays of either, or a record itself. What is broken in one place does not hide the rest.

use std::ops::Range;

/// A record's place in the text.
pub(crate) type Span = Range<usize>;

/// One thing found in a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A JSON object.
    Object(Span),
    /// Bytes that are none, with the reason.
    Broken(Span, String),
}

/// Splits a document into its objects: the elements of `Records[]` or of an array at the top,
/// else the objects that stand one after the other.
pub(crate) fn split(text: &str) -> Vec<Piece> {
    let bytes = text.as_bytes();
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(start) = next_solid(bytes, at) {
        match bytes.get(start) {
            Some(b'[') => at = elements(bytes, start + 1, &mut pieces),
            Some(b'{') => match records_array(bytes, start) {
                Some(inside) => {
                    at = elements(bytes, inside, &mut pieces);
                    at = close_wrapper(bytes, at);
                }
                None => at = object(bytes, start, &mut pieces),
            },
            _ => {
                let end = line_end(bytes, start);
                pieces.push(Piece::Broken(start..end, "this is not JSON".to_owned()));
                at = end;
            }
        }
    }
    pieces
}

fn next_solid(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let skip = |b: &u8| b.is_ascii_whitespace() || *b == b',' || *b == 0x1e;
    rest.iter().position(|b| !skip(b)).map(|i| from + i)
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| from + i)
}

/// Where the array of a `{"Records": [` wrapper begins, if this object is one.
fn records_array(bytes: &[u8], start: usize) -> Option<usize> {
    let key = next_solid(bytes, start + 1)?;
    let after_key = bytes.get(key..)?.strip_prefix(b"\"Records\"").map(|_| key + 9)?;
    let colon = next_solid(bytes, after_key).filter(|i| bytes.get(*i) == Some(&b':'))?;
    next_solid(bytes, colon + 1).filter(|i| bytes.get(*i) == Some(&b'[')).map(|i| i + 1)
}

/// Skips what may stand after `Records[]` in its wrapper, up to and with the closing brace.
fn close_wrapper(bytes: &[u8], from: usize) -> usize {
    match next_solid(bytes, from) {
        Some(i) if bytes.get(i) == Some(&b'}') => i + 1,
        Some(i) if bytes.get(i) == Some(&b'"') => {
            // Further keys after the records: read to the wrapper's end as if it had just opened.
            balanced(bytes, i, 1).unwrap_or(bytes.len())
        }
        Some(i) => i,
        None => bytes.len(),
    }
}

/// Reads elements up to the closing bracket and returns the place behind it.
fn elements(bytes: &[u8], from: usize, pieces: &mut Vec<Piece>) -> usize {
    let mut at = from;
    while let Some(start) = next_solid(bytes, at) {
        match bytes.get(start) {
            Some(b']') => return start + 1,
            Some(b'{') => at = object(bytes, start, pieces),
            Some(b'[') => {
                let end = balanced(bytes, start + 1, 1).unwrap_or(bytes.len());
                pieces.push(Piece::Broken(start..end, "a record must be a JSON object".to_owned()));
                at = end;
            }
            _ => {
                let rest = bytes.get(start..).unwrap_or_default();
                let stop = |b: &u8| matches!(b, b',' | b']' | b'\n');
                let end = rest.iter().position(stop).map_or(bytes.len(), |i| start + i);
                pieces.push(Piece::Broken(start..end, "a record must be a JSON object".to_owned()));
                at = end;
            }
        }
    }
    // The end came before the bracket: where no record says so already, the list does.
    let is_told =
        pieces.last().is_some_and(|p| matches!(p, Piece::Broken(s, _) if s.end == bytes.len()));
    if !is_told {
        let reason = "the list of records is cut off".to_owned();
        pieces.push(Piece::Broken(bytes.len()..bytes.len(), reason));
    }
    bytes.len()
}

fn object(bytes: &[u8], start: usize, pieces: &mut Vec<Piece>) -> usize {
    if let Some(end) = balanced(bytes, start + 1, 1) {
        pieces.push(Piece::Object(start..end));
        return end;
    }
    pieces.push(Piece::Broken(start..bytes.len(), "the record is cut off".to_owned()));
    bytes.len()
}

/// The place behind the bracket that closes `depth` open ones; strings are skipped whole.
fn balanced(bytes: &[u8], from: usize, depth: usize) -> Option<usize> {
    let mut depth = depth;
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let i = rest.iter().position(|b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']'))?;
        match rest.get(i)? {
            b'"' => at = string_end(bytes, at + i + 1)?,
            b'{' | b'[' => {
                depth += 1;
                at += i + 1;
            }
            _ => {
                depth -= 1;
                at += i + 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
    }
}

fn string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let i = memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at + i) == Some(&b'"') {
            return Some(at + i + 1);
        }
        at += i + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn objects(text: &str) -> Vec<&str> {
        split(text)
            .into_iter()
            .filter_map(|p| match p {
                Piece::Object(span) => text.get(span),
                Piece::Broken(..) => None,
            })
            .collect()
    }

    #[test]
    fn a_log_file_is_split_into_its_records() {
        let text = "{ \"Records\" : [ {\"a\":\"}]\\\"\"} , {\"b\":[{}]} ] }";
        assert_eq!(objects(text), ["{\"a\":\"}]\\\"\"}", "{\"b\":[{}]}"]);
    }

    #[test]
    fn objects_one_after_the_other_and_arrays_are_split() {
        assert_eq!(objects("{\"a\":1}\n{\"b\":2}"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(objects("[{\"a\":1},\n{\"b\":2}]\n"), ["{\"a\":1}", "{\"b\":2}"]);
    }

    #[test]
    fn a_torn_file_yields_what_is_whole_and_names_the_rest() {
        let text = "{\"Records\":[{\"a\":1},{\"b\":";
        assert_eq!(objects(text), ["{\"a\":1}"]);
        assert!(
            matches!(split(text).last(), Some(Piece::Broken(_, reason)) if reason.contains("cut off"))
        );
    }

    #[test]
    fn a_record_that_is_no_object_does_not_hide_its_neighbours() {
        let text = "{\"Records\":[{\"a\":1}, 42, {\"b\":2}]}";
        assert_eq!(objects(text), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(split(text).len(), 3);
    }

    #[test]
    fn keys_behind_the_records_are_passed_over() {
        assert_eq!(
            objects("{\"Records\":[{\"a\":1}],\"x\":{\"y\":[]}}\n{\"b\":2}"),
            ["{\"a\":1}", "{\"b\":2}"]
        );
    }

    proptest! {
        #[test]
        fn no_text_hangs_or_panics_and_pieces_do_not_overlap(text in "[\\[\\]{}\",:\\\\ \nRecords1]{0,80}") {
            let mut end = 0;
            for piece in split(&text) {
                let (Piece::Object(span) | Piece::Broken(span, _)) = piece;
                prop_assert!(span.start >= end && span.start <= span.end && span.end <= text.len());
                end = span.end;
            }
        }
    }
}
