//! A claim's outcome, and the report over many.

use std::error::Error;
use std::fmt;

use crate::port::{AccountError, StoreError};
use crate::source::Malformed;

/// Why a claim does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The port answered with an error.
    #[error("the port failed")]
    Store(#[from] StoreError),
    /// The account answered with an error.
    #[error("the account failed")]
    Account(#[from] AccountError),
    /// The claim's own event could not be made.
    #[error("the claim's event is none")]
    Scene(#[from] Malformed),
    /// Something else was found than claimed.
    #[error("{0}")]
    Found(String),
}

/// What a claim comes to.
pub type Outcome = Result<(), Failure>;

/// Letters of a value that a failure shows.
const SHOWN: usize = 600;

/// Claims that two values are equal.
pub(super) fn equal<T: PartialEq + fmt::Debug>(what: &str, found: &T, expected: &T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (shown(found), shown(expected));
    Err(Failure::Found(format!("{what}: found {found}, expected {expected}")))
}

/// Claims that something is so.
pub(super) fn holds(what: &str, is_so: bool) -> Outcome {
    if is_so { Ok(()) } else { Err(Failure::Found(format!("it does not hold that {what}"))) }
}

fn shown(value: &impl fmt::Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Which claims held and which did not.
#[derive(Debug, Default)]
pub struct Report {
    held: usize,
    failed: Vec<(&'static str, Failure)>,
}

impl Report {
    pub(super) fn note(&mut self, claim: &'static str, outcome: Outcome) {
        match outcome {
            Ok(()) => self.held += 1,
            Err(failure) => self.failed.push((claim, failure)),
        }
    }

    /// How many claims held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Names of the claims that failed, in the order in which they were run.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        self.failed.iter().map(|(claim, _)| *claim)
    }

    /// The number of claims, where all held.
    ///
    /// # Errors
    /// The report itself, which prints as one line for each claim that failed.
    pub fn verdict(self) -> Result<usize, Self> {
        if self.failed.is_empty() { Ok(self.held) } else { Err(self) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} claims held, {} failed", self.held, self.failed.len())?;
        for (claim, failure) in &self.failed {
            write!(f, "\n{claim}: {failure}")?;
            let mut cause = failure.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl Error for Report {}

/// Runs claims one after the other and notes how each came out.
macro_rules! note_all {
    ($report:ident; $($claim:ident($($port:expr),*);)+) => {
        $($report.note(stringify!($claim), $claim($($port),*).await);)+
    };
}
pub(super) use note_all;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_the_claim_that_failed_and_what_was_found() {
        let mut report = Report::default();
        report.note("first", equal("sum", &2, &2));
        report.note("second", equal("sum", &3, &2));
        let report = report.verdict().unwrap_err();
        assert_eq!(report.to_string(), "1 claims held, 1 failed\nsecond: sum: found 3, expected 2");
    }
}
