//! What an earlier stack left because it is kept, and how a new stack takes it in.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html>

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{ChangeSetType, ResourceToImport};
use aws_sdk_dynamodb::types::TableDescription;
use aws_sdk_s3::types::ServerSideEncryptionConfiguration;

use super::error::DeployError;
use super::remains::Kept;
use super::stack::{Deployment, Proposal};
use crate::connect::Aws;
use crate::fault::{CallError, Meaning, failed};

const TABLE: &str = "AWS::DynamoDB::Table";
const BUCKET: &str = "AWS::S3::Bucket";
const KEY: &str = "AWS::KMS::Key";
/// The tag in which the template says the key's id.
const KEY_TAG: &str = "aisaws:key";
/// By these our table is known.
const INDEXES: [&str; 2] = ["by_time", "by_name"];

/// What is there of a table, a bucket and the key that both are encrypted with, by their names in
/// the template.
#[derive(Debug, Clone, Copy)]
pub struct Names<'n> {
    /// The table's name in the template, and its own.
    pub table: (&'n str, &'n str),
    /// The bucket's.
    pub bucket: (&'n str, &'n str),
    /// The key's in the template.
    pub key: &'n str,
}

/// What an earlier stack left of these; empty where neither table nor bucket is there.
///
/// # Errors
/// [`DeployError::Taken`] where one is there that no stack of ours made: a table without our indexes,
/// no key, two keys; failed calls.
pub async fn left_behind(aws: &Aws, names: Names<'_>) -> Result<Vec<Kept>, DeployError> {
    let table = found_table(aws, names.table.1).await?;
    let bucket = found_bucket(aws, names.bucket.1).await?;
    let key_of = |found: &Option<Found>| found.as_ref().and_then(|found| found.key.clone());
    let key = key_of(&bucket).or_else(|| key_of(&table));
    let mut left = Vec::new();
    for (kind, (resource, id), found) in
        [(TABLE, names.table, table), (BUCKET, names.bucket, bucket)]
    {
        let Some(found) = found else { continue };
        let is_same = found.key.is_none() || found.key == key;
        if !found.is_ours || !is_same || key.is_none() {
            return Err(DeployError::Taken { kind: kind.to_owned(), id: id.to_owned() });
        }
        left.push(kept(resource, kind, id));
    }
    left.extend(key.filter(|_| !left.is_empty()).map(|key| kept(names.key, KEY, &key)));
    Ok(left)
}

/// What is there under one of our names.
struct Found {
    is_ours: bool,
    /// Id of the key of ours that it is encrypted with.
    key: Option<String>,
}

fn kept(resource: &str, kind: &str, id: &str) -> Kept {
    Kept { resource: resource.to_owned(), kind: kind.to_owned(), id: id.to_owned() }
}

async fn found_table(aws: &Aws, name: &str) -> Result<Option<Found>, DeployError> {
    let answer = aws.dynamodb().describe_table().table_name(name).send().await;
    let Some(answer) = found(answer.map_err(failed("dynamodb:DescribeTable")))? else {
        return Ok(None);
    };
    let table = answer.table();
    let indexes = table.map(TableDescription::global_secondary_indexes).unwrap_or_default();
    let has = |name: &&str| indexes.iter().any(|index| index.index_name() == Some(*name));
    let key = table.and_then(|t| t.sse_description()).and_then(|s| s.kms_master_key_arn());
    let key = match (key, table.and_then(|t| t.table_arn())) {
        (Some(key), _) => Some(id_of_key(key)),
        (None, Some(arn)) => tagged_key(aws, arn).await?,
        (None, None) => None,
    };
    Ok(Some(Found { is_ours: INDEXES.iter().all(has), key }))
}

/// Not every place tells of a table with which key it is encrypted: the template says it in a tag too.
async fn tagged_key(aws: &Aws, arn: &str) -> Result<Option<String>, DeployError> {
    let answer = aws.dynamodb().list_tags_of_resource().resource_arn(arn).send().await;
    let answer = answer.map_err(failed("dynamodb:ListTagsOfResource"))?;
    let tag = answer.tags().iter().find(|tag| tag.key() == KEY_TAG);
    Ok(tag.map(|tag| tag.value().to_owned()))
}

async fn found_bucket(aws: &Aws, name: &str) -> Result<Option<Found>, DeployError> {
    let head = aws.s3().head_bucket().bucket(name).send().await;
    if found(head.map_err(failed("s3:ListBucket")))?.is_none() {
        return Ok(None);
    }
    let answer = aws.s3().get_bucket_encryption().bucket(name).send().await;
    let answer = found(answer.map_err(failed("s3:GetEncryptionConfiguration")))?;
    let rules = answer.as_ref().and_then(|a| a.server_side_encryption_configuration());
    let mut keys =
        rules.into_iter().flat_map(ServerSideEncryptionConfiguration::rules).filter_map(|rule| {
            rule.apply_server_side_encryption_by_default()?.kms_master_key_id().map(id_of_key)
        });
    let key = keys.next();
    // Its name tells it: it has the account and the region in it.
    Ok(Some(Found { is_ours: true, key }))
}

fn found<T>(answer: Result<T, CallError>) -> Result<Option<T>, DeployError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(e) if e.meaning == Meaning::NotFound => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// An ARN ends in the id.
fn id_of_key(arn: &str) -> String {
    arn.rsplit_once('/').map_or(arn, |(_, id)| id).to_owned()
}

impl Deployment {
    /// Asks CloudFormation to take what is there into a new stack, whose template has to say
    /// nothing else. Nothing is changed by that, nor by carrying it out, but for whose they are.
    ///
    /// # Errors
    /// [`DeployError::Refused`], as where another stack has one of them; others.
    pub async fn propose_import(&self, aws: &Aws, left: &[Kept]) -> Result<Proposal, DeployError> {
        let resources = left.iter().map(|one| {
            let name = match one.kind.as_str() {
                TABLE => "TableName",
                BUCKET => "BucketName",
                _ => "KeyId",
            };
            ResourceToImport::builder()
                .resource_type(&one.kind)
                .logical_resource_id(&one.resource)
                .resource_identifier(name, &one.id)
                .build()
        });
        let resources = resources.collect();
        self.proposed(aws, ChangeSetType::Import, &BTreeMap::new(), Some(resources))
            .await?
            .ok_or_else(|| DeployError::Refused {
                stack: self.stack.clone(),
                reason: "it takes nothing in".to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_its_id() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
        assert_eq!([id_of_key(&arn), id_of_key(id)], [id, id]);
    }
}
