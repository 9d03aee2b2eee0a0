//! The state of a bucket, piece by piece: each setting is a sub-resource with a call of its own.
//! What is not configured answers with an error code of its own, and is a value here.
//! Source: Amazon S3 API Reference, "Error responses".

use std::collections::BTreeMap;

use aisaws_controls::s3::{
    Algorithm, Bucket, BucketPolicy, Encryption, Grant, Logging, ObjectOwnership,
    PublicAccessBlock, Versioning, VersioningStatus,
};
use aisaws_controls::{Document, Keyed};
use aisaws_core::resource::ResourceRef;
use aws_sdk_s3::types::{
    BucketLogsPermission, BucketVersioningStatus, MfaDeleteStatus, ObjectOwnership as SdkOwnership,
    Permission, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use serde_json::Value;

use super::convert::{from_key_format, grants};
use crate::drivers::error::{DriverError, told, unless};
use crate::drivers::link::Caller;

/// Reads one bucket. Every call names the account that must own it, so that a bucket of that
/// name in other hands is neither read nor written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) aws: &'a Caller,
    pub(super) resource: &'a ResourceRef,
}

/// A call that has a bucket and its expected owner.
macro_rules! of_bucket {
    ($reader:expr, $operation:literal, $call:ident) => {{
        let call = $reader
            .aws
            .s3()
            .$call()
            .bucket($reader.resource.id.as_str())
            .expected_bucket_owner($reader.resource.account.as_str());
        $reader.aws.send($operation, call.send()).await
    }};
}
pub(super) use of_bucket;

impl Reader<'_> {
    pub(super) async fn whole(&self) -> Result<Bucket, DriverError> {
        let (acl, ownership, block, policy, encryption, versioning, logging, tags) = futures::try_join!(
            self.acl(),
            self.ownership(),
            self.block(),
            self.policy(),
            self.encryption(),
            self.versioning(),
            self.logging(),
            self.tags(),
        )?;
        Ok(Bucket {
            acl_owner: acl.0,
            acl_grants: acl.1,
            object_ownership: ownership,
            public_access_block_configuration: block,
            bucket_policy: policy,
            bucket_encryption: encryption,
            versioning_configuration: versioning,
            logging_configuration: logging,
            tags,
        })
    }

    /// Owner and grants.
    pub(super) async fn acl(&self) -> Result<(String, Keyed<Grant>), DriverError> {
        const OPERATION: &str = "GetBucketAcl";
        let answer = of_bucket!(self, "GetBucketAcl", get_bucket_acl)?;
        let owner = answer.owner().and_then(|owner| owner.id());
        let owner = told(owner, OPERATION, "the owner")?.to_owned();
        let list = answer.grants().iter();
        let pairs = list.map(|one| (one.grantee(), one.permission().map(Permission::as_str)));
        Ok((owner, grants(OPERATION, pairs)?))
    }

    pub(super) async fn ownership(&self) -> Result<Option<ObjectOwnership>, DriverError> {
        const OPERATION: &str = "GetBucketOwnershipControls";
        let answer = of_bucket!(self, "GetBucketOwnershipControls", get_bucket_ownership_controls);
        let Some(answer) = unless(&["OwnershipControlsNotFoundError"], answer)? else {
            return Ok(None);
        };
        let rule = answer.ownership_controls().and_then(|controls| controls.rules().first());
        Ok(Some(match told(rule, OPERATION, "a rule")?.object_ownership() {
            SdkOwnership::BucketOwnerEnforced => ObjectOwnership::BucketOwnerEnforced,
            SdkOwnership::BucketOwnerPreferred => ObjectOwnership::BucketOwnerPreferred,
            SdkOwnership::ObjectWriter => ObjectOwnership::ObjectWriter,
            _ => return told(None, OPERATION, "a known ownership"),
        }))
    }

    pub(super) async fn block(&self) -> Result<Option<PublicAccessBlock>, DriverError> {
        let answer = of_bucket!(self, "GetPublicAccessBlock", get_public_access_block);
        let Some(answer) = unless(&["NoSuchPublicAccessBlockConfiguration"], answer)? else {
            return Ok(None);
        };
        let block = answer.public_access_block_configuration();
        let block = told(block, "GetPublicAccessBlock", "the four settings")?;
        // A setting that is left out is off.
        Ok(Some(PublicAccessBlock {
            block_public_acls: block.block_public_acls() == Some(true),
            block_public_policy: block.block_public_policy() == Some(true),
            ignore_public_acls: block.ignore_public_acls() == Some(true),
            restrict_public_buckets: block.restrict_public_buckets() == Some(true),
        }))
    }

    pub(super) async fn policy(&self) -> Result<Option<BucketPolicy>, DriverError> {
        const OPERATION: &str = "GetBucketPolicy";
        let answer = of_bucket!(self, "GetBucketPolicy", get_bucket_policy);
        let Some(answer) = unless(&["NoSuchBucketPolicy"], answer)? else { return Ok(None) };
        let text = told(answer.policy(), OPERATION, "a policy")?;
        let document: Option<Value> = serde_json::from_str(text).ok();
        let policy = document.as_ref().and_then(policy_of);
        Ok(Some(told(policy, OPERATION, "a policy in JSON with statements")?))
    }

    pub(super) async fn encryption(&self) -> Result<Encryption, DriverError> {
        const OPERATION: &str = "GetBucketEncryption";
        let Some(rule) = self.encryption_rule().await? else { return Ok(Encryption::sse_s3()) };
        let by_default = rule.apply_server_side_encryption_by_default();
        let by_default = told(by_default, OPERATION, "a default")?;
        let word = by_default.sse_algorithm().as_str();
        let known = [Algorithm::Aes256, Algorithm::Kms, Algorithm::KmsDualLayer];
        let algorithm = known.into_iter().find(|algorithm| algorithm.as_str() == word);
        Ok(Encryption {
            algorithm: told(algorithm, OPERATION, "a known algorithm")?,
            kms_key: by_default.kms_master_key_id().map(str::to_owned),
            bucket_key_enabled: rule.bucket_key_enabled() == Some(true),
        })
    }

    /// The rule as S3 has it, which may say more than a state; `None` where nothing was ever
    /// configured, which since January 2023 is encryption with keys of S3.
    pub(super) async fn encryption_rule(
        &self,
    ) -> Result<Option<ServerSideEncryptionRule>, DriverError> {
        let answer = of_bucket!(self, "GetBucketEncryption", get_bucket_encryption);
        let none = "ServerSideEncryptionConfigurationNotFoundError";
        let Some(answer) = unless(&[none], answer)? else { return Ok(None) };
        let rules = answer
            .server_side_encryption_configuration()
            .map(ServerSideEncryptionConfiguration::rules);
        let rule = told(rules.and_then(<[_]>::first), "GetBucketEncryption", "a rule")?;
        Ok(Some(rule.clone()))
    }

    pub(super) async fn versioning(&self) -> Result<Option<Versioning>, DriverError> {
        let answer = of_bucket!(self, "GetBucketVersioning", get_bucket_versioning)?;
        let mfa_delete = matches!(answer.mfa_delete(), Some(MfaDeleteStatus::Enabled));
        let status = match answer.status() {
            None => return Ok(None),
            Some(BucketVersioningStatus::Enabled) => VersioningStatus::Enabled,
            Some(BucketVersioningStatus::Suspended) => VersioningStatus::Suspended,
            Some(_) => return told(None, "GetBucketVersioning", "a known status"),
        };
        Ok(Some(Versioning { status, mfa_delete }))
    }

    pub(super) async fn logging(&self) -> Result<Option<Logging>, DriverError> {
        let answer = of_bucket!(self, "GetBucketLogging", get_bucket_logging)?;
        let Some(enabled) = answer.logging_enabled() else { return Ok(None) };
        let list = enabled.target_grants().iter();
        let pairs =
            list.map(|one| (one.grantee(), one.permission().map(BucketLogsPermission::as_str)));
        Ok(Some(Logging {
            destination_bucket_name: enabled.target_bucket().to_owned(),
            log_file_prefix: enabled.target_prefix().to_owned(),
            target_object_key_format: enabled.target_object_key_format().map(from_key_format),
            target_grants: grants("GetBucketLogging", pairs)?,
        }))
    }

    pub(super) async fn tags(&self) -> Result<BTreeMap<String, String>, DriverError> {
        let answer = of_bucket!(self, "GetBucketTagging", get_bucket_tagging);
        let tags = unless(&["NoSuchTagSet"], answer)?;
        let pair = |tag: &aws_sdk_s3::types::Tag| (tag.key().to_owned(), tag.value().to_owned());
        Ok(tags.map(|answer| answer.tag_set().iter().map(pair).collect()).unwrap_or_default())
    }
}

/// A policy as CloudFormation has it; one statement may stand without a list.
fn policy_of(document: &Value) -> Option<BucketPolicy> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let statement = match document.get("Statement")? {
        Value::Array(items) => items.iter().cloned().map(Document).collect(),
        one @ Value::Object(_) => [Document(one.clone())].into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    Some(BucketPolicy { version: text("Version"), id: text("Id"), statement })
}
