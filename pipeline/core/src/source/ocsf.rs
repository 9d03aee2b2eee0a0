//! Security Hub findings in the Open Cybersecurity Schema Framework (OCSF) into events.
//! Source: Security Hub user guide, "OCSF findings in Security Hub"; OCSF schema 1.6,
//! classes of the category Findings.

use serde_json::Value;

use super::Malformed;
use super::fields::{is_one_of, items, text, time};
use super::named::Resources;
use super::securityhub::{Finding, SOURCE};
use crate::event::{Report, Standing};
use crate::id::{AccountId, Region};
use crate::resource::{Owner, ResourceRef};
use crate::risk::Severity;

pub(super) fn parse(finding: &Value) -> Result<Finding, Malformed> {
    let id = text(finding, &["finding_info", "uid"])
        .ok_or_else(|| Malformed::missing(SOURCE, "finding_info.uid"))?;
    let modified: [&[&str]; 6] = [
        &["finding_info", "modified_time_dt"],
        &["finding_info", "modified_time"],
        &["time_dt"],
        &["time"],
        &["finding_info", "created_time_dt"],
        &["finding_info", "created_time"],
    ];
    let time = time(finding, &modified, SOURCE, "finding_info.modified_time_dt")?;
    let account = text(finding, &["cloud", "account", "uid"])
        .ok_or_else(|| Malformed::missing(SOURCE, "cloud.account.uid"))?;
    let region = text(finding, &["cloud", "region"]).unwrap_or_else(|| "unknown".to_owned());
    let owner = Owner { account: AccountId::new(account), region: Region::new(region) };
    let report = Report {
        severity: severity(finding),
        standing: standing(finding),
        resources: resources(finding, &owner),
    };
    Ok(Finding { id, time, name: name(finding), owner, report })
}

/// The control that failed, else the finding's type, else its title.
fn name(finding: &Value) -> String {
    let types = items_of_text(finding);
    text(finding, &["compliance", "control"])
        .or(types)
        .or_else(|| text(finding, &["finding_info", "title"]))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn items_of_text(finding: &Value) -> Option<String> {
    let types = finding.get("finding_info")?.get("types")?.as_array()?;
    types.first()?.as_str().map(str::to_owned)
}

/// `severity_id`; what is fatal is critical here.
fn severity(finding: &Value) -> Option<Severity> {
    match text(finding, &["severity_id"])?.as_str() {
        "1" => Some(Severity::Informational),
        "2" => Some(Severity::Low),
        "3" => Some(Severity::Medium),
        "4" => Some(Severity::High),
        "5" | "6" => Some(Severity::Critical),
        _ => None,
    }
}

fn standing(finding: &Value) -> Standing {
    // activity_id 3: Close. status_id 3: Suppressed, 4: Resolved, 5: Archived, 6: Deleted.
    let is_closed = is_one_of(finding, &["activity_id"], &["3"])
        || is_one_of(finding, &["activity_name"], &["Close"])
        || is_one_of(finding, &["status_id"], &["3", "4", "5", "6"])
        || is_one_of(finding, &["status"], &["Suppressed", "Resolved", "Archived", "Deleted"])
        || is_one_of(finding, &["compliance", "status_id"], &["1"])
        || is_one_of(finding, &["compliance", "status"], &["Pass", "Passed"]);
    let title = text(finding, &["finding_info", "title"]);
    if is_closed {
        Standing::Closed
    } else if title.is_some_and(|title| title.starts_with("[SAMPLE]")) {
        Standing::Sample
    } else {
        Standing::Open
    }
}

fn resources(finding: &Value, owner: &Owner) -> Vec<ResourceRef> {
    let mut resources = Resources::default();
    for one in items(finding, &["resources"]) {
        let account = text(one, &["owner", "account", "uid"]).map(AccountId::new);
        let region = text(one, &["region"]).map(Region::new);
        let here = Owner {
            account: account.unwrap_or_else(|| owner.account.clone()),
            region: region.unwrap_or_else(|| owner.region.clone()),
        };
        let (kind, id) = (text(one, &["type"]), text(one, &["uid"]));
        if let (Some(kind), Some(id)) = (kind, id) {
            resources.add(&kind, &id, &here);
        }
    }
    resources.into_sorted()
}
