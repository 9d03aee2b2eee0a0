//! Public grants in a bucket's access control list.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::bucket::Bucket;
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `s3.bucket-acl-public`.
#[derive(Debug, Clone, Copy)]
pub struct AclPublic;

static META: Meta = Meta {
    id: "s3.bucket-acl-public",
    title: "Bucket grants access to everyone by its access control list",
    resource_type: "AWS::S3::Bucket",
    severity: Severity::High,
    max_autonomy: Decision::Act,
    what: "A grant in the bucket's access control list to the group AllUsers (anyone on the \
           internet) or AuthenticatedUsers (anyone with an AWS account, of anybody).",
    why: "Anyone can then list the bucket, write into it or change its grants, depending on \
          the permission. A public list is rarely meant: AWS advises against lists at all.",
    repair: "Writes the list back without the public grants. Every other grant stays, log \
             delivery and other accounts included. A bucket whose lists are void \
             (BucketOwnerEnforced) is left alone.",
    pitfalls: &[
        "Writing a list fails with AccessControlListNotSupported where lists are void.",
        "The canned list `private` would remove log delivery too; it is not used.",
        "A website served straight from the bucket stops working; tag such a bucket and lower \
         the autonomy for the tag.",
        "A public grant that Block Public Access neutralises is removed all the same: it would \
         open the bucket on the day the block goes.",
    ],
    compliance: &[
        ("NIST SP 800-53 r5", "AC-3"),
        ("NIST SP 800-53 r5", "AC-6"),
        ("NIST CSF 1.1", "PR.AC-3"),
        ("SOC 2", "CC6.1"),
        ("ISO 27001:2022", "A.8.1"),
        ("AWS Security Hub", "S3.2"),
        ("AWS Security Hub", "S3.3"),
        ("AWS Security Hub", "S3.12"),
        ("MITRE ATT&CK", "T1530"),
        ("MITRE ATT&CK", "T1537"),
    ],
    references: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html",
    ],
    catalogue: &["S3-03"],
};

impl Control for AclPublic {
    type Of = Bucket;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, bucket: &Bucket, _cause: &Cause<'_, Bucket>) -> Option<Finding> {
        if !bucket.has_acls() {
            return None;
        }
        let public: Vec<String> = bucket
            .acl_grants
            .iter()
            .filter(|(_, grant)| grant.grantee.is_public())
            .map(|(key, _)| format!("`{key}`"))
            .collect();
        (!public.is_empty())
            .then(|| META.finding(format!("the access control list grants {}", public.join(", "))))
    }

    fn fix(&self, bucket: &Bucket, _cause: &Cause<'_, Bucket>) -> Result<Bucket, Refusal> {
        let mut fixed = bucket.clone();
        if bucket.has_acls() {
            fixed.acl_grants.retain(|grant| !grant.grantee.is_public());
        }
        Ok(fixed)
    }
}
