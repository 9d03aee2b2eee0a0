//! Tests of the parsers of outside bytes.
//!
//! Recordings are read from `../shared` beside the workspace and are no part of it; where they
//! are absent, a test says so on standard error and passes.

#![allow(clippy::disallowed_methods, reason = "only the library is kept from files and clocks")]

#[cfg(test)]
mod data;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod shapes;
