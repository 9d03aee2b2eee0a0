//! The calls that change a trail.

use aisaws_controls::cloudtrail::Trail;
use aisaws_core::resource::ResourceRef;
use aws_sdk_cloudtrail::types::Tag;

use super::read;
use super::selectors::{to_advanced, to_basic};
use crate::drivers::driver::Planned;
use crate::drivers::error::{DriverError, told, typed, unless};
use crate::drivers::link::Caller;
use crate::drivers::parameters::Parameters;

/// Somebody was faster: with a trail of that name, or with deleting it.
const CHANGED: &[&str] =
    &["TrailAlreadyExistsException", "TrailNotFoundException", "ResourceNotFoundException"];

/// The settings that CreateTrail and UpdateTrail share.
macro_rules! settings {
    ($call:expr, $given:expr) => {{
        let (call, given) = ($call, &$given);
        let text = |name: &str| given.get_text(name).map(str::to_owned);
        call.name(given.text("Name")?)
            .set_s3_bucket_name(text("S3BucketName"))
            .set_s3_key_prefix(text("S3KeyPrefix"))
            .set_sns_topic_name(text("SnsTopicName"))
            .set_include_global_service_events(given.get_truth("IncludeGlobalServiceEvents"))
            .set_is_multi_region_trail(given.get_truth("IsMultiRegionTrail"))
            .set_is_organization_trail(given.get_truth("IsOrganizationTrail"))
            .set_enable_log_file_validation(given.get_truth("EnableLogFileValidation"))
            .set_kms_key_id(text("KmsKeyId"))
            .set_cloud_watch_logs_log_group_arn(text("CloudWatchLogsLogGroupArn"))
            .set_cloud_watch_logs_role_arn(text("CloudWatchLogsRoleArn"))
    }};
}

pub(super) async fn make(
    aws: &Caller,
    resource: &ResourceRef,
    planned: Planned<'_>,
) -> Result<(), DriverError> {
    // A trail that is created now is not what the plan was made from, but its beginning.
    let action = planned.call.action.as_str();
    if let Some(now) = planned.expected().filter(|now| !now.is_null()) {
        unchanged(aws, resource, action, &typed(now)?).await?;
    }
    let made = one(aws, action, &Parameters::of(planned.call)).await;
    unless(CHANGED, made)?.ok_or(DriverError::Changed("its existence"))
}

async fn one(aws: &Caller, action: &str, given: &Parameters<'_>) -> Result<(), DriverError> {
    let client = aws.cloudtrail();
    match action {
        "cloudtrail:CreateTrail" => {
            let tags = Some(tags(given)?).filter(|tags| !tags.is_empty());
            let request = settings!(client.create_trail(), *given).set_tags_list(tags);
            aws.send("CreateTrail", request.send()).await.map(drop)
        }
        "cloudtrail:UpdateTrail" => {
            let request = settings!(client.update_trail(), *given);
            aws.send("UpdateTrail", request.send()).await.map(drop)
        }
        "cloudtrail:DeleteTrail" => {
            let request = client.delete_trail().name(given.text("Name")?);
            aws.send("DeleteTrail", request.send()).await.map(drop)
        }
        "cloudtrail:PutEventSelectors" => {
            let basic: Vec<_> = given.list("EventSelectors").map(|one| to_basic(&one)).collect();
            let advanced: Result<Vec<_>, _> =
                given.list("AdvancedEventSelectors").map(|one| to_advanced(&one)).collect();
            // One form or the other; a list that is sent empty would count as both.
            let request = client
                .put_event_selectors()
                .trail_name(given.text("TrailName")?)
                .set_event_selectors(Some(basic).filter(|list| !list.is_empty()))
                .set_advanced_event_selectors(Some(advanced?).filter(|list| !list.is_empty()));
            aws.send("PutEventSelectors", request.send()).await.map(drop)
        }
        "cloudtrail:StartLogging" => {
            let request = client.start_logging().name(given.text("Name")?);
            aws.send("StartLogging", request.send()).await.map(drop)
        }
        "cloudtrail:StopLogging" => {
            let request = client.stop_logging().name(given.text("Name")?);
            aws.send("StopLogging", request.send()).await.map(drop)
        }
        "cloudtrail:AddTags" => {
            let request = client.add_tags().resource_id(given.text("ResourceId")?);
            let request = request.set_tags_list(Some(tags(given)?));
            aws.send("AddTags", request.send()).await.map(drop)
        }
        "cloudtrail:RemoveTags" => {
            let request = client.remove_tags().resource_id(given.text("ResourceId")?);
            let request = request.set_tags_list(Some(tags(given)?));
            aws.send("RemoveTags", request.send()).await.map(drop)
        }
        _ => Err(given.wrong("the driver of trails does not know it")),
    }
}

fn tags(given: &Parameters<'_>) -> Result<Vec<Tag>, DriverError> {
    let mut tags = Vec::new();
    for (key, value) in given.tags("TagsList")? {
        let tag = Tag::builder().key(key).value(value).build();
        tags.push(tag.map_err(|_| given.wrong("a tag"))?);
    }
    Ok(tags)
}

/// Whether what the call writes is as the plan found it.
async fn unchanged(
    aws: &Caller,
    resource: &ResourceRef,
    action: &str,
    now: &Trail,
) -> Result<(), DriverError> {
    const GONE: DriverError = DriverError::Changed("its existence");
    let described = || async { read::described(aws, resource).await?.ok_or(GONE) };
    let (is_so, field) = match action {
        "cloudtrail:UpdateTrail" => {
            let there = read::settings(&described().await?)?;
            let expected = Trail {
                is_logging: there.is_logging,
                event_selectors: there.event_selectors.clone(),
                advanced_event_selectors: there.advanced_event_selectors.clone(),
                tags: there.tags.clone(),
                ..now.clone()
            };
            (there == expected, "its settings")
        }
        "cloudtrail:PutEventSelectors" => {
            let there = read::selectors(aws, resource).await?;
            let expected = (now.event_selectors.clone(), now.advanced_event_selectors.clone());
            (there == expected, "/EventSelectors")
        }
        "cloudtrail:StartLogging" | "cloudtrail:StopLogging" => {
            (read::is_logging(aws, resource).await? == now.is_logging, "/IsLogging")
        }
        "cloudtrail:AddTags" | "cloudtrail:RemoveTags" => {
            let described = described().await?;
            let arn = told(described.trail_arn(), "DescribeTrails", "the ARN")?;
            (read::tags(aws, arn).await? == now.tags, "/Tags")
        }
        _ => (true, "it"),
    };
    if is_so { Ok(()) } else { Err(DriverError::Changed(field)) }
}
