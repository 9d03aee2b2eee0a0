//! Which incidents a replay compares.

use std::collections::BTreeSet;

use aisaws_core::event::Event;
use aisaws_core::id::EventId;
use aisaws_core::incident::Incident;
use aisaws_core::port::{Events, StoreError};
use aisaws_core::resource::ResourceRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which incidents are compared; an empty one means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// That this rule belongs to, then or now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// With an event of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// About that resource: its id, its ARN's last part, or as tables show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// With an event of that caller: an ARN of a user, a role or a session, an access key, or the
    /// name of a user or session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The incident, or those of the event, of that id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Selection {
    /// Whether the incident is meant, as far as it alone tells: by time, resource and id.
    pub(super) fn takes(&self, incident: &Incident) -> bool {
        let detected = &incident.detected;
        let time = detected.time;
        let is_meant = |id: &String| {
            detected.incident.to_string() == *id || incident.events.contains(&EventId::new(id))
        };
        // A re-run was asked for by a person, and no event leads to it.
        detected.rerun.is_none()
            && self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time < until)
            && self.resource.as_ref().is_none_or(|name| is_named(&detected.resource, name))
            && self.id.as_ref().is_none_or(is_meant)
    }

    /// Whether the rule belongs to it.
    pub(super) fn names_rule(&self, incident: &Incident) -> bool {
        let Some(rule) = &self.rule else { return true };
        incident.detected.rules.iter().any(|r| r.as_str() == rule)
    }

    /// Whether one of these events has the name, and one the caller, that are asked for.
    pub(super) async fn takes_events(
        &self,
        ids: &BTreeSet<EventId>,
        events: &dyn Events,
    ) -> Result<bool, StoreError> {
        let mut named = self.event_name.is_none();
        let mut called = self.actor.is_none();
        for id in ids {
            if named && called {
                break;
            }
            let Some(event) = events.get(id).await? else { continue };
            named |= self.event_name.as_ref().is_some_and(|name| *name == event.name);
            called |= self.actor.as_ref().is_some_and(|actor| is_caller(&event, actor));
        }
        Ok(named && called)
    }
}

fn is_named(resource: &ResourceRef, name: &str) -> bool {
    let id = resource.id.as_str();
    let shown = resource.to_string();
    id == name
        || shown == name
        || resource.key() == name
        || (name.starts_with("arn:") && name.rsplit([':', '/']).next() == Some(id))
}

fn is_caller(event: &Event, name: &str) -> bool {
    let actor = &event.actor;
    let arn = actor.arn.as_deref();
    let user = arn.and_then(|arn| arn.rsplit('/').next());
    [arn, actor.role_arn.as_deref(), actor.access_key_id.as_deref(), actor.session_name(), user]
        .into_iter()
        .flatten()
        .any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisaws_core::source::cloudtrail;

    fn bucket() -> ResourceRef {
        ResourceRef {
            kind: "AWS::S3::Bucket".to_owned(),
            id: "acme".to_owned(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
        }
    }

    #[test]
    fn a_resource_has_several_names() {
        for name in ["acme", "arn:aws:s3:::acme"] {
            assert!(is_named(&bucket(), name), "{name}");
        }
        assert!(is_named(&bucket(), &bucket().to_string()));
        for name in ["acm", "acme2", "arn:aws:s3:::acme2", ""] {
            assert!(!is_named(&bucket(), name), "{name}");
        }
    }

    #[test]
    fn a_caller_has_several_names() {
        let record = serde_json::json!({
            "eventID": "e-1", "eventTime": "2026-03-01T10:00:00Z", "eventVersion": "1.08",
            "eventSource": "s3.amazonaws.com", "eventName": "PutBucketAcl",
            "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::111122223333:assumed-role/ops/ann",
                "accessKeyId": "ASIAEXAMPLE",
                "sessionContext": { "sessionIssuer": {
                    "type": "Role", "arn": "arn:aws:iam::111122223333:role/ops",
                } },
            },
        });
        let event = cloudtrail::parse(&record.to_string()).unwrap();
        for name in [
            "arn:aws:sts::111122223333:assumed-role/ops/ann",
            "arn:aws:iam::111122223333:role/ops",
            "ASIAEXAMPLE",
            "ann",
        ] {
            assert!(is_caller(&event, name), "{name}");
        }
        for name in ["bob", "an", "", "arn:aws:iam::111122223333:role/op"] {
            assert!(!is_caller(&event, name), "{name}");
        }
    }
}
