//! CloudTrail events in their EventBridge envelopes. Everything in them is invented.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{ACCOUNT, REGION};

/// A new name: `open-bucket-1f3a-0`. Tests share an account.
pub(crate) fn name(stem: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{stem}-{:x}-{count}", std::process::id())
}

/// Who calls.
pub(crate) fn user() -> Value {
    json!({
        "type": "IAMUser", "principalId": "AIDAEXAMPLE", "accountId": ACCOUNT, "userName": "bob",
        "arn": format!("arn:aws:iam::{ACCOUNT}:user/bob"), "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "sessionContext": { "attributes": { "mfaAuthenticated": "true" } },
    })
}

/// Root without a second factor: the risk is so high that a human is asked.
pub(crate) fn root() -> Value {
    json!({
        "type": "Root", "principalId": ACCOUNT, "accountId": ACCOUNT,
        "arn": format!("arn:aws:iam::{ACCOUNT}:root"),
        "sessionContext": { "attributes": { "mfaAuthenticated": "false" } },
    })
}

/// The record of one call, as CloudTrail writes it.
pub(crate) fn record(service: &str, call: &str, who: &Value, request: &Value) -> Value {
    json!({
        "eventVersion": "1.11", "userIdentity": who,
        "eventTime": jiff::Timestamp::now().round(jiff::Unit::Second).unwrap().to_string(),
        "eventSource": format!("{service}.amazonaws.com"), "eventName": call, "awsRegion": REGION,
        "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.31",
        "requestParameters": request, "responseElements": null,
        "requestID": name("request"), "eventID": name("event"), "readOnly": false,
        "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    })
}

/// The record in its envelope.
pub(crate) fn envelope(record: &Value) -> Value {
    let service = record["eventSource"].as_str().unwrap().split('.').next().unwrap().to_owned();
    json!({
        "version": "0", "id": name("envelope"), "detail-type": "AWS API Call via CloudTrail",
        "source": format!("aws.{service}"), "account": ACCOUNT, "time": record["eventTime"],
        "region": REGION, "resources": [], "detail": record,
    })
}

/// `PutBucketAcl` with the canned list `public-read`.
pub(crate) fn acl_opened(bucket: &str, who: &Value) -> Value {
    let request = json!({ "bucketName": bucket, "x-amz-acl": ["public-read"], "acl": [""] });
    envelope(&record("s3", "PutBucketAcl", who, &request))
}

/// `DeleteBucketPublicAccessBlock`.
pub(crate) fn block_deleted(bucket: &str, who: &Value) -> Value {
    let request = json!({ "bucketName": bucket, "publicAccessBlock": [""] });
    envelope(&record("s3", "DeleteBucketPublicAccessBlock", who, &request))
}

/// `AuthorizeSecurityGroupIngress` of port 22 to the world.
pub(crate) fn ssh_opened(group: &str, who: &Value) -> Value {
    let request = json!({
        "groupId": group,
        "ipPermissions": { "items": [{
            "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {}, "ipv6Ranges": {},
            "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }] }, "prefixListIds": {},
        }] },
    });
    let mut record = record("ec2", "AuthorizeSecurityGroupIngress", who, &request);
    record["responseElements"] = json!({ "_return": true });
    envelope(&record)
}

/// AWS Config finds that a bucket has no default encryption as it should.
pub(crate) fn unencrypted(bucket: &str) -> Value {
    let now = jiff::Timestamp::now().to_string();
    json!({
        "version": "0", "id": name("envelope"), "detail-type": "Config Rules Compliance Change",
        "source": "aws.config", "account": ACCOUNT, "time": now, "region": REGION,
        "resources": [], "detail": {
            "configRuleName": "s3-bucket-server-side-encryption-enabled",
            "resourceType": "AWS::S3::Bucket", "resourceId": bucket,
            "awsAccountId": ACCOUNT, "awsRegion": REGION, "notificationCreationTime": now,
            "newEvaluationResult": { "complianceType": "NON_COMPLIANT", "resultRecordedTime": now },
        },
    })
}
