//! The calls that turn one bucket state into another.
//!
//! Order: what is blocked first, so that a repair closes the door before it tidies up; then
//! ownership, grants and policy; the rest is independent. S3 refuses public grants and
//! policies while they are blocked, so going back to a state that has both lifts the block
//! for the one call in between.
//!
//! Deleting public access block, ownership controls or tags needs the permission to put them;
//! such a call has nothing but the bucket in its parameters.

use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::{Value, json};

use super::acl;
use super::bucket::{
    Bucket, BucketPolicy, Encryption, Logging, PublicAccessBlock, VersioningStatus,
};
use super::public_policy;
use crate::params::{call, tag_list};
use crate::resource::WriteError;

pub(super) fn between(
    resource: &ResourceRef,
    before: &Bucket,
    after: &Bucket,
) -> Result<Vec<Call>, WriteError> {
    if before.acl_owner != after.acl_owner {
        return Err(WriteError::unwritable(resource, "a bucket cannot change its owner"));
    }
    let name = resource.id.as_str();
    let mut calls = Vec::new();
    let interim = interim_block(before, after);
    calls.extend(block(name, before.public_access_block_configuration, interim));
    // Lists of grants must be private before they are made void, and in force before they
    // are written.
    let acl = acl_call(name, before, after);
    if after.has_acls() {
        calls.extend(ownership(name, before, after));
        calls.extend(acl);
    } else {
        if before.acl_grants != after.acl_grants && !before.has_acls() {
            return Err(WriteError::unwritable(resource, "its lists of grants are void"));
        }
        calls.extend(acl);
        calls.extend(ownership(name, before, after));
    }
    if before.bucket_policy != after.bucket_policy {
        calls.push(policy(name, after.bucket_policy.as_ref()));
    }
    calls.extend(block(name, interim, after.public_access_block_configuration));
    if before.bucket_encryption != after.bucket_encryption {
        calls.push(encryption(name, &after.bucket_encryption));
    }
    if before.versioning_configuration != after.versioning_configuration {
        calls.push(versioning(resource, before, after)?);
    }
    if before.logging_configuration != after.logging_configuration {
        calls.push(logging(name, after.logging_configuration.as_ref()));
    }
    if before.tags != after.tags {
        calls.push(if after.tags.is_empty() {
            call("s3:PutBucketTagging", json!({"Bucket": name}))
        } else {
            let tagging = json!({"TagSet": tag_list(&after.tags)});
            call("s3:PutBucketTagging", json!({"Bucket": name, "Tagging": tagging}))
        });
    }
    Ok(calls)
}

/// What must be blocked while grants and policy are written.
fn interim_block(before: &Bucket, after: &Bucket) -> Option<PublicAccessBlock> {
    let mut interim = after.public_access_block_configuration?;
    let is_acl_public = after.acl_grants.values().any(|grant| grant.grantee.is_public());
    if before.acl_grants != after.acl_grants && is_acl_public {
        interim.block_public_acls = false;
    }
    let is_policy_public = after.bucket_policy.as_ref().is_some_and(|policy| {
        policy.statement.values().any(|statement| public_policy::is_public(&statement.0))
    });
    if before.bucket_policy != after.bucket_policy && is_policy_public {
        interim.block_public_policy = false;
    }
    let now = before.public_access_block_configuration;
    let allows = |now: PublicAccessBlock| {
        (interim.block_public_acls || !now.block_public_acls)
            && (interim.block_public_policy || !now.block_public_policy)
    };
    // Where nothing has to be lifted, the block as it is may do until the end.
    if Some(interim) != after.public_access_block_configuration && now.is_none_or(allows) {
        return now;
    }
    Some(interim)
}

fn block(
    name: &str,
    before: Option<PublicAccessBlock>,
    after: Option<PublicAccessBlock>,
) -> Option<Call> {
    if before == after {
        return None;
    }
    Some(match after {
        Some(settings) => call(
            "s3:PutBucketPublicAccessBlock",
            json!({"Bucket": name, "PublicAccessBlockConfiguration": settings}),
        ),
        None => call("s3:PutBucketPublicAccessBlock", json!({"Bucket": name})),
    })
}

fn ownership(name: &str, before: &Bucket, after: &Bucket) -> Option<Call> {
    if before.object_ownership == after.object_ownership {
        return None;
    }
    Some(match after.object_ownership {
        Some(ownership) => call(
            "s3:PutBucketOwnershipControls",
            json!({
                "Bucket": name,
                "OwnershipControls": {"Rules": [{"ObjectOwnership": ownership}]},
            }),
        ),
        None => call("s3:PutBucketOwnershipControls", json!({"Bucket": name})),
    })
}

fn acl_call(name: &str, before: &Bucket, after: &Bucket) -> Option<Call> {
    if before.acl_grants == after.acl_grants {
        return None;
    }
    Some(call(
        "s3:PutBucketAcl",
        json!({
            "Bucket": name,
            "AccessControlPolicy": {
                "Owner": {"ID": after.acl_owner},
                "Grants": acl::api_list(&after.acl_grants),
            },
        }),
    ))
}

fn policy(name: &str, policy: Option<&BucketPolicy>) -> Call {
    let Some(policy) = policy else {
        return call("s3:DeleteBucketPolicy", json!({"Bucket": name}));
    };
    let statements: Vec<&Value> = policy.statement.values().map(|one| &one.0).collect();
    let mut document = serde_json::Map::new();
    if let Some(version) = &policy.version {
        document.insert("Version".to_owned(), json!(version));
    }
    if let Some(id) = &policy.id {
        document.insert("Id".to_owned(), json!(id));
    }
    document.insert("Statement".to_owned(), json!(statements));
    // The API takes the document as text.
    let text = Value::Object(document).to_string();
    call("s3:PutBucketPolicy", json!({"Bucket": name, "Policy": text}))
}

fn encryption(name: &str, encryption: &Encryption) -> Call {
    let mut by_default = json!({"SSEAlgorithm": encryption.algorithm});
    if let (Some(key), Some(map)) = (&encryption.kms_key, by_default.as_object_mut()) {
        map.insert("KMSMasterKeyID".to_owned(), json!(key));
    }
    call(
        "s3:PutEncryptionConfiguration",
        json!({
            "Bucket": name,
            "ServerSideEncryptionConfiguration": {"Rules": [{
                "ApplyServerSideEncryptionByDefault": by_default,
                "BucketKeyEnabled": encryption.bucket_key_enabled,
            }]},
        }),
    )
}

fn versioning(resource: &ResourceRef, before: &Bucket, after: &Bucket) -> Result<Call, WriteError> {
    let Some(wanted) = after.versioning_configuration else {
        let why = "versioning that was enabled once can only be suspended";
        return Err(WriteError::unwritable(resource, why));
    };
    if wanted.mfa_delete || before.versioning_configuration.is_some_and(|now| now.mfa_delete) {
        let why = "versioning with MFA delete is changed by the root user with its device only";
        return Err(WriteError::unwritable(resource, why));
    }
    let status = match wanted.status {
        VersioningStatus::Enabled => "Enabled",
        VersioningStatus::Suspended => "Suspended",
    };
    Ok(call(
        "s3:PutBucketVersioning",
        json!({"Bucket": resource.id, "VersioningConfiguration": {"Status": status}}),
    ))
}

fn logging(name: &str, logging: Option<&Logging>) -> Call {
    let status = logging.map_or_else(
        || json!({}),
        |logging| {
            let mut enabled = serde_json::Map::new();
            enabled.insert("TargetBucket".to_owned(), json!(logging.destination_bucket_name));
            enabled.insert("TargetPrefix".to_owned(), json!(logging.log_file_prefix));
            if !logging.target_grants.is_empty() {
                let grants = acl::api_list(&logging.target_grants);
                enabled.insert("TargetGrants".to_owned(), grants);
            }
            if let Some(format) = &logging.target_object_key_format {
                enabled.insert("TargetObjectKeyFormat".to_owned(), format.0.clone());
            }
            json!({"LoggingEnabled": enabled})
        },
    );
    call("s3:PutBucketLogging", json!({"Bucket": name, "BucketLoggingStatus": status}))
}
