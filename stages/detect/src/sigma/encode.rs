//! Value modifiers that write a value differently: Base64, UTF-16, Windows dashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The characters that introduce an option on Windows.
const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];
/// Dashes a value may hold before its permutations (5 to this power) are too many.
const MAX_DASHES: usize = 4;

/// A form of UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Utf16 {
    /// Little-endian, also called `wide`.
    Le,
    /// Big-endian.
    Be,
    /// Little-endian after a byte order mark.
    Marked,
}

pub(super) fn utf16(text: &str, form: Utf16) -> Vec<u8> {
    let mark: &[u8] = if form == Utf16::Marked { &[0xff, 0xfe] } else { &[] };
    let units = text.encode_utf16().flat_map(|unit| match form {
        Utf16::Le | Utf16::Marked => unit.to_le_bytes(),
        Utf16::Be => unit.to_be_bytes(),
    });
    mark.iter().copied().chain(units).collect()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What `bytes` look like inside Base64 text at each of the three alignments, without the
/// characters that depend on the neighbours.
pub(super) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    let variant = |shift: usize| {
        let mut shifted = vec![b' '; shift];
        shifted.extend_from_slice(bytes);
        let encoded = STANDARD.encode(&shifted);
        let from = [0, 2, 3].get(shift).copied().unwrap_or(0);
        let cut = [0, 3, 2].get(shifted.len() % 3).copied().unwrap_or(0);
        encoded.get(from..encoded.len().saturating_sub(cut)).unwrap_or_default().to_owned()
    };
    (0..3).map(variant).filter(|v| !v.is_empty()).collect()
}

/// Every way to write the options in `text`: a dash counts when a word follows it and none
/// precedes it. `None` when there are too many.
pub(super) fn windash(text: &str) -> Option<Vec<String>> {
    let marked = mark_dashes(text, '\0');
    let mut parts = marked.split('\0');
    let mut variants = vec![parts.next().unwrap_or_default().to_owned()];
    for (dashes, part) in parts.enumerate() {
        if dashes >= MAX_DASHES {
            return None;
        }
        let written = |v: &String| DASHES.map(|dash| format!("{v}{dash}{part}"));
        variants = variants.iter().flat_map(written).collect();
    }
    Some(variants)
}

/// A regular expression of one character: any that introduces an option.
pub(super) const ANY_DASH: &str = "[-/–—―]";

/// The text with `mark` for every dash that introduces an option.
pub(super) fn mark_dashes(text: &str, mark: char) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut marked = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let leads_word = chars.peek().is_some_and(|next| is_word(*next));
        let is_option = DASHES.contains(&c) && leads_word && !before.is_some_and(is_word);
        marked.push(if is_option { mark } else { c });
        before = Some(c);
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alignment_of_a_value_is_found_in_base64() {
        for text in ["foo", "foobar", "http://", "x1"] {
            for before in ["", "a", "bc", "def"] {
                for after in ["", "y", "zz", "www"] {
                    let whole = base64(format!("{before}{text}{after}").as_bytes());
                    let variants = base64_offsets(text.as_bytes());
                    assert!(
                        variants.iter().any(|v| whole.contains(v.as_str())),
                        "{before}{text}{after}: {variants:?} in {whole}"
                    );
                }
            }
        }
    }

    #[test]
    fn utf16_is_written_as_the_specification_shows() {
        assert_eq!(utf16("cmd", Utf16::Le), b"c\0m\0d\0");
        assert_eq!(utf16("cmd", Utf16::Be), b"\0c\0m\0d");
        assert_eq!(utf16("cmd", Utf16::Marked), b"\xff\xfec\0m\0d\0");
    }

    #[test]
    fn only_dashes_that_lead_a_word_are_permuted() {
        assert_eq!(windash(" -x").unwrap(), [" -x", " /x", " –x", " —x", " ―x"]);
        assert_eq!(windash("a-b").unwrap(), ["a-b"]);
        assert_eq!(windash("-a /b").unwrap().len(), 25);
        assert_eq!(windash("-a -b -c -d -e"), None);
    }
}
