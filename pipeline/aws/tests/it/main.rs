//! The adapters against emulators of AWS, one binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect ends"
)]
#![allow(clippy::large_futures, reason = "a test's stack is large enough")]

mod archive;
mod conformance;
mod cut;
mod orchestrator;
mod place;
mod queue;
mod scene;
mod store;
mod topic;
