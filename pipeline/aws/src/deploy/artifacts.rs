//! The bucket from which CloudFormation takes programs, template and definition.

use aisaws_core::canonical::Digest;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};

use super::error::DeployError;
use crate::connect::Aws;
use crate::fault::{CallError, Meaning, failed};
use crate::identity::identity;

/// The region whose name a new bucket must not be given.
const FIRST_REGION: &str = "us-east-1";

/// A private, encrypted, versioned bucket of ours. Keys end in the digest of the content, so the
/// same content is there once, and what a stack runs is never exchanged under it.
#[derive(Debug, Clone)]
pub struct Artifacts {
    client: aws_sdk_s3::Client,
    bucket: String,
    account: String,
    /// Where the bucket is reached, for template addresses.
    base: String,
}

/// The name of the bucket where none is given: `aisaws-artifacts-111122223333-eu-west-1`.
pub fn artifact_bucket(account: &str, region: &str) -> String {
    format!("aisaws-artifacts-{account}-{region}")
}

impl Artifacts {
    /// Makes the bucket where it is missing, and puts its settings right. Nothing is ever put into
    /// a bucket of another account, whoever made one of that name first.
    ///
    /// # Errors
    /// [`DeployError::Bucket`] where the name is taken, [`DeployError::NoRegion`], failed calls.
    pub async fn ensure(aws: &Aws, name: Option<&str>) -> Result<Self, DeployError> {
        let region = aws.region().ok_or(DeployError::NoRegion)?;
        let account = identity(aws).await?.account.as_str().to_owned();
        let bucket = name.map_or_else(|| artifact_bucket(&account, region), str::to_owned);
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let base = match aws.endpoint() {
            Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{region}.{suffix}"),
        };
        let artifacts = Self { client: aws.s3(), bucket, account, base };
        if !artifacts.exists().await? {
            artifacts.create(region).await?;
        }
        artifacts.protect().await?;
        Ok(artifacts)
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The address of an object, as CloudFormation takes templates.
    pub fn url(&self, key: &str) -> String {
        format!("{}/{key}", self.base)
    }

    async fn exists(&self) -> Result<bool, DeployError> {
        let head = self.client.head_bucket().bucket(&self.bucket);
        let head = head.expected_bucket_owner(&self.account).send().await;
        match head.map_err(failed("s3:ListBucket")) {
            Ok(_) => Ok(true),
            Err(e) if e.meaning == Meaning::NotFound => Ok(false),
            Err(e) => Err(self.mine(e)),
        }
    }

    async fn create(&self, region: &str) -> Result<(), DeployError> {
        let mut create = self.client.create_bucket().bucket(&self.bucket);
        if region != FIRST_REGION {
            let place = CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region));
            create = create.create_bucket_configuration(place.build());
        }
        match create.send().await.map_err(failed("s3:CreateBucket")) {
            Ok(_) => Ok(()),
            Err(e) if e.code.as_deref() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(e) => Err(self.mine(e)),
        }
    }

    async fn protect(&self) -> Result<(), DeployError> {
        let blocked = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        let put = self.client.put_public_access_block().bucket(&self.bucket);
        let put = put.expected_bucket_owner(&self.account);
        let put = put.public_access_block_configuration(blocked).send().await;
        put.map_err(failed("s3:PutBucketPublicAccessBlock")).map_err(|e| self.mine(e))?;

        let by_default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::Aes256)
            .build()?;
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(by_default)
            .build();
        let encryption = ServerSideEncryptionConfiguration::builder().rules(rule).build()?;
        let put = self.client.put_bucket_encryption().bucket(&self.bucket);
        let put = put.expected_bucket_owner(&self.account);
        let put = put.server_side_encryption_configuration(encryption).send().await;
        put.map_err(failed("s3:PutEncryptionConfiguration")).map_err(|e| self.mine(e))?;

        let versions =
            VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let put = self.client.put_bucket_versioning().bucket(&self.bucket);
        let put = put.expected_bucket_owner(&self.account);
        let put = put.versioning_configuration(versions).send().await;
        put.map_err(failed("s3:PutBucketVersioning")).map_err(|e| self.mine(e))?;
        Ok(())
    }

    /// Puts content unless it is there, and gives its key: `<name>-<digest>.<end>`.
    ///
    /// # Errors
    /// [`DeployError::Bucket`], failed calls.
    pub async fn put(&self, name: &str, end: &str, content: &[u8]) -> Result<String, DeployError> {
        let key = format!("{name}-{}.{end}", Digest::of_bytes(content));
        let head = self.client.head_object().bucket(&self.bucket).key(&key);
        let head = head.expected_bucket_owner(&self.account).send().await;
        match head.map_err(failed("s3:GetObject")) {
            Ok(_) => return Ok(key),
            Err(e) if e.meaning == Meaning::NotFound => {}
            Err(e) => return Err(self.mine(e)),
        }
        let put = self.client.put_object().bucket(&self.bucket).key(&key);
        let put = put.expected_bucket_owner(&self.account);
        let put = put.body(ByteStream::from(content.to_vec())).send().await;
        put.map_err(failed("s3:PutObject")).map_err(|e| self.mine(e))?;
        Ok(key)
    }

    /// A refusal by a bucket that we named is told as what it most often is: not ours.
    fn mine(&self, error: CallError) -> DeployError {
        let taken = matches!(error.code.as_deref(), Some("BucketAlreadyExists"));
        if taken || error.meaning == Meaning::Denied {
            DeployError::Bucket(self.bucket.clone())
        } else {
            DeployError::Call(error)
        }
    }
}
