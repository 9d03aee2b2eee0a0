//! The adapters against emulators of AWS, one binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect ends"
)]

mod archive;
mod conformance;
mod orchestrator;
mod place;
mod queue;
mod store;
mod topic;
