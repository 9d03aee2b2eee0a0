//! What outlives a stack because its template says so, and how it is deleted after all.

use std::time::Duration;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::error::DeployError;
use crate::connect::Aws;
use crate::fault::{Meaning, failed};

/// How often, and at what interval, a table is asked to go that is still being updated.
const UPDATING: u32 = 30;
const A_MOMENT: Duration = Duration::from_secs(1);

/// A resource that stays when its stack goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name in the template.
    pub resource: String,
    /// Its type (`AWS::S3::Bucket`).
    pub kind: String,
    /// Its own name or id.
    pub id: String,
}

/// Deletes a bucket with every version of every object; one that is gone is fine.
///
/// # Errors
/// Where a call fails; what was deleted by then is gone.
pub async fn delete_bucket(aws: &Aws, name: &str) -> Result<(), DeployError> {
    let client = aws.s3();
    // Each round deletes what the first page lists, until it lists nothing.
    loop {
        let page = client.list_object_versions().bucket(name).send().await;
        let page = match page.map_err(failed("s3:ListBucketVersions")) {
            Ok(page) => page,
            Err(e) if e.meaning == Meaning::NotFound => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        let mut objects = Vec::new();
        for (key, version) in versions.chain(markers) {
            let object = ObjectIdentifier::builder()
                .key(key.unwrap_or_default())
                .set_version_id(version.map(str::to_owned));
            objects.push(object.build()?);
        }
        if objects.is_empty() {
            break;
        }
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build()?;
        let answer = client.delete_objects().bucket(name).delete(delete).send().await;
        let answer = answer.map_err(failed("s3:DeleteObjectVersion"))?;
        if let Some(error) = answer.errors().first() {
            return Err(DeployError::Stays {
                bucket: name.to_owned(),
                key: error.key().unwrap_or_default().to_owned(),
                reason: error.message().unwrap_or("no reason given").to_owned(),
            });
        }
    }
    match client.delete_bucket().bucket(name).send().await.map_err(failed("s3:DeleteBucket")) {
        Err(e) if e.meaning != Meaning::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// Deletes a table, protected from deletion as it is; one that is gone is fine.
///
/// # Errors
/// Where a call fails.
pub async fn delete_table(aws: &Aws, name: &str) -> Result<(), DeployError> {
    let update = aws.dynamodb().update_table().table_name(name).deletion_protection_enabled(false);
    match update.send().await.map_err(failed("dynamodb:UpdateTable")) {
        Ok(_) => {}
        Err(e) if e.meaning == Meaning::NotFound => return Ok(()),
        Err(e) => return Err(e.into()),
    }
    for _ in 0..UPDATING {
        let delete = aws.dynamodb().delete_table().table_name(name).send().await;
        match delete.map_err(failed("dynamodb:DeleteTable")) {
            // The update is not through yet.
            Err(e) if e.code.as_deref() == Some("ResourceInUseException") => {}
            Err(e) if e.meaning != Meaning::NotFound => return Err(e.into()),
            _ => return Ok(()),
        }
        tokio::time::sleep(A_MOMENT).await;
    }
    let delete = aws.dynamodb().delete_table().table_name(name).send().await;
    delete.map_err(failed("dynamodb:DeleteTable"))?;
    Ok(())
}
