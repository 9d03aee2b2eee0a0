//! Where there can be no emulator.

use std::error::Error as _;
use std::ffi::OsStr;
use std::fmt::Write as _;

use crate::{Emulator, EmulatorError};

/// Set where a run is to prove something: there, nothing is skipped.
const CI: &str = "CI";

/// The emulator; `None`, said aloud on standard error, where it cannot be installed on this machine.
///
/// # Panics
/// Where it does not come up, and where it cannot be installed although the variable `CI` is set: a
/// check that skipped what it is to check would be green.
#[must_use]
#[expect(clippy::panic, clippy::print_stderr, reason = "it is a test that is told, and its reader")]
pub fn or_skipped(started: Result<Emulator, EmulatorError>) -> Option<Emulator> {
    match started {
        Ok(emulator) => Some(emulator),
        Err(e) if may_be_skipped(&e, std::env::var_os(CI).as_deref()) => {
            eprintln!("skipped: {}", words(&e));
            None
        }
        Err(e) => panic!("{}", words(&e)),
    }
}

fn may_be_skipped(error: &EmulatorError, ci: Option<&OsStr>) -> bool {
    let is_proof = ci.is_some_and(|value| !value.is_empty() && value != "false" && value != "0");
    match error {
        EmulatorError::Missing { .. } | EmulatorError::Install { .. } => !is_proof,
        EmulatorError::File { .. } | EmulatorError::NotUp { .. } => false,
    }
}

fn words(error: &EmulatorError) -> String {
    let mut words = error.to_string();
    if let Some(source) = error.source() {
        // Writing to a text cannot fail.
        _ = write!(words, ": {source}");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_installed_is_skipped_and_nothing_where_it_is_to_be_proven() {
        let missing = EmulatorError::Missing { program: "python3", install: "Python" };
        let offline = EmulatorError::Install { step: "pip".to_owned(), output: String::new() };
        let broken = EmulatorError::NotUp { name: "moto", log: String::new() };
        for (ci, skipped) in [
            (None, [true, true, false]),
            (Some(""), [true, true, false]),
            (Some("false"), [true, true, false]),
            (Some("true"), [false; 3]),
            (Some("1"), [false; 3]),
        ] {
            let found = [&missing, &offline, &broken]
                .map(|error| may_be_skipped(error, ci.map(OsStr::new)));
            assert_eq!(found, skipped, "{ci:?}");
        }
    }
}
