//! Short words for tests: events, resources, controls.

use aisaws_controls::{AnyControl, Cause, get, resource};
use aisaws_core::event::Event;
use aisaws_core::id::{AccountId, ControlId, Region};
use aisaws_core::resource::ResourceRef;
use aisaws_core::source::cloudtrail;
use serde_json::{Value, json};

pub(crate) const BUCKET: &str = "AWS::S3::Bucket";
pub(crate) const GROUP: &str = "AWS::EC2::SecurityGroup";
pub(crate) const KEY: &str = "AWS::IAM::AccessKey";
pub(crate) const TRAIL: &str = "AWS::CloudTrail::Trail";

/// The resource that all tests of a type are about.
pub(crate) fn the(kind: &str) -> ResourceRef {
    let id = match kind {
        BUCKET => "acme-reports",
        GROUP => "sg-0a1b2c3d4e5f60718",
        KEY => "AKIAEXAMPLEEXAMPLE01",
        _ => "audit",
    };
    named(kind, id)
}

pub(crate) fn named(kind: &str, id: &str) -> ResourceRef {
    ResourceRef {
        kind: kind.to_owned(),
        id: id.to_owned(),
        account: AccountId::new("111122223333"),
        region: Region::new("eu-west-1"),
    }
}

pub(crate) fn control(id: &str) -> &'static dyn AnyControl {
    get(&ControlId::new(id)).unwrap_or_else(|| panic!("no control {id}"))
}

/// A successful event of the user `alice`.
pub(crate) fn event(service: &str, name: &str, request: &Value, response: &Value) -> Event {
    event_with(service, name, json!({"requestParameters": request, "responseElements": response}))
}

pub(crate) fn event_with(service: &str, name: &str, extra: Value) -> Event {
    let mut record = json!({
        "eventID": "11111111-2222-3333-4444-555555555555",
        "eventTime": "2026-03-01T10:00:00Z",
        "eventName": name,
        "eventSource": format!("{service}.amazonaws.com"),
        "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "IAMUser",
            "arn": "arn:aws:iam::111122223333:user/ops/alice",
            "accountId": "111122223333",
            "accessKeyId": "AKIAEXAMPLEALICE0001",
        },
    });
    let Value::Object(extra) = extra else { panic!("extra fields are an object") };
    record.as_object_mut().unwrap().extend(extra);
    cloudtrail::parse(&record.to_string()).unwrap()
}

/// The state after the events, from the one that is assumed.
pub(crate) fn after(kind: &str, events: &[Event]) -> Value {
    let (handler, subject) = (resource(kind).unwrap(), the(kind));
    events.iter().fold(handler.assumed(&subject), |state, event| {
        handler.project(&subject, &state, event).unwrap()
    })
}

pub(crate) fn convicts(id: &str, state: &Value) -> bool {
    convicts_against(id, state, None)
}

pub(crate) fn convicts_against(id: &str, state: &Value, baseline: Option<&Value>) -> bool {
    control(id).check(state, &Cause::Detection { baseline }).unwrap().is_some()
}

pub(crate) fn fixed(id: &str, state: &Value) -> Value {
    control(id).fix(state, &Cause::Detection { baseline: None }).unwrap()
}

/// The actions of calls, in order.
pub(crate) fn actions(kind: &str, before: &Value, after: &Value) -> Vec<String> {
    let calls = resource(kind).unwrap().calls(&the(kind), before, after).unwrap();
    calls.into_iter().map(|call| call.action).collect()
}
