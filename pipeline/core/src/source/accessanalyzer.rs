//! IAM Access Analyzer's findings into events.
//! Source: IAM user guide, "Monitoring IAM Access Analyzer with Amazon EventBridge"; Access
//! Analyzer API Reference, `Finding`.

use serde_json::Value;

use super::Malformed;
use super::fields::{is_one_of, is_true, text, time};
use super::named::Resources;
use crate::event::{Actor, Event, Report, Source, Standing};
use crate::id::{AccountId, EventId, Region};
use crate::resource::Owner;

const SOURCE: Source = Source::AccessAnalyzer;

/// Reads the `detail` of one `Access Analyzer Finding`, or a finding as the API gives it.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(raw: &str) -> Result<Event, Malformed> {
    let finding: Value = serde_json::from_str(raw)?;
    let needed = |field: &'static str| {
        text(&finding, &[field]).ok_or_else(|| Malformed::missing(SOURCE, field))
    };
    let (id, kind) = (needed("id")?, needed("resourceType")?);
    let resource = needed("resource")?;
    let updated: [&[&str]; 3] = [&["updatedAt"], &["analyzedAt"], &["createdAt"]];
    let time = time(&finding, &updated, SOURCE, "updatedAt")?;
    let unknown = || "unknown".to_owned();
    let account = text(&finding, &["resourceOwnerAccount"])
        .or_else(|| text(&finding, &["accountId"]))
        .unwrap_or_else(unknown);
    let owner = Owner {
        account: AccountId::new(account),
        region: Region::new(text(&finding, &["region"]).unwrap_or_else(unknown)),
    };
    // A finding with an error says that the resource could not be analysed, not that it is open.
    let is_open = is_one_of(&finding, &["status"], &["ACTIVE"])
        && !is_true(&finding, &["isDeleted"])
        && text(&finding, &["error"]).is_none();
    let mut resources = Resources::default();
    resources.add(&kind, &resource, &owner);
    Ok(Event {
        id: EventId::new(format!("{id}@{time}")),
        source: SOURCE,
        time,
        cause: Some(id),
        service: "aws.access-analyzer".to_owned(),
        name: text(&finding, &["findingType"]).unwrap_or_else(|| "ExternalAccess".to_owned()),
        account: owner.account,
        region: owner.region,
        actor: Actor::nobody(),
        source_address: None,
        error_code: None,
        report: Some(Report {
            severity: None,
            standing: if is_open { Standing::Open } else { Standing::Closed },
            resources: resources.into_sorted(),
        }),
        raw: raw.to_owned(),
    })
}
