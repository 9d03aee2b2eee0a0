//! The state of a trail: settings, whether it logs, what it selects, and tags, each by a call.

use std::collections::BTreeMap;

use aisaws_controls::cloudtrail::Trail;
use aisaws_core::resource::ResourceRef;
use aws_sdk_cloudtrail::types::{ResourceTag, Trail as SdkTrail};

use super::selectors::{Selectors, from_advanced, from_basic};
use crate::drivers::error::{DriverError, told, unless};
use crate::drivers::link::Caller;

/// There is none of that name, or not any more.
const GONE: &[&str] = &["TrailNotFoundException", "ResourceNotFoundException"];

pub(super) async fn whole(
    aws: &Caller,
    resource: &ResourceRef,
) -> Result<Option<Trail>, DriverError> {
    let Some(described) = described(aws, resource).await? else { return Ok(None) };
    let arn = told(described.trail_arn(), "DescribeTrails", "the ARN")?;
    let parts =
        futures::try_join!(is_logging(aws, resource), selectors(aws, resource), tags(aws, arn));
    // Deleted between two of the calls.
    let Some((is_logging, selectors, tags)) = unless(GONE, parts)? else { return Ok(None) };
    let (event_selectors, advanced_event_selectors) = selectors;
    Ok(Some(Trail {
        is_logging,
        event_selectors,
        advanced_event_selectors,
        tags,
        ..settings(&described)?
    }))
}

/// The trail as it is described in the region; `None` where it does not exist.
pub(super) async fn described(
    aws: &Caller,
    resource: &ResourceRef,
) -> Result<Option<SdkTrail>, DriverError> {
    let call = aws
        .cloudtrail()
        .describe_trails()
        .trail_name_list(&resource.id)
        .include_shadow_trails(false);
    let answer = unless(GONE, aws.send("DescribeTrails", call.send()).await)?;
    let trails = answer.and_then(|answer| answer.trail_list).unwrap_or_default();
    Ok(trails.into_iter().find(|trail| trail.name() == Some(resource.id.as_str())))
}

/// A trail of these settings that does not log and selects nothing.
pub(super) fn settings(trail: &SdkTrail) -> Result<Trail, DriverError> {
    const OPERATION: &str = "DescribeTrails";
    let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    let truth = |value, missing| told(value, OPERATION, missing);
    #[expect(deprecated, reason = "the name is what requests and events call the topic by")]
    let topic = text(trail.sns_topic_name()).or_else(|| text(trail.sns_topic_arn()));
    Ok(Trail {
        s3_bucket_name: Some(told(text(trail.s3_bucket_name()), OPERATION, "the bucket")?),
        s3_key_prefix: text(trail.s3_key_prefix()),
        sns_topic_name: topic,
        include_global_service_events: truth(
            trail.include_global_service_events(),
            "whether global services are logged",
        )?,
        is_multi_region_trail: truth(
            trail.is_multi_region_trail(),
            "whether all regions are logged",
        )?,
        // Accounts outside of an organization are told nothing about it.
        is_organization_trail: trail.is_organization_trail() == Some(true),
        enable_log_file_validation: truth(
            trail.log_file_validation_enabled(),
            "whether log files are validated",
        )?,
        kms_key_id: text(trail.kms_key_id()),
        cloud_watch_logs_log_group_arn: text(trail.cloud_watch_logs_log_group_arn()),
        cloud_watch_logs_role_arn: text(trail.cloud_watch_logs_role_arn()),
        ..Trail::new(None)
    })
}

pub(super) async fn is_logging(aws: &Caller, resource: &ResourceRef) -> Result<bool, DriverError> {
    let call = aws.cloudtrail().get_trail_status().name(&resource.id);
    let answer = aws.send("GetTrailStatus", call.send()).await?;
    told(answer.is_logging(), "GetTrailStatus", "whether it logs")
}

pub(super) async fn selectors(
    aws: &Caller,
    resource: &ResourceRef,
) -> Result<Selectors, DriverError> {
    let call = aws.cloudtrail().get_event_selectors().trail_name(&resource.id);
    let answer = aws.send("GetEventSelectors", call.send()).await?;
    let basic = answer.event_selectors().iter().map(from_basic).collect();
    let advanced = answer.advanced_event_selectors().iter().map(from_advanced).collect();
    Ok((basic, advanced))
}

pub(super) async fn tags(aws: &Caller, arn: &str) -> Result<BTreeMap<String, String>, DriverError> {
    let mut tags = BTreeMap::new();
    let mut token = None;
    loop {
        let call = aws.cloudtrail().list_tags().resource_id_list(arn).set_next_token(token);
        let page = aws.send("ListTags", call.send()).await?;
        for tag in page.resource_tag_list().iter().flat_map(ResourceTag::tags_list) {
            tags.insert(tag.key().to_owned(), tag.value().unwrap_or_default().to_owned());
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(tags);
        }
    }
}
