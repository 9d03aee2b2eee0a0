//! What each target does with its bytes.
//!
//! A target finds a bug where it panics, runs out of memory or takes longer than libFuzzer's
//! `-timeout`. Errors are answers.

mod engine;
mod product;

pub use engine::{case, definition, expression, input, intrinsic, path, table};
pub use product::{cloudtrail, config, intake, sigma};
