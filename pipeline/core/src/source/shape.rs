//! What a JSON object is, told by its shape and never by where it came from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Malformed, lake};
use crate::event::Source;
use crate::id::AccountId;

/// What a JSON object was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape<'a> {
    /// One record of that source, without envelope, and the account its envelope names.
    Record(Source, Cow<'a, str>, Option<AccountId>),
    /// Several objects, each to be recognised by itself.
    Many(Vec<Cow<'a, str>>),
    /// Nothing that is read here, with the reason and what to try next.
    Unknown(String),
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// What is read here, for those who brought something else.
const READ: &str = "records of CloudTrail, findings of GuardDuty, Security Hub (ASFF, OCSF) and \
                    Access Analyzer, and compliance changes of AWS Config, bare or in EventBridge \
                    envelopes";

/// Envelopes by `detail-type`, and who alone sends them. Nobody but AWS can send events whose
/// `source` begins with `aws.`; anybody can send any `detail-type`.
/// Source: `EventBridge` Events Reference; user guide, `PutEvents`.
pub const ENVELOPES: [(&str, &str, Source); 8] = [
    ("GuardDuty Finding", "aws.guardduty", Source::GuardDuty),
    ("Config Rules Compliance Change", "aws.config", Source::Config),
    ("Security Hub Findings - Imported", "aws.securityhub", Source::SecurityHub),
    ("Security Hub Findings - Custom Action", "aws.securityhub", Source::SecurityHub),
    ("Findings Imported V2", "aws.securityhub", Source::SecurityHub),
    ("Access Analyzer Finding", "aws.access-analyzer", Source::AccessAnalyzer),
    ("Internal Access Finding", "aws.access-analyzer", Source::AccessAnalyzer),
    ("Unused Access Finding for IAM entities", "aws.access-analyzer", Source::AccessAnalyzer),
];

/// Tells what one JSON object is.
///
/// # Errors
/// [`Malformed`] where it is no JSON object, or a row that cannot be made a record of.
pub fn recognise(text: &str) -> Result<Shape<'_>, Malformed> {
    let members: Members<'_> = serde_json::from_str(text)?;
    if let (Some(detail), Some(kind)) = (members.get("detail"), word(&members, "detail-type")) {
        return envelope(&members, detail, &kind);
    }
    if let Some(shape) = batch(&members)? {
        return Ok(shape);
    }
    let has = |name: &str| members.contains_key(name);
    let has_column = |name: &str| members.keys().any(|key| key.eq_ignore_ascii_case(name));
    if has("eventName") || has("insightDetails") {
        return Ok(Shape::Record(Source::CloudTrail, Cow::Borrowed(text), None));
    }
    if has_column("eventJson") || has_column("eventName") {
        return Ok(Shape::Record(lake::SOURCE, Cow::Owned(lake::record(text)?), None));
    }
    if let Some(source) = finding(&members) {
        return Ok(Shape::Record(source, Cow::Borrowed(text), None));
    }
    Ok(Shape::Unknown(if has("invokingEvent") {
        "this is the invocation of a custom AWS Config rule and no result; send the events \
         `Config Rules Compliance Change` instead"
            .to_owned()
    } else if has("eventSource") || has("eventID") {
        "not a record of cloudtrail: field `eventName` is missing; is this another kind of log?"
            .to_owned()
    } else {
        format!("this is none of what is read: {READ}")
    }))
}

/// The source of a bare finding.
fn finding(members: &Members<'_>) -> Option<Source> {
    let has = |name: &str| members.contains_key(name);
    let is_guardduty = |arn: &str, rest: [&str; 3]| {
        let arn = word(members, arn).is_some_and(|arn| arn.contains(":guardduty:"));
        arn && rest.into_iter().all(has)
    };
    if is_guardduty("arn", ["id", "type", "service"])
        || is_guardduty("Arn", ["Id", "Type", "Service"])
    {
        Some(Source::GuardDuty)
    } else if has("ProductArn") && has("AwsAccountId") || has("class_uid") && has("finding_info") {
        Some(Source::SecurityHub)
    } else if has("configRuleName") && has("newEvaluationResult") {
        Some(Source::Config)
    } else if has("analyzedAt") && has("resourceType") && has("status") {
        Some(Source::AccessAnalyzer)
    } else if has("postureFinding") {
        Some(Source::Posture)
    } else {
        None
    }
}

/// The objects of a wrapper: a log file, an answer of an API, the rows of a query.
fn batch<'a>(members: &Members<'a>) -> Result<Option<Shape<'a>>, Malformed> {
    for name in ["Records", "Findings", "findings"] {
        if let Some(list) = members.get(name) {
            return Ok(Some(Shape::Many(elements(list)?)));
        }
    }
    let Some(rows) = members.get("QueryResultRows") else { return Ok(None) };
    let rows: Vec<&RawValue> = serde_json::from_str(rows.get())?;
    let rows = rows.into_iter().map(|row| lake::merged(row.get()).map(Cow::Owned));
    Ok(Some(Shape::Many(rows.collect::<Result<_, _>>()?)))
}

fn elements(list: &RawValue) -> Result<Vec<Cow<'_, str>>, Malformed> {
    let list: Vec<&RawValue> = serde_json::from_str(list.get())?;
    Ok(list.into_iter().map(|element| Cow::Borrowed(element.get())).collect())
}

fn envelope<'a>(
    members: &Members<'a>,
    detail: &'a RawValue,
    kind: &str,
) -> Result<Shape<'a>, Malformed> {
    let from = word(members, "source");
    let is_from = |sender: &str| from.as_deref().is_none_or(|from| from == sender);
    let forged = || {
        let from = from.as_deref().unwrap_or_default();
        Shape::Unknown(format!(
            "an envelope of type `{kind}` comes from `{from}`, which does not send them; send it \
             from its own service, or take it out of its envelope if you vouch for it"
        ))
    };
    if let Some((_, sender, source)) = ENVELOPES.iter().find(|(name, ..)| *name == kind) {
        if !is_from(sender) {
            return Ok(forged());
        }
        return match source {
            Source::SecurityHub => {
                let inside: Members<'a> = serde_json::from_str(detail.get())?;
                match inside.get("findings") {
                    Some(list) => Ok(Shape::Many(elements(list)?)),
                    None => Err(Malformed::missing(Source::SecurityHub, "detail.findings")),
                }
            }
            source => Ok(Shape::Record(*source, Cow::Borrowed(detail.get()), None)),
        };
    }
    let is_call = kind.ends_with("via CloudTrail") || {
        let inside: Members<'_> = serde_json::from_str(detail.get()).unwrap_or_default();
        inside.contains_key("eventName") && inside.contains_key("eventSource")
    };
    if !is_call {
        let from = from.as_deref().unwrap_or("an unnamed source");
        let reason =
            format!("an envelope of type `{kind}` from `{from}` is none of what is read: {READ}");
        return Ok(Shape::Unknown(reason));
    }
    if from.as_deref().is_some_and(|from| !from.starts_with("aws.")) {
        return Ok(forged());
    }
    let account = word(members, "account").map(AccountId::new);
    Ok(Shape::Record(Source::CloudTrail, Cow::Borrowed(detail.get()), account))
}

/// The text of a member.
fn word(members: &Members<'_>, name: &str) -> Option<String> {
    serde_json::from_str(members.get(name)?.get()).ok()
}
