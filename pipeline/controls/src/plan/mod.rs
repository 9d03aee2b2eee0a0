//! Plans: what a human approves, what is applied, and how it is taken back.

mod diff;
mod guard;
mod prepare;
mod verify;

pub use diff::{Field, diff, diff_text};
pub use guard::{Changed, Rollback, apply_guarded, rollback};
pub use prepare::{Outcome, Plan, PlanError, digest_of, prepare};
pub use verify::{Problems, verify};
