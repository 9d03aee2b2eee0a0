//! The state of an S3 bucket.
//! Source: CloudFormation, `AWS::S3::Bucket` and `AWS::S3::BucketPolicy`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::acl::{Grant, Grantee, Permission};
use crate::keyed::{Document, Keyed};
use crate::state::{State, explicit};

/// A bucket's security-relevant configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Bucket {
    /// Canonical user id of the owner. Where only events are known (they do not tell it) the
    /// account id stands for it.
    pub acl_owner: String,
    /// The access control list, by grantee and permission.
    pub acl_grants: Keyed<Grant>,
    /// `None`: the bucket has no ownership controls, so lists of grants are in force.
    #[serde(deserialize_with = "explicit")]
    pub object_ownership: Option<ObjectOwnership>,
    /// `None`: the bucket has no configuration, so nothing is blocked.
    #[serde(deserialize_with = "explicit")]
    pub public_access_block_configuration: Option<PublicAccessBlock>,
    /// The bucket policy.
    #[serde(deserialize_with = "explicit")]
    pub bucket_policy: Option<BucketPolicy>,
    /// Default encryption. Every bucket has one since January 2023.
    pub bucket_encryption: Encryption,
    /// `None`: versioning was never enabled.
    #[serde(deserialize_with = "explicit")]
    pub versioning_configuration: Option<Versioning>,
    /// `None`: no server access logs.
    #[serde(deserialize_with = "explicit")]
    pub logging_configuration: Option<Logging>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl State for Bucket {
    const TYPE: &'static str = "AWS::S3::Bucket";
}

impl Bucket {
    /// A bucket as S3 creates it since April 2023: public access blocked, lists of grants
    /// void, encrypted with keys of S3, no versioning, no logging.
    /// Source: Amazon S3 User Guide, "Default settings for new S3 buckets FAQ".
    pub fn new(owner: impl Into<String>) -> Self {
        let acl_owner = owner.into();
        let full = Grant::new(Grantee::Account(acl_owner.clone()), Permission::FullControl);
        Self {
            acl_owner,
            acl_grants: [full].into_iter().collect(),
            object_ownership: Some(ObjectOwnership::BucketOwnerEnforced),
            public_access_block_configuration: Some(PublicAccessBlock::ON),
            bucket_policy: None,
            bucket_encryption: Encryption::sse_s3(),
            versioning_configuration: None,
            logging_configuration: None,
            tags: BTreeMap::new(),
        }
    }

    /// Whether lists of grants mean anything.
    pub fn has_acls(&self) -> bool {
        match self.object_ownership {
            Some(ObjectOwnership::BucketOwnerEnforced) => false,
            Some(ObjectOwnership::BucketOwnerPreferred | ObjectOwnership::ObjectWriter) | None => {
                true
            }
        }
    }
}

/// `OwnershipControls.Rules[0].ObjectOwnership`; there is always exactly one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectOwnership {
    /// Lists of grants are void.
    BucketOwnerEnforced,
    /// Lists are in force; objects with the canned list `bucket-owner-full-control` change owner.
    BucketOwnerPreferred,
    /// Lists are in force; who uploads owns.
    ObjectWriter,
}

/// Block Public Access of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the four settings of the API, by name")]
pub struct PublicAccessBlock {
    /// New public grants are refused.
    pub block_public_acls: bool,
    /// New public policies are refused.
    pub block_public_policy: bool,
    /// Public grants that exist are without effect.
    pub ignore_public_acls: bool,
    /// Public policies that exist open nothing to other accounts.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All four on.
    pub const ON: Self = Self {
        block_public_acls: true,
        block_public_policy: true,
        ignore_public_acls: true,
        restrict_public_buckets: true,
    };
    /// All four off, which is what having no configuration means.
    pub const OFF: Self = Self {
        block_public_acls: false,
        block_public_policy: false,
        ignore_public_acls: false,
        restrict_public_buckets: false,
    };
}

/// A bucket policy; statements by `Sid` and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct BucketPolicy {
    /// Version of the policy language.
    #[serde(deserialize_with = "explicit")]
    pub version: Option<String>,
    /// The policy's own name.
    #[serde(deserialize_with = "explicit")]
    pub id: Option<String>,
    /// Each statement as it was written.
    pub statement: Keyed<Document>,
}

/// `BucketEncryption.ServerSideEncryptionConfiguration[0]`; there is always exactly one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// With what.
    #[serde(rename = "SSEAlgorithm")]
    pub algorithm: Algorithm,
    /// With which KMS key; `None`: the account's key for S3, or none at all for `AES256`.
    #[serde(rename = "KMSMasterKeyID", deserialize_with = "explicit")]
    pub kms_key: Option<String>,
    /// Whether data keys are derived once a bucket instead of once an object.
    #[serde(rename = "BucketKeyEnabled")]
    pub bucket_key_enabled: bool,
}

impl Encryption {
    /// Keys of S3: what a bucket has that was told nothing.
    pub fn sse_s3() -> Self {
        Self { algorithm: Algorithm::Aes256, kms_key: None, bucket_key_enabled: false }
    }
}

/// Weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// Keys of S3.
    #[serde(rename = "AES256")]
    Aes256,
    /// A key of KMS.
    #[serde(rename = "aws:kms")]
    Kms,
    /// A key of KMS, two layers.
    #[serde(rename = "aws:kms:dsse")]
    KmsDualLayer,
}

impl Algorithm {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsDualLayer => "aws:kms:dsse",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Aes256, Self::Kms, Self::KmsDualLayer].into_iter().find(|a| a.as_str() == word)
    }
}

/// Versioning of a bucket that had it enabled at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Versioning {
    /// Whether new versions are kept.
    pub status: VersioningStatus,
    /// Whether a change needs the root user's MFA device (CloudFormation cannot say).
    pub mfa_delete: bool,
}

/// `Status` of versioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VersioningStatus {
    /// Versions are kept.
    Enabled,
    /// No new versions.
    Suspended,
}

/// Where server access logs go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Logging {
    /// The bucket that gets them.
    pub destination_bucket_name: String,
    /// Prefix of their names, may be empty.
    pub log_file_prefix: String,
    /// How their names go on, as written (`SimplePrefix` or `PartitionedPrefix`).
    #[serde(deserialize_with = "explicit")]
    pub target_object_key_format: Option<Document>,
    /// Who else may read them (CloudFormation cannot say).
    pub target_grants: Keyed<Grant>,
}
