//! The words of the pipeline as types: events, hits, incidents, hand-offs, the ledger,
//! faults, the [`stage::Stage`] trait and the ports that adapters implement.
//!
//! This crate deliberately knows no AWS SDK, no runtime, no file, no clock and no chance:
//! time comes in through [`port::Clock`], ids are derived from causes.
//!
//! Start reading at [`handoff`] (what travels between stages), then [`stage`], then [`ledger`].

pub mod arn;
pub mod canonical;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod event;
pub mod fault;
pub mod handoff;
pub mod hit;
pub mod id;
pub mod incident;
pub mod ledger;
pub mod message;
pub mod person;
pub mod port;
pub mod resource;
pub mod risk;
pub mod seen;
pub mod source;
pub mod stage;
pub mod status;
pub mod window;
