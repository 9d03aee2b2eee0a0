//! What a record is, told by its shape.

use aisaws_core::event::Source;
use serde_json::{Value, json};

use crate::data::read;
use crate::findings::{access_analyzer, all, asff, config, event, guardduty, ocsf};

fn call() -> Value {
    json!({
        "eventID": "e-1", "eventTime": "2026-03-01T10:00:00Z", "eventName": "StopLogging",
        "eventSource": "cloudtrail.amazonaws.com", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333"
    })
}

fn envelope(source: &str, kind: &str, detail: &Value) -> Value {
    json!({
        "version": "0", "id": "28e463cd-ca3b-587f-045e-49903af281e5", "detail-type": kind,
        "source": source, "account": "111122223333", "time": "2026-03-01T10:00:09Z",
        "region": "eu-west-1", "resources": [], "detail": detail
    })
}

/// Every event that AWS puts into an envelope.
fn enveloped() -> Vec<(Source, Value, Value)> {
    let batch = |finding: &Value| json!({ "findings": [finding] });
    let hub = "aws.securityhub";
    let row = |source, from: &str, kind: &str, detail: Value, inside: Value| {
        (source, envelope(from, kind, &detail), inside)
    };
    vec![
        row(Source::CloudTrail, "aws.cloudtrail", "AWS API Call via CloudTrail", call(), call()),
        row(Source::CloudTrail, "aws.signin", "AWS Console Sign In via CloudTrail", call(), call()),
        row(Source::GuardDuty, "aws.guardduty", "GuardDuty Finding", guardduty(), guardduty()),
        row(Source::Config, "aws.config", "Config Rules Compliance Change", config(), config()),
        row(Source::SecurityHub, hub, "Security Hub Findings - Imported", batch(&asff()), asff()),
        row(
            Source::SecurityHub,
            hub,
            "Security Hub Findings - Custom Action",
            batch(&asff()),
            asff(),
        ),
        row(Source::SecurityHub, hub, "Findings Imported V2", batch(&ocsf()), ocsf()),
        row(
            Source::AccessAnalyzer,
            "aws.access-analyzer",
            "Access Analyzer Finding",
            access_analyzer(),
            access_analyzer(),
        ),
    ]
}

#[test]
fn an_envelope_changes_nothing_about_what_is_inside() {
    for (source, envelope, inside) in enveloped() {
        let found = event(&envelope);
        assert_eq!(found.source, source);
        assert_eq!(found, event(&inside));
    }
}

#[test]
fn an_envelope_from_someone_else_is_forged() {
    // AWS: EventBridge API Reference, `PutEvents`: `aws.` is reserved.
    for (_, mut envelope, _) in enveloped() {
        envelope["source"] = json!("com.example.mine");
        let (events, dead) = read(&envelope.to_string());
        assert!(events.is_empty(), "{events:?}");
        assert!(dead[0].contains("com.example.mine"), "{dead:?}");
    }
}

#[test]
fn lists_of_findings_are_taken_apart() {
    // `GetFindings` of GuardDuty and of Security Hub answer `{"Findings": [...]}`.
    for (source, record) in all() {
        for name in ["Records", "Findings", "findings"] {
            let (events, dead) = read(&json!({ name: [record, record] }).to_string());
            assert_eq!((events.len(), dead.len()), (2, 0), "{dead:?}");
            assert_eq!(events[0].source, source);
        }
    }
}

#[test]
fn what_is_none_of_these_says_so_and_what_to_try() {
    let rows = [
        (json!({}), "none of what is read"),
        (json!({ "hello": "world" }), "CloudTrail"),
        (
            envelope("aws.ec2", "EC2 Instance State-change Notification", &json!({})),
            "`EC2 Instance State-change Notification`",
        ),
        (
            json!({ "invokingEvent": "{}", "ruleParameters": "{}" }),
            "Config Rules Compliance Change",
        ),
        (json!({ "eventID": "x", "eventSource": "y" }), "`eventName`"),
        (
            envelope("aws.securityhub", "Security Hub Findings - Imported", &json!({})),
            "`detail.findings`",
        ),
    ];
    for (record, word) in rows {
        let (events, dead) = read(&record.to_string());
        assert!(events.is_empty() && dead.len() == 1, "{record}");
        assert!(dead[0].contains(word), "{record}: {dead:?}");
    }
}

#[test]
fn an_insight_is_an_event_that_names_no_call() {
    // AWS: CloudTrail user guide, "CloudTrail Insights event record contents".
    let insight = json!({
        "eventVersion": "1.07", "eventTime": "2026-03-01T10:00:00Z", "awsRegion": "us-east-1",
        "eventID": "a9edc959-9488-4790-be0f-05d60e56b547", "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": "111122223333", "sharedEventID": "c2806063-d85d-42c3-9027-d2c56a477314",
        "insightDetails": {
            "state": "Start", "eventSource": "s3.amazonaws.com", "eventName": "PutBucketPolicy",
            "insightType": "ApiCallRateInsight"
        },
        "eventCategory": "Insight"
    });
    for record in
        [insight.clone(), envelope("aws.cloudtrail", "AWS Insight via CloudTrail", &insight)]
    {
        let event = event(&record);
        assert_eq!(
            (event.name.as_str(), event.source),
            ("AwsCloudTrailInsight", Source::CloudTrail)
        );
        assert_ne!(event.service, "s3.amazonaws.com");
    }
}
