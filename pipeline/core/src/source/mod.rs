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
pub mod glance;
pub mod guardduty;
mod lake;
mod malformed;
mod members;
mod named;
mod ocsf;
pub mod posture;
pub mod securityhub;
mod shape;

pub use bounds::{MAX_DEPTH, MAX_RECORD_BYTES, check};
pub use malformed::Malformed;
pub use members::{IDENTITY, MEMBERS};
pub use shape::{ENVELOPES, Shape, recognise};

use crate::event::{Event, Source};

/// Reads the one record in a text: bare, in its envelope, or alone in its list.
///
/// # Errors
/// [`Malformed`], also for several records and for what is none.
pub fn read_one(text: &str) -> Result<Event, Malformed> {
    match recognise(text)? {
        Shape::Record(source, raw, account) => {
            check(&raw)?;
            let mut event = parse(source, &raw)?;
            if let Some(account) = account.filter(|_| event.account.as_str() == "unknown") {
                event.account = account;
            }
            Ok(event)
        }
        Shape::Many(objects) => match &objects[..] {
            // The list of an envelope of Security Hub; a list in a list is not looked into.
            [one] => match recognise(one)? {
                Shape::Record(source, raw, _) => check(&raw).and_then(|()| parse(source, &raw)),
                Shape::Many(_) => Err(Malformed::Unknown("a list in a list is no record".into())),
                Shape::Unknown(reason) => Err(Malformed::Unknown(reason)),
            },
            several => {
                let reason = format!("{} records where one is wanted; hand in each", several.len());
                Err(Malformed::Unknown(reason))
            }
        },
        Shape::Unknown(reason) => Err(Malformed::Unknown(reason)),
    }
}

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
