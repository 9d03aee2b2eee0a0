//! Invented events, hits and incidents for claims.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::claim::Failure;
use crate::event::{ActorKind, Event};
use crate::handoff::{Detected, Signals};
use crate::hit::Hit;
use crate::id::{AccountId, EventId, IncidentId, Region, derive};
use crate::incident::Incident;
use crate::port::{Disposition, Recorded};
use crate::resource::ResourceRef;
use crate::risk::Severity;
use crate::source::cloudtrail;

/// Hours among which claims find their own.
const HOURS: u128 = 100_000;
/// 2000-01-01.
const FIRST: i64 = 946_684_800;

/// Texts that an adapter might read as something else than text.
pub(super) const HOSTILE: [&str; 10] = [
    "it's \"quoted\" `so` \\ and so \\\\",
    "'; drop table event; --",
    "Robert'); DELETE FROM incident WHERE ('1'='1",
    "% _ * ? [a-z] $1 ?1 :name @name #name",
    "null",
    "{\"json\": [1, 2.50, null]}",
    "line\nbreak\ttab\r\nend \u{1}\u{7f}\u{85}\u{2028}",
    "ümlaut 漢字 🦀 e\u{301} \u{202e}right to left\u{202c} \u{feff}",
    "  spaces around  ",
    "0012.50e3",
];

/// A number that a reader of JSON which rounds carelessly does not give back.
pub(super) const UNEVEN: f64 = 0.985_690_694_632_869_5;

/// One claim's own corner of the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    name: &'static str,
    start: i64,
}

impl Scene {
    pub(super) fn new(name: &'static str) -> Self {
        let hour = derive("scene", &[name]).as_u128() % HOURS;
        let hour = i64::try_from(hour).unwrap_or_default();
        Self { name, start: FIRST + hour * 3600 }
    }

    /// A time in the claim's own hour.
    pub(super) fn at(&self, second: i64) -> Timestamp {
        Timestamp::from_second(self.start + second).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// A text that no other claim has.
    pub(super) fn own(&self, text: &str) -> String {
        format!("{}/{text}", self.name)
    }

    pub(super) fn id(&self, text: &str) -> EventId {
        EventId::new(self.own(text))
    }

    /// An event of the claim's principal at that second.
    pub(super) fn event(&self, id: &str, second: i64) -> Result<Event, Failure> {
        self.event_with(id, second, &json!({}))
    }

    /// The same with other top-level fields.
    pub(super) fn event_with(
        &self,
        id: &str,
        second: i64,
        fields: &Value,
    ) -> Result<Event, Failure> {
        let mut record = json!({
            "eventVersion": "1.08",
            "eventID": self.own(id),
            "eventTime": self.at(second),
            "eventName": "PutBucketAcl",
            "eventSource": "s3.amazonaws.com",
            "awsRegion": "eu-west-1",
            "recipientAccountId": "111122223333",
            "sourceIPAddress": "192.0.2.7",
            "userIdentity": { "type": "IAMUser", "arn": self.principal(), "accessKeyId": "AKIAEXAMPLE" },
        });
        if let (Some(record), Some(fields)) = (record.as_object_mut(), fields.as_object()) {
            record.extend(fields.clone());
        }
        Ok(cloudtrail::parse(&record.to_string())?)
    }

    pub(super) fn principal(&self) -> String {
        format!("arn:aws:iam::111122223333:user/{}", self.name)
    }

    pub(super) fn bucket(&self, name: &str) -> ResourceRef {
        ResourceRef {
            kind: "AWS::S3::Bucket".to_owned(),
            id: self.own(name),
            account: AccountId::from("111122223333"),
            region: Region::from("eu-west-1"),
        }
    }

    /// Detect's hand-off for an incident of the claim.
    pub(super) fn detected(&self, incident: &str, second: i64, bucket: &str) -> Detected {
        Detected {
            incident: self.incident_id(incident),
            resource: self.bucket(bucket),
            event: self.id(incident),
            time: self.at(second),
            rules: vec!["test.rule".into()],
            controls: vec!["s3.bucket-acl-public".into()],
            severity: Severity::High,
            signals: Signals {
                actor: ActorKind::IamUser,
                mfa: Some(false),
                error_code: None,
                is_unknown_network: None,
                invoked_by: None,
                other_rules_by_actor: 2,
                tags: Some(BTreeMap::from([("it's".to_owned(), HOSTILE.join("|"))])),
                is_trial: false,
                is_sample: false,
                origin: Box::default(),
            },
            flood: None,
            rerun: None,
        }
    }

    pub(super) fn incident_id(&self, incident: &str) -> IncidentId {
        IncidentId::from_cause(&[self.name, incident])
    }

    /// An incident with one event of its name.
    pub(super) fn incident(&self, name: &str, second: i64) -> Incident {
        self.incident_on(name, second, name)
    }

    pub(super) fn incident_on(&self, name: &str, second: i64, bucket: &str) -> Incident {
        Incident {
            detected: self.detected(name, second, bucket),
            events: BTreeSet::from([self.id(name)]),
        }
    }
}

/// A record without hits and touches.
pub(super) fn plain(event: Event) -> Recorded {
    Recorded { event, hits: Vec::new(), disposition: Disposition::Examined, touches: Vec::new() }
}

/// A hit of a rule on that event.
pub(super) fn hit(event: &Event, rule: &str, resource: &ResourceRef) -> Hit {
    Hit {
        rule: rule.into(),
        title: "A title with 'quotes'".to_owned(),
        severity: Severity::High,
        event: event.id.clone(),
        resource: resource.clone(),
        controls: vec!["s3.bucket-acl-public".into()],
        window_seconds: Some(300),
        techniques: vec!["T1530".to_owned()],
        is_trial: false,
        is_correlation: false,
        suppressed_by: None,
    }
}

/// The ids of events, in their order.
pub(super) fn ids(events: &[Event]) -> Vec<EventId> {
    events.iter().map(|event| event.id.clone()).collect()
}
