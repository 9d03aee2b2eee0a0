//! The calls that change a bucket. Each replaces a whole sub-resource, so it is made only while
//! that sub-resource is what the plan was made from.

use aisaws_controls::s3::Bucket;
use aisaws_core::resource::ResourceRef;
use aws_sdk_s3::types::{
    AccessControlPolicy, BucketLoggingStatus, BucketVersioningStatus, LoggingEnabled, Owner,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    Tag, Tagging, VersioningConfiguration,
};
use serde_json::Value;

use super::convert::{to_grant, to_key_format, to_target_grant};
use super::read::{Reader, of_bucket};
use crate::drivers::driver::Planned;
use crate::drivers::error::{DriverError, typed};
use crate::drivers::link::Caller;
use crate::drivers::parameters::Parameters;

/// A call with a bucket, its expected owner and one thing more.
macro_rules! put {
    ($reader:expr, $operation:literal, $call:ident, $set:ident($value:expr)) => {{
        let call = $reader
            .aws
            .s3()
            .$call()
            .bucket($reader.resource.id.as_str())
            .expected_bucket_owner($reader.resource.account.as_str())
            .$set($value);
        $reader.aws.send($operation, call.send()).await.map(drop)
    }};
}

pub(super) async fn make(
    aws: &Caller,
    resource: &ResourceRef,
    planned: Planned<'_>,
) -> Result<(), DriverError> {
    let at = Reader { aws, resource };
    let given = Parameters::of(planned.call);
    let action = planned.call.action.as_str();
    if let Some(now) = planned.expected() {
        unchanged(&at, action, now).await?;
    }
    match (action, given.is_bare()) {
        ("s3:PutBucketPublicAccessBlock", true) => {
            of_bucket!(at, "DeletePublicAccessBlock", delete_public_access_block).map(drop)
        }
        ("s3:PutBucketPublicAccessBlock", false) => {
            let block = block(&given.must("PublicAccessBlockConfiguration")?)?;
            put!(
                at,
                "PutPublicAccessBlock",
                put_public_access_block,
                public_access_block_configuration(block)
            )
        }
        ("s3:PutBucketOwnershipControls", true) => {
            of_bucket!(at, "DeleteBucketOwnershipControls", delete_bucket_ownership_controls)
                .map(drop)
        }
        ("s3:PutBucketOwnershipControls", false) => {
            let controls = ownership(&given.must("OwnershipControls")?)?;
            put!(
                at,
                "PutBucketOwnershipControls",
                put_bucket_ownership_controls,
                ownership_controls(controls)
            )
        }
        ("s3:PutBucketAcl", false) => {
            let list = acl(&given.must("AccessControlPolicy")?)?;
            put!(at, "PutBucketAcl", put_bucket_acl, access_control_policy(list))
        }
        ("s3:PutBucketPolicy", false) => {
            let text = given.text("Policy")?;
            put!(at, "PutBucketPolicy", put_bucket_policy, policy(text))
        }
        ("s3:DeleteBucketPolicy", true) => {
            of_bucket!(at, "DeleteBucketPolicy", delete_bucket_policy).map(drop)
        }
        ("s3:PutEncryptionConfiguration", false) => {
            let encryption =
                encryption(&at, &given.must("ServerSideEncryptionConfiguration")?).await?;
            put!(
                at,
                "PutBucketEncryption",
                put_bucket_encryption,
                server_side_encryption_configuration(encryption)
            )
        }
        ("s3:PutBucketVersioning", false) => {
            let status = given.must("VersioningConfiguration")?.text("Status")?;
            let versioning =
                VersioningConfiguration::builder().status(BucketVersioningStatus::from(status));
            put!(
                at,
                "PutBucketVersioning",
                put_bucket_versioning,
                versioning_configuration(versioning.build())
            )
        }
        ("s3:PutBucketLogging", false) => {
            let status = logging(&given.must("BucketLoggingStatus")?)?;
            put!(at, "PutBucketLogging", put_bucket_logging, bucket_logging_status(status))
        }
        ("s3:PutBucketTagging", true) => {
            of_bucket!(at, "DeleteBucketTagging", delete_bucket_tagging).map(drop)
        }
        ("s3:PutBucketTagging", false) => {
            let tagging = tagging(&given.must("Tagging")?)?;
            put!(at, "PutBucketTagging", put_bucket_tagging, tagging(tagging))
        }
        _ => Err(given.wrong("the driver of buckets does not know it")),
    }
}

/// Whether the sub-resource that the call replaces is as the plan found it.
async fn unchanged(at: &Reader<'_>, action: &str, now: &Value) -> Result<(), DriverError> {
    let now: Bucket = typed(now)?;
    let changed =
        |is_so: bool, field| if is_so { Err(DriverError::Changed(field)) } else { Ok(()) };
    match action {
        "s3:PutBucketAcl" => {
            let (owner, grants) = at.acl().await?;
            changed((owner, grants) != (now.acl_owner, now.acl_grants), "/AclGrants")
        }
        "s3:PutBucketOwnershipControls" => {
            changed(at.ownership().await? != now.object_ownership, "/ObjectOwnership")
        }
        "s3:PutBucketPublicAccessBlock" => changed(
            at.block().await? != now.public_access_block_configuration,
            "/PublicAccessBlockConfiguration",
        ),
        "s3:PutBucketPolicy" | "s3:DeleteBucketPolicy" => {
            changed(at.policy().await? != now.bucket_policy, "/BucketPolicy")
        }
        "s3:PutEncryptionConfiguration" => {
            changed(at.encryption().await? != now.bucket_encryption, "/BucketEncryption")
        }
        "s3:PutBucketVersioning" => changed(
            at.versioning().await? != now.versioning_configuration,
            "/VersioningConfiguration",
        ),
        "s3:PutBucketLogging" => {
            changed(at.logging().await? != now.logging_configuration, "/LoggingConfiguration")
        }
        "s3:PutBucketTagging" => changed(at.tags().await? != now.tags, "/Tags"),
        _ => Ok(()),
    }
}

fn block(given: &Parameters<'_>) -> Result<PublicAccessBlockConfiguration, DriverError> {
    Ok(PublicAccessBlockConfiguration::builder()
        .block_public_acls(given.truth("BlockPublicAcls")?)
        .block_public_policy(given.truth("BlockPublicPolicy")?)
        .ignore_public_acls(given.truth("IgnorePublicAcls")?)
        .restrict_public_buckets(given.truth("RestrictPublicBuckets")?)
        .build())
}

fn ownership(given: &Parameters<'_>) -> Result<OwnershipControls, DriverError> {
    let mut controls = OwnershipControls::builder();
    for rule in given.list("Rules") {
        let rule = OwnershipControlsRule::builder()
            .object_ownership(rule.text("ObjectOwnership")?.into())
            .build();
        controls = controls.rules(rule.map_err(|_| given.wrong("an ownership"))?);
    }
    controls.build().map_err(|_| given.wrong("a rule"))
}

fn acl(given: &Parameters<'_>) -> Result<AccessControlPolicy, DriverError> {
    let owner = Owner::builder().id(given.must("Owner")?.text("ID")?).build();
    let grants: Result<Vec<_>, _> = given.list("Grants").map(|one| to_grant(&one)).collect();
    Ok(AccessControlPolicy::builder().owner(owner).set_grants(Some(grants?)).build())
}

/// A state does not say which kinds of encryption are refused for uploads; a write of the rest
/// leaves that as it is.
async fn encryption(
    at: &Reader<'_>,
    given: &Parameters<'_>,
) -> Result<ServerSideEncryptionConfiguration, DriverError> {
    let rule_now = at.encryption_rule().await?;
    let blocked = rule_now.and_then(|rule| rule.blocked_encryption_types().cloned());
    let mut configuration = ServerSideEncryptionConfiguration::builder();
    for rule in given.list("Rules") {
        let by_default = rule.must("ApplyServerSideEncryptionByDefault")?;
        let by_default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(by_default.text("SSEAlgorithm")?.into())
            .set_kms_master_key_id(by_default.get_text("KMSMasterKeyID").map(str::to_owned))
            .build()
            .map_err(|_| rule.wrong("an algorithm"))?;
        configuration = configuration.rules(
            ServerSideEncryptionRule::builder()
                .apply_server_side_encryption_by_default(by_default)
                .bucket_key_enabled(rule.truth("BucketKeyEnabled")?)
                .set_blocked_encryption_types(blocked.clone())
                .build(),
        );
    }
    configuration.build().map_err(|_| given.wrong("a rule"))
}

fn logging(given: &Parameters<'_>) -> Result<BucketLoggingStatus, DriverError> {
    let Some(enabled) = given.get("LoggingEnabled") else {
        return Ok(BucketLoggingStatus::builder().build());
    };
    let grants: Result<Vec<_>, _> =
        enabled.list("TargetGrants").map(|one| to_target_grant(&one)).collect();
    let format = enabled.get("TargetObjectKeyFormat").map(|one| to_key_format(&one)).transpose()?;
    let enabled = LoggingEnabled::builder()
        .target_bucket(enabled.text("TargetBucket")?)
        .target_prefix(enabled.text("TargetPrefix")?)
        .set_target_grants(Some(grants?).filter(|grants| !grants.is_empty()))
        .set_target_object_key_format(format)
        .build()
        .map_err(|_| given.wrong("a target"))?;
    Ok(BucketLoggingStatus::builder().logging_enabled(enabled).build())
}

fn tagging(given: &Parameters<'_>) -> Result<Tagging, DriverError> {
    let mut set = Vec::new();
    for (key, value) in given.tags("TagSet")? {
        let tag = Tag::builder().key(key).value(value).build();
        set.push(tag.map_err(|_| given.wrong("a tag"))?);
    }
    Tagging::builder().set_tag_set(Some(set)).build().map_err(|_| given.wrong("tags"))
}
