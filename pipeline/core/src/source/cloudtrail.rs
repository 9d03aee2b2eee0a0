//! CloudTrail records into events.
//!
//! Lenient where the service is (absent identity, absent account, nested error codes), strict
//! where an event could not be responded to (no name, no service, no time).
//! Source: CloudTrail user guide, "CloudTrail record contents".

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::event::{Actor, ActorKind, Event, Source};
use crate::id::{AccountId, EventId, Region, derive};

/// Why a text is no CloudTrail record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not JSON, or a field of another type than CloudTrail writes.
    #[error("not a CloudTrail record: {0}")]
    Json(#[from] serde_json::Error),
    /// A field without which nothing can be said.
    #[error("not a CloudTrail record: field `{0}` is missing; is this another kind of log?")]
    Missing(&'static str),
    /// The time is no time.
    #[error("field `eventTime` is `{0}`, not a time such as 2026-01-31T12:00:00Z")]
    Time(String),
}

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
    #[serde(borrow, rename = "responseElements")]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Identity<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arn: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "accountId")]
    account: Option<Cow<'a, str>>,
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

/// Reads one record (one JSON object, without envelope). `raw` is kept as it is.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(raw: &str) -> Result<Event, Malformed> {
    let record: Record<'_> = serde_json::from_str(raw)?;
    let name = present(record.name).ok_or(Malformed::Missing("eventName"))?;
    let service = present(record.service).ok_or(Malformed::Missing("eventSource"))?;
    let time_text = present(record.time)
        .or(present(record.logstash_time))
        .ok_or(Malformed::Missing("eventTime"))?;
    let time = timestamp(&time_text).ok_or(Malformed::Time(time_text))?;
    // An identity of an unexpected shape is an unknown caller, not a lost event.
    let identity: Identity<'_> = lenient(record.identity);
    let session: Session<'_> = lenient(identity.session);
    let account = present(record.account).or(owned(identity.account.as_ref()));
    let error_code = present(record.error_code).or_else(|| nested_error(record.response));
    let id = match present(record.id) {
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

/// CloudTrail writes UTC. Exports by way of Athena and CloudTrail Lake drop the `T` and the `Z`.
fn timestamp(text: &str) -> Option<Timestamp> {
    let utc = || {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    text.parse().ok().or_else(utc)
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

fn actor_kind(kind: &str) -> ActorKind {
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
