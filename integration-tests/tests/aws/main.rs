//! AWS mode as a whole on emulators: the template, the programs, the state machine. One binary.
//!
//! `stage` puts the system up with the product's own deploy code; each other module is a part of
//! what must hold. `cargo test -p aisaws-integration-tests --test aws` runs it alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that meets what it did not expect ends, and one that is skipped says so"
)]

mod asks;
mod bus;
mod commands;
mod correlating;
mod deaths;
mod deploying;
mod fights;
mod footing;
mod halts;
mod killer;
mod kills;
mod lambda;
mod own;
mod poison;
mod process;
mod program;
mod quorum;
mod reconcile;
mod redrive;
mod repairs;
mod replays;
mod response;
mod roles;
mod stage;
mod storm;
mod watching;
mod worker;
