//! One compiled text pattern.

use memchr::memmem;

use super::expression::Expression;
use super::text::{Piece, SigmaText, equals_folded, fold};

/// Whether the case of letters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Counts,
    Ignored,
}

/// What a text must look like. Literals are folded where case is ignored.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) shape: Shape,
    pub(super) case: Case,
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    Anything,
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(Box<memmem::Finder<'static>>),
    Glob(Vec<Piece>),
    Regex(Expression),
}

impl Pattern {
    pub(super) fn new(text: &SigmaText, case: Case) -> Self {
        let pieces: Vec<Piece> = match case {
            Case::Counts => text.0.clone(),
            Case::Ignored => text.0.iter().copied().flat_map(fold_piece).collect(),
        };
        Self { shape: Shape::new(pieces), case }
    }

    /// `case`: as the expression was built.
    pub(super) fn regex(regex: Expression, case: Case) -> Self {
        Self { shape: Shape::Regex(regex), case }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match (&self.shape, self.case) {
            (Shape::Anything, _) => true,
            (Shape::Regex(regex), _) => regex.is_match(text),
            (shape, Case::Counts) => shape.matches(text),
            // The common cases need no folded copy of the text.
            (Shape::Exact(folded), Case::Ignored) => equals_folded(text, folded),
            (Shape::Prefix(folded), Case::Ignored) if text.is_ascii() => {
                text.get(..folded.len()).is_some_and(|start| start.eq_ignore_ascii_case(folded))
            }
            (Shape::Suffix(folded), Case::Ignored) if text.is_ascii() => text
                .len()
                .checked_sub(folded.len())
                .and_then(|from| text.get(from..))
                .is_some_and(|end| end.eq_ignore_ascii_case(folded)),
            (shape, Case::Ignored) => shape.matches(&fold(text)),
        }
    }

    /// Longest run of characters that every matching text holds, as the pattern stores it.
    pub(super) fn longest_literal(&self) -> Option<String> {
        match &self.shape {
            Shape::Anything | Shape::Regex(_) => None,
            Shape::Exact(s) | Shape::Prefix(s) | Shape::Suffix(s) => Some(s.clone()),
            Shape::Contains(finder) => String::from_utf8(finder.needle().to_vec()).ok(),
            Shape::Glob(pieces) => pieces
                .split(|p| !matches!(p, Piece::Char(_)))
                .map(|run| SigmaText(run.to_vec()).as_plain().unwrap_or_default())
                .max_by_key(String::len),
        }
    }
}

fn fold_piece(piece: Piece) -> Vec<Piece> {
    match piece {
        Piece::Char(c) => c.to_lowercase().map(Piece::Char).collect(),
        Piece::One | Piece::Many => vec![piece],
    }
}

impl Shape {
    fn new(pieces: Vec<Piece>) -> Self {
        let plain = |p: &[Piece]| SigmaText(p.to_vec()).as_plain();
        if let Some(text) = plain(&pieces) {
            return Self::Exact(text);
        }
        match pieces.as_slice() {
            [Piece::Many] => return Self::Anything,
            [Piece::Many, middle @ .., Piece::Many] => {
                if let Some(text) = plain(middle) {
                    if text.is_empty() {
                        return Self::Anything;
                    }
                    return Self::Contains(Box::new(memmem::Finder::new(&text).into_owned()));
                }
            }
            [Piece::Many, end @ ..] => {
                if let Some(text) = plain(end) {
                    return Self::Suffix(text);
                }
            }
            [start @ .., Piece::Many] => {
                if let Some(text) = plain(start) {
                    return Self::Prefix(text);
                }
            }
            _ => {}
        }
        Self::Glob(pieces)
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Exact(s) => text == s,
            Self::Prefix(s) => text.starts_with(s.as_str()),
            Self::Suffix(s) => text.ends_with(s.as_str()),
            Self::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Self::Glob(pieces) => glob(pieces, text),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// Matches with one memory of the last `*`: at most pattern times text steps.
fn glob(pieces: &[Piece], text: &str) -> bool {
    let (mut pattern, mut rest) = (pieces, text.chars());
    let mut last_star: Option<(&[Piece], std::str::Chars<'_>)> = None;
    loop {
        match pattern {
            [Piece::Many, after @ ..] => {
                last_star = Some((after, rest.clone()));
                pattern = after;
                continue;
            }
            [] if rest.as_str().is_empty() => return true,
            [Piece::One, after @ ..] if rest.next().is_some() => {
                pattern = after;
                continue;
            }
            [Piece::Char(wanted), after @ ..] if rest.clone().next() == Some(*wanted) => {
                rest.next();
                pattern = after;
                continue;
            }
            _ => {}
        }
        // A mismatch: let the last `*` take one more character.
        let Some((after, from)) = &mut last_star else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        pattern = after;
        rest = from.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(&SigmaText::parse(pattern), Case::Ignored).matches(text)
    }

    #[test]
    fn wildcards_match_what_they_stand_for() {
        for (pattern, text) in [
            ("a*b*c", "aXXbYYc"),
            ("a*b*c", "abcbc"),
            ("*a?c*", "zzABCzz"),
            ("?", "é"),
            ("a*", "A"),
            ("*b", "aB"),
            ("x*é", "X--É"),
            ("*", ""),
            ("**", "a"),
            ("?*?", "ab"),
            ("é*", "Éa"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a*b*c", "aXXbYY"), ("?", ""), ("?*?", "a"), ("a?c", "ac"), ("*b", "ba"), ("é*", "e")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_glob_of_many_stars_takes_no_exponential_time() {
        let pattern = format!("{}b", "a*".repeat(200));
        assert!(!matches(&pattern, &"a".repeat(20_000)));
    }

    #[test]
    fn letters_outside_ascii_that_fold_into_ascii_are_equal() {
        assert!(matches("kelvin", "\u{212a}elvin"));
        assert!(matches("*elvin", "\u{212a}ELVIN"));
    }
}
