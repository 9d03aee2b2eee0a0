//! Why there is no emulator.

use std::path::PathBuf;

/// Why an emulator could not be installed or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// A program that it needs is not on this machine.
    #[error("`{program}` is not on this machine; the emulator needs it: install {install}")]
    Missing {
        /// Its name.
        program: &'static str,
        /// What to install, for people.
        install: &'static str,
    },
    /// A step of installing failed.
    #[error("`{step}` failed: {output}")]
    Install {
        /// The command.
        step: String,
        /// What it said last.
        output: String,
    },
    /// A file or folder could not be used.
    #[error("`{path}` could not be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It was started and never answered.
    #[error("`{name}` did not come up: {log}")]
    NotUp {
        /// The emulator.
        name: &'static str,
        /// The end of its log.
        log: String,
    },
}

impl EmulatorError {
    /// Whether a program is missing, so that a test of a second opinion may say it is skipped.
    pub fn is_missing_program(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path: path.into(), source }
    }
}
