//! What events do to a trail.
//! Sources: CloudTrail API Reference; shapes from public recordings. A trail is named by its
//! name or its ARN, whichever the caller used.

use std::collections::BTreeMap;

use aisaws_core::event::Event;
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::Value;

use super::apis::APIS;
use super::calls;
use super::trail::Trail;
use crate::api::Api;
use crate::keyed::{Document, Keyed};
use crate::params::{self, Record};
use crate::resource::{ProjectError, Resource, WriteError};
use crate::state::State;

/// CloudTrail trails.
#[derive(Debug, Clone, Copy)]
pub struct Trails;

#[derive(Clone, Copy)]
enum Change {
    Create,
    Update,
    Delete,
    Start,
    Stop,
    Selectors,
    Tag,
    Untag,
}

fn change(event: &Event) -> Option<Change> {
    if event.service != "cloudtrail.amazonaws.com" {
        return None;
    }
    Some(match event.name.as_str() {
        "CreateTrail" => Change::Create,
        "UpdateTrail" => Change::Update,
        "DeleteTrail" => Change::Delete,
        "StartLogging" => Change::Start,
        "StopLogging" => Change::Stop,
        "PutEventSelectors" => Change::Selectors,
        "AddTags" => Change::Tag,
        "RemoveTags" => Change::Untag,
        _ => return None,
    })
}

fn given(change: Change, record: &Record) -> Option<String> {
    let field = match change {
        Change::Create | Change::Update | Change::Delete | Change::Start | Change::Stop => "name",
        Change::Selectors => "trailName",
        Change::Tag | Change::Untag => "resourceId",
    };
    params::text_at(&record.request, &[field])
}

fn name(change: Change, record: &Record) -> Option<String> {
    let given = given(change, record)?;
    if !given.starts_with("arn:") {
        return Some(given);
    }
    // Other resources of CloudTrail (event data stores, channels) are tagged too.
    given.split_once(":trail/").map(|(_, name)| name.to_owned())
}

impl Resource for Trails {
    type State = Trail;

    fn touched(&self, event: &Event) -> Vec<ResourceRef> {
        let Some(change) = change(event).filter(|_| !event.has_failed()) else {
            return Vec::new();
        };
        let record = Record::of(event);
        let trail = || {
            let owner = event.owner_of(&given(change, &record)?);
            Some(ResourceRef::new(Trail::TYPE, name(change, &record)?, &owner))
        };
        trail().into_iter().collect()
    }

    /// A trail that is known by name only is taken to have been logging: otherwise nobody
    /// would have had to stop it, and no event of it would have come.
    fn assumed(&self, _resource: &ResourceRef) -> Trail {
        Trail { is_logging: true, ..Trail::new(None) }
    }

    fn project(
        &self,
        resource: &ResourceRef,
        state: Option<Trail>,
        event: &Event,
    ) -> Result<Option<Trail>, ProjectError> {
        let Some(change) = change(event) else { return Ok(state) };
        let record = Record::of(event);
        if name(change, &record).as_ref() != Some(&resource.id) {
            return Ok(state);
        }
        let mut trail = match change {
            Change::Delete => return Ok(None),
            Change::Create => Trail::new(None),
            Change::Update
            | Change::Start
            | Change::Stop
            | Change::Selectors
            | Change::Tag
            | Change::Untag => state.unwrap_or_else(|| self.assumed(resource)),
        };
        apply(&mut trail, change, &record, event)?;
        Ok(Some(trail))
    }

    fn calls(
        &self,
        resource: &ResourceRef,
        before: Option<&Trail>,
        after: Option<&Trail>,
    ) -> Result<Vec<Call>, WriteError> {
        calls::between(resource, before, after)
    }

    fn tags(&self, state: &Trail) -> BTreeMap<String, String> {
        state.tags.clone()
    }

    fn apis(&self) -> &'static [Api] {
        APIS
    }
}

fn apply(
    trail: &mut Trail,
    change: Change,
    record: &Record,
    event: &Event,
) -> Result<(), ProjectError> {
    let tags = || params::tags(params::at(&record.request, &["tagsList"]));
    match change {
        Change::Delete => {}
        Change::Create => {
            settle(trail, &record.request);
            settle(trail, &record.response);
            trail.tags = tags();
        }
        Change::Update => {
            settle(trail, &record.request);
            settle(trail, &record.response);
        }
        Change::Start => trail.is_logging = true,
        Change::Stop => trail.is_logging = false,
        Change::Selectors => {
            let list = |name| params::items(params::at(&record.request, &[name]));
            let (basic, advanced) = (list("eventSelectors"), list("advancedEventSelectors"));
            if basic.is_empty() && advanced.is_empty() {
                return Err(params::untold(event, "the event selectors"));
            }
            trail.event_selectors = documents(&basic);
            trail.advanced_event_selectors = documents(&advanced);
        }
        Change::Tag => trail.tags.extend(tags()),
        Change::Untag => {
            for key in tags().keys() {
                trail.tags.remove(key);
            }
        }
    }
    Ok(())
}

fn documents(list: &[&Value]) -> Keyed<Document> {
    list.iter().map(|one| Document(params::pascal(one))).collect()
}

/// Takes over the settings that are there; an empty text takes a setting away.
fn settle(trail: &mut Trail, given: &Value) {
    let text = |name: &str, into: &mut Option<String>| {
        if let Some(value) = params::at(given, &[name]) {
            *into = params::text(value);
        }
    };
    text("s3BucketName", &mut trail.s3_bucket_name);
    text("s3KeyPrefix", &mut trail.s3_key_prefix);
    text("snsTopicName", &mut trail.sns_topic_name);
    text("kmsKeyId", &mut trail.kms_key_id);
    text("cloudWatchLogsLogGroupArn", &mut trail.cloud_watch_logs_log_group_arn);
    text("cloudWatchLogsRoleArn", &mut trail.cloud_watch_logs_role_arn);
    let truth = |name: &str, into: &mut bool| {
        if let Some(value) = params::truth_at(given, &[name]) {
            *into = value;
        }
    };
    truth("includeGlobalServiceEvents", &mut trail.include_global_service_events);
    truth("isMultiRegionTrail", &mut trail.is_multi_region_trail);
    truth("isOrganizationTrail", &mut trail.is_organization_trail);
    // The request and the response have their own words for this one.
    truth("enableLogFileValidation", &mut trail.enable_log_file_validation);
    truth("logFileValidationEnabled", &mut trail.enable_log_file_validation);
}
