//! Default encryption weaker than it was.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::bucket::{Algorithm, Bucket, Encryption};
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `s3.default-encryption-removed`.
#[derive(Debug, Clone, Copy)]
pub struct DefaultEncryptionRemoved;

static META: Meta = Meta {
    id: "s3.default-encryption-removed",
    title: "Default encryption of a bucket is weaker than it was",
    resource_type: "AWS::S3::Bucket",
    severity: Severity::Medium,
    max_autonomy: Decision::Act,
    what: "The bucket's default encryption is weaker than in its last clean state (KMS turned \
           into AES256, two layers into one), or uses another KMS key than it did.",
    why: "With a KMS key, reading needs a permission on the key as well and is recorded there; \
          without it, access to the bucket is enough. A foreign key is how ransomware locks \
          objects against their owner.",
    repair: "Restores algorithm, key and bucket-key setting of the last clean state.",
    pitfalls: &[
        "Since January 2023 every bucket is encrypted with keys of S3: deleting the \
         configuration falls back to AES256, not to nothing. Without a stronger clean state \
         this control is therefore silent.",
        "Objects written meanwhile keep the encryption they were written with.",
        "Going back to a KMS key can break readers that have no kms:Decrypt on it.",
    ],
    compliance: &[
        ("NIST SP 800-53 r5", "SC-28(1)"),
        ("NIST SP 800-53 r5", "SC-13"),
        ("NIST CSF 1.1", "PR.DS-1"),
        ("SOC 2", "PI1.4"),
        ("ISO 27001:2022", "A.8.24"),
        ("AWS Security Hub", "S3.4"),
        ("MITRE ATT&CK", "T1486"),
        ("MITRE ATT&CK", "T1600"),
    ],
    references: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketEncryption.html",
    ],
    catalogue: &["S3-06"],
};

/// What is worse about the encryption than it was.
fn worse(now: &Encryption, was: &Encryption) -> Option<String> {
    if now.algorithm < was.algorithm {
        let (now, was) = (now.algorithm.as_str(), was.algorithm.as_str());
        return Some(format!("default encryption is `{now}`, it was `{was}`"));
    }
    let has_key = was.algorithm != Algorithm::Aes256;
    if has_key && now.kms_key != was.kms_key {
        let name = |key: &Option<String>| key.clone().unwrap_or_else(|| "aws/s3".to_owned());
        let (now, was) = (name(&now.kms_key), name(&was.kms_key));
        return Some(format!("default encryption uses key `{now}`, it used `{was}`"));
    }
    None
}

impl Control for DefaultEncryptionRemoved {
    type Of = Bucket;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, bucket: &Bucket, cause: &Cause<'_, Bucket>) -> Option<Finding> {
        let was = &cause.baseline()?.bucket_encryption;
        worse(&bucket.bucket_encryption, was).map(|message| META.finding(message))
    }

    fn fix(&self, bucket: &Bucket, cause: &Cause<'_, Bucket>) -> Result<Bucket, Refusal> {
        let mut fixed = bucket.clone();
        if let Some(was) = cause.baseline().map(|baseline| &baseline.bucket_encryption)
            && worse(&bucket.bucket_encryption, was).is_some()
        {
            fixed.bucket_encryption = was.clone();
        }
        Ok(fixed)
    }
}
