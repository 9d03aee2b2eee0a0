//! Literals without which a rule cannot match, searched for in the raw text of the top-level
//! members it looks at. For the rules that name no event and no source.
//!
//! Sound only where the raw text spells literals as they are: see [`sieve::is_plain`].

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use memchr::{memchr_iter, memchr2_iter, memmem};
use regex_syntax::hir::{Hir, HirKind};

use super::grams::{self, Grams};
use super::literals::{Literals, commonness};
use super::matcher::{FieldTest, Link, Node, Test};
use super::pattern::{Pattern, Shape};
use super::scan::Head;
use super::sieve::{self, Member};

/// Shorter literals are in nearly every event.
const MIN_LENGTH: usize = 3;
/// In many events, and so worth little; a choice, not a matter of being right.
const COMMON: [&str; 10] = [
    "akia",
    "asia",
    "arn:aws:",
    ".amazonaws.com",
    "aws-cli",
    "\"assumedrole\"",
    "\"iamuser\"",
    "\"awsservice\"",
    "\"awsapicall\"",
    "mozilla/5.0",
];
/// More clues than this are in too many events.
const MAX_RARE: usize = 16;
/// Up to so many literals are searched for one after the other.
const FEW: usize = 6;

/// A top-level member, and a lower-case literal in its raw text, whatever its case; an empty
/// literal: that the member is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clue {
    member: String,
    literal: String,
}

/// Clues, one of which is in every event the rule matches; `None`: there are none to rely on.
/// Nothing is told of members of the names `but`.
pub(super) fn required(node: &Node, but: &[&str]) -> Option<Vec<Clue>> {
    match node {
        Node::All(nodes) => nodes.iter().filter_map(|n| required(n, but)).max_by_key(|s| worth(s)),
        Node::Any(nodes) => {
            let mut all = Vec::new();
            for node in nodes {
                all.extend(required(node, but)?);
            }
            Some(all)
        }
        Node::Not(_) | Node::Keywords(..) => None,
        Node::Field(field)
            if field.path.top_level_names().next().is_none_or(|n| but.contains(&n)) =>
        {
            None
        }
        Node::Field(field) => {
            let literals = field.tests.iter().map(of_test);
            let needs: Vec<Need> = match field.link {
                Link::Any => literals.collect::<Option<_>>()?,
                Link::All => vec![literals.flatten().max_by_key(Need::worth)?],
            };
            let members: Vec<&str> = field.path.top_level_names().collect();
            let clue = |need: &Need, member: &str| Clue {
                member: member.to_owned(),
                literal: need.literal_in(member, field),
            };
            Some(needs.iter().flat_map(|n| members.iter().map(|m| clue(n, m))).collect())
        }
    }
}

/// What a test needs to pass.
enum Need {
    /// That the value's text holds this.
    Text(String),
    /// That the field is there.
    Field,
}

impl Need {
    fn worth(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Field => 0,
        }
    }

    /// The literal in the text of the top-level member of this name.
    fn literal_in(&self, member: &str, field: &FieldTest) -> String {
        match self {
            Self::Text(text) => text.clone(),
            // The member is the field itself.
            Self::Field if field.path.as_str() == member => String::new(),
            Self::Field => {
                let name = field.path.last_part();
                if name.len() < MIN_LENGTH || !name.chars().all(is_plain) {
                    return String::new();
                }
                // The name may have more before it: a name with dots is found too.
                format!("{}\"", name.to_ascii_lowercase())
            }
        }
    }
}

/// Whether few events hold any of these clues, and the search for them is cheap.
pub(super) fn are_rare(clues: &[Clue]) -> bool {
    let is_rare = |clue: &Clue| {
        let is_common = COMMON.iter().any(|common| common.contains(&*clue.literal));
        clue.literal.len() >= grams::MIN_LENGTH && !is_common
    };
    clues.len() <= MAX_RARE && clues.iter().all(is_rare)
}

/// Rare literals are worth most: long ones, and few.
fn worth(clues: &[Clue]) -> (usize, usize) {
    let length = |c: &Clue| if COMMON.contains(&&*c.literal) { 1 } else { c.literal.len() };
    let shortest = clues.iter().map(length).min().unwrap_or(usize::MAX);
    (shortest, usize::MAX - clues.len())
}

fn of_test(test: &Test) -> Option<Need> {
    match test {
        Test::Null | Test::Exists(false) => None,
        Test::Text(pattern) => {
            let literal = exact(pattern).or_else(|| longest_run(pattern));
            Some(literal.map_or(Need::Field, Need::Text))
        }
        Test::Exists(true)
        | Test::Number(_)
        | Test::Bool(_)
        | Test::Compare(..)
        | Test::Cidr(_)
        | Test::FieldRef(..)
        | Test::Time(..) => Some(Need::Field),
    }
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
fn longest_run(pattern: &Pattern) -> Option<String> {
    let literals = match &pattern.shape {
        Shape::Regex(regex) => regex_literals(regex.as_str()),
        _ => pattern.longest_literal().into_iter().collect(),
    };
    literals
        .iter()
        .flat_map(|literal| literal.split(|c| !is_plain(c)))
        // An object is compared as compact JSON, where a value follows its colon directly.
        .map(|run| run.trim_start_matches(':'))
        .filter(|run| run.len() >= MIN_LENGTH && run.chars().any(|c| !is_numeric(c)))
        .max_by_key(|run| run.len())
        .map(str::to_ascii_lowercase)
}

/// Texts that every match of the expression holds. Flags given outside the expression only
/// change classes, never literals, except for the case, which is ignored here anyway.
pub(super) fn regex_literals(regex: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(hir) = regex_syntax::parse(regex) {
        collect_literals(&hir, &mut found);
    }
    found
}

fn collect_literals(hir: &Hir, found: &mut Vec<String>) {
    match hir.kind() {
        HirKind::Literal(literal) => found.extend(String::from_utf8(literal.0.to_vec()).ok()),
        HirKind::Capture(capture) => collect_literals(&capture.sub, found),
        HirKind::Repetition(repeated) if repeated.min > 0 => collect_literals(&repeated.sub, found),
        HirKind::Concat(parts) => {
            for part in parts {
                collect_literals(part, found);
            }
        }
        HirKind::Empty
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Alternation(_) => {}
    }
}

/// Neither escaped in JSON (`/` see below), nor part of its structure (except `:`, see above).
fn is_plain(c: char) -> bool {
    (c.is_ascii_graphic() || c == ' ') && !"\"\\,{}[]".contains(c)
}

/// Whether a number may hold it; numbers are not always printed as they were written.
fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || "+-.eE".contains(c)
}

/// Finds the rules whose clues an event holds.
#[derive(Debug, Default)]
pub(super) struct Prefilter {
    members: Vec<Guard>,
    whole: Whole,
}

/// The clues of all members, searched for in the whole text at once.
#[derive(Debug, Default)]
struct Whole {
    long: Option<Grams>,
    /// Rules by literal, in the order of the search's.
    long_rules: Vec<Vec<u32>>,
    short: Option<Literals>,
    short_rules: Vec<Vec<u32>>,
    /// Short literals by member, where they are too many for the search above.
    guards: Vec<Guard>,
    /// Rules that need the member only to be there.
    present: Vec<(Member, Vec<u32>)>,
}

/// The clues in one member.
#[derive(Debug)]
struct Guard {
    member: String,
    /// Finds the member's name in quotes.
    anchor: memmem::Finder<'static>,
    /// Rules that need the member only to be there.
    present: Vec<u32>,
    finder: Finder,
    /// Rules by literal, in the order of the finder's.
    rules: Vec<Vec<u32>>,
}

#[derive(Debug)]
enum Finder {
    Few(Vec<Caseless>),
    Many(AhoCorasick),
}

impl Default for Finder {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Prefilter {
    pub(super) fn new(clues: impl Iterator<Item = (Clue, u32)>) -> Result<Self, BuildError> {
        let mut sorted: BTreeMap<String, BTreeMap<String, Vec<u32>>> = BTreeMap::new();
        for (clue, rule) in clues {
            sorted.entry(clue.member).or_default().entry(clue.literal).or_default().push(rule);
        }
        let whole = Whole::new(&sorted)?;
        let members = sorted.into_iter().map(|(m, literals)| Guard::new(m, literals));
        Ok(Self { members: members.collect::<Result<_, _>>()?, whole })
    }

    /// Adds the rules whose clues are in the event, perhaps repeatedly.
    pub(super) fn find(&self, head: &Head<'_>, found: &mut Vec<u32>) {
        for guard in &self.members {
            if let Some(raw) = head.raw(&guard.member) {
                guard.find(raw, found);
            }
        }
    }

    /// As [`Self::find`], wherever the clues stand in a text that is plain (see
    /// [`sieve::is_plain`]): faster than reading the top level, and may add rules too many.
    pub(super) fn find_anywhere(&self, raw: &str, found: &mut Vec<u32>) {
        self.whole.find(raw, found);
    }
}

/// Literals and the rules that need them.
type Needed<'l> = [(&'l &'l str, &'l Vec<u32>)];

fn bytes(literals: &Needed<'_>) -> Vec<Vec<u8>> {
    literals.iter().map(|(text, _)| text.as_bytes().to_vec()).collect()
}

fn rules(literals: &Needed<'_>) -> Vec<Vec<u32>> {
    literals.iter().map(|(_, rules)| (*rules).clone()).collect()
}

impl Whole {
    fn new(sorted: &BTreeMap<String, BTreeMap<String, Vec<u32>>>) -> Result<Self, BuildError> {
        let mut whole = Self::default();
        let mut texts: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (member, literals) in sorted {
            for (literal, rules) in literals {
                if literal.is_empty() {
                    whole.present.push((Member::new(member), rules.clone()));
                } else {
                    texts.entry(literal).or_default().extend(rules);
                }
            }
        }
        // One search for all if it can; else the longer the others are, the faster theirs is.
        for length in [usize::MAX, grams::FAR_LENGTH, grams::MIN_LENGTH] {
            let (long, short): (Vec<_>, Vec<_>) =
                texts.iter().partition(|(text, _)| text.len() >= length);
            whole.short = Literals::new(bytes(&short));
            whole.short_rules = rules(&short);
            whole.long = Grams::new(bytes(&long));
            whole.long_rules = rules(&long);
            if whole.short.is_some() || short.is_empty() {
                return Ok(whole);
            }
        }
        let is_short = |literal: &str| (1..grams::MIN_LENGTH).contains(&literal.len());
        for (member, literals) in sorted {
            let mut literals = literals.clone();
            literals.retain(|literal, _| is_short(literal));
            if !literals.is_empty() {
                whole.guards.push(Guard::new(member.clone(), literals)?);
            }
        }
        Ok(whole)
    }

    fn find(&self, raw: &str, found: &mut Vec<u32>) {
        if let Some(long) = &self.long {
            long.find(raw.as_bytes(), |literal| {
                found.extend(self.long_rules.get(literal).into_iter().flatten());
            });
        }
        if let Some(short) = &self.short {
            short.find(raw.as_bytes(), |literal| {
                found.extend(self.short_rules.get(literal).into_iter().flatten());
            });
        }
        for guard in &self.guards {
            for at in guard.anchor.find_iter(raw.as_bytes()) {
                let after = raw.get(at + guard.anchor.needle().len()..).unwrap_or_default();
                // Without the colon it is a value.
                if let Some(value) = after.trim_start().strip_prefix(':') {
                    guard.find_plain(extent(value.trim_start()), found);
                }
            }
        }
        for (member, rules) in &self.present {
            if member.is_in(raw.as_bytes()) {
                found.extend(rules);
            }
        }
    }
}

/// The text of the value that begins here: exactly for strings, the whole rest for others.
fn extent(value: &str) -> &str {
    let Some(string) = value.strip_prefix('"') else {
        return value;
    };
    let bytes = string.as_bytes();
    let mut ends = memchr_iter(b'"', bytes);
    let is_end = |at: &usize| {
        let before = bytes.get(..*at).unwrap_or_default();
        before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 0
    };
    let end = ends.find(is_end).map_or(value.len(), |at| at + 2);
    value.get(..end).unwrap_or(value)
}

impl Guard {
    fn new(member: String, mut literals: BTreeMap<String, Vec<u32>>) -> Result<Self, BuildError> {
        let present = literals.remove("").unwrap_or_default();
        let (texts, rules): (Vec<String>, Vec<Vec<u32>>) = literals.into_iter().unzip();
        let finder = if texts.len() <= FEW {
            Finder::Few(texts.into_iter().map(Caseless::new).collect())
        } else {
            let builder = &mut AhoCorasick::builder();
            builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard);
            Finder::Many(builder.build(texts)?)
        };
        let anchor = memmem::Finder::new(&format!("\"{member}\"")).into_owned();
        Ok(Self { member, anchor, present, finder, rules })
    }

    fn all(&self, found: &mut Vec<u32>) {
        found.extend(self.present.iter().chain(self.rules.iter().flatten()));
    }

    fn find(&self, raw: &str, found: &mut Vec<u32>) {
        if sieve::is_plain(raw.as_bytes()) {
            self.find_plain(raw, found);
        } else {
            self.all(found);
        }
    }

    fn find_plain(&self, raw: &str, found: &mut Vec<u32>) {
        found.extend(&self.present);
        match &self.finder {
            Finder::Few(finders) => {
                for (finder, rules) in finders.iter().zip(&self.rules) {
                    if finder.is_in(raw.as_bytes()) {
                        found.extend(rules);
                    }
                }
            }
            Finder::Many(automaton) => {
                for hit in automaton.find_overlapping_iter(raw) {
                    found.extend(self.rules.get(hit.pattern().as_usize()).into_iter().flatten());
                }
            }
        }
    }
}

/// A literal searched for by its rarest byte, whatever the case.
#[derive(Debug)]
struct Caseless {
    literal: Vec<u8>,
    /// Where the rarest byte stands, and that byte in both cases.
    at: usize,
    rare: (u8, u8),
}

impl Caseless {
    /// `literal` is lower-case and not empty.
    fn new(literal: String) -> Self {
        let literal = literal.into_bytes();
        let rarest = literal.iter().copied().enumerate().min_by_key(|(_, b)| commonness(*b));
        let (at, byte) = rarest.unwrap_or((0, 0));
        Self { literal, at, rare: (byte, byte.to_ascii_uppercase()) }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        memchr2_iter(self.rare.0, self.rare.1, text).any(|found| {
            found
                .checked_sub(self.at)
                .and_then(|from| text.get(from..from + self.literal.len()))
                .is_some_and(|part| part.eq_ignore_ascii_case(&self.literal))
        })
    }
}
