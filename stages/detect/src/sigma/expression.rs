//! A regular expression, which takes a hundred times as long to build as to read.
//!
//! Sigma's flavour is PCRE ("Sigma Modifiers" 2.1.0, Regular Expression), where `$` holds at the end
//! and before a line break that ends the text (pcre2pattern, "Circumflex and dollar"); in ours it
//! holds at the end alone. So such a text is asked without the line break too. An expression with
//! `\z`, which Sigma does not have, means the very end.

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use super::modifier::RegexFlags;

/// Bytes a compiled regular expression may take.
const REGEX_SIZE: usize = 1 << 20;

/// When an expression is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Build {
    /// When its rule is read, which tells whether it can be.
    Now,
    /// When it is first asked: of rules that a test has read, few of which any event gets as far as.
    WhenAsked,
}

/// An expression as it was written, and what it was built to.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    text: Arc<str>,
    flags: RegexFlags,
    /// Whether it may hold of a text because it holds of it without its last line break.
    has_end: bool,
    built: Arc<OnceLock<Option<Regex>>>,
}

impl Expression {
    pub(super) fn new(text: &str, flags: RegexFlags, when: Build) -> Result<Self, regex::Error> {
        let built = match when {
            Build::Now => OnceLock::from(Some(build(text, flags)?)),
            Build::WhenAsked => OnceLock::new(),
        };
        let has_end = text.contains('$') && !text.contains(r"\z");
        Ok(Self { text: Arc::from(text), flags, has_end, built: Arc::new(built) })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        // INVARIANT: what is built later is of a rule whose expressions a test builds.
        let built = self.built.get_or_init(|| build(&self.text, self.flags).ok());
        let without_break = text.strip_suffix('\n').filter(|_| self.has_end);
        built.as_ref().is_some_and(|regex| {
            regex.is_match(text) || without_break.is_some_and(|text| regex.is_match(text))
        })
    }
}

fn build(text: &str, flags: RegexFlags) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_is_all)
        .size_limit(REGEX_SIZE)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_when_asked_matches_as_what_is_built_now() {
        let flags = RegexFlags { ignore_case: true, multi_line: false, dot_is_all: false };
        for text in ["^a.c$", "A.C", "b$", "(?-i)ABC"] {
            let [now, later] =
                [Build::Now, Build::WhenAsked].map(|w| Expression::new(text, flags, w).unwrap());
            for tried in ["abc", "ABC", "a\nc", "b", ""] {
                assert_eq!(now.is_match(tried), later.is_match(tried), "{text} {tried:?}");
            }
        }
        assert!(Expression::new("abc", flags, Build::WhenAsked).unwrap().is_match("xABCx"));
    }

    #[test]
    fn a_dollar_holds_before_a_line_break_that_ends_the_text() {
        // As Perl 5.36 has it, whose expressions PCRE are.
        let rows = [
            ("^a$", "", "a", true),
            ("^a$", "", "a\n", true),
            ("^a$", "", "a\n\n", false),
            ("^a$", "", "a\nb", false),
            ("^a$", "", "a\r\n", false),
            ("^(a|b$)$", "", "b\n", true),
            ("^a.$", "", "a\n", false),
            ("^$", "", "\n", true),
            ("^[^b]+$", "", "a\n", true),
            (r"^a\$", "", "a\n", false),
            (r"^a\z", "", "a\n", false),
            (r"^a$|b\z", "", "b\n", false),
            ("^a$", "m", "b\na\n\nc", true),
        ];
        for (text, flag, tried, expected) in rows {
            let flags = RegexFlags { multi_line: flag == "m", ..RegexFlags::default() };
            let expression = Expression::new(text, flags, Build::Now).unwrap();
            assert_eq!(expression.is_match(tried), expected, "{text} {tried:?}");
        }
    }

    #[test]
    fn what_cannot_be_built_is_told_at_once() {
        for text in ["(", "a{1000}{1000}"] {
            assert!(Expression::new(text, RegexFlags::default(), Build::Now).is_err(), "{text}");
        }
    }
}
