//! Detect against labelled sets and a corpus of real events.
//!
//! They are read from `../shared` beside the workspace and are no part of it; where they are
//! absent, a test says so on standard error and passes.

#![allow(clippy::disallowed_methods, reason = "only the library is kept from files and clocks")]

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod correlations;
#[cfg(test)]
mod data;
#[cfg(test)]
mod detect;
#[cfg(test)]
mod event_pattern;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod mutated;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod panther;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod semantics;
