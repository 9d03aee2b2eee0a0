//! Parsers of outside bytes into [`crate::event::Event`], one module a source.
//!
//! [`recognise`] tells by its shape what a JSON object is; [`parse`] reads a record of a known
//! source. Reading a record again gives the same event, so a store keeps records only.

pub mod accessanalyzer;
mod asff;
mod bounds;
pub mod cloudtrail;
pub mod config;
mod fields;
pub mod guardduty;
mod lake;
mod malformed;
mod named;
mod ocsf;
pub mod posture;
pub mod securityhub;
mod shape;

pub use bounds::{MAX_DEPTH, MAX_RECORD_BYTES, check};
pub use malformed::Malformed;
pub use shape::{ENVELOPES, Shape, recognise};

use crate::event::{Event, Source};

/// Reads one record of that source, without envelope.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(source: Source, raw: &str) -> Result<Event, Malformed> {
    match source {
        Source::CloudTrail => cloudtrail::parse(raw),
        Source::GuardDuty => guardduty::parse(raw),
        Source::Config => config::parse(raw),
        Source::SecurityHub => securityhub::parse(raw),
        Source::AccessAnalyzer => accessanalyzer::parse(raw),
        Source::Posture => posture::parse(raw),
    }
}
