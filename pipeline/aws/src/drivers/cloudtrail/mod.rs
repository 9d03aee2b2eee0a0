//! The driver of trails.

mod read;
mod selectors;
mod write;

use aisaws_controls::State as _;
use aisaws_controls::cloudtrail::Trail;
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value;

use super::driver::{Driver, Planned, pages};
use super::error::{DriverError, state};
use super::link::Caller;

/// Trails.
#[derive(Debug)]
pub(super) struct Trails;

#[async_trait]
impl Driver for Trails {
    fn kind(&self) -> &'static str {
        Trail::TYPE
    }

    async fn read(&self, aws: &Caller, resource: &ResourceRef) -> Result<Value, DriverError> {
        match Box::pin(read::whole(aws, resource)).await? {
            Some(trail) => state(&trail),
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

    /// Trails whose home is the region; those of other regions that log here too are listed
    /// there.
    fn list(&self, aws: Caller) -> BoxStream<'static, Result<String, DriverError>> {
        pages(move |_| {
            let aws = aws.clone();
            async move {
                let call = aws.cloudtrail().describe_trails().include_shadow_trails(false);
                let answer = aws.send("DescribeTrails", call.send()).await?;
                let names = answer.trail_list().iter();
                let names = names.filter_map(|trail| trail.name().map(str::to_owned)).collect();
                Ok((names, None))
            }
        })
    }
}
