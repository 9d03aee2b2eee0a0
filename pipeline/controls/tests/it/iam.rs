//! Access keys.

use aisaws_controls::plan::{Outcome, PlanError, prepare};
use aisaws_controls::{Cause, resource, touched};
use aisaws_core::event::Event;
use aisaws_core::id::ControlId;
use aisaws_core::risk::Decision;
use serde_json::{Value, json};

use crate::world::{KEY, after, control, convicts, event, fixed, named, the};

const ID: &str = "iam.access-key-exposed";

fn iam(name: &str, request: &Value) -> Event {
    event("iam", name, request, &Value::Null)
}

fn created() -> Event {
    event(
        "iam",
        "CreateAccessKey",
        &json!({"userName": "bob"}),
        &json!({"accessKey": {"accessKeyId": the(KEY).id, "status": "Active", "userName": "bob",
                              "createDate": "Mar 1, 2026 10:00:00 AM"}}),
    )
}

#[test]
fn a_new_key_is_named_by_the_response() {
    assert_eq!(touched(&created()), [the(KEY)]);
    assert_eq!(
        after(KEY, &[created()]),
        json!({"Id": the(KEY).id, "UserName": "bob", "Status": "Active"})
    );
}

#[test]
fn without_a_user_name_it_is_the_callers_key() {
    let request = json!({"accessKeyId": the(KEY).id, "status": "Inactive"});
    let state = after(KEY, &[iam("UpdateAccessKey", &request)]);
    assert_eq!(state, json!({"Id": the(KEY).id, "UserName": "alice", "Status": "Inactive"}));
}

#[test]
fn using_a_key_tells_whose_it_is() {
    let key = named(KEY, "AKIAEXAMPLEALICE0001");
    let handler = resource(KEY).unwrap();
    let state = handler.assumed(&key);
    assert_eq!(state["UserName"], Value::Null);
    let used = event("s3", "ListBuckets", &Value::Null, &Value::Null);
    assert_eq!(handler.project(&key, &state, &used).unwrap()["UserName"], json!("alice"));
    assert_eq!(touched(&used), []);
}

#[test]
fn a_deleted_key_is_gone() {
    let deleted = iam("DeleteAccessKey", &json!({"accessKeyId": the(KEY).id, "userName": "bob"}));
    let state = after(KEY, &[created(), deleted]);
    assert_eq!(state, Value::Null);
    let outcome = prepare(&the(KEY), &[ControlId::from(ID)], &state, |_| None).unwrap();
    assert_eq!(outcome, Outcome::Gone);
}

#[test]
fn only_a_detection_convicts_a_key() {
    let active = after(KEY, &[created()]);
    assert!(control(ID).check(&active, &Cause::Posture).unwrap().is_none());
    assert!(convicts(ID, &active));
    assert!(!convicts(ID, &fixed(ID, &active)));
    assert_eq!(control(ID).meta().max_autonomy, Decision::AskHuman);
}

#[test]
fn a_key_is_switched_off_and_never_deleted() {
    let active = after(KEY, &[created()]);
    let inactive = fixed(ID, &active);
    let handler = resource(KEY).unwrap();
    let calls = handler.calls(&the(KEY), &active, &inactive).unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].action, "iam:UpdateAccessKey");
    assert_eq!(
        calls[0].parameters,
        json!({"UserName": "bob", "AccessKeyId": the(KEY).id, "Status": "Inactive"})
    );
    assert!(handler.calls(&the(KEY), &active, &Value::Null).is_err());
    assert!(handler.calls(&the(KEY), &Value::Null, &active).is_err());
}

#[test]
fn a_temporary_key_is_left_to_a_human() {
    let key = named(KEY, "ASIAEXAMPLEEXAMPLE01");
    let state = resource(KEY).unwrap().assumed(&key);
    let e = prepare(&key, &[ControlId::from(ID)], &state, |_| None).unwrap_err();
    assert!(matches!(e, PlanError::Refused { .. }));
    let text = aisaws_core::fault::chain(&e);
    assert!(text.contains("revoke the sessions"), "{text}");
}
