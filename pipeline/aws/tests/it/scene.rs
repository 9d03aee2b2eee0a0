//! Invented events and incidents.

use std::collections::BTreeSet;

use aisaws_core::event::ActorKind;
use aisaws_core::handoff::{Detected, Signals};
use aisaws_core::hit::Hit;
use aisaws_core::id::{EventId, IncidentId};
use aisaws_core::incident::Incident;
use aisaws_core::port::{Disposition, Recorded};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_core::source::cloudtrail;
use jiff::Timestamp;
use serde_json::json;

pub(crate) fn bucket(id: &str) -> ResourceRef {
    ResourceRef {
        kind: "AWS::S3::Bucket".to_owned(),
        id: id.to_owned(),
        account: "111122223333".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn record(id: &str, day: u8, rules: &[String], touched: &[String]) -> Recorded {
    let raw = json!({
        "eventID": id, "eventTime": format!("2026-03-{day:02}T10:00:00Z"), "eventName": "PutBucketAcl",
        "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann" },
    });
    let event = cloudtrail::parse(&raw.to_string()).unwrap();
    let hits = rules
        .iter()
        .map(|rule| Hit {
            rule: rule.as_str().into(),
            title: "a title".to_owned(),
            severity: Severity::High,
            event: event.id.clone(),
            resource: bucket("acme"),
            controls: vec!["s3.bucket-acl-public".into()],
            window_seconds: None,
            techniques: Vec::new(),
            is_trial: false,
            is_correlation: false,
            suppressed_by: None,
        })
        .collect();
    let touches = touched.iter().map(|id| bucket(id)).collect();
    Recorded { event, hits, disposition: Disposition::Examined, touches }
}

pub(crate) fn incident(name: &str, events: BTreeSet<EventId>) -> Incident {
    let detected = Detected {
        incident: IncidentId::from_cause(&[name]),
        resource: bucket("acme"),
        event: EventId::new("a"),
        time: Timestamp::UNIX_EPOCH,
        rules: vec!["test.rule".into()],
        controls: Vec::new(),
        severity: Severity::High,
        signals: Signals {
            actor: ActorKind::IamUser,
            mfa: None,
            error_code: None,
            is_unknown_network: None,
            invoked_by: None,
            other_rules_by_actor: 0,
            tags: None,
            is_sample: false,
            origin: Box::default(),
            is_trial: false,
        },
        flood: None,
        rerun: None,
    };
    Incident { detected, events }
}
