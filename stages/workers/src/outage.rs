//! What fails keeps nothing else from being done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aisaws_app::intake::Examiner;
use aisaws_app::join::Joining;
use aisaws_app::origin::Origins;
use aisaws_app::own::OwnRoles;
use aisaws_app::respond::Responder;
use aisaws_core::canonical::Digest;
use aisaws_core::event::Event;
use aisaws_core::handoff::{Ballot, Detected, Vote};
use aisaws_core::hit::Hit;
use aisaws_core::id::IncidentId;
use aisaws_core::port::{
    Answer, DeadLetter, DetectError, Detector, Orchestrator, Ports, Question, StoreError,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_decide::Policy;
use aisaws_embedded::{Embedded, Settings, TellLogged};
use aisaws_score::Weights;
use async_trait::async_trait;
use serde_json::json;

use crate::intake::{DeadLetterQueue, Intake, Message};
use crate::metrics::Metrics;
use crate::sweep::sweep;

/// A state machine that goes down, and of whose waiting executions some cannot be answered.
#[derive(Default)]
struct Machine {
    is_down: AtomicBool,
    waiting: Mutex<Vec<IncidentId>>,
    answers: Mutex<Vec<String>>,
}

fn down(action: &'static str) -> StoreError {
    StoreError::Unavailable { action, source: "out of reach".into() }
}

#[async_trait]
impl Orchestrator for Machine {
    async fn start(&self, detected: &Detected) -> Result<(), StoreError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(down("start an execution"));
        }
        self.waiting.lock().unwrap().push(detected.incident);
        Ok(())
    }

    async fn drive(&self, _: IncidentId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn unfinished(&self) -> Result<Vec<IncidentId>, StoreError> {
        Ok(self.waiting.lock().unwrap().clone())
    }

    async fn answer(&self, token: &str, _: &Ballot) -> Result<(), StoreError> {
        if token == "refused" {
            return Err(down("deliver a vote"));
        }
        self.answers.lock().unwrap().push(token.to_owned());
        Ok(())
    }
}

/// Hits whatever happens.
struct Always;

impl Detector for Always {
    fn detect(&self, event: &Event) -> Result<Vec<Hit>, DetectError> {
        Ok(vec![Hit {
            rule: "rule".into(),
            title: String::new(),
            severity: Severity::High,
            event: event.id.clone(),
            resource: ResourceRef {
                kind: "AWS::S3::Bucket".to_owned(),
                id: event.id.to_string(),
                account: event.account.clone(),
                region: event.region.clone(),
            },
            controls: vec!["s3.bucket-acl-public".into()],
            window_seconds: None,
            techniques: Vec::new(),
            is_trial: false,
            is_correlation: false,
            suppressed_by: None,
        }])
    }
}

struct NoLetters;

#[async_trait]
impl DeadLetterQueue for NoLetters {
    async fn put(&self, message: &Message, _: &DeadLetter) -> Result<(), StoreError> {
        Err(StoreError::NotFound { what: "dead letter queue", id: message.id.clone() })
    }
}

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new("lab".to_owned(), Box::new(std::io::sink())))
}

/// A responder whose state machine is that one, and the folder its store is in.
fn responder(machine: &Arc<Machine>) -> (Responder, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        weights: Weights::parse(aisaws_score::DEFAULT).unwrap(),
        policy: Policy::parse(aisaws_decide::DEFAULT).unwrap(),
        channels: Vec::new(),
        logged: TellLogged::Never,
        observer: None,
    };
    let embedded = Embedded::open(&dir.path().join("store.sqlite"), settings).unwrap();
    let ports = Ports { orchestrator: machine.clone(), ..embedded.ports().clone() };
    let examiner = Examiner {
        detector: Arc::new(Always),
        own: OwnRoles::new(Vec::new()),
        suppressions: Vec::new(),
        touched: |_| Vec::new(),
    };
    let joining = Joining { window_seconds: 3600 };
    (Responder::new(ports, Arc::new(examiner), Origins::default(), joining), dir)
}

fn message(id: &str) -> Message {
    let body = json!({
        "eventID": id, "eventTime": "2026-03-01T10:00:00Z", "eventName": "PutBucketAcl",
        "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "userIdentity": { "type": "Root" },
    });
    Message { id: id.to_owned(), body: body.to_string() }
}

fn intake(responder: &Responder) -> Intake {
    let responder = responder.clone();
    Intake { responder, dead_letters: Arc::new(NoLetters), metrics: metrics() }
}

#[tokio::test]
async fn a_batch_that_is_kept_is_done_with_though_nothing_can_be_opened() {
    let machine = Arc::new(Machine { is_down: true.into(), ..Machine::default() });
    let (responder, _dir) = responder(&machine);
    let taken = intake(&responder).take_in(vec![message("e")]).await.unwrap();
    assert_eq!((taken.failed.len(), taken.opened, taken.tally.hits), (0, 0, 1));
    let pending = responder.ports().incidents.pending(9).await.unwrap();
    assert_eq!(pending.len(), 1, "the sweep finds it");
}

#[tokio::test]
async fn votes_are_delivered_though_others_are_refused_and_nothing_can_be_opened() {
    let machine = Arc::new(Machine::default());
    let (responder, _dir) = responder(&machine);
    intake(&responder).take_in(vec![message("a"), message("b")]).await.unwrap();
    let waiting = machine.waiting.lock().unwrap().clone();
    let Ports { approvals, clock, .. } = responder.ports().clone();
    let (now, digest) = (clock.now(), Digest::of_bytes(b"plan"));
    for (incident, token) in waiting.into_iter().zip(["refused", "taken"]) {
        let question = Question {
            incident,
            digest: digest.clone(),
            token: token.to_owned(),
            asked: now,
            expires: now + std::time::Duration::from_hours(1),
            approvals: 1,
        };
        approvals.ask(question).await.unwrap();
        let (by, reason) = ("ann".to_owned(), String::new());
        let answer = Answer { vote: Vote::Grant, by, reason, at: now };
        approvals.cast(incident, &digest, answer).await.unwrap();
    }
    machine.is_down.store(true, Ordering::Relaxed);
    intake(&responder).take_in(vec![message("c")]).await.unwrap();
    let error = sweep(&responder, &metrics()).await.unwrap_err();
    assert_eq!(error.to_string(), down("start an execution").to_string(), "it is told");
    assert_eq!(*machine.answers.lock().unwrap(), ["taken"]);
}
