//! Block Public Access of a bucket switched off.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::bucket::{Bucket, PublicAccessBlock};
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `s3.block-public-access-off`.
#[derive(Debug, Clone, Copy)]
pub struct BlockPublicAccessOff;

static META: Meta = Meta {
    id: "s3.block-public-access-off",
    title: "Block Public Access of a bucket is off",
    resource_type: "AWS::S3::Bucket",
    severity: Severity::High,
    max_autonomy: Decision::Act,
    what: "Any of the four Block Public Access settings of the bucket is off, or it has no \
           configuration at all.",
    why: "The four settings are what keeps a careless or hostile policy or list of grants from \
          opening the bucket. Switching them off is the usual first step of an exposure.",
    repair: "Switches all four on. Policy and grants are left as they are; they are judged by \
             controls of their own.",
    pitfalls: &[
        "CloudTrail records the call PutPublicAccessBlock as PutBucketPublicAccessBlock.",
        "Bucket configuration is eventually consistent: a read right after the write may still \
         show the old settings.",
        "A bucket that serves a website to the public directly needs the settings off; tag it \
         and lower the autonomy for the tag, or put CloudFront before it.",
        "Settings of the account apply as well; a bucket may be protected by them alone.",
    ],
    compliance: &[
        ("CIS AWS 3.0", "2.1.4"),
        ("CIS AWS 5.0", "2.1.4"),
        ("NIST SP 800-53 r5", "AC-3"),
        ("NIST SP 800-53 r5", "AC-6"),
        ("NIST CSF 1.1", "PR.AC-3"),
        ("SOC 2", "CC6.1"),
        ("ISO 27001:2022", "A.8.1"),
        ("AWS Security Hub", "S3.8"),
        ("MITRE ATT&CK", "T1562"),
        ("MITRE ATT&CK", "T1530"),
    ],
    references: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    ],
    catalogue: &["S3-01"],
};

impl Control for BlockPublicAccessOff {
    type Of = Bucket;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, bucket: &Bucket, _cause: &Cause<'_, Bucket>) -> Option<Finding> {
        let Some(block) = bucket.public_access_block_configuration else {
            return Some(META.finding("the bucket has no Block Public Access configuration"));
        };
        let off: Vec<&str> = [
            ("`BlockPublicAcls`", block.block_public_acls),
            ("`BlockPublicPolicy`", block.block_public_policy),
            ("`IgnorePublicAcls`", block.ignore_public_acls),
            ("`RestrictPublicBuckets`", block.restrict_public_buckets),
        ]
        .into_iter()
        .filter_map(|(name, is_on)| (!is_on).then_some(name))
        .collect();
        (!off.is_empty())
            .then(|| META.finding(format!("Block Public Access has {} off", off.join(", "))))
    }

    fn fix(&self, bucket: &Bucket, _cause: &Cause<'_, Bucket>) -> Result<Bucket, Refusal> {
        Ok(Bucket {
            public_access_block_configuration: Some(PublicAccessBlock::ON),
            ..bucket.clone()
        })
    }
}
