//! Security Hub findings into events, in whichever of its two formats.

use serde_json::Value;

use super::{Malformed, asff, ocsf};
use crate::event::Event;

/// Reads one finding, without envelope.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(raw: &str) -> Result<Event, Malformed> {
    let finding: Value = serde_json::from_str(raw)?;
    if finding.get("class_uid").is_some() {
        ocsf::parse(&finding, raw)
    } else {
        asff::parse(&finding, raw)
    }
}
