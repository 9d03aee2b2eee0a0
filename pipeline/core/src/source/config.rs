//! AWS Config's changes of compliance into events.
//!
//! Config tells of a change only: a resource that stays non-compliant is silent. Every
//! evaluation that is told of is therefore an event that stands for itself.
//! Source: Config developer guide, "Example notification: compliance change".

use serde_json::Value;

use super::Malformed;
use super::fields::{is_one_of, text, time};
use super::named::Resources;
use crate::event::{Actor, Event, Report, Source, Standing};
use crate::id::{AccountId, EventId, Region};
use crate::resource::Owner;

const SOURCE: Source = Source::Config;

/// Reads the `detail` of one `Config Rules Compliance Change`.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(raw: &str) -> Result<Event, Malformed> {
    let change: Value = serde_json::from_str(raw)?;
    let needed = |field: &'static str| {
        text(&change, &[field]).ok_or_else(|| Malformed::missing(SOURCE, field))
    };
    let rule = needed("configRuleName")?;
    let (kind, id) = (needed("resourceType")?, needed("resourceId")?);
    let recorded: [&[&str]; 2] =
        [&["newEvaluationResult", "resultRecordedTime"], &["notificationCreationTime"]];
    let time = time(&change, &recorded, SOURCE, "newEvaluationResult.resultRecordedTime")?;
    let owner = Owner {
        account: AccountId::new(needed("awsAccountId")?),
        region: Region::new(needed("awsRegion")?),
    };
    // No result at all: the resource or the rule is gone.
    let is_bad = is_one_of(&change, &["newEvaluationResult", "complianceType"], &["NON_COMPLIANT"]);
    let mut resources = Resources::default();
    resources.add(&kind, &id, &owner);
    let (account, region) = (&owner.account, &owner.region);
    Ok(Event {
        id: EventId::new(format!("{account}/{region}/{rule}/{kind}/{id}@{time}")),
        source: SOURCE,
        time,
        cause: None,
        service: "aws.config".to_owned(),
        name: rule,
        account: owner.account,
        region: owner.region,
        actor: Actor::nobody(),
        source_address: None,
        error_code: None,
        report: Some(Report {
            severity: None,
            standing: if is_bad { Standing::Open } else { Standing::Closed },
            resources: resources.into_sorted(),
        }),
        raw: raw.to_owned(),
    })
}
