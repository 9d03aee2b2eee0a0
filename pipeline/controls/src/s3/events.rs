//! What events do to a bucket.
//! Sources: Amazon S3 User Guide, "Amazon S3 CloudTrail events"; shapes from public recordings.
//!
//! A request that S3 accepted says more than its parameters: public grants are only accepted
//! where lists of grants are in force and not blocked, a public policy only where policies
//! are not blocked.

use std::collections::BTreeMap;

use aisaws_core::event::Event;
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::Value;

use super::acl::{self, Grant, Grantee};
use super::apis::APIS;
use super::bucket::{
    Algorithm, Bucket, BucketPolicy, Encryption, Logging, ObjectOwnership, PublicAccessBlock,
    Versioning, VersioningStatus,
};
use super::{calls, public_policy};
use crate::api::Api;
use crate::keyed::{Document, Keyed};
use crate::params::{self, Record};
use crate::resource::{ProjectError, Resource, WriteError};
use crate::state::State;

/// S3 buckets.
#[derive(Debug, Clone, Copy)]
pub struct Buckets;

#[derive(Clone, Copy)]
enum Change {
    Create,
    Delete,
    Acl,
    Ownership,
    OwnershipGone,
    AccessBlock,
    AccessBlockGone,
    Policy,
    PolicyGone,
    Encryption,
    EncryptionGone,
    Versioning,
    Logging,
    Tags,
    TagsGone,
}

/// CloudTrail calls the API `PutPublicAccessBlock` `PutBucketPublicAccessBlock`.
fn change(event: &Event) -> Option<Change> {
    if event.service != "s3.amazonaws.com" {
        return None;
    }
    Some(match event.name.as_str() {
        "CreateBucket" => Change::Create,
        "DeleteBucket" => Change::Delete,
        "PutBucketAcl" => Change::Acl,
        "PutBucketOwnershipControls" => Change::Ownership,
        "DeleteBucketOwnershipControls" => Change::OwnershipGone,
        "PutBucketPublicAccessBlock" | "PutPublicAccessBlock" => Change::AccessBlock,
        "DeleteBucketPublicAccessBlock" | "DeletePublicAccessBlock" => Change::AccessBlockGone,
        "PutBucketPolicy" => Change::Policy,
        "DeleteBucketPolicy" => Change::PolicyGone,
        "PutBucketEncryption" => Change::Encryption,
        "DeleteBucketEncryption" => Change::EncryptionGone,
        "PutBucketVersioning" => Change::Versioning,
        "PutBucketLogging" => Change::Logging,
        "PutBucketTagging" => Change::Tags,
        "DeleteBucketTagging" => Change::TagsGone,
        _ => return None,
    })
}

impl Resource for Buckets {
    type State = Bucket;

    fn touched(&self, event: &Event) -> Vec<ResourceRef> {
        if event.has_failed() || change(event).is_none() {
            return Vec::new();
        }
        let name = bucket_name(&Record::of(event));
        name.map(|name| params::here(event, Bucket::TYPE, name)).into_iter().collect()
    }

    fn assumed(&self, resource: &ResourceRef) -> Bucket {
        Bucket::new(resource.account.as_str())
    }

    fn project(
        &self,
        resource: &ResourceRef,
        state: Option<Bucket>,
        event: &Event,
    ) -> Result<Option<Bucket>, ProjectError> {
        let Some(change) = change(event) else { return Ok(state) };
        let record = Record::of(event);
        if bucket_name(&record).as_ref() != Some(&resource.id) {
            return Ok(state);
        }
        if let Change::Delete = change {
            return Ok(None);
        }
        let mut bucket = state.unwrap_or_else(|| self.assumed(resource));
        apply(&mut bucket, change, &record.request, event)?;
        Ok(Some(bucket))
    }

    fn calls(
        &self,
        resource: &ResourceRef,
        before: Option<&Bucket>,
        after: Option<&Bucket>,
    ) -> Result<Vec<Call>, WriteError> {
        match (before, after) {
            (Some(before), Some(after)) => calls::between(resource, before, after),
            (None, _) | (_, None) => Err(WriteError::unwritable(
                resource,
                "buckets are neither created nor deleted by a repair",
            )),
        }
    }

    fn tags(&self, state: &Bucket) -> BTreeMap<String, String> {
        state.tags.clone()
    }

    fn apis(&self) -> &'static [Api] {
        APIS
    }
}

fn apply(
    bucket: &mut Bucket,
    change: Change,
    request: &Value,
    event: &Event,
) -> Result<(), ProjectError> {
    match change {
        Change::Delete => {}
        Change::Create => {
            if let Some(ownership) = ownership(request, &["x-amz-object-ownership"]) {
                bucket.object_ownership = Some(ownership);
            }
            if let Some(grants) = acl::from_request(request, &bucket.acl_owner) {
                set_grants(bucket, grants);
            }
        }
        Change::Acl => {
            let owner = ["AccessControlPolicy", "Owner", "ID"];
            if let Some(owner) = params::text_at(request, &owner) {
                bucket.acl_owner = owner;
            }
            let grants = acl::from_request(request, &bucket.acl_owner)
                .ok_or_else(|| params::untold(event, "the grants"))?;
            set_grants(bucket, grants);
        }
        Change::Ownership => {
            let path = ["OwnershipControls", "Rule", "ObjectOwnership"];
            let ownership = ownership(request, &path)
                .ok_or_else(|| params::untold(event, "the object ownership"))?;
            bucket.object_ownership = Some(ownership);
        }
        Change::OwnershipGone => bucket.object_ownership = None,
        Change::AccessBlock => {
            let given = params::at(request, &["PublicAccessBlockConfiguration"])
                .filter(|given| given.is_object())
                .ok_or_else(|| params::untold(event, "the four settings"))?;
            // A setting that the request leaves out is off.
            let is_on = |name| params::truth_at(given, &[name]) == Some(true);
            bucket.public_access_block_configuration = Some(PublicAccessBlock {
                block_public_acls: is_on("BlockPublicAcls"),
                block_public_policy: is_on("BlockPublicPolicy"),
                ignore_public_acls: is_on("IgnorePublicAcls"),
                restrict_public_buckets: is_on("RestrictPublicBuckets"),
            });
        }
        Change::AccessBlockGone => bucket.public_access_block_configuration = None,
        Change::Policy => {
            let policy = policy(request).ok_or_else(|| params::untold(event, "the policy"))?;
            let is_public = policy.statement.values().any(|one| public_policy::is_public(&one.0));
            if let (true, Some(block)) = (is_public, &mut bucket.public_access_block_configuration)
            {
                block.block_public_policy = false;
            }
            bucket.bucket_policy = Some(policy);
        }
        Change::PolicyGone => bucket.bucket_policy = None,
        Change::Encryption => {
            bucket.bucket_encryption =
                encryption(request).ok_or_else(|| params::untold(event, "the encryption"))?;
        }
        Change::EncryptionGone => bucket.bucket_encryption = Encryption::sse_s3(),
        Change::Versioning => set_versioning(bucket, request, event)?,
        Change::Logging => {
            let status = params::at(request, &["BucketLoggingStatus"])
                .ok_or_else(|| params::untold(event, "the logging status"))?;
            bucket.logging_configuration = logging(status);
        }
        Change::Tags => {
            let tags = params::at(request, &["Tagging", "TagSet", "Tag"]);
            bucket.tags = params::tags(tags);
        }
        Change::TagsGone => bucket.tags.clear(),
    }
    Ok(())
}

fn set_grants(bucket: &mut Bucket, grants: Keyed<Grant>) {
    let owner = Grantee::Account(bucket.acl_owner.clone());
    let is_to_others = grants.values().any(|grant| grant.grantee != owner);
    if is_to_others && !bucket.has_acls() {
        bucket.object_ownership = Some(ObjectOwnership::ObjectWriter);
    }
    let is_public = grants.values().any(|grant| grant.grantee.is_public());
    if let (true, Some(block)) = (is_public, &mut bucket.public_access_block_configuration) {
        block.block_public_acls = false;
    }
    bucket.acl_grants = grants;
}

fn ownership(request: &Value, path: &[&str]) -> Option<ObjectOwnership> {
    Some(match params::text_at(request, path)?.as_str() {
        "BucketOwnerEnforced" => ObjectOwnership::BucketOwnerEnforced,
        "BucketOwnerPreferred" => ObjectOwnership::BucketOwnerPreferred,
        "ObjectWriter" => ObjectOwnership::ObjectWriter,
        _ => return None,
    })
}

/// A policy comes as an object, in some tools' hands as the text of one.
fn policy(request: &Value) -> Option<BucketPolicy> {
    let parsed: Value;
    let document = match params::at(request, &["bucketPolicy"])? {
        Value::String(text) => {
            parsed = serde_json::from_str(text).ok()?;
            &parsed
        }
        other => other,
    };
    let statements = match params::at(document, &["Statement"])? {
        Value::Array(items) => items.iter().cloned().map(Document).collect(),
        one @ Value::Object(_) => [Document(one.clone())].into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    Some(BucketPolicy {
        version: params::text_at(document, &["Version"]),
        id: params::text_at(document, &["Id"]),
        statement: statements,
    })
}

fn encryption(request: &Value) -> Option<Encryption> {
    let rules = params::at(request, &["ServerSideEncryptionConfiguration", "Rule"]);
    let rule = params::items(rules).into_iter().next()?;
    let by_default = params::at(rule, &["ApplyServerSideEncryptionByDefault"])?;
    Some(Encryption {
        algorithm: Algorithm::parse(&params::text_at(by_default, &["SSEAlgorithm"])?)?,
        kms_key: params::text_at(by_default, &["KMSMasterKeyID"]),
        bucket_key_enabled: params::truth_at(rule, &["BucketKeyEnabled"]) == Some(true),
    })
}

fn set_versioning(bucket: &mut Bucket, request: &Value, event: &Event) -> Result<(), ProjectError> {
    let path = |name| params::text_at(request, &["VersioningConfiguration", name]);
    let before = bucket.versioning_configuration;
    let mfa_delete = match path("MfaDelete").as_deref() {
        Some("Enabled") => true,
        Some(_) => false,
        None => before.is_some_and(|versioning| versioning.mfa_delete),
    };
    let status = match path("Status").as_deref() {
        Some("Enabled") => VersioningStatus::Enabled,
        Some("Suspended") => VersioningStatus::Suspended,
        Some(_) | None => return Err(params::untold(event, "the versioning status")),
    };
    bucket.versioning_configuration = Some(Versioning { status, mfa_delete });
    Ok(())
}

/// A status without `LoggingEnabled` turns logging off.
fn logging(status: &Value) -> Option<Logging> {
    let enabled = params::at(status, &["LoggingEnabled"])?;
    let grants = params::at(enabled, &["TargetGrants"]).and_then(acl::from_list);
    Some(Logging {
        destination_bucket_name: params::text_at(enabled, &["TargetBucket"])?,
        log_file_prefix: params::text_at(enabled, &["TargetPrefix"]).unwrap_or_default(),
        target_object_key_format: params::at(enabled, &["TargetObjectKeyFormat"])
            .filter(|format| format.is_object())
            .cloned()
            .map(Document),
        target_grants: grants.unwrap_or_default(),
    })
}

/// The bucket a record is about. Parameters that were cut because they were too large leave only
/// the ARN in `resources`.
fn bucket_name(record: &Record) -> Option<String> {
    params::text_at(&record.request, &["bucketName"]).or_else(|| {
        let bucket = |arn: &String| arn.split_once(":::").map(|(_, name)| name.to_owned());
        record.arns.iter().filter_map(bucket).find(|name| !name.is_empty() && !name.contains('/'))
    })
}
