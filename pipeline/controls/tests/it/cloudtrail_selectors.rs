//! Trails whose event selectors leave management events out.

use aisaws_controls::plan::{Outcome, PlanError, prepare};
use aisaws_controls::{Cause, resource};
use aisaws_core::event::Event;
use aisaws_core::id::ControlId;
use serde_json::{Value, json};

use crate::world::{TRAIL, after, control, convicts, convicts_against, event, fixed, the};

const EXCLUDED: &str = "cloudtrail.management-events-excluded";

fn created() -> Event {
    event(
        "cloudtrail",
        "CreateTrail",
        &json!({"name": "audit", "s3BucketName": "acme-trail"}),
        &Value::Null,
    )
}

/// A trail after its selectors of that form were set.
fn with(form: &str, selectors: &Value) -> Value {
    let set = event(
        "cloudtrail",
        "PutEventSelectors",
        &json!({"trailName": "audit", form: selectors}),
        &Value::Null,
    );
    after(TRAIL, &[created(), set])
}

fn basic(selectors: &Value) -> Value {
    with("eventSelectors", selectors)
}

fn advanced(field_selectors: &[Value]) -> Value {
    let list: Vec<Value> =
        field_selectors.iter().map(|fields| json!({"fieldSelectors": fields})).collect();
    with("advancedEventSelectors", &json!(list))
}

fn management(more: &[Value]) -> Value {
    let mut fields = vec![json!({"field": "eventCategory", "equals": ["Management"]})];
    fields.extend_from_slice(more);
    json!(fields)
}

fn data() -> Value {
    json!([{"field": "eventCategory", "equals": ["Data"]},
           {"field": "resources.type", "equals": ["AWS::S3::Object"]}])
}

fn s3_objects(kind: &str) -> Value {
    json!({"readWriteType": kind, "includeManagementEvents": false,
           "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]})
}

/// The selectors that the repair's one call sets.
fn set_by_repair(state: &Value, repaired: &Value, form: &str) -> Vec<Value> {
    let calls = resource(TRAIL).unwrap().calls(&the(TRAIL), state, repaired).unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].action, "cloudtrail:PutEventSelectors");
    assert_eq!(calls[0].parameters["TrailName"], json!("audit"));
    calls[0].parameters[form].as_array().unwrap().clone()
}

#[test]
fn selectors_of_the_older_form_record_what_any_of_them_does() {
    let (reads, writes) =
        (json!({"readWriteType": "ReadOnly"}), json!({"readWriteType": "WriteOnly"}));
    for (selectors, is_bad) in [
        (json!([{}]), false),
        (json!([{"readWriteType": "All", "includeManagementEvents": true}]), false),
        (json!([{"includeManagementEvents": "true", "excludeManagementEventSources": []}]), false),
        (json!([s3_objects("ReadOnly"), {"readWriteType": "All"}]), false),
        (json!([reads, writes]), false),
        (json!([reads]), true),
        (json!([writes]), true),
        (json!([{"includeManagementEvents": false}]), true),
        (json!([{"includeManagementEvents": "false"}]), true),
        (json!([{"excludeManagementEventSources": ["kms.amazonaws.com"]}]), true),
        (json!([reads, s3_objects("WriteOnly")]), true),
        (json!([{"readWriteType": "Neither"}]), true),
    ] {
        assert_eq!(convicts(EXCLUDED, &basic(&selectors)), is_bad, "{selectors}");
    }
}

#[test]
fn selectors_of_the_newer_form_record_what_any_of_them_does() {
    let read_only = |value: &str| json!({"field": "readOnly", "equals": [value]});
    let no_kms = json!({"field": "eventSource", "notEquals": ["kms.amazonaws.com"]});
    let (reads, writes) = (management(&[read_only("true")]), management(&[read_only("false")]));
    let named_so = json!([data()[0], {"field": "eventName", "equals": ["Management"]}]);
    let not_management =
        json!([{"field": "eventCategory", "equals": ["Management"], "notEquals": ["Management"]}]);
    for (selectors, is_bad) in [
        (vec![management(&[])], false),
        (vec![data(), management(&[])], false),
        (vec![reads.clone(), writes.clone()], false),
        (vec![json!({"field": "eventCategory", "equals": "Management", "startsWith": []})], false),
        (vec![data()], true),
        (vec![reads.clone()], true),
        (vec![writes], true),
        (vec![reads, management(std::slice::from_ref(&no_kms))], true),
        (vec![data(), management(&[no_kms])], true),
        (vec![named_so], true),
        (vec![not_management], true),
    ] {
        assert_eq!(convicts(EXCLUDED, &advanced(&selectors)), is_bad, "{selectors:?}");
    }
}

#[test]
fn a_scan_is_silent_and_a_baseline_that_left_them_out_acquits() {
    let state = basic(&json!([s3_objects("All")]));
    assert_eq!(control(EXCLUDED).check(&state, &Cause::Posture).unwrap(), None);
    assert!(convicts_against(EXCLUDED, &state, Some(&after(TRAIL, &[created()]))));
    let was = basic(&json!([{"readWriteType": "WriteOnly"}]));
    assert!(!convicts_against(EXCLUDED, &state, Some(&was)));
}

#[test]
fn a_trail_that_does_not_exist_excludes_nothing() {
    assert!(!convicts(EXCLUDED, &Value::Null));
}

#[test]
fn selectors_come_back_as_they_were_in_either_form() {
    let narrowed = [basic(&json!([{"includeManagementEvents": false}])), advanced(&[data()])];
    let whole = [
        (basic(&json!([{"readWriteType": "All"}, s3_objects("WriteOnly")])), "EventSelectors"),
        (advanced(&[management(&[]), data()]), "AdvancedEventSelectors"),
    ];
    for state in &narrowed {
        for (was, form) in &whole {
            let cause = Cause::Detection { baseline: Some(was) };
            let repaired = control(EXCLUDED).fix(state, &cause).unwrap();
            assert_eq!(&repaired, was);
            let restored = set_by_repair(state, &repaired, form);
            assert_eq!(restored.len(), 2);
        }
    }
}

#[test]
fn selectors_that_were_only_assumed_are_not_restored() {
    let state = basic(&json!([s3_objects("All")]));
    let assumed = resource(TRAIL).unwrap().assumed(&the(TRAIL));
    let cause = Cause::Detection { baseline: Some(&assumed) };
    let repaired = control(EXCLUDED).fix(&state, &cause).unwrap();
    assert_eq!(repaired, fixed(EXCLUDED, &state));
    let [one] = &set_by_repair(&state, &repaired, "EventSelectors")[..] else { panic!("one") };
    assert_eq!(one["DataResources"][0]["Values"], json!(["arn:aws:s3"]));
    assert_eq!(one["IncludeManagementEvents"], json!(true));
}

#[test]
fn without_a_clean_state_the_recorded_attack_is_undone_in_place() {
    // As Stratus Red Team calls it.
    let state = basic(&json!([{
        "dataResources": [{"type": "AWS::S3::Object", "values": []},
                          {"type": "AWS::Lambda::Function", "values": []}],
        "excludeManagementEventSources": [], "includeManagementEvents": false,
        "readWriteType": "ReadOnly"}]));
    assert_eq!(
        set_by_repair(&state, &fixed(EXCLUDED, &state), "EventSelectors"),
        [json!({
            "DataResources": [{"Type": "AWS::S3::Object", "Values": []},
                              {"Type": "AWS::Lambda::Function", "Values": []}],
            "ExcludeManagementEventSources": [], "IncludeManagementEvents": true,
            "ReadWriteType": "All"})]
    );
}

#[test]
fn no_more_data_events_are_recorded_than_before() {
    let state = basic(&json!([s3_objects("ReadOnly")]));
    let set = set_by_repair(&state, &fixed(EXCLUDED, &state), "EventSelectors");
    assert_eq!(set.len(), 2);
    let (of_data, added): (Vec<Value>, Vec<Value>) =
        set.into_iter().partition(|one| one["DataResources"] != json!([]));
    assert_eq!(of_data[0]["ReadWriteType"], json!("ReadOnly"));
    assert_eq!(of_data[0]["IncludeManagementEvents"], json!(false));
    assert_eq!(added[0]["ReadWriteType"], json!("All"));
    assert_eq!(added[0]["IncludeManagementEvents"], json!(true));
}

#[test]
fn a_sixth_selector_is_for_a_human() {
    let five: Vec<Value> = (0..5)
        .map(|index| {
            let mut one = s3_objects("ReadOnly");
            one["dataResources"][0]["values"] = json!([format!("arn:aws:s3:::acme-{index}/")]);
            one
        })
        .collect();
    let asked = [ControlId::from(EXCLUDED)];
    let outcome = prepare(&the(TRAIL), &asked, &basic(&json!(five)), |_| None);
    assert!(matches!(outcome, Err(PlanError::Refused { .. })), "{outcome:?}");
    let four = prepare(&the(TRAIL), &asked, &basic(&json!(five[1..])), |_| None);
    assert!(matches!(four, Ok(Outcome::Plan(_))), "{four:?}");
}

#[test]
fn a_narrowed_selector_of_the_newer_form_keeps_its_name_and_the_others() {
    let state = with(
        "advancedEventSelectors",
        &json!([
            {"name": "control plane", "fieldSelectors":
                management(&[json!({"field": "readOnly", "equals": ["true"]})])},
            {"name": "objects", "fieldSelectors": data()},
        ]),
    );
    let set = set_by_repair(&state, &fixed(EXCLUDED, &state), "AdvancedEventSelectors");
    assert_eq!(
        set,
        [
            json!({"Name": "control plane", "FieldSelectors":
                [{"Field": "eventCategory", "Equals": ["Management"]}]}),
            json!({"Name": "objects", "FieldSelectors":
                [{"Field": "eventCategory", "Equals": ["Data"]},
                 {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}]}),
        ]
    );
}

#[test]
fn where_no_selector_of_the_newer_form_is_of_management_events_one_is_added() {
    let state = advanced(&[data()]);
    let set = set_by_repair(&state, &fixed(EXCLUDED, &state), "AdvancedEventSelectors");
    assert_eq!(set.len(), 2);
    let added = json!({"Name": "Management events", "FieldSelectors":
        [{"Field": "eventCategory", "Equals": ["Management"]}]});
    assert!(set.contains(&added), "{set:?}");
}
