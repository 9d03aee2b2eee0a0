//! Facts about findings and their delivery.

use serde_json::{Value, json};

use super::{
    NINE, TEN, envelope, incidents, only, opened, reasons, respond, respond_in_turn, with,
};

fn guardduty(updated: &str) -> Value {
    let id = "a6c556fcbc9bea427a19f8b787099a0b";
    json!({
        "schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-west-1", "id": id,
        "arn": format!("arn:aws:guardduty:eu-west-1:111122223333:detector/d1/finding/{id}"),
        "type": "Policy:S3/BucketAnonymousAccessGranted", "severity": 8,
        "createdAt": NINE, "updatedAt": updated,
        "title": "Public anonymous access was granted for the S3 bucket acme-reports.",
        "resource": { "resourceType": "S3Bucket", "s3BucketDetails": [{ "name": "acme-reports" }] },
        "service": { "serviceName": "guardduty", "archived": false, "count": 1 }
    })
}

fn duty(finding: &Value) -> Value {
    envelope("d-1", "aws.guardduty", "GuardDuty Finding", finding)
}

fn asff() -> Value {
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": "arn:aws:securityhub:eu-west-1:111122223333:security-control/S3.8/finding/1",
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
        "AwsAccountId": "111122223333", "Region": "eu-west-1", "CreatedAt": NINE, "UpdatedAt": TEN,
        "Severity": { "Label": "HIGH" }, "RecordState": "ACTIVE", "Workflow": { "Status": "NEW" },
        "Compliance": { "Status": "FAILED", "SecurityControlId": "S3.8" },
        "Resources": [{ "Type": "AwsS3Bucket", "Id": "arn:aws:s3:::acme-reports", "Region": "eu-west-1" }]
    })
}

fn hub(finding: &Value) -> Value {
    let kind = "Security Hub Findings - Imported";
    envelope("h-1", "aws.securityhub", kind, &json!({ "findings": [finding] }))
}

fn config(compliance: &str, recorded: &str) -> Value {
    let detail = json!({
        "resourceId": "acme-reports", "resourceType": "AWS::S3::Bucket", "awsRegion": "eu-west-1",
        "awsAccountId": "111122223333", "configRuleName": "s3-bucket-public-read-prohibited",
        "messageType": "ComplianceChangeNotification",
        "newEvaluationResult": { "complianceType": compliance, "resultRecordedTime": recorded }
    });
    envelope("c-1", "aws.config", "Config Rules Compliance Change", &detail)
}

#[test]
fn a_finding_that_is_told_again_is_the_same_incident() {
    // Fact 9 (AWS: guardduty_findings_cloudwatch.md): the same id every 15 minutes to 6 hours.
    let update = with(guardduty(TEN), &[("/service/count", json!(7)), ("/severity", json!(8.5))]);
    let records = [duty(&guardduty(NINE)), duty(&update)];
    let together = respond(&records);
    let backwards = respond(&[records[1].clone(), records[0].clone()]);
    let apart = respond_in_turn(&[&records[..1], &records[1..]]);
    for report in [&together, &backwards] {
        assert_eq!(only(report)["events"].as_array().unwrap().len(), 2, "{report:#}");
    }
    assert_eq!(together["incidents"], backwards["incidents"]);
    assert_eq!(only(&apart)["id"], only(&together)["id"]);
}

#[test]
fn the_administrators_copy_is_the_same_finding() {
    // Fact 9 (same page): the delegated administrator receives a copy too.
    let copy =
        with(duty(&guardduty(TEN)), &[("/account", json!("999988887777")), ("/id", json!("d-2"))]);
    let report = respond(&[duty(&guardduty(TEN)), copy]);
    assert_eq!(only(&report)["resource"]["account"], "111122223333");
    assert_eq!(report["totals"]["duplicates"], 1);
}

#[test]
fn a_sample_opens_an_incident_that_nobody_acts_on() {
    // Fact 9 (panther-analysis, rules/aws_guardduty_rules).
    let sample = with(guardduty(TEN), &[("/service/additionalInfo", json!({ "sample": true }))]);
    let report = respond(&[opened("e-1", NINE), duty(&sample)]);
    let incident = incidents(&report)
        .iter()
        .find(|i| i["rules"] == json!(["guardduty.bucket-made-public"]))
        .unwrap();
    assert_eq!(
        (&incident["decision"], &incident["status"]),
        (&json!("log_only"), &json!("logged"))
    );
    assert!(reasons(incident).contains("the finding is a sample"), "{incident:#}");
}

#[test]
fn an_archived_finding_is_recorded_only() {
    // Fact 9 (AWS: guardduty_findings_cloudwatch.md): archived by hand, they are still sent.
    let report = respond(&[duty(&with(guardduty(TEN), &[("/service/archived", json!(true))]))]);
    assert_eq!((incidents(&report).len(), &report["totals"]["events"]), (0, &json!(1)));
}

#[test]
fn a_finding_leads_to_the_state_which_decides() {
    // What GuardDuty says of a bucket that the recorded calls show to be open is repaired once,
    // by whichever of the two told first.
    let report = respond(&[opened("e-1", NINE), duty(&guardduty(TEN))]);
    let statuses: Vec<&Value> = incidents(&report).iter().map(|i| &i["status"]).collect();
    assert_eq!(statuses, ["remediated", "already_clean"], "{report:#}");
}

#[test]
fn our_own_update_of_a_finding_triggers_nothing() {
    // Fact 10 (AWS: securityhub-cwe-integration-types.md): every BatchUpdateFindings sends the
    // finding again. It leaves `UpdatedAt` alone (API Reference, BatchUpdateFindings).
    let note = json!({ "Text": "repaired", "UpdatedBy": "aisaws", "UpdatedAt": TEN });
    let updates = [
        with(asff(), &[("/Workflow/Status", json!("RESOLVED")), ("/Note", note.clone())]),
        with(asff(), &[("/Workflow/Status", json!("NOTIFIED")), ("/Note", note)]),
        with(asff(), &[("/UserDefinedFields", json!({ "aisaws": "seen" }))]),
    ];
    let first = respond(&[hub(&asff())]);
    for update in updates {
        let report = respond_in_turn(&[&[hub(&asff())], &[hub(&update)]]);
        assert!(incidents(&report).len() <= 1, "{report:#}");
        for incident in incidents(&report) {
            assert_eq!(incident["id"], only(&first)["id"]);
            assert_eq!(incident["events"].as_array().unwrap().len(), 1);
        }
        let report = respond(&[hub(&asff()), hub(&update)]);
        assert_eq!(only(&report)["id"], only(&first)["id"]);
    }
}

#[test]
fn the_aggregation_regions_copy_is_the_same_finding() {
    // Fact 10 (same page): the administrator and the aggregation Region get copies.
    let copy = with(
        hub(&with(asff(), &[("/ProcessedAt", json!("2026-03-01T10:00:30Z"))])),
        &[
            ("/region", json!("us-east-1")),
            ("/account", json!("999988887777")),
            ("/id", json!("h-2")),
        ],
    );
    let report = respond(&[hub(&asff()), copy]);
    let resource = &only(&report)["resource"];
    assert_eq!(
        (&resource["account"], &resource["region"]),
        (&json!("111122223333"), &json!("eu-west-1"))
    );
}

#[test]
fn a_control_that_still_fails_the_same_day_is_one_incident() {
    // Fact 10 (same page): every import is an event.
    let later = with(asff(), &[("/UpdatedAt", json!("2026-03-01T18:00:00Z"))]);
    assert_eq!(incidents(&respond(&[hub(&asff()), hub(&later)])).len(), 1);
    let next_day = with(asff(), &[("/UpdatedAt", json!("2026-03-02T10:00:00Z"))]);
    assert_eq!(incidents(&respond(&[hub(&asff()), hub(&next_day)])).len(), 2);
}

#[test]
fn each_change_to_the_worse_is_an_incident_and_to_the_better_none() {
    // Fact 11 (AWS: example-config-rule-compliance-notification.html): changes only.
    let records = [
        config("NON_COMPLIANT", NINE),
        config("COMPLIANT", TEN),
        config("NON_COMPLIANT", "2026-03-01T11:00:00Z"),
    ];
    let report = respond(&records);
    assert_eq!((incidents(&report).len(), &report["totals"]["events"]), (2, &json!(3)));
    let again = respond(&[records[0].clone(), records[0].clone()]);
    assert_eq!(incidents(&again).len(), 1);
}

#[test]
fn an_envelope_that_anyone_can_send_opens_nothing() {
    // AWS: EventBridge API Reference, PutEvents: sources that begin with `aws.` are reserved.
    let forged = with(duty(&guardduty(TEN)), &[("/source", json!("com.example"))]);
    let report = respond(&[forged]);
    assert_eq!((incidents(&report).len(), &report["totals"]["dead_letters"]), (0, &json!(1)));
}
