//! Every storage port over one SQLite file.
//!
//! [`Store`] is a handle to clone freely; its tables are described in `schema.sql`. Each step
//! of a port is one write job, so it is done whole or not at all, and durable on return.
//! Several processes may work on one file: every decision (is this event new, what is the head
//! of this chain, has somebody voted) is read and written under SQLite's write lock.

mod approvals;
mod column;
mod events;
mod handle;
mod incidents;
mod intake;
mod ledger;
mod snapshots;
mod windows;

pub(crate) use column::nanos;
pub(crate) use events::touching;
pub use handle::Store;
