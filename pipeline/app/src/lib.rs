//! The use cases: take events in, respond, approve, replay, report. Authorisation and audit
//! live here; adapters and faces hold no rules of their own.
//!
//! It knows ports only. Start reading at [`respond::Responder`].

pub mod approve;
pub mod audit;
pub mod badlist;
mod bounded;
pub mod config;
pub mod correlate;
pub mod input;
pub mod intake;
pub mod join;
pub mod limit;
pub mod link;
pub mod live;
pub mod network;
pub mod open;
pub mod origin;
pub mod own;
pub mod reconcile;
mod refused;
pub mod replay;
pub mod report;
pub mod respond;
pub mod rules;
pub mod scan;
pub mod suppress;
pub mod watch;
