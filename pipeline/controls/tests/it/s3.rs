//! Bucket controls: the pitfalls, case by case.

use aisaws_controls::plan::{Outcome, PlanError, prepare};
use aisaws_controls::s3::{
    Algorithm, Bucket, BucketPolicy, Encryption, Grant, Grantee, Logging, ObjectOwnership,
    Permission, PublicAccessBlock, Versioning, VersioningStatus,
};
use aisaws_controls::{Cause, Document, Keyed, resource};
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::id::ControlId;
use aisaws_core::risk::Decision;
use serde_json::{Value, json};

use crate::world::{BUCKET, actions, control, convicts, convicts_against, fixed, the};

fn json(bucket: &Bucket) -> Value {
    serde_json::to_value(bucket).unwrap()
}

fn bucket(change: impl FnOnce(&mut Bucket)) -> Value {
    let mut bucket = Bucket::new("111122223333");
    change(&mut bucket);
    json(&bucket)
}

fn public_read(bucket: &mut Bucket) {
    bucket.object_ownership = Some(ObjectOwnership::ObjectWriter);
    bucket.acl_grants.insert(Grant::new(Grantee::all_users(), Permission::Read));
    bucket.acl_grants.insert(Grant::new(Grantee::log_delivery(), Permission::Write));
    bucket.acl_grants.insert(Grant::new(Grantee::Account("79a5".into()), Permission::Read));
}

fn statement(sid: &str, principal: &Value) -> Document {
    Document(json!({
        "Sid": sid, "Effect": "Allow", "Principal": principal,
        "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::acme-reports/*",
    }))
}

fn with_policy(statements: Vec<Document>) -> Value {
    bucket(|bucket| {
        bucket.bucket_policy = Some(BucketPolicy {
            version: Some("2012-10-17".to_owned()),
            id: None,
            statement: statements.into_iter().collect(),
        });
    })
}

#[test]
fn a_new_bucket_is_clean_for_every_control() {
    let state = bucket(|_| {});
    for control in aisaws_controls::all() {
        if control.meta().resource_type == BUCKET && control.meta().catalogue != ["S3-09"] {
            assert!(!convicts(control.meta().id, &state), "{}", control.meta().id);
        }
    }
}

#[test]
fn only_public_grants_are_removed() {
    let state = bucket(public_read);
    let after = fixed("s3.bucket-acl-public", &state);
    let mut keys: Vec<&String> = after["AclGrants"].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["LogDelivery WRITE", "id=111122223333 FULL_CONTROL", "id=79a5 READ"]);
}

#[test]
fn the_list_is_written_back_and_no_canned_one() {
    let state = bucket(public_read);
    let after = fixed("s3.bucket-acl-public", &state);
    let calls = resource(BUCKET).unwrap().calls(&the(BUCKET), &state, &after).unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].action, "s3:PutBucketAcl");
    assert_eq!(
        calls[0].parameters,
        json!({
            "Bucket": "acme-reports",
            "AccessControlPolicy": {
                "Owner": {"ID": "111122223333"},
                "Grants": [
                    {"Grantee": {"Type": "Group",
                        "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"},
                     "Permission": "WRITE"},
                    {"Grantee": {"Type": "CanonicalUser", "ID": "111122223333"},
                     "Permission": "FULL_CONTROL"},
                    {"Grantee": {"Type": "CanonicalUser", "ID": "79a5"}, "Permission": "READ"},
                ],
            },
        })
    );
}

#[test]
fn grants_that_are_void_are_left_alone() {
    let state = bucket(|bucket| {
        public_read(bucket);
        bucket.object_ownership = Some(ObjectOwnership::BucketOwnerEnforced);
    });
    assert!(!convicts("s3.bucket-acl-public", &state));
    for ownership in [None, Some(ObjectOwnership::BucketOwnerPreferred)] {
        let state = bucket(|bucket| {
            public_read(bucket);
            bucket.object_ownership = ownership;
        });
        assert!(convicts("s3.bucket-acl-public", &state));
    }
}

#[test]
fn any_account_of_anybody_is_public_too() {
    for permission in [Permission::Read, Permission::WriteAcp, Permission::FullControl] {
        let state = bucket(|bucket| {
            bucket.object_ownership = None;
            bucket.acl_grants.insert(Grant::new(Grantee::authenticated_users(), permission));
        });
        assert!(convicts("s3.bucket-acl-public", &state));
    }
}

#[test]
fn each_of_the_four_settings_counts_and_so_does_none() {
    let id = "s3.block-public-access-off";
    let off: [fn(&mut PublicAccessBlock); 4] = [
        |block| block.block_public_acls = false,
        |block| block.block_public_policy = false,
        |block| block.ignore_public_acls = false,
        |block| block.restrict_public_buckets = false,
    ];
    for switch in off {
        let mut block = PublicAccessBlock::ON;
        switch(&mut block);
        let state = bucket(|bucket| bucket.public_access_block_configuration = Some(block));
        assert!(convicts(id, &state));
        assert!(!convicts(id, &fixed(id, &state)));
    }
    let state = bucket(|bucket| bucket.public_access_block_configuration = None);
    let after = fixed(id, &state);
    assert_eq!(
        after["PublicAccessBlockConfiguration"],
        json!({"BlockPublicAcls": true, "BlockPublicPolicy": true,
               "IgnorePublicAcls": true, "RestrictPublicBuckets": true})
    );
    let calls = resource(BUCKET).unwrap().calls(&the(BUCKET), &after, &state).unwrap();
    assert_eq!(calls[0].parameters, json!({"Bucket": "acme-reports"}), "absent is a value");
}

#[test]
fn statements_that_are_not_public_stay_as_they_are() {
    let kept = statement("Kept", &json!({"AWS": "arn:aws:iam::111122223333:root"}));
    let state = with_policy(vec![statement("Open", &json!("*")), kept.clone()]);
    let after = fixed("s3.bucket-policy-public", &state);
    let left: Vec<&Value> =
        after["BucketPolicy"]["Statement"].as_object().unwrap().values().collect();
    assert_eq!(left, [&kept.0]);
    assert_eq!(actions(BUCKET, &state, &after), ["s3:PutBucketPolicy"]);
}

#[test]
fn the_policy_goes_only_when_nothing_is_left_of_it() {
    let state =
        with_policy(vec![statement("One", &json!("*")), statement("Two", &json!({"AWS": "*"}))]);
    let after = fixed("s3.bucket-policy-public", &state);
    assert_eq!(after["BucketPolicy"], Value::Null);
    assert_eq!(actions(BUCKET, &state, &after), ["s3:DeleteBucketPolicy"]);
}

#[test]
fn a_statement_and_its_twin_are_told_apart_by_content() {
    let one = statement("Same", &json!("*"));
    let two = statement("Same", &json!({"AWS": "111122223333"}));
    let statements: Keyed<Document> = [one, two].into_iter().collect();
    assert_eq!(statements.len(), 2);
}

fn encrypted(algorithm: Algorithm, key: Option<&str>) -> Value {
    bucket(|bucket| {
        bucket.bucket_encryption =
            Encryption { algorithm, kms_key: key.map(str::to_owned), bucket_key_enabled: true };
    })
}

#[test]
fn encryption_is_judged_against_what_it_was() {
    let id = "s3.default-encryption-removed";
    let weak = encrypted(Algorithm::Aes256, None);
    let (kms, other) =
        (encrypted(Algorithm::Kms, Some("k-1")), encrypted(Algorithm::Kms, Some("k-2")));
    let double = encrypted(Algorithm::KmsDualLayer, Some("k-1"));
    for (now, was, is_bad) in [
        (&weak, &kms, true),
        (&weak, &double, true),
        (&kms, &double, true),
        (&other, &kms, true),
        (&kms, &kms, false),
        (&double, &kms, false),
        (&kms, &weak, false),
        (&weak, &weak, false),
    ] {
        assert_eq!(convicts_against(id, now, Some(was)), is_bad, "{now} after {was}");
        let cause = Cause::Detection { baseline: Some(was) };
        let after = control(id).fix(now, &cause).unwrap();
        assert_eq!(&after, if is_bad { was } else { now });
    }
    assert!(!convicts(id, &weak), "without a clean state AES256 is what every bucket has");
}

#[test]
fn suspended_versioning_is_enabled_and_none_is_left_alone() {
    let id = "s3.versioning-suspended";
    let with = |status, mfa_delete| {
        bucket(|bucket| {
            bucket.versioning_configuration = Some(Versioning { status, mfa_delete });
        })
    };
    let suspended = with(VersioningStatus::Suspended, false);
    assert_eq!(fixed(id, &suspended), with(VersioningStatus::Enabled, false));
    assert!(!convicts(id, &bucket(|_| {})), "never enabled");
    let locked = with(VersioningStatus::Suspended, true);
    assert!(convicts(id, &locked));
    let refusal = prepare(&the(BUCKET), &[ControlId::from(id)], &locked, |_| None).unwrap_err();
    assert!(matches!(refusal, PlanError::Refused { .. }));
    assert_eq!(refusal.fault(), Fault::Refused);
}

#[test]
fn logging_comes_back_from_the_clean_state_or_not_at_all() {
    let id = "s3.access-logging-removed";
    let off = bucket(|_| {});
    let on = bucket(|bucket| {
        bucket.logging_configuration = Some(Logging {
            destination_bucket_name: "acme-logs".to_owned(),
            log_file_prefix: "s3/".to_owned(),
            target_object_key_format: None,
            target_grants: Keyed::new(),
        });
    });
    assert!(control(id).check(&off, &Cause::Posture).unwrap().is_none(), "a scan is silent");
    assert!(convicts_against(id, &off, Some(&on)));
    assert!(!convicts_against(id, &off, Some(&off)), "it never had any");
    assert!(!convicts_against(id, &on, Some(&on)));
    let cause = Cause::Detection { baseline: Some(&on) };
    assert_eq!(control(id).fix(&off, &cause).unwrap(), on);
    let calls = resource(BUCKET).unwrap().calls(&the(BUCKET), &off, &on).unwrap();
    assert_eq!(
        calls[0].parameters["BucketLoggingStatus"]["LoggingEnabled"],
        json!({"TargetBucket": "acme-logs", "TargetPrefix": "s3/"})
    );
    let e = prepare(&the(BUCKET), &[ControlId::from(id)], &off, |_| None).unwrap_err();
    let text = aisaws_core::fault::chain(&e);
    assert!(text.contains("no clean state"), "{text}");
}

#[test]
fn a_repair_closes_the_door_first_and_a_rollback_opens_it_first() {
    let state = bucket(|bucket| {
        public_read(bucket);
        bucket.public_access_block_configuration = Some(PublicAccessBlock::OFF);
    });
    let controls = ["s3.bucket-acl-public", "s3.block-public-access-off"].map(ControlId::from);
    let Outcome::Plan(plan) = prepare(&the(BUCKET), &controls, &state, |_| None).unwrap() else {
        panic!("two controls convict");
    };
    let both = ["s3:PutBucketPublicAccessBlock", "s3:PutBucketAcl"];
    assert_eq!(actions(BUCKET, &state, &plan.after), both);
    assert_eq!(actions(BUCKET, &plan.after, &state), both);
}

#[test]
fn a_public_list_under_a_block_is_restored_by_lifting_it_in_between() {
    let state = bucket(public_read);
    let after = fixed("s3.bucket-acl-public", &state);
    assert_eq!(
        actions(BUCKET, &after, &state),
        ["s3:PutBucketPublicAccessBlock", "s3:PutBucketAcl", "s3:PutBucketPublicAccessBlock"]
    );
}

#[test]
fn a_block_that_is_not_in_the_way_yet_is_written_once_and_last() {
    let open = bucket(|bucket| bucket.public_access_block_configuration = None);
    let blocked_public = bucket(public_read);
    assert_eq!(
        actions(BUCKET, &open, &blocked_public),
        ["s3:PutBucketOwnershipControls", "s3:PutBucketAcl", "s3:PutBucketPublicAccessBlock"]
    );
}

#[test]
fn everything_about_buckets_may_be_repaired_without_asking() {
    for control in aisaws_controls::all() {
        if control.meta().resource_type == BUCKET {
            assert_eq!(control.meta().max_autonomy, Decision::Act);
        }
    }
}

#[test]
fn a_state_with_a_setting_left_out_is_refused() {
    let mut state = bucket(|_| {});
    state.as_object_mut().unwrap().remove("PublicAccessBlockConfiguration");
    let e = control("s3.block-public-access-off").check(&state, &Cause::Posture).unwrap_err();
    assert!(aisaws_core::fault::chain(&e).contains("PublicAccessBlockConfiguration"), "{e}");
}
