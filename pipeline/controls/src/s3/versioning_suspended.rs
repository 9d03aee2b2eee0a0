//! Versioning suspended.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::bucket::{Bucket, Versioning, VersioningStatus};
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `s3.versioning-suspended`.
#[derive(Debug, Clone, Copy)]
pub struct VersioningSuspended;

static META: Meta = Meta {
    id: "s3.versioning-suspended",
    title: "Versioning of a bucket is suspended",
    resource_type: "AWS::S3::Bucket",
    severity: Severity::Medium,
    max_autonomy: Decision::Act,
    what: "Versioning is suspended on a bucket that had it enabled. A bucket that never had it \
           is left alone.",
    why: "Without new versions, what is overwritten or deleted from now on is gone. Suspending \
          it comes before destroying data or holding it to ransom.",
    repair: "Enables versioning. Versions that exist were never lost.",
    pitfalls: &[
        "AWS advises to wait 15 minutes after enabling before relying on it.",
        "Where MFA delete is on, only the root user with its device can change versioning; the \
         control says so and leaves it to a human.",
        "Objects written while it was suspended have the version id `null` and are replaced by \
         the next write of that kind.",
    ],
    compliance: &[
        ("NIST SP 800-53 r5", "CP-9"),
        ("NIST SP 800-53 r5", "CP-10"),
        ("NIST CSF 1.1", "PR.IP-4"),
        ("SOC 2", "A1.2"),
        ("ISO 27001:2022", "A.8.10"),
        ("AWS Security Hub", "S3.14"),
        ("MITRE ATT&CK", "T1490"),
        ("MITRE ATT&CK", "T1485"),
    ],
    references: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/MultiFactorAuthenticationDelete.html",
    ],
    catalogue: &["S3-08"],
};

fn is_suspended(bucket: &Bucket) -> bool {
    match bucket.versioning_configuration {
        Some(Versioning { status: VersioningStatus::Suspended, .. }) => true,
        Some(Versioning { status: VersioningStatus::Enabled, .. }) | None => false,
    }
}

impl Control for VersioningSuspended {
    type Of = Bucket;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, bucket: &Bucket, _cause: &Cause<'_, Bucket>) -> Option<Finding> {
        is_suspended(bucket).then(|| META.finding("versioning is `Suspended`"))
    }

    fn fix(&self, bucket: &Bucket, _cause: &Cause<'_, Bucket>) -> Result<Bucket, Refusal> {
        let mut fixed = bucket.clone();
        if let (true, Some(versioning)) =
            (is_suspended(bucket), &mut fixed.versioning_configuration)
        {
            if versioning.mfa_delete {
                return Err(Refusal::Beyond(
                    "MFA delete is on: only the root user with its MFA device can enable \
                     versioning",
                ));
            }
            versioning.status = VersioningStatus::Enabled;
        }
        Ok(fixed)
    }
}
