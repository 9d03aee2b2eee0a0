//! CloudTrail records into events.
//!
//! Lenient where the service is (absent identity, absent account, nested error codes), strict
//! where an event could not be responded to (no name, no service, no time).
//! Source: CloudTrail user guide, "CloudTrail record contents".

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::timestamp;
use super::glance;
use super::lake;
use super::malformed::Malformed;
use crate::event::{Actor, ActorKind, Event, Source};
use crate::id::{AccountId, EventId, Region, derive};

/// The name of an event of CloudTrail Insights, which names no call of its own.
const INSIGHT: &str = "AwsCloudTrailInsight";

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, rename = "eventID")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "eventTime")]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "@timestamp")]
    logstash_time: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "eventName")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "eventSource")]
    service: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "awsRegion")]
    region: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "recipientAccountId")]
    account: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sourceIPAddress")]
    address: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sharedEventID")]
    shared: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "errorCode")]
    error_code: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "userIdentity")]
    identity: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestParameters")]
    request: Option<&'a RawValue>,
    #[serde(borrow, rename = "responseElements")]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    addendum: Option<&'a RawValue>,
    #[serde(borrow, rename = "insightDetails")]
    insight: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Addendum<'a> {
    #[serde(borrow, rename = "originalEventID")]
    original: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Identity<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arn: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "accountId")]
    pub(super) account: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "accessKeyId")]
    key: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "invokedBy")]
    invoked_by: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sessionContext")]
    session: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Session<'a> {
    #[serde(borrow)]
    attributes: Option<Attributes<'a>>,
    #[serde(borrow, rename = "sessionIssuer")]
    issuer: Option<Issuer<'a>>,
}

#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow, rename = "mfaAuthenticated")]
    mfa: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Issuer<'a> {
    #[serde(borrow)]
    arn: Option<Cow<'a, str>>,
}

/// Reads one record (one JSON object, without envelope). `raw` is kept as it is, but for rows
/// of an export, which are made records again.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(raw: &str) -> Result<Event, Malformed> {
    let record: Record<'_> = serde_json::from_str(raw)?;
    let structures = [record.identity, record.request, record.response];
    // What cannot be made a record again may be one: no service is kept from writing such a text.
    if lake::is_row(&structures.map(|part| part.map(RawValue::get)))
        && let Ok(record) = lake::record(raw)
    {
        return parse(&record);
    }
    let missing = |field| Malformed::missing(Source::CloudTrail, field);
    let (name, service) = match record.insight {
        // An insight tells of many calls and names them inside; no rule takes it for one.
        Some(_) if record.name.is_none() => {
            (INSIGHT.to_owned(), "cloudtrail.amazonaws.com".to_owned())
        }
        _ => (
            present(record.name).ok_or_else(|| missing("eventName"))?,
            present(record.service).ok_or_else(|| missing("eventSource"))?,
        ),
    };
    let time_text = present(record.time)
        .or(present(record.logstash_time))
        .ok_or_else(|| missing("eventTime"))?;
    let time =
        timestamp(&time_text).ok_or(Malformed::Time { field: "eventTime", text: time_text })?;
    // An identity of an unexpected shape is an unknown caller, not a lost event.
    let identity: Identity<'_> = lenient(record.identity);
    let session: Session<'_> = lenient(identity.session);
    let account = present(record.account).or(owned(identity.account.as_ref()));
    let error_code = present(record.error_code).or_else(|| nested_error(record.response));
    // A correction of an event that was delivered is that event.
    let addendum: Addendum<'_> = lenient(record.addendum);
    let id = match present(addendum.original).or(present(record.id)) {
        Some(id) => EventId::new(id),
        None => EventId::new(derive("event", &[raw]).to_string()),
    };
    Ok(Event {
        id,
        source: Source::CloudTrail,
        time,
        cause: present(record.shared),
        service,
        name,
        account: AccountId::new(account.unwrap_or_else(|| "unknown".to_owned())),
        region: Region::new(present(record.region).unwrap_or_else(|| "unknown".to_owned())),
        actor: Actor {
            kind: identity.kind.as_deref().map_or(ActorKind::Unknown, actor_kind),
            arn: owned(identity.arn.as_ref()),
            access_key_id: owned(identity.key.as_ref()),
            role_arn: session.issuer.and_then(|issuer| present(issuer.arn)),
            mfa: session.attributes.and_then(|a| a.mfa).map(|text| text == "true"),
            invoked_by: owned(identity.invoked_by.as_ref()),
        },
        source_address: present(record.address),
        error_code,
        report: None,
        raw: raw.to_owned(),
    })
}

/// The account that a record's `resources` name for the resource of that name.
pub(crate) fn owner(raw: &str, name: &str) -> Option<AccountId> {
    #[derive(Deserialize)]
    struct Resources<'a> {
        #[serde(borrow)]
        resources: Option<&'a RawValue>,
    }
    // Most records name no resources, and need no second look.
    if !raw.contains("\"resources\"") {
        return None;
    }
    let resources: Resources<'_> = serde_json::from_str(raw).ok()?;
    glance::owner(resources.resources?.get(), name)
}

fn lenient<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn present(text: Option<Cow<'_, str>>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(Cow::into_owned)
}

fn owned(text: Option<&Cow<'_, str>>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| text.as_ref().to_owned())
}

/// CloudTrail may put `errorCode` inside `responseElements`.
fn nested_error(response: Option<&RawValue>) -> Option<String> {
    let text = response?.get();
    if !text.contains("\"errorCode\"") {
        return None;
    }
    let response: Value = serde_json::from_str(text).ok()?;
    let code = response.get("errorCode")?;
    Some(code.as_str().map_or_else(|| code.to_string(), str::to_owned))
        .filter(|code| !code.is_empty())
}

pub(super) fn actor_kind(kind: &str) -> ActorKind {
    match kind {
        "Root" => ActorKind::Root,
        "IAMUser" => ActorKind::IamUser,
        "AssumedRole" | "Role" => ActorKind::AssumedRole,
        "FederatedUser" | "SAMLUser" | "WebIdentityUser" | "IdentityCenterUser" => {
            ActorKind::Federated
        }
        "AWSAccount" => ActorKind::AwsAccount,
        "AWSService" => ActorKind::AwsService,
        _ => ActorKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(extra: &str) -> String {
        format!(
            r#"{{"eventID":"e-1","eventTime":"2026-03-01T10:00:00Z","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","awsRegion":"eu-west-1","recipientAccountId":"111122223333"{extra}}}"#
        )
    }

    #[test]
    fn a_role_session_is_read_with_its_issuer() {
        let event = parse(&record(
            r#","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/ops/alice","accessKeyId":"ASIAEXAMPLE","sessionContext":{"attributes":{"mfaAuthenticated":"false"},"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/ops"}}}"#,
        ))
        .unwrap();
        assert_eq!(event.actor.kind, ActorKind::AssumedRole);
        assert_eq!(event.actor.session_name(), Some("alice"));
        assert_eq!(event.actor.principal(), Some("arn:aws:iam::111122223333:role/ops"));
        assert_eq!(event.actor.mfa, Some(false));
    }

    #[test]
    fn an_error_code_inside_response_elements_is_an_error() {
        let event = parse(&record(r#","responseElements":{"errorCode":"AccessDenied"}"#)).unwrap();
        assert_eq!(event.error_code.as_deref(), Some("AccessDenied"));
    }

    #[test]
    fn an_odd_identity_is_an_unknown_caller() {
        let event =
            parse(&record(r#","userIdentity":{"type":"NewKind","sessionContext":""}"#)).unwrap();
        assert_eq!(event.actor.kind, ActorKind::Unknown);
    }

    #[test]
    fn a_record_without_a_name_says_which_field_is_missing() {
        let e = parse(r#"{"eventID":"x","eventTime":"2026-03-01T10:00:00Z"}"#).unwrap_err();
        assert!(e.to_string().contains("`eventName`"), "{e}");
    }

    #[test]
    fn a_time_without_zone_is_utc() {
        let event = |time: &str| {
            parse(&format!(r#"{{"eventName":"A","eventSource":"b","eventTime":"{time}"}}"#))
                .unwrap()
                .time
        };
        let expected = event("2026-03-01T10:00:00Z");
        for time in
            ["2026-03-01 10:00:00", "2026-03-01 10:00:00.000000000", "2026-03-01T12:00:00+02:00"]
        {
            assert_eq!(event(time), expected, "{time}");
        }
    }

    #[test]
    fn a_time_that_is_none_is_named() {
        let e =
            parse(r#"{"eventName":"A","eventSource":"b","eventTime":"yesterday"}"#).unwrap_err();
        assert!(e.to_string().contains("yesterday"), "{e}");
    }

    #[test]
    fn a_record_without_an_id_gets_the_same_one_every_time() {
        let raw = r#"{"eventName":"A","eventSource":"b","eventTime":"2026-03-01T10:00:00Z"}"#;
        assert_eq!(parse(raw).unwrap().id, parse(raw).unwrap().id);
    }
}
