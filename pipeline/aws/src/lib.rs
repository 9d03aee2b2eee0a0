//! The ports on AWS: the only crate that calls it.
//!
//! Ports speak domain types; no type of an SDK leaves this crate, and nothing here decides.
//! Every error of a call gets its class in one place. A cargo feature for each service keeps
//! builds small; the program without AWS does not have this crate at all.
//!
//! Start at [`fault`], then [`archive`] and [`store`].

#[cfg(feature = "s3")]
pub mod archive;
mod clock;
mod connect;
pub mod fault;
#[cfg(feature = "dynamodb")]
pub mod store;

pub use clock::SystemClock;
pub use connect::Aws;
