//! The driver of S3 buckets.

mod convert;
mod read;
mod write;

use aisaws_controls::State as _;
use aisaws_controls::s3::Bucket;
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value;

use super::driver::{Driver, Planned, pages};
use super::error::{DriverError, state, unless};
use super::link::Caller;

/// Buckets.
#[derive(Debug)]
pub(super) struct Buckets;

#[async_trait]
impl Driver for Buckets {
    fn kind(&self) -> &'static str {
        Bucket::TYPE
    }

    async fn read(&self, aws: &Caller, resource: &ResourceRef) -> Result<Value, DriverError> {
        let bucket = Box::pin(read::Reader { aws, resource }.whole()).await;
        match unless(&["NoSuchBucket"], bucket)? {
            Some(bucket) => state(&bucket),
            None => Ok(Value::Null),
        }
    }

    async fn make(
        &self,
        aws: &Caller,
        resource: &ResourceRef,
        planned: Planned<'_>,
    ) -> Result<Call, DriverError> {
        write::make(aws, resource, planned).await?;
        Ok(planned.call.clone())
    }

    fn list(&self, aws: Caller) -> BoxStream<'static, Result<String, DriverError>> {
        pages(move |token| {
            let aws = aws.clone();
            async move {
                let region = aws.region().as_str().to_owned();
                let call = aws
                    .s3()
                    .list_buckets()
                    .bucket_region(&region)
                    .max_buckets(1000)
                    .set_continuation_token(token);
                let page = aws.send("ListBuckets", call.send()).await?;
                let names = page
                    .buckets()
                    .iter()
                    // Endpoints that do not know the filter may still say where a bucket is.
                    .filter(|bucket| bucket.bucket_region().is_none_or(|there| there == region))
                    .filter_map(|bucket| bucket.name().map(str::to_owned))
                    .collect();
                Ok((names, page.continuation_token))
            }
        })
    }
}
