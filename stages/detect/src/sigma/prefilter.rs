//! Literals without which a rule cannot match, searched for in the raw text of an event.
//!
//! Sound only where the raw text spells literals as they are: see [`spells_plainly`].

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};
use memchr::memmem;

use super::matcher::{FieldTest, Link, Node, Test};
use super::pattern::{Pattern, Shape};

/// Shorter literals are in nearly every event.
const MIN_LENGTH: usize = 3;

/// Whether every ASCII character of a string value stands in this JSON as itself: no `\u`
/// escape that may hide one, and no other letter that case-folding may turn into one.
pub(super) fn spells_plainly(raw: &str) -> bool {
    raw.is_ascii() && memmem::find(raw.as_bytes(), b"\\u").is_none()
}

/// Lower-case literals, one of which is in the raw text of every event the rule matches,
/// whatever its case; `None`: there are none to rely on. Fields under `extra` are not in the
/// raw text.
pub(super) fn required(node: &Node, extra: &str) -> Option<Vec<String>> {
    match node {
        Node::All(nodes) => {
            nodes.iter().filter_map(|n| required(n, extra)).max_by_key(|set| worth(set))
        }
        Node::Any(nodes) => {
            let mut all = Vec::new();
            for node in nodes {
                all.extend(required(node, extra)?);
            }
            Some(all)
        }
        Node::Not(_) => None,
        Node::Keywords(Link::Any, patterns) => patterns.iter().map(run_of).collect(),
        Node::Keywords(Link::All, patterns) => {
            let longest = patterns.iter().filter_map(run_of).max_by_key(String::len);
            longest.map(|literal| vec![literal])
        }
        Node::Field(field) => {
            if field.path.top_level_names().next() == Some(extra) {
                return None;
            }
            match field.link {
                Link::Any => field.tests.iter().map(|test| of_test(field, test)).collect(),
                Link::All => {
                    let each = field.tests.iter().filter_map(|test| of_test(field, test));
                    each.max_by_key(String::len).map(|literal| vec![literal])
                }
            }
        }
    }
}

/// Rare literals are worth most: long ones, and few.
fn worth(set: &[String]) -> (usize, usize) {
    let shortest = set.iter().map(String::len).min().unwrap_or(usize::MAX);
    (shortest, usize::MAX - set.len())
}

fn of_test(field: &FieldTest, test: &Test) -> Option<String> {
    match test {
        Test::Null | Test::Exists(false) => None,
        Test::Text(pattern) => exact(pattern).or_else(|| run_of(pattern)).or_else(|| key(field)),
        Test::Exists(true)
        | Test::Number(_)
        | Test::Bool(_)
        | Test::Compare(..)
        | Test::Cidr(_)
        | Test::FieldRef(..)
        | Test::Time(..) => key(field),
    }
}

/// The end of the member's name with its quote.
fn key(field: &FieldTest) -> Option<String> {
    let name = field.path.last_part();
    (name.len() >= MIN_LENGTH && name.chars().all(is_plain))
        .then(|| format!("{}\"", name.to_ascii_lowercase()))
}

/// A whole string value with its quotes; numbers and truth values may stand without.
fn exact(pattern: &Pattern) -> Option<String> {
    let Shape::Exact(text) = &pattern.shape else {
        return None;
    };
    let is_word = text.chars().any(|c| !is_numeric(c))
        && !["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word));
    (text.len() >= MIN_LENGTH && is_word && text.chars().all(is_plain))
        .then(|| format!("\"{}\"", text.to_ascii_lowercase()))
}

/// The longest run of characters that JSON writes as they are.
fn run_of(pattern: &Pattern) -> Option<String> {
    let literal = pattern.longest_literal()?;
    literal
        .split(|c| !is_plain(c))
        // An object is compared as compact JSON, where a value follows its colon directly.
        .map(|run| run.trim_matches([':', ' ']))
        .filter(|run| run.len() >= MIN_LENGTH && run.chars().any(|c| !is_numeric(c)))
        .max_by_key(|run| run.len())
        .map(str::to_ascii_lowercase)
}

/// Neither escaped in JSON, nor part of its structure (except `:`, which see above).
fn is_plain(c: char) -> bool {
    (c.is_ascii_graphic() || c == ' ') && !"\"\\/,{}[]".contains(c)
}

/// Whether a number may hold it; numbers are not always printed as they were written.
fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || "+-.eE".contains(c)
}

/// Finds which rules' literals an event holds.
#[derive(Debug, Default)]
pub(super) struct Prefilter {
    automaton: Option<AhoCorasick>,
    /// Rules by literal.
    rules: Vec<Vec<u32>>,
}

impl Prefilter {
    pub(super) fn new(literals: Vec<(String, Vec<u32>)>) -> Result<Self, BuildError> {
        let (texts, rules): (Vec<String>, Vec<Vec<u32>>) = literals.into_iter().unzip();
        // Fast to search; worth its memory while the literals are few.
        let kind = (texts.len() <= 200).then_some(AhoCorasickKind::DFA);
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(kind)
            .build(texts)?;
        Ok(Self { automaton: Some(automaton), rules })
    }

    /// Adds the rules whose literals are in `raw`, perhaps repeatedly.
    pub(super) fn find(&self, raw: &str, found: &mut Vec<u32>) {
        let Some(automaton) = self.automaton.as_ref().filter(|_| !self.rules.is_empty()) else {
            return;
        };
        let mut last = None;
        for hit in automaton.find_overlapping_iter(raw) {
            if last == Some(hit.pattern()) {
                continue;
            }
            last = Some(hit.pattern());
            found.extend(self.rules.get(hit.pattern().as_usize()).into_iter().flatten());
        }
    }

    /// Adds every rule that is filed by a literal.
    pub(super) fn all(&self, found: &mut Vec<u32>) {
        found.extend(self.rules.iter().flatten());
    }
}
