//! Bucket events: names, shapes and casing as CloudTrail has them.

use aisaws_controls::{ProjectError, resource, touched};
use serde_json::{Value, json};

use crate::world::{BUCKET, after, event, event_with, named, the};

fn s3(name: &str, request: Value) -> aisaws_core::event::Event {
    let mut request = request;
    request["bucketName"] = json!("acme-reports");
    event("s3", name, &request, &Value::Null)
}

#[test]
fn every_change_names_the_bucket_in_the_events_account_and_region() {
    for name in [
        "CreateBucket",
        "DeleteBucket",
        "PutBucketAcl",
        "PutBucketPolicy",
        "DeleteBucketPolicy",
        "PutBucketPublicAccessBlock",
        "DeleteBucketPublicAccessBlock",
        "PutBucketEncryption",
        "DeleteBucketEncryption",
        "PutBucketVersioning",
        "PutBucketLogging",
        "PutBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
        "PutBucketTagging",
        "DeleteBucketTagging",
    ] {
        assert_eq!(touched(&s3(name, json!({}))), [the(BUCKET)], "{name}");
    }
}

#[test]
fn reads_failures_strangers_and_nameless_calls_touch_nothing() {
    assert_eq!(touched(&s3("GetBucketAcl", json!({}))), []);
    assert_eq!(touched(&s3("PutObject", json!({}))), []);
    assert_eq!(touched(&event("s3", "PutBucketAcl", &Value::Null, &Value::Null)), []);
    let foreign = event("s3-control", "PutBucketAcl", &json!({"bucketName": "x"}), &Value::Null);
    assert_eq!(touched(&foreign), []);
    let request = json!({"bucketName": "acme-reports", "x-amz-acl": "public-read"});
    for error in [
        json!({"requestParameters": request, "errorCode": "AccessDenied"}),
        json!({"requestParameters": request, "responseElements": {"errorCode": "AccessDenied"}}),
    ] {
        let denied = event_with("s3", "PutBucketAcl", error);
        assert_eq!(touched(&denied), []);
        let state = resource(BUCKET).unwrap().assumed(&the(BUCKET));
        let projected = resource(BUCKET).unwrap().project(&the(BUCKET), &state, &denied).unwrap();
        assert_eq!(projected, state);
    }
}

fn acl(request: Value) -> Vec<String> {
    let state = after(BUCKET, &[s3("PutBucketAcl", request)]);
    state["AclGrants"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_list_of_grants_comes_in_five_shapes() {
    let public = ["AllUsers READ", "id=111122223333 FULL_CONTROL"];
    assert_eq!(acl(json!({"acl": "", "x-amz-acl": "public-read"})), public);
    assert_eq!(acl(json!({"acl": [""], "x-amz-acl": ["public-read"]})), public);
    let all = "http://acs.amazonaws.com/groups/global/AllUsers";
    let xml = |grants: Value| {
        json!({"acl": "", "AccessControlPolicy": {
            "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/",
            "Owner": {"ID": "111122223333"},
            "AccessControlList": {"Grant": grants},
        }})
    };
    let owner = json!({"Grantee": {"xsi:type": "CanonicalUser", "ID": "111122223333"},
                       "Permission": "FULL_CONTROL"});
    let everyone = json!({"Grantee": {"xsi:type": "Group", "URI": all}, "Permission": "READ"});
    assert_eq!(acl(xml(json!([owner, everyone]))), public);
    assert_eq!(acl(xml(everyone)), ["AllUsers READ"]);
    let header = json!({"x-amz-grant-read": format!("uri=\"{all}\", id=\"79a5\"")});
    assert_eq!(acl(header), ["AllUsers READ", "id=79a5 READ"]);
}

#[test]
fn canned_lists_are_what_the_guide_says() {
    let owner = "id=111122223333 FULL_CONTROL";
    for (name, grants) in [
        ("private", vec![owner]),
        ("public-read-write", vec!["AllUsers READ", "AllUsers WRITE", owner]),
        ("authenticated-read", vec!["AuthenticatedUsers READ", owner]),
        ("log-delivery-write", vec!["LogDelivery READ_ACP", "LogDelivery WRITE", owner]),
    ] {
        assert_eq!(acl(json!({"x-amz-acl": name})), grants, "{name}");
    }
}

#[test]
fn a_public_grant_that_was_accepted_was_neither_void_nor_blocked() {
    let state = after(BUCKET, &[s3("PutBucketAcl", json!({"x-amz-acl": "public-read"}))]);
    assert_eq!(state["ObjectOwnership"], json!("ObjectWriter"));
    assert_eq!(state["PublicAccessBlockConfiguration"]["BlockPublicAcls"], json!(false));
    let private = after(BUCKET, &[s3("PutBucketAcl", json!({"x-amz-acl": "private"}))]);
    assert_eq!(private, after(BUCKET, &[]));
}

#[test]
fn a_public_policy_that_was_accepted_was_not_blocked() {
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": "*"},
                           "Action": "s3:GetObject", "Resource": "*", "Sid": "Open"});
    let object = json!({"bucketPolicy": {"Version": "2012-10-17", "Statement": [statement]}});
    let text = json!({"bucketPolicy": object["bucketPolicy"].to_string()});
    let single = json!({"bucketPolicy": {"Version": "2012-10-17", "Statement": statement}});
    let state = after(BUCKET, &[s3("PutBucketPolicy", object)]);
    assert_eq!(state["PublicAccessBlockConfiguration"]["BlockPublicPolicy"], json!(false));
    assert_eq!(state["BucketPolicy"]["Statement"].as_object().unwrap().len(), 1);
    assert_eq!(after(BUCKET, &[s3("PutBucketPolicy", text)]), state);
    assert_eq!(after(BUCKET, &[s3("PutBucketPolicy", single)]), state);
    let gone = after(BUCKET, &[s3("DeleteBucketPolicy", json!({"policy": ""}))]);
    assert_eq!(gone["BucketPolicy"], Value::Null);
}

#[test]
fn settings_that_a_request_leaves_out_are_off() {
    let request = json!({"publicAccessBlock": [""], "PublicAccessBlockConfiguration": {
        "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/",
        "BlockPublicAcls": "true", "IgnorePublicAcls": true,
    }});
    let state = after(BUCKET, &[s3("PutBucketPublicAccessBlock", request)]);
    assert_eq!(
        state["PublicAccessBlockConfiguration"],
        json!({"BlockPublicAcls": true, "IgnorePublicAcls": true,
               "BlockPublicPolicy": false, "RestrictPublicBuckets": false})
    );
    let gone = s3("DeleteBucketPublicAccessBlock", json!({"publicAccessBlock": ""}));
    assert_eq!(after(BUCKET, &[gone])["PublicAccessBlockConfiguration"], Value::Null);
}

#[test]
fn deleting_encryption_falls_back_to_keys_of_s3() {
    let kms = json!({"encryption": "", "ServerSideEncryptionConfiguration": {"Rule": {
        "ApplyServerSideEncryptionByDefault":
            {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:eu-west-1:1:key/k"},
        "BucketKeyEnabled": true,
    }}});
    let put = s3("PutBucketEncryption", kms);
    let state = after(BUCKET, std::slice::from_ref(&put));
    assert_eq!(
        state["BucketEncryption"],
        json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:eu-west-1:1:key/k",
               "BucketKeyEnabled": true})
    );
    let state = after(BUCKET, &[put, s3("DeleteBucketEncryption", json!({"encryption": ""}))]);
    assert_eq!(state["BucketEncryption"]["SSEAlgorithm"], json!("AES256"));
}

#[test]
fn versioning_logging_ownership_and_tags_are_followed() {
    let state = after(
        BUCKET,
        &[
            s3(
                "PutBucketVersioning",
                json!({"versioning": [""],
            "VersioningConfiguration": {"Status": "Suspended", "MfaDelete": "Enabled"}}),
            ),
            s3(
                "PutBucketLogging",
                json!({"BucketLoggingStatus": {"LoggingEnabled":
            {"TargetBucket": "acme-logs", "TargetPrefix": "x/"}}}),
            ),
            s3(
                "PutBucketOwnershipControls",
                json!({"OwnershipControls":
            {"Rule": {"ObjectOwnership": "BucketOwnerPreferred"}}}),
            ),
            s3(
                "PutBucketTagging",
                json!({"Tagging": {"TagSet": {"Tag":
            {"Key": "public", "Value": true}}}}),
            ),
        ],
    );
    assert_eq!(state["VersioningConfiguration"], json!({"Status": "Suspended", "MfaDelete": true}));
    assert_eq!(state["LoggingConfiguration"]["DestinationBucketName"], json!("acme-logs"));
    assert_eq!(state["ObjectOwnership"], json!("BucketOwnerPreferred"));
    let tags = resource(BUCKET).unwrap().tags(&state).unwrap();
    assert_eq!(tags.get("public").map(String::as_str), Some("true"));
    let off = s3(
        "PutBucketLogging",
        json!({"logging": "", "BucketLoggingStatus":
        {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/"}}),
    );
    let state = resource(BUCKET).unwrap().project(&the(BUCKET), &state, &off).unwrap();
    assert_eq!(state["LoggingConfiguration"], Value::Null);
}

#[test]
fn an_event_that_was_cut_says_so() {
    for name in [
        "PutBucketPolicy",
        "PutBucketAcl",
        "PutBucketPublicAccessBlock",
        "PutBucketEncryption",
        "PutBucketLogging",
        "PutBucketVersioning",
    ] {
        let cut = s3(name, json!({"reason": "requestParameters too large", "omitted": true}));
        let handler = resource(BUCKET).unwrap();
        let e = handler.project(&the(BUCKET), &handler.assumed(&the(BUCKET)), &cut).unwrap_err();
        assert!(matches!(e, ProjectError::Untold { .. }), "{name}");
    }
}

#[test]
fn a_deleted_bucket_is_null_and_a_new_one_is_as_s3_makes_it() {
    assert_eq!(after(BUCKET, &[s3("DeleteBucket", json!({}))]), Value::Null);
    let created = s3("CreateBucket", json!({"x-amz-acl": "private"}));
    let state = after(BUCKET, &[s3("DeleteBucket", json!({})), created]);
    assert_eq!(state, resource(BUCKET).unwrap().assumed(&the(BUCKET)));
    let open = after(BUCKET, &[s3("CreateBucket", json!({"x-amz-acl": "public-read"}))]);
    assert!(crate::world::convicts("s3.bucket-acl-public", &open));
}

#[test]
fn an_event_of_another_bucket_changes_nothing() {
    let handler = resource(BUCKET).unwrap();
    let other = named(BUCKET, "other");
    let state = handler.assumed(&other);
    let event = s3("DeleteBucket", json!({}));
    assert_eq!(handler.project(&other, &state, &event).unwrap(), state);
}
