//! The condition language: `selection and not 1 of filter_*`.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::vec::IntoIter;

/// Deepest nesting of brackets and negations that is read.
const MAX_DEPTH: usize = 64;

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// `| count() > 5`, `| near` or a `timeframe`: Sigma 1; now a correlation rule.
    #[error(
        "aggregation (`| count()`, `| near`, `timeframe`) is of Sigma 1; write a document with a section \
         `correlation` (`event_count`, `value_count`, `temporal`) that refers to this rule"
    )]
    Aggregation,
    /// A name that is no search identifier of this rule.
    #[error("`{0}` is not a search identifier of this rule")]
    UnknownIdentifier(String),
    /// A pattern that fits no search identifier.
    #[error("`{0}` fits no search identifier of this rule")]
    NothingFits(String),
    /// `2 of them` and the like.
    #[error("only `1 of`, `any of` and `all of` are defined, not `{0} of`")]
    UnknownQuantifier(String),
    /// A word where it cannot stand.
    #[error("`{0}` cannot stand there")]
    Unexpected(String),
    /// The condition stops where more must follow.
    #[error("it ends too early")]
    EndsEarly,
    /// Brackets or negations nest too deeply.
    #[error("it nests too deeply")]
    TooDeep,
}

/// A condition over search identifiers, which are named by their position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Is(usize),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    /// Reads a condition over the search identifiers `names`.
    pub(super) fn parse(text: &str, names: &[&str]) -> Result<Self, ConditionError> {
        if text.contains('|') {
            return Err(ConditionError::Aggregation);
        }
        let mut parser = Parser { words: words(text).into_iter().peekable(), names };
        let condition = parser.any(MAX_DEPTH, false)?;
        match parser.words.next() {
            None => Ok(condition),
            Some(word) => Err(ConditionError::Unexpected(word.to_owned())),
        }
    }
}

impl Condition {
    /// Adds the search identifiers the condition is about.
    pub(super) fn collect_used(&self, used: &mut BTreeSet<usize>) {
        match self {
            Self::Is(index) => _ = used.insert(*index),
            Self::All(members) | Self::Any(members) => {
                for member in members {
                    member.collect_used(used);
                }
            }
            Self::Not(inner) => inner.collect_used(used),
        }
    }
}

fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for spaced in text.split_whitespace() {
        let mut rest = spaced;
        while let Some(at) = rest.find(['(', ')']) {
            let (before, from) = rest.split_at(at);
            let (bracket, after) = from.split_at(1);
            words.extend([before, bracket].into_iter().filter(|w| !w.is_empty()));
            rest = after;
        }
        if !rest.is_empty() {
            words.push(rest);
        }
    }
    words
}

struct Parser<'a> {
    words: Peekable<IntoIter<&'a str>>,
    names: &'a [&'a str],
}

impl<'a> Parser<'a> {
    /// Takes the next word if it is this operator and no search identifier has that name.
    fn take(&mut self, operator: &str) -> bool {
        let names = self.names;
        let fits = |w: &&str| w.eq_ignore_ascii_case(operator) && !names.contains(w);
        self.words.next_if(fits).is_some()
    }

    /// `negated`: whether it stands behind an odd number of `not`.
    fn any(&mut self, depth: usize, negated: bool) -> Result<Condition, ConditionError> {
        let mut members = vec![self.all(depth, negated)?];
        while self.take("or") {
            members.push(self.all(depth, negated)?);
        }
        Ok(one_or(members, Condition::Any))
    }

    fn all(&mut self, depth: usize, negated: bool) -> Result<Condition, ConditionError> {
        let mut members = vec![self.term(depth, negated)?];
        while self.take("and") {
            members.push(self.term(depth, negated)?);
        }
        Ok(one_or(members, Condition::All))
    }

    fn term(&mut self, depth: usize, negated: bool) -> Result<Condition, ConditionError> {
        let depth = depth.checked_sub(1).ok_or(ConditionError::TooDeep)?;
        if self.take("not") {
            return Ok(Condition::Not(Box::new(self.term(depth, !negated)?)));
        }
        if self.take("(") {
            let inner = self.any(depth, negated)?;
            return match self.words.next() {
                Some(")") => Ok(inner),
                Some(word) => Err(ConditionError::Unexpected(word.to_owned())),
                None => Err(ConditionError::EndsEarly),
            };
        }
        let word = self.words.next().ok_or(ConditionError::EndsEarly)?;
        if self.take("of") {
            let pattern = self.words.next().ok_or(ConditionError::EndsEarly)?;
            return self.quantified(word, pattern, negated);
        }
        match self.names.iter().position(|n| *n == word) {
            Some(index) => Ok(Condition::Is(index)),
            None if word == ")" => Err(ConditionError::Unexpected(word.to_owned())),
            None => Err(ConditionError::UnknownIdentifier(word.to_owned())),
        }
    }

    fn quantified(
        &self,
        quantifier: &'a str,
        of: &'a str,
        negated: bool,
    ) -> Result<Condition, ConditionError> {
        let link = match quantifier.to_ascii_lowercase().as_str() {
            "1" | "any" => Condition::Any,
            "all" => Condition::All,
            _ => return Err(ConditionError::UnknownQuantifier(quantifier.to_owned())),
        };
        let them = of.eq_ignore_ascii_case("them");
        // What begins with `_` is named in full or not at all, as in pySigma.
        let fits = |name: &str| !name.starts_with('_') && (them || fits_pattern(name, of));
        let members: Vec<Condition> = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, name)| fits(name))
            .map(|(index, _)| Condition::Is(index))
            .collect();
        if members.is_empty() && negated {
            // `not 1 of filter_*` without a filter: nothing is taken out.
            return Ok(Condition::Any(members));
        }
        if members.is_empty() {
            return Err(ConditionError::NothingFits(of.to_owned()));
        }
        Ok(one_or(members, link))
    }
}

fn one_or(mut members: Vec<Condition>, link: fn(Vec<Condition>) -> Condition) -> Condition {
    match members.pop() {
        Some(only) if members.is_empty() => only,
        Some(last) => {
            members.push(last);
            link(members)
        }
        None => link(members),
    }
}

/// `*` stands for any number of characters.
fn fits_pattern(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::Condition::{All, Any, Is, Not};
    use super::*;

    const NAMES: [&str; 4] = ["sel_a", "sel_b", "filter", "_hidden"];

    #[test]
    fn operators_bind_as_the_specification_says() {
        let not = |c| Not(Box::new(c));
        let rows = [
            ("sel_a", Is(0)),
            ("sel_a or sel_b and filter", Any(vec![Is(0), All(vec![Is(1), Is(2)])])),
            ("(sel_a or sel_b) and filter", All(vec![Any(vec![Is(0), Is(1)]), Is(2)])),
            ("not sel_a and sel_b", All(vec![not(Is(0)), Is(1)])),
            ("1 of sel_*", Any(vec![Is(0), Is(1)])),
            ("all of them", All(vec![Is(0), Is(1), Is(2)])),
            ("any of f*lt*r", Is(2)),
            ("1 of *", Any(vec![Is(0), Is(1), Is(2)])),
            ("_hidden and all of *l*", All(vec![Is(3), All(vec![Is(0), Is(1), Is(2)])])),
            ("not 1 of s*_b and(filter)", All(vec![not(Is(1)), Is(2)])),
            ("sel_a and not 1 of x*", All(vec![Is(0), not(Any(vec![]))])),
            ("not (all of x* or filter)", not(Any(vec![Any(vec![]), Is(2)]))),
            ("sel_a AND NOT filter", All(vec![Is(0), not(Is(2))])),
        ];
        for (text, expected) in rows {
            assert_eq!(Condition::parse(text, &NAMES), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_condition_that_cannot_be_read_says_why() {
        use ConditionError as E;
        let rows = [
            ("sel_a | count() > 5", E::Aggregation),
            ("sel_c", E::UnknownIdentifier("sel_c".into())),
            ("1 of x*", E::NothingFits("x*".into())),
            ("not (not 1 of x*)", E::NothingFits("x*".into())),
            ("any of *hid*en", E::NothingFits("*hid*en".into())),
            ("2 of them", E::UnknownQuantifier("2".into())),
            ("sel_a sel_b", E::Unexpected("sel_b".into())),
            ("sel_a and", E::EndsEarly),
            ("(sel_a", E::EndsEarly),
            ("", E::EndsEarly),
            ("sel_a)", E::Unexpected(")".into())),
        ];
        for (text, expected) in rows {
            assert_eq!(Condition::parse(text, &NAMES), Err(expected), "{text}");
        }
        let deep = format!("{}sel_a{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(Condition::parse(&deep, &NAMES), Err(E::TooDeep));
    }
}
