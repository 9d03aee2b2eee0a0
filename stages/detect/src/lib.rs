//! Detect: which rules an event hits, and where they point.
//!
//! Rules are Sigma files. Ours carry a section that names the resource to look at and the
//! controls to check there; [`response`] documents it. A rule only says where to look: whether
//! the resource is in a bad state is read from the resource by later stages, so a rule may err
//! on the side of looking. A call that was refused is a hit like any other; its event says so.
//!
//! This crate deliberately knows no control, no store and no AWS SDK. Start reading at
//! [`Detect`], then [`sigma`] for the rule language, [`builtin`] for our own rules,
//! [`mapping`] for what hits of others' rules are about.

pub mod attack;
pub mod builtin;
pub mod cases;
mod correlate;
mod detect;
mod enrich;
pub mod event_match;
pub mod event_pattern;
mod line;
mod lines;
pub mod lint;
pub mod mapping;
mod pointer;
mod record;
pub mod response;
mod scene;
pub mod sigma;
mod stage;
pub mod watched;
mod windows;

pub use detect::{Detect, Examined, Foreign, LoadedRule};
pub use lines::{LineError, Lines};
pub use mapping::{Mapping, MappingError};
pub use stage::{Record, StageError};
