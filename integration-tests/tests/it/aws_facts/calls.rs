//! Facts about CloudTrail's records and their delivery.

use serde_json::{Value, json};

use super::{
    NINE, TEN, call, envelope, incidents, only, opened, reasons, respond, respond_in_turn, with,
};

const CALL: &str = "AWS API Call via CloudTrail";

#[test]
fn an_event_that_comes_again_is_there_already() {
    // Facts 2 and 3 (AWS: eb-troubleshooting.md, cloudtrail-find-log-files.md): a target may be
    // called twice, and log files repeat an `eventID`.
    let event = opened("e-1", TEN);
    let again = envelope("other-delivery", "aws.s3", CALL, &event);
    let report = respond(&[event.clone(), envelope("a-delivery", "aws.s3", CALL, &event), again]);
    assert_eq!(only(&report)["events"], json!(["e-1"]));
    assert_eq!(report["totals"]["duplicates"], 2);
}

#[test]
fn files_out_of_order_give_the_same_incidents() {
    // Fact 3 (AWS: how-cloudtrail-works.md): log files are not ordered.
    let closed = json!({ "bucketName": "acme-reports", "x-amz-acl": "private" });
    let records = [opened("e-1", NINE), call("e-2", TEN, "s3", "PutBucketAcl", &closed)];
    let forwards = respond(&records);
    let backwards = respond(&[records[1].clone(), records[0].clone()]);
    assert_eq!(forwards["incidents"], backwards["incidents"]);
    assert_eq!(only(&forwards)["status"], "already_clean", "{forwards:#}");
}

#[test]
fn a_correction_of_an_event_opens_no_incident_of_its_own() {
    // Fact 4 (AWS: cloudtrail-event-reference-record-contents.md, `addendum`).
    for reason in ["DELIVERY_DELAY", "UPDATED_DATA", "SERVICE_OUTAGE"] {
        let addendum =
            json!({ "reason": reason, "originalEventID": "e-1", "updatedFields": "userAgent" });
        let corrected =
            with(opened("e-2", TEN), &[("/addendum", addendum), ("/userAgent", json!("x"))]);
        let original = opened("e-1", TEN);
        let runs: [&[&[Value]]; 3] = [
            &[&[original.clone(), corrected.clone()]],
            &[&[corrected.clone(), original.clone()]],
            &[&[original], &[corrected]],
        ];
        for runs in runs {
            let report = respond_in_turn(runs);
            assert_eq!(only(&report)["events"], json!(["e-1"]), "{reason}");
        }
    }
}

#[test]
fn an_event_that_is_late_and_never_came_before_is_an_incident() {
    // Fact 4 (same page): without `originalEventID` there is nothing that it corrects.
    let late = with(opened("e-1", TEN), &[("/addendum", json!({ "reason": "DELIVERY_DELAY" }))]);
    assert_eq!(only(&respond(&[late.clone(), late]))["events"], json!(["e-1"]));
}

#[test]
fn the_last_event_of_a_trail_is_responded_to() {
    // Fact 5 (AWS: eb-service-event.md): without a trail there are no more events.
    let deleted = call("e-1", TEN, "cloudtrail", "DeleteTrail", &json!({ "name": "main" }));
    let report = respond(&[deleted]);
    assert_eq!(only(&report)["resource"]["type"], "AWS::CloudTrail::Trail");
}

#[test]
fn iam_is_in_the_region_where_it_is_recorded() {
    // Fact 6 (AWS: cloudtrail-concepts.md): global services are recorded in us-east-1. The
    // call that gives the key away may come from any region.
    let attach = json!({
        "userName": "alice", "policyArn": "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
    });
    let key = json!({
        "type": "IAMUser", "userName": "alice", "accountId": "111122223333",
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "arn": "arn:aws:iam::111122223333:user/alice"
    });
    let event = call("e-1", TEN, "iam", "AttachUserPolicy", &attach);
    let report = respond(&[with(event, &[("/userIdentity", key)])]);
    let key = incidents(&report).iter().find(|i| i["resource"]["type"] == "AWS::IAM::AccessKey");
    assert_eq!(key.unwrap()["resource"]["region"], "us-east-1");
}

#[test]
fn what_two_accounts_saw_is_one_incident_of_the_owner() {
    // Fact 8 (AWS: cloudtrail-event-reference-record-contents.md, `sharedEventID`).
    let seen_by = |id: &str, account: &str| {
        with(
            opened(id, TEN),
            &[
                ("/recipientAccountId", json!(account)),
                ("/sharedEventID", json!("shared-1")),
                (
                    "/resources",
                    json!([{
                        "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::acme-reports",
                        "accountId": "444455556666"
                    }]),
                ),
            ],
        )
    };
    let (caller, owner) = (seen_by("e-1", "111122223333"), seen_by("e-2", "444455556666"));
    for records in [[caller.clone(), owner.clone()], [owner, caller]] {
        let report = respond(&records);
        let incident = only(&report);
        assert_eq!(incident["resource"]["account"], "444455556666");
        assert_eq!(incident["events"], json!(["e-1", "e-2"]));
    }
}

#[test]
fn a_trail_is_where_its_arn_says() {
    // Fact 8 too: a trail of the organisation belongs to the management account.
    let arn = "arn:aws:cloudtrail:us-east-2:444455556666:trail/org-trail";
    let stopped = call("e-1", TEN, "cloudtrail", "StopLogging", &json!({ "name": arn }));
    let report = respond(&[stopped]);
    let resource = &only(&report)["resource"];
    assert_eq!(
        *resource,
        json!({
            "type": "AWS::CloudTrail::Trail", "id": "org-trail",
            "account": "444455556666", "region": "us-east-2"
        })
    );
    // The simulated account found the trail there: it was stopped, and logs again.
    assert_eq!(only(&report)["status"], "remediated", "{report:#}");
}

#[test]
fn a_replayed_event_is_the_same_event() {
    // Fact 13 (AWS: eb-replay-archived-event.md): replayed events carry `replay-name`.
    let first = envelope("a", "aws.s3", CALL, &opened("e-1", TEN));
    let replayed = with(first.clone(), &[("/replay-name", json!("after-the-outage"))]);
    let report = respond(&[first, replayed]);
    assert_eq!(only(&report)["events"], json!(["e-1"]));
    assert_eq!(report["totals"]["duplicates"], 1);
}

#[test]
fn a_refused_call_is_only_logged_wherever_the_error_stands() {
    // Fact 14 (AWS: cloudtrail-event-reference-record-contents.md).
    let on_top = with(opened("e-1", TEN), &[("/errorCode", json!("AccessDenied"))]);
    let inside =
        with(opened("e-1", TEN), &[("/responseElements", json!({ "errorCode": "AccessDenied" }))]);
    for event in [on_top, inside] {
        let report = respond(&[event]);
        let incident = only(&report);
        assert_eq!(
            (&incident["decision"], &incident["status"]),
            (&json!("log_only"), &json!("logged"))
        );
        assert!(reasons(incident).contains("AccessDenied"), "{incident:#}");
    }
}

#[test]
fn what_was_cut_off_counts_as_bad() {
    // Fact 15 (Elastic detection-rules, defense_evasion_cloudtrail_logging_evasion.toml): a
    // request that is padded beyond 100 KB is left out.
    let omitted = json!({ "reason": "requestParameters too large", "omitted": true });
    let bucket = json!([{ "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::acme-reports" }]);
    let padded =
        with(call("e-1", TEN, "s3", "PutBucketPolicy", &omitted), &[("/resources", bucket)]);
    let report = respond(&[padded]);
    assert_eq!(only(&report)["resource"]["id"], "acme-reports");
}

#[test]
fn a_record_larger_than_cloudtrail_writes_is_kept_and_not_read() {
    // Facts 15 and 22 (AWS: WhatIsCloudTrail-Limits.md): 256 KB.
    let huge = with(opened("e-1", TEN), &[("/userAgent", json!("x".repeat(300 * 1024)))]);
    let report = respond(&[huge, opened("e-2", TEN)]);
    assert_eq!(report["totals"]["dead_letters"], 1);
    assert_eq!(only(&report)["events"], json!(["e-2"]));
}

#[test]
fn both_names_of_the_public_access_block_are_known() {
    // Fact 16 (panther-analysis, aws_s3_delete_public_access_block.py): the API is called
    // DeletePublicAccessBlock.
    let request = json!({ "bucketName": "acme-reports" });
    let report = respond(&[call("e-1", TEN, "s3", "DeleteBucketPublicAccessBlock", &request)]);
    assert_eq!(only(&report)["controls"], json!(["s3.block-public-access-off"]), "{report:#}");
}

#[test]
fn a_value_is_found_bare_and_in_a_list() {
    // Fact 17 (TrailDiscover, logExamples): `x-amz-acl` and `acl` come as a list or as a text.
    for (canned, acl) in [
        (json!("public-read"), json!("")),
        (json!(["public-read"]), json!([""])),
        (json!(["public-read"]), Value::Null),
    ] {
        let request = json!({ "bucketName": "acme-reports", "x-amz-acl": canned, "acl": acl });
        let report = respond(&[call("e-1", TEN, "s3", "PutBucketAcl", &request)]);
        assert_eq!(only(&report)["status"], "remediated", "{request}");
    }
}

#[test]
fn a_security_group_is_opened_in_either_form_and_with_host_bits() {
    // Fact 18 (Stratus Red Team, ec2-security-group-open-port-22-ingress).
    let flat = json!({
        "groupId": "sg-0a", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
        "cidrIp": "208.236.235.254/0", "ipPermissions": {}
    });
    let nested = json!({
        "groupId": "sg-0a",
        "ipPermissions": { "items": [{
            "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {},
            "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }] }, "ipv6Ranges": {}, "prefixListIds": {}
        }] }
    });
    for request in [flat, nested] {
        let report = respond(&[call("e-1", TEN, "ec2", "AuthorizeSecurityGroupIngress", &request)]);
        assert_eq!(only(&report)["status"], "remediated", "{request}");
    }
}

#[test]
fn a_call_that_a_service_made_is_told_and_a_service_is_no_unknown_network() {
    // Fact 20 (AWS: cloudtrail-event-reference-record-contents.md): `sourceIPAddress` may be a
    // name, `invokedBy` marks calls that a service made for someone.
    let lonely =
        respond(&[with(opened("e-1", TEN), &[("/sourceIPAddress", json!("198.51.100.9"))])]);
    assert!(reasons(only(&lonely)).contains("known networks"));
    for address in ["cloudformation.amazonaws.com", "AWS Internal"] {
        let made = with(
            opened("e-1", TEN),
            &[
                ("/sourceIPAddress", json!(address)),
                ("/userIdentity/invokedBy", json!("cloudformation.amazonaws.com")),
            ],
        );
        let report = respond(&[made]);
        let told = reasons(only(&report));
        assert!(told.contains("`cloudformation.amazonaws.com` made the call"), "{told}");
        assert!(!told.contains("known networks"), "{told}");
    }
}

#[test]
fn a_federated_login_without_mfa_is_ordinary() {
    // Fact 21 (Elastic detection-rules, initial_access_iam_user_console_login_without_mfa.toml).
    let login = with(
        call("e-1", TEN, "signin", "ConsoleLogin", &Value::Null),
        &[
            ("/userIdentity/sessionContext/attributes", json!({ "mfaAuthenticated": "false" })),
            ("/responseElements", json!({ "ConsoleLogin": "Success" })),
            (
                "/additionalEventData",
                json!({ "MFAUsed": "No", "SamlProviderArn": "arn:aws:iam::111122223333:saml-provider/idp" }),
            ),
        ],
    );
    let report = respond(&[login]);
    for incident in incidents(&report) {
        assert!(!reasons(incident).contains("MFA"), "{incident:#}");
        assert_eq!(incident["decision"], "log_only");
    }
    assert_eq!(report["totals"]["events"], 1);
}
