//! What the page says once a vote is cast: only what happened.

use std::sync::Arc;
use std::time::Duration;

use aisaws_core::canonical::Digest;
use aisaws_core::event::ActorKind;
use aisaws_core::handoff::{Ballot, Detected, Signals};
use aisaws_core::id::IncidentId;
use aisaws_core::incident::Incident;
use aisaws_core::port::{Orchestrator, Question};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_decide::Policy;
use aisaws_embedded::{Embedded, Settings, TellLogged};
use aisaws_score::Weights;
use async_trait::async_trait;

use super::*;

/// Somebody waits, or nobody.
struct Machine(bool);

#[async_trait]
impl Orchestrator for Machine {
    async fn start(&self, _: &Detected) -> Result<(), StoreError> {
        Ok(())
    }

    async fn drive(&self, _: IncidentId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn unfinished(&self) -> Result<Vec<IncidentId>, StoreError> {
        Ok(Vec::new())
    }

    async fn answer(&self, _: &str, _: &Ballot) -> Result<bool, StoreError> {
        Ok(self.0)
    }
}

/// An incident that was asked about, and that has ended so.
async fn asked(ports: &Ports, ended: Option<Status>) -> Claims {
    let incident = IncidentId::from_cause(&["asked"]);
    let (now, digest) = (ports.clock.now(), Digest::of_bytes(b"plan"));
    let detected = Detected {
        incident,
        resource: ResourceRef {
            kind: "AWS::S3::Bucket".to_owned(),
            id: "acme".to_owned(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
        },
        event: "e".into(),
        time: now,
        rules: vec!["rule".into()],
        controls: Vec::new(),
        severity: Severity::High,
        signals: Signals {
            actor: ActorKind::Root,
            mfa: None,
            error_code: None,
            is_unknown_network: None,
            invoked_by: None,
            other_rules_by_actor: 0,
            tags: None,
            is_trial: false,
            is_sample: false,
            origin: Box::default(),
        },
        flood: None,
        rerun: None,
    };
    let opened = Incident { detected, events: std::collections::BTreeSet::new() };
    ports.incidents.open(opened, Vec::new(), now).await.unwrap();
    if let Some(status) = ended {
        let entry = Entry::Closed { status };
        ports.incidents.append(incident, "closed", entry, now).await.unwrap();
    }
    let expires = now + Duration::from_hours(1);
    let question = Question {
        incident,
        digest: digest.clone(),
        token: "token".to_owned(),
        asked: now,
        expires,
        approvals: 1,
    };
    ports.approvals.ask(question).await.unwrap();
    Claims { incident, digest, approver: "ann@example.org".to_owned(), expires }
}

/// Status and words of the page after these votes, of which the last is told of.
async fn page(waits: bool, ended: Option<Status>, votes: &[Vote]) -> (u16, String) {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        weights: Weights::parse(aisaws_score::DEFAULT).unwrap(),
        policy: Policy::parse(aisaws_decide::DEFAULT).unwrap(),
        channels: Vec::new(),
        logged: TellLogged::Never,
        observer: None,
    };
    let embedded = Embedded::open(&dir.path().join("store.sqlite"), settings).unwrap();
    let ports = Ports { orchestrator: Arc::new(Machine(waits)), ..embedded.ports().clone() };
    let claims = asked(&ports, ended).await;
    let mut last = None;
    for vote in votes {
        last = Some(cast(&ports, &claims, *vote, "").await.unwrap());
    }
    let response = last.unwrap();
    (response.status_code, response.body)
}

#[tokio::test]
async fn a_repair_is_on_its_way_only_where_somebody_waited_for_the_answer() {
    use Vote::{Deny, Grant};
    let expired = Some(Status::Expired);
    let rows = [
        (true, None, &[Grant][..], 200, "on its way"),
        (true, None, &[Deny], 200, "left as it is"),
        (false, expired, &[Grant], 410, "expired"),
        (false, expired, &[Deny], 410, "expired"),
        (false, expired, &[Grant, Grant], 410, "expired"),
        (false, None, &[Grant], 202, "nobody waits"),
        (false, None, &[Deny], 202, "nobody waits"),
        (false, None, &[Grant, Grant], 200, "given before"),
        (false, Some(Status::Remediated), &[Grant], 200, "remediated"),
        (false, Some(Status::Failed), &[Grant], 200, "failed"),
        (false, expired, &[Grant, Deny], 409, "Another answer"),
    ];
    for (waits, ended, votes, status, words) in rows {
        let (found, body) = page(waits, ended, votes).await;
        let row = format!("{waits} {ended:?} {votes:?}: {found} {body}");
        assert!(found == status && body.contains(words), "{row}");
        assert_eq!(body.contains("on its way"), waits && votes == [Grant], "{row}");
    }
}
