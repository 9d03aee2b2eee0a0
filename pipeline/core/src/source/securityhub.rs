//! Security Hub findings into events, in whichever of its two formats.

use jiff::Timestamp;
use serde_json::Value;

use super::{Malformed, asff, ocsf};
use crate::event::{Actor, Event, Report, Source};
use crate::id::EventId;
use crate::resource::Owner;

pub(super) const SOURCE: Source = Source::SecurityHub;

/// What either format tells.
pub(super) struct Finding {
    pub(super) id: String,
    /// When its provider changed it last.
    pub(super) time: Timestamp,
    pub(super) name: String,
    pub(super) owner: Owner,
    pub(super) report: Report,
}

/// Reads one finding, without envelope.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(raw: &str) -> Result<Event, Malformed> {
    let finding: Value = serde_json::from_str(raw)?;
    let is_ocsf = finding.get("class_uid").is_some();
    let finding = if is_ocsf { ocsf::parse(&finding) } else { asff::parse(&finding) };
    let Finding { id, time, name, owner, report } = finding?;
    Ok(Event {
        id: EventId::new(format!("{id}@{time}")),
        source: SOURCE,
        time,
        cause: Some(id),
        service: "aws.securityhub".to_owned(),
        name,
        account: owner.account,
        region: owner.region,
        actor: Actor::nobody(),
        source_address: None,
        error_code: None,
        report: Some(report),
        raw: raw.to_owned(),
    })
}
