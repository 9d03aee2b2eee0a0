//! Public statements in a bucket policy.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::bucket::Bucket;
use super::public_policy::is_public;
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `s3.bucket-policy-public`.
#[derive(Debug, Clone, Copy)]
pub struct PolicyPublic;

static META: Meta = Meta {
    id: "s3.bucket-policy-public",
    title: "Bucket policy gives access to everyone",
    resource_type: "AWS::S3::Bucket",
    severity: Severity::High,
    max_autonomy: Decision::Act,
    what: "A statement that allows something to everyone (Principal `*`, or NotPrincipal) with \
           no condition that restricts who that is. Conditions restrict by AWS's published \
           meaning of \"public\": fixed values of the source network, account, organization, \
           VPC, endpoint or principal; no wildcards, no ranges broader than /8, no operators \
           that hold where the key is absent.",
    why: "Such a statement opens the bucket's objects to the internet. It is also how data is \
          taken out of an account without leaving its credentials.",
    repair: "Removes the public statements and nothing else; the others stay byte for byte. The \
             policy is deleted only if none is left.",
    pitfalls: &[
        "CloudTrail cuts parameters over 100 KB, so a padded policy hides from the event; the \
         policy that is judged is the one that is read from the bucket.",
        "Single values and lists of one mean the same in a policy; statements are compared by \
         content and never rewritten.",
        "A condition on the referer or the user agent restricts nobody; such statements are \
         removed.",
        "A website served straight from the bucket stops working; tag such a bucket and lower \
         the autonomy for the tag.",
        "A statement that also names single accounts beside `*` is removed as a whole.",
    ],
    compliance: &[
        ("NIST SP 800-53 r5", "AC-3"),
        ("NIST SP 800-53 r5", "AC-6"),
        ("NIST CSF 1.1", "PR.AC-3"),
        ("SOC 2", "CC6.1"),
        ("ISO 27001:2022", "A.8.1"),
        ("AWS Security Hub", "S3.2"),
        ("AWS Security Hub", "S3.3"),
        ("AWS Security Hub", "S3.6"),
        ("MITRE ATT&CK", "T1537"),
        ("MITRE ATT&CK", "T1530"),
    ],
    references: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
    ],
    catalogue: &["S3-04"],
};

impl Control for PolicyPublic {
    type Of = Bucket;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, bucket: &Bucket, _cause: &Cause<'_, Bucket>) -> Option<Finding> {
        let public: Vec<String> = bucket
            .bucket_policy
            .iter()
            .flat_map(|policy| policy.statement.iter())
            .filter(|(_, statement)| is_public(&statement.0))
            .map(|(key, _)| format!("`{key}`"))
            .collect();
        (!public.is_empty())
            .then(|| META.finding(format!("the bucket policy is public by {}", public.join(", "))))
    }

    fn fix(&self, bucket: &Bucket, _cause: &Cause<'_, Bucket>) -> Result<Bucket, Refusal> {
        let mut fixed = bucket.clone();
        if let Some(policy) = &mut fixed.bucket_policy {
            let before = policy.statement.len();
            policy.statement.retain(|statement| !is_public(&statement.0));
            if policy.statement.is_empty() && before > 0 {
                fixed.bucket_policy = None;
            }
        }
        Ok(fixed)
    }
}
