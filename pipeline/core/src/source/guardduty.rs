//! GuardDuty findings into events.
//!
//! A finding comes in `EventBridge`'s form and the export's, whose names begin in lower case, or
//! in the API's (`Id`, `Type`), which is brought into the first, so that rules see one. A
//! finding that goes on is sent again, with the same id, a later `updatedAt` and a higher
//! `count`; an administrator gets copies of its members' findings.
//! Source: GuardDuty user guide, "Finding format", "Creating custom responses with EventBridge".

use serde_json::Value;

use super::Malformed;
use super::cloudtrail::actor_kind;
use super::fields::{is_true, items, number, text, time};
use super::named::Resources;
use crate::event::{Actor, ActorKind, Event, Report, Source, Standing};
use crate::id::{AccountId, EventId, Region};
use crate::resource::{Owner, ResourceRef};
use crate::risk::Severity;

const SOURCE: Source = Source::GuardDuty;

/// Lists of `resource`, the name in each, and the type as CloudFormation calls it.
const DETAILS: [(&[&str], &str, &str); 5] = [
    (&["resource", "s3BucketDetails"], "name", "AWS::S3::Bucket"),
    (&["resource", "instanceDetails"], "instanceId", "AWS::EC2::Instance"),
    (&["resource", "accessKeyDetails"], "accessKeyId", "AWS::IAM::AccessKey"),
    (&["resource", "lambdaDetails"], "functionName", "AWS::Lambda::Function"),
    (&["resource", "rdsDbInstanceDetails"], "dbInstanceIdentifier", "AWS::RDS::DBInstance"),
];

/// Reads one finding, without envelope.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(raw: &str) -> Result<Event, Malformed> {
    let mut finding: Value = serde_json::from_str(raw)?;
    let is_of_api = finding.get("id").is_none() && finding.get("Id").is_some();
    if is_of_api {
        finding = camel(finding);
    }
    let needed = |field: &'static str| {
        text(&finding, &[field]).ok_or_else(|| Malformed::missing(SOURCE, field))
    };
    let (id, kind) = (needed("id")?, needed("type")?);
    let time = time(&finding, &[&["updatedAt"], &["createdAt"]], SOURCE, "updatedAt")?;
    let owner = Owner {
        account: AccountId::new(needed("accountId")?),
        region: Region::new(needed("region")?),
    };
    let report = Report {
        severity: number(&finding, &["severity"]).map(severity),
        standing: standing(&finding),
        resources: resources(&finding, &owner),
    };
    Ok(Event {
        id: EventId::new(format!("{id}@{time}")),
        source: SOURCE,
        time,
        cause: Some(id),
        service: "aws.guardduty".to_owned(),
        name: kind,
        account: owner.account,
        region: owner.region,
        actor: actor(&finding),
        source_address: address(&finding),
        error_code: None,
        report: Some(report),
        raw: if is_of_api { finding.to_string() } else { raw.to_owned() },
    })
}

/// Source: GuardDuty user guide, "Severity levels of findings".
fn severity(number: f64) -> Severity {
    if number >= 9.0 {
        Severity::Critical
    } else if number >= 7.0 {
        Severity::High
    } else if number >= 4.0 {
        Severity::Medium
    } else {
        Severity::Low
    }
}

fn standing(finding: &Value) -> Standing {
    let info = ["service", "additionalInfo"];
    // The API has the additional information as JSON in a text.
    let told = text(finding, &[info[0], info[1], "value"])
        .and_then(|value| serde_json::from_str::<Value>(&value).ok());
    let is_sample = is_true(finding, &[info[0], info[1], "sample"])
        || told.is_some_and(|told| is_true(&told, &["sample"]))
        || text(finding, &["title"]).is_some_and(|title| title.starts_with("[SAMPLE]"));
    if is_true(finding, &["service", "archived"]) {
        Standing::Closed
    } else if is_sample {
        Standing::Sample
    } else {
        Standing::Open
    }
}

fn resources(finding: &Value, owner: &Owner) -> Vec<ResourceRef> {
    let mut resources = Resources::default();
    for (list, name, kind) in DETAILS {
        for one in items(finding, list) {
            resources.add(kind, &text(one, &[name]).unwrap_or_default(), owner);
        }
    }
    for interface in items(finding, &["resource", "instanceDetails", "networkInterfaces"]) {
        for group in items(interface, &["securityGroups"]) {
            let id = text(group, &["groupId"]).unwrap_or_default();
            resources.add("AWS::EC2::SecurityGroup", &id, owner);
        }
    }
    let affected = ["service", "action", "awsApiCallAction", "affectedResources"];
    for one in items(finding, &affected) {
        for (kind, name) in one.as_object().into_iter().flatten() {
            resources.add(kind, name.as_str().unwrap_or_default(), owner);
        }
    }
    resources.into_sorted()
}

fn actor(finding: &Value) -> Actor {
    let of_key = |name| text(finding, &["resource", "accessKeyDetails", name]);
    Actor {
        kind: of_key("userType").map_or(ActorKind::Unknown, |kind| actor_kind(&kind)),
        arn: None,
        access_key_id: of_key("accessKeyId"),
        role_arn: None,
        mfa: None,
        invoked_by: None,
    }
}

fn address(finding: &Value) -> Option<String> {
    let action = finding.get("service")?.get("action")?.as_object()?;
    action.values().find_map(|action| text(action, &["remoteIpDetails", "ipAddressV4"]))
}

/// The names of the API's form as the other forms have them. Names that are data (types of
/// resources, tags' keys are values) stay.
fn camel(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| {
                    let mut letters = key.chars();
                    let key = match letters.next() {
                        Some(first) if !key.contains(':') => {
                            first.to_lowercase().chain(letters).collect()
                        }
                        _ => key,
                    };
                    (key, camel(value))
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(camel).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
