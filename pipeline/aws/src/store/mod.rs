//! Every storage port over one DynamoDB table, with large bodies in the archive.
//!
//! [`Store`] is a handle to clone freely; the table is described in `layout`. Several processes may
//! work on one table: whatever is decided (is this event new, what is the head of this chain, has
//! somebody voted) is read consistently and written under a condition.

mod admitted;
mod approvals;
mod call;
mod events;
mod evidence;
mod expiry;
mod handle;
mod incidents;
mod intake;
mod item;
mod layout;
mod ledger;
mod secret;
mod seen;
mod snapshots;
mod table;
mod windows;
#[cfg(feature = "drivers")]
mod write_log;
mod writes;

pub use handle::Store;
