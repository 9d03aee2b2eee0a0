//! The operations of a driver of buckets.
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
//! S3"; Amazon S3 User Guide, "Required permissions for Amazon S3 API operations".

use crate::api::{Api, Purpose};

const BUCKET: &str = "arn:${Partition}:s3:::*";

const fn read(operation: &'static str, action: &'static str, f: &'static [&'static str]) -> Api {
    Api::new(Purpose::Read, operation, action, f, BUCKET)
}

const fn write(operation: &'static str, action: &'static str, f: &'static [&'static str]) -> Api {
    Api::new(Purpose::Write, operation, action, f, BUCKET)
}

const ACL: &[&str] = &["/AclGrants"];
const OWNERSHIP: &[&str] = &["/ObjectOwnership"];
const BLOCK: &[&str] = &["/PublicAccessBlockConfiguration"];
const POLICY: &[&str] = &["/BucketPolicy"];
const ENCRYPTION: &[&str] = &["/BucketEncryption"];
const VERSIONING: &[&str] = &["/VersioningConfiguration"];
const LOGGING: &[&str] = &["/LoggingConfiguration"];
const TAGS: &[&str] = &["/Tags"];

/// What reads, writes and lists buckets.
pub const APIS: &[Api] = &[
    read("GetBucketAcl", "s3:GetBucketAcl", &["/AclOwner", "/AclGrants"]),
    read("GetBucketOwnershipControls", "s3:GetBucketOwnershipControls", OWNERSHIP),
    read("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", BLOCK),
    read("GetBucketPolicy", "s3:GetBucketPolicy", POLICY),
    read("GetBucketEncryption", "s3:GetEncryptionConfiguration", ENCRYPTION),
    read("GetBucketVersioning", "s3:GetBucketVersioning", VERSIONING),
    read("GetBucketLogging", "s3:GetBucketLogging", LOGGING),
    read("GetBucketTagging", "s3:GetBucketTagging", TAGS),
    write("PutBucketAcl", "s3:PutBucketAcl", ACL),
    write("PutBucketOwnershipControls", "s3:PutBucketOwnershipControls", OWNERSHIP),
    write("DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls", OWNERSHIP),
    write("PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock", BLOCK),
    write("DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock", BLOCK),
    write("PutBucketPolicy", "s3:PutBucketPolicy", POLICY),
    write("DeleteBucketPolicy", "s3:DeleteBucketPolicy", POLICY),
    write("PutBucketEncryption", "s3:PutEncryptionConfiguration", ENCRYPTION),
    write("PutBucketVersioning", "s3:PutBucketVersioning", VERSIONING),
    write("PutBucketLogging", "s3:PutBucketLogging", LOGGING),
    write("PutBucketTagging", "s3:PutBucketTagging", TAGS),
    write("DeleteBucketTagging", "s3:PutBucketTagging", TAGS),
    Api::new(Purpose::List, "ListBuckets", "s3:ListAllMyBuckets", &[], "*"),
];
