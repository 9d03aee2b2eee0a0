//! Detect: which rules an event hits, and where they point.

pub mod sigma;
