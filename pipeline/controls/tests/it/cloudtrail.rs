//! Trails.

use aisaws_controls::plan::{Outcome, PlanError, prepare};
use aisaws_controls::{Cause, resource, touched};
use aisaws_core::event::Event;
use aisaws_core::id::ControlId;
use serde_json::{Value, json};

use crate::world::{TRAIL, actions, after, control, convicts, event, fixed, the};

const STOPPED: &str = "cloudtrail.trail-logging-stopped";
const DELETED: &str = "cloudtrail.trail-deleted";
const ARN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit";

fn ct(name: &str, request: &Value) -> Event {
    event("cloudtrail", name, request, &Value::Null)
}

fn created() -> Event {
    event(
        "cloudtrail",
        "CreateTrail",
        &json!({"name": "audit", "s3BucketName": "acme-trail", "s3KeyPrefix": "",
                "isMultiRegionTrail": true, "enableLogFileValidation": true,
                "tagsList": [{"key": "team", "value": "sec"}]}),
        &json!({"name": "audit", "s3BucketName": "acme-trail", "trailARN": ARN,
                "includeGlobalServiceEvents": true, "isMultiRegionTrail": true,
                "logFileValidationEnabled": true, "isOrganizationTrail": false}),
    )
}

fn started() -> Event {
    ct("StartLogging", &json!({"name": "audit"}))
}

fn logging() -> Value {
    after(TRAIL, &[created(), started()])
}

#[test]
fn a_trail_is_the_same_by_name_and_by_arn() {
    for (name, request) in [
        ("StopLogging", json!({"name": "audit"})),
        ("StopLogging", json!({"name": ARN})),
        ("DeleteTrail", json!({"name": ARN})),
        ("UpdateTrail", json!({"name": ARN})),
        ("PutEventSelectors", json!({"trailName": ARN})),
        ("AddTags", json!({"resourceId": ARN})),
    ] {
        assert_eq!(touched(&ct(name, &request)), [the(TRAIL)], "{name} {request}");
    }
    let store = json!({"resourceId": "arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/x"});
    assert_eq!(touched(&ct("AddTags", &store)), []);
    assert_eq!(touched(&ct("DescribeTrails", &json!({"name": "audit"}))), []);
}

#[test]
fn a_new_trail_does_not_log_until_it_is_started() {
    assert_eq!(after(TRAIL, &[created()])["IsLogging"], json!(false));
    let state = logging();
    assert_eq!(state["IsLogging"], json!(true));
    assert_eq!(state["S3BucketName"], json!("acme-trail"));
    assert_eq!(state["S3KeyPrefix"], Value::Null, "an empty text is none");
    assert_eq!(state["EnableLogFileValidation"], json!(true));
    assert_eq!(resource(TRAIL).unwrap().tags(&state).unwrap()["team"], "sec");
}

#[test]
fn a_trail_first_seen_when_it_is_stopped_was_logging() {
    let handler = resource(TRAIL).unwrap();
    let assumed = handler.assumed(&the(TRAIL));
    assert!(!convicts(STOPPED, &assumed));
    let state = after(TRAIL, &[ct("StopLogging", &json!({"name": "audit"}))]);
    assert!(convicts(STOPPED, &state));
    let repaired = fixed(STOPPED, &state);
    assert_eq!(repaired, assumed);
    let calls = handler.calls(&the(TRAIL), &state, &repaired).unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].action, "cloudtrail:StartLogging");
    assert_eq!(calls[0].parameters, json!({"Name": "audit"}));
}

#[test]
fn a_scan_convicts_a_trail_that_does_not_log() {
    let state = after(TRAIL, &[created()]);
    assert!(control(STOPPED).check(&state, &Cause::Posture).unwrap().is_some());
}

#[test]
fn a_deleted_trail_comes_back_as_it_was() {
    let selectors = ct(
        "PutEventSelectors",
        &json!({"trailName": "audit", "eventSelectors": [
        {"readWriteType": "WriteOnly", "includeManagementEvents": true,
         "dataResources": [], "excludeManagementEventSources": []}]}),
    );
    let was = after(TRAIL, &[created(), started(), selectors]);
    let gone = after(TRAIL, &[created(), started(), ct("DeleteTrail", &json!({"name": ARN}))]);
    assert_eq!(gone, Value::Null);
    let asked = [ControlId::from(DELETED), ControlId::from(STOPPED)];
    let outcome = prepare(&the(TRAIL), &asked, &gone, |_| Some(was.clone())).unwrap();
    let Outcome::Plan(plan) = outcome else { panic!("{outcome:?}") };
    assert_eq!(plan.after, was);
    assert_eq!(
        actions(TRAIL, &gone, &plan.after),
        ["cloudtrail:CreateTrail", "cloudtrail:PutEventSelectors", "cloudtrail:StartLogging"]
    );
    let calls = resource(TRAIL).unwrap().calls(&the(TRAIL), &gone, &was).unwrap();
    assert_eq!(
        calls[0].parameters,
        json!({"Name": "audit", "S3BucketName": "acme-trail", "IncludeGlobalServiceEvents": true,
               "IsMultiRegionTrail": true, "IsOrganizationTrail": false,
               "EnableLogFileValidation": true, "TagsList": [{"Key": "team", "Value": "sec"}]})
    );
    assert_eq!(calls[1].parameters["EventSelectors"][0]["ReadWriteType"], json!("WriteOnly"));
    assert_eq!(actions(TRAIL, &plan.after, &gone), ["cloudtrail:DeleteTrail"]);
}

#[test]
fn a_trail_that_was_stopped_before_it_was_deleted_logs_again() {
    let was = after(TRAIL, &[created(), started(), ct("StopLogging", &json!({"name": "audit"}))]);
    let asked = [ControlId::from(DELETED)];
    let outcome = prepare(&the(TRAIL), &asked, &Value::Null, |_| Some(was.clone())).unwrap();
    let Outcome::Plan(plan) = outcome else { panic!("{outcome:?}") };
    assert_eq!(plan.after["IsLogging"], json!(true));
}

/// `CreateTrail` of one needs `organizations:EnableAWSServiceAccess` and more (Service Authorization
/// Reference, AWS CloudTrail), which no role of ours has.
#[test]
fn a_deleted_trail_of_an_organization_is_for_a_human_to_create() {
    let mut was = logging();
    was["IsOrganizationTrail"] = json!(true);
    let outcome = prepare(&the(TRAIL), &[DELETED.into()], &Value::Null, |_| Some(was.clone()));
    let Err(refused @ PlanError::Refused { .. }) = outcome else { panic!("{outcome:?}") };
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("organization") && why.contains("by hand"), "{why}");
}

#[test]
fn a_deleted_trail_nobody_knew_is_gone() {
    let asked = [ControlId::from(DELETED), ControlId::from(STOPPED)];
    let outcome = prepare(&the(TRAIL), &asked, &Value::Null, |_| None).unwrap();
    assert_eq!(outcome, Outcome::Gone);
    let bare = resource(TRAIL).unwrap().assumed(&the(TRAIL));
    let outcome = prepare(&the(TRAIL), &asked, &Value::Null, |_| Some(bare.clone())).unwrap();
    assert_eq!(outcome, Outcome::Gone, "its bucket is not known");
}

#[test]
fn an_update_changes_what_it_names() {
    let handler = resource(TRAIL).unwrap();
    let narrowed = ct(
        "UpdateTrail",
        &json!({"name": "audit", "isMultiRegionTrail": false,
                                             "kmsKeyId": ""}),
    );
    let state = handler.project(&the(TRAIL), &logging(), &narrowed).unwrap();
    let mut wanted = logging();
    wanted["IsMultiRegionTrail"] = json!(false);
    assert_eq!(state, wanted);
    let calls = handler.calls(&the(TRAIL), &state, &logging()).unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].action, "cloudtrail:UpdateTrail");
    assert_eq!(calls[0].parameters, json!({"Name": "audit", "IsMultiRegionTrail": true}));
}

#[test]
fn selectors_of_one_form_replace_those_of_the_other() {
    let advanced = ct(
        "PutEventSelectors",
        &json!({"trailName": "audit", "advancedEventSelectors":
        [{"name": "m", "fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]}]}),
    );
    let state = resource(TRAIL).unwrap().project(&the(TRAIL), &logging(), &advanced).unwrap();
    assert_eq!(state["EventSelectors"], json!({}));
    let set = state["AdvancedEventSelectors"].as_object().unwrap();
    let one = set.values().next().unwrap();
    assert_eq!(
        one,
        &json!({"Name": "m", "FieldSelectors": [{"Field": "eventCategory",
                                                 "Equals": ["Management"]}]})
    );
}
