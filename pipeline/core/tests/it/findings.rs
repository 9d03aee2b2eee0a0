//! What findings of each service become.

use aisaws_core::event::{ActorKind, Event, Source, Standing};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_core::source::parse;
use serde_json::{Value, json};

use crate::data::read;

pub(crate) fn guardduty() -> Value {
    json!({
        "schemaVersion": "2.0",
        "accountId": "111122223333",
        "region": "eu-west-1",
        "partition": "aws",
        "id": "a6c556fcbc9bea427a19f8b787099a0b",
        "arn": "arn:aws:guardduty:eu-west-1:111122223333:detector/d1/finding/a6c556fcbc9bea427a19f8b787099a0b",
        "type": "Policy:S3/BucketAnonymousAccessGranted",
        "severity": 8,
        "createdAt": "2026-03-01T09:00:00.000Z",
        "updatedAt": "2026-03-01T10:00:00.000Z",
        "title": "Public anonymous access was granted for the S3 bucket acme-reports.",
        "resource": {
            "resourceType": "S3Bucket",
            "accessKeyDetails": {
                "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userType": "IAMUser", "userName": "alice"
            },
            "s3BucketDetails": [{ "name": "acme-reports", "arn": "arn:aws:s3:::acme-reports" }]
        },
        "service": {
            "serviceName": "guardduty",
            "archived": false,
            "count": 1,
            "additionalInfo": {},
            "action": {
                "actionType": "AWS_API_CALL",
                "awsApiCallAction": {
                    "api": "PutBucketPolicy",
                    "remoteIpDetails": { "ipAddressV4": "192.0.2.7" },
                    "affectedResources": { "AWS::S3::Bucket": "acme-reports" }
                }
            }
        }
    })
}

pub(crate) fn asff() -> Value {
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": "arn:aws:securityhub:eu-west-1:111122223333:security-control/S3.8/finding/1",
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
        "GeneratorId": "security-control/S3.8",
        "AwsAccountId": "111122223333",
        "Region": "eu-west-1",
        "CreatedAt": "2026-03-01T09:00:00.000Z",
        "UpdatedAt": "2026-03-01T10:00:00.000Z",
        "Severity": { "Label": "HIGH", "Normalized": 70 },
        "Title": "S3 general purpose buckets should block public access",
        "Compliance": { "Status": "FAILED", "SecurityControlId": "S3.8" },
        "Workflow": { "Status": "NEW" },
        "RecordState": "ACTIVE",
        "Resources": [{
            "Type": "AwsS3Bucket", "Id": "arn:aws:s3:::acme-reports", "Region": "eu-west-1"
        }]
    })
}

pub(crate) fn ocsf() -> Value {
    json!({
        "class_uid": 2003,
        "category_uid": 2,
        "activity_id": 1,
        "severity_id": 4,
        "status_id": 1,
        "metadata": { "product": { "uid": "arn:aws:securityhub:eu-west-1::productv2/aws/securityhub" } },
        "cloud": { "provider": "AWS", "region": "eu-west-1", "account": { "uid": "111122223333" } },
        "compliance": { "control": "S3.8", "status": "Fail", "status_id": 3 },
        "finding_info": {
            "uid": "f-ocsf", "title": "S3.8", "types": ["Posture Management"],
            "modified_time_dt": "2026-03-01T10:00:00.000Z", "modified_time": 1_772_359_200_000_i64
        },
        "resources": [{
            "type": "AWS::S3::Bucket", "uid": "arn:aws:s3:::acme-reports", "region": "eu-west-1",
            "owner": { "account": { "uid": "111122223333" } }
        }]
    })
}

pub(crate) fn config() -> Value {
    json!({
        "resourceId": "acme-reports",
        "resourceType": "AWS::S3::Bucket",
        "awsRegion": "eu-west-1",
        "awsAccountId": "111122223333",
        "configRuleName": "s3-bucket-public-read-prohibited",
        "configRuleARN": "arn:aws:config:eu-west-1:111122223333:config-rule/config-rule-a",
        "recordVersion": "1.0",
        "messageType": "ComplianceChangeNotification",
        "oldEvaluationResult": { "complianceType": "COMPLIANT" },
        "newEvaluationResult": {
            "complianceType": "NON_COMPLIANT", "resultRecordedTime": "2026-03-01T10:00:00.000Z"
        },
        "notificationCreationTime": "2026-03-01T10:00:01.000Z"
    })
}

/// The example of the IAM user guide, with invented names.
pub(crate) fn access_analyzer() -> Value {
    json!({
        "version": "1.0",
        "id": "22222222-dcba-4444-dcba-333333333333",
        "status": "ACTIVE",
        "resourceType": "AWS::S3::Bucket",
        "resource": "arn:aws:s3:::acme-reports",
        "createdAt": "2026-03-01T09:00:00Z",
        "analyzedAt": "2026-03-01T10:00:05Z",
        "updatedAt": "2026-03-01T10:00:00Z",
        "accountId": "111122223333",
        "region": "eu-west-1",
        "principal": { "AWS": "*" },
        "action": ["s3:GetObject"],
        "condition": {},
        "isDeleted": false,
        "isPublic": true
    })
}

pub(crate) fn posture() -> Value {
    json!({
        "postureFinding": 1,
        "scan": "scan-1",
        "time": "2026-03-01T10:00:00Z",
        "control": "s3.bucket-acl-public",
        "severity": "high",
        "resource": {
            "type": "AWS::S3::Bucket", "id": "acme-reports",
            "account": "111122223333", "region": "eu-west-1"
        }
    })
}

/// One finding of every form.
pub(crate) fn all() -> [(Source, Value); 6] {
    [
        (Source::GuardDuty, guardduty()),
        (Source::SecurityHub, asff()),
        (Source::SecurityHub, ocsf()),
        (Source::Config, config()),
        (Source::AccessAnalyzer, access_analyzer()),
        (Source::Posture, posture()),
    ]
}

/// The one event in a record.
pub(crate) fn event(record: &Value) -> Event {
    let (mut events, dead) = read(&record.to_string());
    assert!(dead.is_empty() && events.len() == 1, "{events:?} {dead:?}");
    events.remove(0)
}

/// A record with other values at these places.
pub(crate) fn with(mut record: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        record.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    record
}

fn standing(record: &Value) -> Standing {
    event(record).report.unwrap().standing
}

#[test]
fn every_form_names_bucket_account_region_and_time() {
    for (source, record) in all() {
        let event = event(&record);
        assert_eq!(event.source, source);
        assert_eq!(event.time.to_string(), "2026-03-01T10:00:00Z", "{source}");
        let report = event.report.unwrap();
        assert_eq!(report.standing, Standing::Open, "{source}");
        let named = report.resources.iter().find(|r| r.kind == "AWS::S3::Bucket").unwrap();
        assert_eq!(named.key(), "111122223333/eu-west-1/AWS::S3::Bucket/acme-reports", "{source}");
    }
}

#[test]
fn names_and_severities_are_those_of_the_service() {
    let rows = [
        (guardduty(), "Policy:S3/BucketAnonymousAccessGranted", Some(Severity::High)),
        (asff(), "S3.8", Some(Severity::High)),
        (ocsf(), "S3.8", Some(Severity::High)),
        (config(), "s3-bucket-public-read-prohibited", None),
        (access_analyzer(), "ExternalAccess", None),
        (posture(), "s3.bucket-acl-public", Some(Severity::High)),
    ];
    for (record, name, severity) in rows {
        let event = event(&record);
        assert_eq!(event.name, name);
        assert_eq!(event.report.unwrap().severity, severity, "{name}");
    }
}

#[test]
fn guardduty_severities_lie_in_the_documented_bands() {
    // AWS: GuardDuty user guide, "Severity levels of findings".
    let rows = [
        (1.0, Severity::Low),
        (3.9, Severity::Low),
        (4.0, Severity::Medium),
        (6.9, Severity::Medium),
        (7.0, Severity::High),
        (8.9, Severity::High),
        (9.0, Severity::Critical),
        (10.0, Severity::Critical),
    ];
    for (number, expected) in rows {
        let record = with(guardduty(), &[("/severity", json!(number))]);
        assert_eq!(event(&record).report.unwrap().severity, Some(expected), "{number}");
    }
}

#[test]
fn what_is_over_is_closed() {
    let closed = [
        with(guardduty(), &[("/service/archived", json!(true))]),
        with(asff(), &[("/RecordState", json!("ARCHIVED"))]),
        with(asff(), &[("/Workflow/Status", json!("RESOLVED"))]),
        with(asff(), &[("/Workflow/Status", json!("SUPPRESSED"))]),
        with(asff(), &[("/Compliance/Status", json!("PASSED"))]),
        with(asff(), &[("/GeneratorId", json!("aisaws/s3.bucket-acl-public"))]),
        with(ocsf(), &[("/activity_id", json!(3))]),
        with(ocsf(), &[("/status_id", json!(4))]),
        with(ocsf(), &[("/compliance/status_id", json!(1))]),
        with(config(), &[("/newEvaluationResult/complianceType", json!("COMPLIANT"))]),
        with(config(), &[("/newEvaluationResult/complianceType", json!("NOT_APPLICABLE"))]),
        with(access_analyzer(), &[("/status", json!("RESOLVED"))]),
        with(access_analyzer(), &[("/status", json!("ARCHIVED"))]),
        with(access_analyzer(), &[("/isDeleted", json!(true))]),
        with(access_analyzer(), &[("/error", json!("ACCESS_DENIED"))]),
    ];
    for record in closed {
        assert_eq!(standing(&record), Standing::Closed, "{record}");
    }
}

#[test]
fn a_notified_finding_that_fails_is_open() {
    let record = with(asff(), &[("/Workflow/Status", json!("NOTIFIED"))]);
    assert_eq!(standing(&record), Standing::Open);
}

#[test]
fn samples_are_known_in_every_form_they_take() {
    // AWS: GuardDuty user guide, "Sample findings"; Security Hub API Reference, `Sample`.
    let samples = [
        with(guardduty(), &[("/service/additionalInfo/sample", json!(true))]),
        with(
            guardduty(),
            &[(
                "/service/additionalInfo",
                json!({ "value": "{\"sample\":true}", "type": "default" }),
            )],
        ),
        with(guardduty(), &[("/title", json!("[SAMPLE] Public access was granted."))]),
        with(asff(), &[("/Sample", json!(true))]),
        with(
            asff(),
            &[("/ProductFields", json!({ "aws/guardduty/service/additionalInfo/sample": "true" }))],
        ),
        with(asff(), &[("/Title", json!("[SAMPLE] Public access was granted."))]),
    ];
    for record in samples {
        assert_eq!(standing(&record), Standing::Sample, "{record}");
    }
}

#[test]
fn who_did_it_and_from_where_is_told_by_guardduty() {
    let event = event(&guardduty());
    assert_eq!(event.actor.kind, ActorKind::IamUser);
    assert_eq!(event.actor.access_key_id.as_deref(), Some("AKIAIOSFODNN7EXAMPLE"));
    assert_eq!(event.source_address.as_deref(), Some("192.0.2.7"));
    let key = &event.report.unwrap().resources[0];
    assert_eq!(key.key(), "111122223333/us-east-1/AWS::IAM::AccessKey/AKIAIOSFODNN7EXAMPLE");
}

#[test]
fn security_groups_of_an_instance_and_the_resources_of_a_call_are_named() {
    let record = with(
        guardduty(),
        &[
            (
                "/resource",
                json!({ "instanceDetails": {
                    "instanceId": "i-0a", "networkInterfaces": [{ "securityGroups": [{ "groupId": "sg-0a" }] }]
                }}),
            ),
            (
                "/service/action/awsApiCallAction/affectedResources",
                json!({
                    "AWS::CloudTrail::Trail": "arn:aws:cloudtrail:us-east-2:111122223333:trail/main"
                }),
            ),
        ],
    );
    let keys: Vec<String> =
        event(&record).report.unwrap().resources.iter().map(ResourceRef::key).collect();
    assert_eq!(
        keys,
        [
            "111122223333/us-east-2/AWS::CloudTrail::Trail/main",
            "111122223333/eu-west-1/AWS::EC2::Instance/i-0a",
            "111122223333/eu-west-1/AWS::EC2::SecurityGroup/sg-0a",
        ]
    );
}

#[test]
fn the_api_s_form_of_a_guardduty_finding_is_the_same_event() {
    // AWS: GuardDuty API Reference, `GetFindings`.
    fn pascal(value: &Value) -> Value {
        match value {
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| {
                    let (first, rest) = key.split_at(1);
                    (first.to_uppercase() + rest, pascal(value))
                })
                .collect(),
            Value::Array(items) => items.iter().map(pascal).collect(),
            other => other.clone(),
        }
    }
    let of_api = event(&pascal(&guardduty()));
    let of_bus = event(&guardduty());
    assert_eq!(of_api.id, of_bus.id);
    assert_eq!(of_api.report, of_bus.report);
    // Rules and stores see one form, which reads as itself again.
    let kept: Value = serde_json::from_str(&of_api.raw).unwrap();
    assert_eq!(kept, guardduty());
    assert_eq!(parse(Source::GuardDuty, &of_api.raw).unwrap(), of_api);
}

#[test]
fn an_older_security_hub_control_is_named_too() {
    let mut record = with(asff(), &[("/ProductFields", json!({ "ControlId": "S3.2" }))]);
    record["Compliance"] = json!({ "Status": "FAILED" });
    assert_eq!(event(&record).name, "S3.2");
    record["ProductFields"] = json!({});
    assert_eq!(event(&record).name, "security-control/S3.8");
}

#[test]
fn what_lacks_a_field_says_which() {
    let rows = [
        (Source::GuardDuty, guardduty(), "id"),
        (Source::GuardDuty, guardduty(), "accountId"),
        (Source::SecurityHub, asff(), "Id"),
        (Source::SecurityHub, asff(), "AwsAccountId"),
        (Source::Config, config(), "configRuleName"),
        (Source::Config, config(), "resourceId"),
        (Source::AccessAnalyzer, access_analyzer(), "resource"),
        (Source::Posture, posture(), "control"),
    ];
    for (source, mut record, field) in rows {
        record.as_object_mut().unwrap().remove(field);
        let e = parse(source, &record.to_string()).unwrap_err().to_string();
        assert!(e.contains(&format!("`{field}`")), "{e}");
    }
}

#[test]
fn a_scan_finding_of_a_later_form_is_refused() {
    let e = parse(Source::Posture, &with(posture(), &[("/postureFinding", json!(2))]).to_string());
    assert!(e.unwrap_err().to_string().contains("form 2"));
}
