//! Replay: what the present rules and policy would decide about stored events, against what
//! was recorded. It runs on a scratch store; nothing else is written.

mod compare;
mod rerun;
mod selection;

pub use compare::{Compared, Comparison, Outcome, compare};
pub use rerun::{ReplayClock, Rerun, RerunError, rerun};
pub use selection::Selection;
