//! Completeness: is every event of the trail's log files here that should be?
//!
//! Events come to us through EventBridge, which delivers at least once, but not always at once and
//! not for ever; a trail's log files hold every event. [`reconcile`] compares the two for a window
//! of time: it reads the log files, asks the store for each event that our event patterns let
//! through, and names those that are not there. Repetitions in log files, and files that come
//! late, are normal.
//!
//! It holds one log file for each of a few readers, and a fingerprint for each event of one account
//! and region.

mod lag;
mod records;
mod report;
mod run;

pub use lag::{Lag, Lags};
pub use report::{Counts, Gap, Reconciled};
pub use run::{Feed, ReconcileError, Wanted, reconcile};
