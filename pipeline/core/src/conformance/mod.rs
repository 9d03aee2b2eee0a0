//! What every adapter of a storage port must do, as claims that can be run against it.
//!
//! A claim is an async function over the port that says, where it does not hold, what was
//! found instead. Each port's `run_all` runs all of its claims and reports every one that
//! failed. The claims of one port leave each other alone (each has its own ids and its own
//! hour of event time), but they want a store that was empty at the start.
//!
//! Where claims are about concurrency they take two handles on one store, as two processes
//! have them; an adapter without such a notion passes the same handle twice.

mod claim;
mod scene;
mod together;

pub mod account;
pub mod approvals;
pub mod events;
pub mod incidents;
pub mod orchestrator;
pub mod snapshots;
pub mod windows;

pub use claim::{Failure, Outcome, Report};
