//! Sigma strings: plain characters and wildcards, and how case is ignored.

use std::borrow::Cow;

/// A piece of a Sigma string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Char(char),
    /// `?`: exactly one character.
    One,
    /// `*`: any number of characters, line breaks included.
    Many,
}

/// A Sigma string after its escapes are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SigmaText(pub(super) Vec<Piece>);

impl SigmaText {
    /// Resolves `\*`, `\?` and `\\`; a backslash before anything else is itself.
    pub(super) fn parse(written: &str) -> Self {
        let mut pieces = Vec::with_capacity(written.len());
        let mut chars = written.chars().peekable();
        while let Some(c) = chars.next() {
            pieces.push(match (c, chars.peek()) {
                ('\\', Some(&next @ ('*' | '?' | '\\'))) => {
                    chars.next();
                    Piece::Char(next)
                }
                ('*', _) => Piece::Many,
                ('?', _) => Piece::One,
                _ => Piece::Char(c),
            });
        }
        Self(pieces)
    }

    /// Every character as itself, nothing escaped and no wildcards.
    pub(super) fn literal(text: &str) -> Self {
        Self(text.chars().map(Piece::Char).collect())
    }

    /// The text, when it has no wildcard.
    pub(super) fn as_plain(&self) -> Option<String> {
        self.0.iter().map(|p| if let Piece::Char(c) = p { Some(*c) } else { None }).collect()
    }

    pub(super) fn open_start(&mut self) {
        if self.0.first() != Some(&Piece::Many) {
            self.0.insert(0, Piece::Many);
        }
    }

    pub(super) fn open_end(&mut self) {
        if self.0.last() != Some(&Piece::Many) {
            self.0.push(Piece::Many);
        }
    }
}

/// Lower-cases character by character, so that the fold of a text holds the fold of each part.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

/// Case-insensitive equality; `folded` has gone through [`fold`].
pub(super) fn equals_folded(text: &str, folded: &str) -> bool {
    // What is folded stays as it is when it is folded again.
    text.eq_ignore_ascii_case(folded) || (!text.is_ascii() && fold(text) == folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Piece::{Char, Many, One};

    #[test]
    fn what_is_folded_stays_as_it_is() {
        for c in '\0'..=char::MAX {
            let folded = fold(c.encode_utf8(&mut [0; 4])).into_owned();
            assert_eq!(fold(&folded), folded, "{c}");
        }
    }

    #[test]
    fn escapes_follow_the_table_of_the_specification() {
        let rows: [(&str, Vec<Piece>); 8] = [
            (r"a\b", vec![Char('a'), Char('\\'), Char('b')]),
            (r"a\\b", vec![Char('a'), Char('\\'), Char('b')]),
            (r"\*", vec![Char('*')]),
            (r"\?", vec![Char('?')]),
            (r"\\*", vec![Char('\\'), Many]),
            (r"\\\*", vec![Char('\\'), Char('*')]),
            (r"\\\\", vec![Char('\\'), Char('\\')]),
            (r"\\\x?", vec![Char('\\'), Char('\\'), Char('x'), One]),
        ];
        for (written, pieces) in rows {
            assert_eq!(SigmaText::parse(written).0, pieces, "{written}");
        }
    }
}
