//! What events do to an access key.
//! Source: IAM API Reference, `CreateAccessKey`, `UpdateAccessKey`, `DeleteAccessKey`.

use std::collections::BTreeMap;

use aisaws_core::event::{ActorKind, Event};
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::{Value, json};

use super::apis::APIS;
use super::key::{AccessKey, KeyStatus};
use crate::api::Api;
use crate::params::{self, Record, call};
use crate::resource::{ProjectError, Resource, WriteError};
use crate::state::State;

/// IAM access keys.
#[derive(Debug, Clone, Copy)]
pub struct AccessKeys;

#[derive(Clone, Copy)]
enum Change {
    Create,
    Update,
    Delete,
}

fn change(event: &Event) -> Option<Change> {
    if event.service != "iam.amazonaws.com" {
        return None;
    }
    Some(match event.name.as_str() {
        "CreateAccessKey" => Change::Create,
        "UpdateAccessKey" => Change::Update,
        "DeleteAccessKey" => Change::Delete,
        _ => return None,
    })
}

fn id(change: Change, record: &Record) -> Option<String> {
    match change {
        Change::Create => params::text_at(&record.response, &["accessKey", "accessKeyId"]),
        Change::Update | Change::Delete => params::text_at(&record.request, &["accessKeyId"]),
    }
}

/// Whose key the event is about. Where the request names no user, IAM takes the caller.
fn user(record: &Record, event: &Event) -> Option<String> {
    params::text_at(&record.response, &["accessKey", "userName"])
        .or_else(|| params::text_at(&record.request, &["userName"]))
        .or_else(|| caller(event))
}

/// The name of the IAM user who called: what follows the last slash of `user/path/name`.
fn caller(event: &Event) -> Option<String> {
    if event.actor.kind != ActorKind::IamUser {
        return None;
    }
    let (_, path) = event.actor.arn.as_deref()?.split_once(":user/")?;
    path.rsplit('/').next().map(str::to_owned)
}

impl Resource for AccessKeys {
    type State = AccessKey;

    fn touched(&self, event: &Event) -> Vec<ResourceRef> {
        let Some(change) = change(event).filter(|_| !event.has_failed()) else {
            return Vec::new();
        };
        id(change, &Record::of(event))
            .map(|id| params::here(event, AccessKey::TYPE, id))
            .into_iter()
            .collect()
    }

    fn assumed(&self, resource: &ResourceRef) -> AccessKey {
        AccessKey { id: resource.id.clone(), user_name: None, status: KeyStatus::Active }
    }

    /// Besides what changes a key, any event signed with it tells whose it is.
    fn project(
        &self,
        resource: &ResourceRef,
        state: Option<AccessKey>,
        event: &Event,
    ) -> Result<Option<AccessKey>, ProjectError> {
        let Some(change) = change(event) else {
            return Ok(state.map(|key| named_by_use(key, event)));
        };
        let record = Record::of(event);
        if id(change, &record).as_ref() != Some(&resource.id) {
            return Ok(state.map(|key| named_by_use(key, event)));
        }
        let mut key = state.unwrap_or_else(|| self.assumed(resource));
        if let Some(user) = user(&record, event) {
            key.user_name = Some(user);
        }
        match change {
            Change::Delete => return Ok(None),
            Change::Create => key.status = KeyStatus::Active,
            Change::Update => {
                key.status = status(&record.request)
                    .ok_or_else(|| params::untold(event, "the key's status"))?;
            }
        }
        Ok(Some(key))
    }

    fn calls(
        &self,
        resource: &ResourceRef,
        before: Option<&AccessKey>,
        after: Option<&AccessKey>,
    ) -> Result<Vec<Call>, WriteError> {
        let (Some(before), Some(after)) = (before, after) else {
            let why = "access keys are neither created nor deleted by a repair";
            return Err(WriteError::unwritable(resource, why));
        };
        if (&before.id, &before.user_name) != (&after.id, &after.user_name)
            || after.id != resource.id
        {
            let why = "id and user of an access key cannot be changed";
            return Err(WriteError::unwritable(resource, why));
        }
        // Without a user name IAM refuses the call of a role; it never acts on another key.
        let parameters = match &after.user_name {
            Some(user) => {
                json!({"UserName": user, "AccessKeyId": after.id, "Status": after.status})
            }
            None => json!({"AccessKeyId": after.id, "Status": after.status}),
        };
        Ok(vec![call("iam:UpdateAccessKey", parameters)])
    }

    fn tags(&self, _state: &AccessKey) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn apis(&self) -> &'static [Api] {
        APIS
    }
}

fn named_by_use(mut key: AccessKey, event: &Event) -> AccessKey {
    if key.user_name.is_none() && event.actor.access_key_id.as_ref() == Some(&key.id) {
        key.user_name = caller(event);
    }
    key
}

fn status(request: &Value) -> Option<KeyStatus> {
    match params::text_at(request, &["status"])?.as_str() {
        "Active" => Some(KeyStatus::Active),
        "Inactive" => Some(KeyStatus::Inactive),
        _ => None,
    }
}
