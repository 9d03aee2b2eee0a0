//! AWS mode as a whole on emulators: the template, the programs, the state machine. One binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect ends"
)]

mod program;
