//! Server access logging switched off.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::bucket::Bucket;
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `s3.access-logging-removed`.
#[derive(Debug, Clone, Copy)]
pub struct AccessLoggingRemoved;

static META: Meta = Meta {
    id: "s3.access-logging-removed",
    title: "Server access logging of a bucket was switched off",
    resource_type: "AWS::S3::Bucket",
    severity: Severity::Medium,
    max_autonomy: Decision::Act,
    what: "A detection on a bucket that has no server access logging, although its last clean \
           state had, or where no clean state is known. A scan is silent: many buckets need \
           no access logs.",
    why: "Access logs show who read and deleted which object. Switching them off hides that.",
    repair: "Restores the logging target, prefix and grants of the last clean state.",
    pitfalls: &[
        "After the event the old target is gone from AWS; without a clean state that was seen \
         before, nothing can be restored and a human is told so.",
        "Logs of the time in between are lost.",
        "The target bucket must still exist and let the logging service write.",
    ],
    compliance: &[
        ("CIS AWS 3.0", "3.4"),
        ("CIS AWS 5.0", "3.4"),
        ("NIST SP 800-53 r5", "AU-2"),
        ("NIST SP 800-53 r5", "AU-3"),
        ("NIST CSF 1.1", "DE.CM-1"),
        ("SOC 2", "CC7.2"),
        ("ISO 27001:2022", "A.8.15"),
        ("AWS Security Hub", "S3.9"),
        ("MITRE ATT&CK", "T1562.008"),
    ],
    references: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html",
    ],
    catalogue: &["S3-09"],
};

impl Control for AccessLoggingRemoved {
    type Of = Bucket;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, bucket: &Bucket, cause: &Cause<'_, Bucket>) -> Option<Finding> {
        if bucket.logging_configuration.is_some() || !cause.is_detection() {
            return None;
        }
        match cause.baseline() {
            None => Some(META.finding(
                "server access logging is off, and no clean state is known to compare with",
            )),
            Some(was) => was.logging_configuration.as_ref().map(|was| {
                let target = &was.destination_bucket_name;
                META.finding(format!("server access logging is off, it went to `{target}`"))
            }),
        }
    }

    fn fix(&self, bucket: &Bucket, cause: &Cause<'_, Bucket>) -> Result<Bucket, Refusal> {
        if self.check(bucket, cause).is_none() {
            return Ok(bucket.clone());
        }
        let was = cause.baseline().and_then(|baseline| baseline.logging_configuration.clone());
        let was = was.ok_or(Refusal::NoBaseline("logging target"))?;
        Ok(Bucket { logging_configuration: Some(was), ..bucket.clone() })
    }
}
