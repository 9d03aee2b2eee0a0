//! Plans: what people see of them, and what they refuse to do.

use aisaws_controls::plan::{
    Changed, Outcome, Plan, PlanError, apply_guarded, diff_text, prepare, rollback, verify,
};
use aisaws_controls::s3::{Bucket, Grant, Grantee, ObjectOwnership, Permission, PublicAccessBlock};
use aisaws_controls::{all, get, resource, resources};
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::id::ControlId;
use serde_json::{Value, json};

use crate::world::{BUCKET, GROUP, named, the};

fn open_bucket() -> Value {
    let mut bucket = Bucket::new("111122223333");
    bucket.object_ownership = Some(ObjectOwnership::ObjectWriter);
    bucket.public_access_block_configuration = Some(PublicAccessBlock::OFF);
    bucket.acl_grants.insert(Grant::new(Grantee::all_users(), Permission::Read));
    serde_json::to_value(&bucket).unwrap()
}

fn controls() -> [ControlId; 2] {
    ["s3.bucket-acl-public", "s3.block-public-access-off"].map(ControlId::from)
}

fn plan() -> Plan {
    match prepare(&the(BUCKET), &controls(), &open_bucket(), |_| None).unwrap() {
        Outcome::Plan(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_patch_names_what_it_changes_and_tests_it_first() {
    let patch = serde_json::to_value(plan().patch).unwrap();
    let block = "/PublicAccessBlockConfiguration";
    let mut wanted = Vec::new();
    for name in
        ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]
    {
        wanted.push(json!({"op": "test", "path": format!("{block}/{name}"), "value": false}));
        wanted.push(json!({"op": "replace", "path": format!("{block}/{name}"), "value": true}));
    }
    let grant = "/AclGrants/AllUsers READ";
    let public = open_bucket()["AclGrants"]["AllUsers READ"].clone();
    wanted.push(json!({"op": "test", "path": grant, "value": public}));
    wanted.push(json!({"op": "remove", "path": grant}));
    assert_eq!(patch, Value::Array(wanted));
}

#[test]
fn the_digest_is_that_of_resource_and_patch() {
    let plan = plan();
    assert_eq!(plan.digest, Digest::of(&json!({"resource": plan.resource, "patch": plan.patch})));
    let elsewhere = prepare(&named(BUCKET, "other"), &controls(), &open_bucket(), |_| None);
    let Ok(Outcome::Plan(elsewhere)) = elsewhere else { panic!("it convicts") };
    assert_ne!(plan.digest, elsewhere.digest);
}

#[test]
fn people_read_a_plan_as_lines() {
    let plan = plan();
    assert_eq!(
        diff_text(&plan.before, &plan.after),
        "~ PublicAccessBlockConfiguration > BlockPublicAcls: false -> true\n\
         ~ PublicAccessBlockConfiguration > BlockPublicPolicy: false -> true\n\
         ~ PublicAccessBlockConfiguration > IgnorePublicAcls: false -> true\n\
         ~ PublicAccessBlockConfiguration > RestrictPublicBuckets: false -> true\n\
         - AclGrants > AllUsers READ: {\"Grantee\":{\"URI\":\
         \"http://acs.amazonaws.com/groups/global/AllUsers\"},\"Permission\":\"READ\"}"
    );
    assert_eq!(diff_text(&plan.before, &plan.before), "");
}

#[test]
fn text_from_outside_cannot_break_a_line() {
    let lines = diff_text(&json!({}), &json!({"Tags": {"a": "x\n- all is well"}}));
    assert_eq!(lines, r#"+ Tags: {"a":"x\n- all is well"}"#);
    let key = diff_text(&json!({"Tags": {}}), &json!({"Tags": {"a\nb": 1}}));
    assert_eq!(key.lines().count(), 1, "{key}");
    let turned = diff_text(&json!({"Tags": "é"}), &json!({"Tags": "\u{202e}gnp"}));
    assert_eq!(turned, r#"~ Tags: "é" -> "\u{202e}gnp""#);
}

#[test]
fn a_read_back_names_what_is_wrong() {
    let plan = plan();
    let check = |now: &Value| verify(&controls(), &plan.before, &plan.after, now, |_| None).all();
    assert_eq!(check(&plan.after), Vec::<String>::new());
    let mut half = plan.after.clone();
    half["PublicAccessBlockConfiguration"]["IgnorePublicAcls"] = json!(false);
    assert_eq!(
        check(&half),
        [
            "`s3.block-public-access-off` still finds: Block Public Access has \
             `IgnorePublicAcls` off",
            "`/PublicAccessBlockConfiguration/IgnorePublicAcls` does not hold what was written",
        ]
    );
    let mut besides = plan.after.clone();
    besides["Tags"] = json!({"a/b": "c"});
    assert_eq!(check(&besides), ["`/Tags/a~1b` changed, which was not planned"]);
    let mut lost = plan.after.clone();
    lost["AclGrants"] = json!({});
    let owner = "`/AclGrants/id=111122223333 FULL_CONTROL` changed, which was not planned";
    assert_eq!(check(&lost), [owner]);
    assert!(check(&Value::Null).iter().any(|line| line.contains("does not hold")));
}

#[test]
fn a_write_needs_every_field_as_it_was_found_or_as_it_is_wanted() {
    let plan = plan();
    let mut now = plan.before.clone();
    now["Tags"] = json!({"team": "web"});
    now["PublicAccessBlockConfiguration"]["BlockPublicAcls"] = json!(true);
    let mut wanted = plan.after.clone();
    wanted["Tags"] = json!({"team": "web"});
    assert_eq!(apply_guarded(&plan.before, &plan.after, &now), Ok(wanted));
    now["PublicAccessBlockConfiguration"] = Value::Null;
    let changed = apply_guarded(&plan.before, &plan.after, &now).unwrap_err();
    let Changed(paths) = &changed;
    assert!(paths.contains(&"/PublicAccessBlockConfiguration/BlockPublicAcls".to_owned()));
    assert!(!paths.contains(&"/AclGrants/AllUsers READ".to_owned()), "{changed}");
}

#[test]
fn a_half_done_write_is_undone_and_what_others_did_is_left() {
    let plan = plan();
    let mut now = plan.before.clone();
    now["PublicAccessBlockConfiguration"] = plan.after["PublicAccessBlockConfiguration"].clone();
    let back = rollback(&plan.before, &plan.after, &now);
    assert_eq!((back.target, back.left), (plan.before.clone(), vec![]));

    let mut taken = plan.after.clone();
    taken["PublicAccessBlockConfiguration"] = Value::Null;
    let back = rollback(&plan.before, &plan.after, &taken);
    assert_eq!(back.left.len(), 4, "{:?}", back.left);
    assert_eq!(back.target["PublicAccessBlockConfiguration"], Value::Null);
    assert_eq!(back.target["AclGrants"], plan.before["AclGrants"], "the rest is taken back");
}

#[test]
fn a_third_value_is_neither_written_over_nor_taken_back() {
    let (before, after) = (json!({"A": 1, "B": {}}), json!({"A": 2, "B": {"x": 1}}));
    let now = json!({"A": 3, "B": {"x": 2}});
    let paths = vec!["/A".to_owned(), "/B/x".to_owned()];
    assert_eq!(apply_guarded(&before, &after, &now), Err(Changed(paths.clone())));
    let back = rollback(&before, &after, &now);
    assert_eq!((back.target, back.left), (now, paths));
}

#[test]
fn what_is_not_there_to_take_back_into_is_left() {
    let before = json!({"A": {"x": 1, "y": 2}});
    let after = json!({"A": {"y": 2}});
    let back = rollback(&before, &after, &json!({"A": null}));
    assert_eq!((back.target, back.left), (json!({"A": null}), vec!["/A/x".to_owned()]));
}

#[test]
fn controls_that_do_not_fit_are_bad_input() {
    let ask = |id: &str, kind: &str| {
        prepare(&the(kind), &[ControlId::from(id)], &open_bucket(), |_| None).unwrap_err()
    };
    let unknown = ask("s3.no-such-control", BUCKET);
    assert!(matches!(unknown, PlanError::UnknownControl(_)));
    let wrong = ask("s3.bucket-acl-public", GROUP);
    assert!(matches!(wrong, PlanError::WrongType { .. }));
    assert_eq!([unknown.fault(), wrong.fault()], [Fault::BadInput, Fault::BadInput]);
}

#[test]
fn a_bucket_that_is_gone_or_clean_is_said_to_be() {
    let ask = |state: &Value| prepare(&the(BUCKET), &controls(), state, |_| None).unwrap();
    assert_eq!(ask(&Value::Null), Outcome::Gone);
    assert_eq!(ask(&resource(BUCKET).unwrap().assumed(&the(BUCKET))), Outcome::Clean);
}

#[test]
fn ids_are_unique_and_every_control_has_a_resource_and_a_text() {
    for (index, control) in all().iter().enumerate() {
        let meta = control.meta();
        assert!(!all()[..index].iter().any(|other| other.meta().id == meta.id), "{}", meta.id);
        assert!(get(&meta.control_id()).is_some());
        assert!(resource(meta.resource_type).is_some(), "{}", meta.id);
        let texts = [meta.title, meta.what, meta.why, meta.repair];
        assert!(texts.iter().all(|text| !text.is_empty() && !text.contains("  ")), "{}", meta.id);
        assert!(!meta.pitfalls.is_empty() && !meta.compliance.is_empty(), "{}", meta.id);
        assert!(meta.references.iter().all(|url| url.starts_with("https://")), "{}", meta.id);
    }
    assert_eq!(all().len(), 13);
    assert_eq!(resources().len(), 4);
}

#[test]
fn a_write_to_what_is_gone_has_changed_even_if_it_only_takes_away() {
    let (before, after) = (json!({"Rules": {"a": 1}}), json!({"Rules": {}}));
    assert!(apply_guarded(&before, &after, &Value::Null).is_err());
    assert_eq!(apply_guarded(&before, &after, &after).unwrap(), after);
    // What is to be created, or to be deleted, may well be absent.
    assert_eq!(apply_guarded(&Value::Null, &after, &Value::Null).unwrap(), after);
    assert_eq!(apply_guarded(&before, &Value::Null, &Value::Null).unwrap(), Value::Null);
}
