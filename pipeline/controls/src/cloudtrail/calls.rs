//! The calls that turn one trail into another. CloudTrail takes settings, selectors, logging
//! and tags in calls of their own; logging starts last, when it writes to the right place.

use std::collections::BTreeMap;

use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::{Map, Value, json};

use super::trail::Trail;
use crate::keyed::{Document, Keyed};
use crate::params::{call, tag_list};
use crate::resource::WriteError;

pub(super) fn between(
    resource: &ResourceRef,
    before: Option<&Trail>,
    after: Option<&Trail>,
) -> Result<Vec<Call>, WriteError> {
    let name = resource.id.as_str();
    let Some(after) = after else {
        return Ok(match before {
            Some(_) => vec![call("cloudtrail:DeleteTrail", json!({"Name": name}))],
            None => Vec::new(),
        });
    };
    if after.s3_bucket_name.is_none() && before.is_none_or(|now| now.s3_bucket_name.is_some()) {
        let why = "the bucket for its log files is not known";
        return Err(WriteError::unwritable(resource, why));
    }
    let mut calls = Vec::new();
    let created;
    let now = if let Some(before) = before {
        let changed = changed(&settings(before), &settings(after));
        if !changed.is_empty() {
            calls.push(call("cloudtrail:UpdateTrail", named(name, changed)));
        }
        before
    } else {
        created = Trail { tags: after.tags.clone(), ..Trail::new(None) };
        let mut wanted = settings(after);
        wanted.retain(|_, value| value != &json!(""));
        if !after.tags.is_empty() {
            wanted.insert("TagsList".to_owned(), tag_list(&after.tags));
        }
        calls.push(call("cloudtrail:CreateTrail", named(name, wanted)));
        &created
    };
    if (&now.event_selectors, &now.advanced_event_selectors)
        != (&after.event_selectors, &after.advanced_event_selectors)
    {
        calls.push(selectors(resource, after)?);
    }
    if now.is_logging != after.is_logging {
        let action =
            if after.is_logging { "cloudtrail:StartLogging" } else { "cloudtrail:StopLogging" };
        calls.push(call(action, json!({"Name": name})));
    }
    calls.extend(tags(resource, &now.tags, &after.tags));
    Ok(calls)
}

/// The settings that CreateTrail and UpdateTrail take; an empty text is a setting that is
/// not there.
fn settings(trail: &Trail) -> Map<String, Value> {
    let text = |value: &Option<String>| json!(value.clone().unwrap_or_default());
    [
        ("S3BucketName", text(&trail.s3_bucket_name)),
        ("S3KeyPrefix", text(&trail.s3_key_prefix)),
        ("SnsTopicName", text(&trail.sns_topic_name)),
        ("IncludeGlobalServiceEvents", json!(trail.include_global_service_events)),
        ("IsMultiRegionTrail", json!(trail.is_multi_region_trail)),
        ("IsOrganizationTrail", json!(trail.is_organization_trail)),
        ("EnableLogFileValidation", json!(trail.enable_log_file_validation)),
        ("KmsKeyId", text(&trail.kms_key_id)),
        ("CloudWatchLogsLogGroupArn", text(&trail.cloud_watch_logs_log_group_arn)),
        ("CloudWatchLogsRoleArn", text(&trail.cloud_watch_logs_role_arn)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(*value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn named(name: &str, mut parameters: Map<String, Value>) -> Value {
    parameters.insert("Name".to_owned(), json!(name));
    Value::Object(parameters)
}

fn selectors(resource: &ResourceRef, after: &Trail) -> Result<Call, WriteError> {
    let list = |set: &Keyed<Document>| -> Value { set.values().map(|one| one.0.clone()).collect() };
    let mut parameters = json!({"TrailName": resource.id});
    if let Some(parameters) = parameters.as_object_mut() {
        if !after.event_selectors.is_empty() {
            parameters.insert("EventSelectors".to_owned(), list(&after.event_selectors));
        }
        if !after.advanced_event_selectors.is_empty() {
            let advanced = list(&after.advanced_event_selectors);
            parameters.insert("AdvancedEventSelectors".to_owned(), advanced);
        }
        if parameters.len() != 2 {
            let why = "a trail selects events in the older or the newer form, one of them";
            return Err(WriteError::unwritable(resource, why));
        }
    }
    Ok(call("cloudtrail:PutEventSelectors", parameters))
}

fn tags(
    resource: &ResourceRef,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<Call> {
    let written: BTreeMap<String, String> = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(*value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let removed: BTreeMap<String, String> = before
        .iter()
        .filter(|(key, _)| !after.contains_key(*key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let one = |action, tags: &BTreeMap<String, String>| {
        let tags_list = tag_list(tags);
        (!tags.is_empty())
            .then(|| call(action, json!({"ResourceId": arn(resource), "TagsList": tags_list})))
    };
    let removal = one("cloudtrail:RemoveTags", &removed);
    removal.into_iter().chain(one("cloudtrail:AddTags", &written)).collect()
}

fn arn(resource: &ResourceRef) -> String {
    let region = resource.region.as_str();
    let partition = match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:cloudtrail:{region}:{}:trail/{}", resource.account, resource.id)
}
