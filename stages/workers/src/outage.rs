//! What fails keeps nothing else from being done.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aisaws_alert::Alert;
use aisaws_app::intake::Examiner;
use aisaws_app::join::Joining;
use aisaws_app::origin::Origins;
use aisaws_app::own::OwnRoles;
use aisaws_app::respond::Responder;
use aisaws_core::canonical::Digest;
use aisaws_core::event::Event;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Ballot, Detected, Vote};
use aisaws_core::hit::Hit;
use aisaws_core::id::{EventId, IncidentId};
use aisaws_core::ledger::Entry;
use aisaws_core::message as telling;
use aisaws_core::port::{
    Answer, Channel, ChannelError, DeadLetter, Derived, DetectError, Detector, EventFilter, Events,
    Halted, Orchestrator, Ports, Question, Recorded, Restart, StoreError, Stored,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_core::seen::Seen;
use aisaws_core::status::{Status, proven};
use aisaws_decide::Policy;
use aisaws_embedded::{Embedded, Settings, TellLogged};
use aisaws_score::Weights;
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use crate::intake::{DeadLetterQueue, Intake, Message};
use crate::measured::Measured;
use crate::metrics::Metrics;
use crate::sweep::Sweeper;

/// A state machine that goes down, and of whose waiting executions some cannot be answered.
#[derive(Default)]
struct Machine {
    is_down: AtomicBool,
    /// No call of it ends.
    hangs: bool,
    waiting: Mutex<Vec<IncidentId>>,
    answers: Mutex<Vec<String>>,
    /// The last execution of each incident, where it halted.
    halted: Mutex<Vec<Halted>>,
    restarted: Mutex<Vec<Halted>>,
    /// Whether nothing is started again, for what it is.
    refuses: AtomicBool,
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
        if self.hangs {
            std::future::pending::<()>().await;
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

    async fn answer(&self, token: &str, _: &Ballot) -> Result<bool, StoreError> {
        if token == "refused" {
            return Err(down("deliver a vote"));
        }
        self.answers.lock().unwrap().push(token.to_owned());
        Ok(true)
    }
}

#[async_trait]
impl Restart for Machine {
    async fn halted(&self) -> Result<Vec<Halted>, StoreError> {
        Ok(self.halted.lock().unwrap().clone())
    }

    async fn start_again(&self, detected: &Detected, run: u32) -> Result<(), StoreError> {
        if self.refuses.load(Ordering::Relaxed) {
            let (action, fault) = ("start an execution", Fault::BadInput);
            return Err(StoreError::Refused { action, fault, source: "its name is taken".into() });
        }
        self.restarted.lock().unwrap().push(Halted { incident: detected.incident, run });
        Ok(())
    }
}

/// Keeps what people are told.
#[derive(Default)]
struct Told(Mutex<Vec<telling::Message>>);

#[async_trait]
impl Channel for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    async fn send(&self, message: &telling::Message) -> Result<(), ChannelError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(())
    }
}

/// What was emitted.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
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

/// Keeps the letters, by the ids of their messages.
#[derive(Default)]
struct Letters(Mutex<Vec<String>>);

#[async_trait]
impl DeadLetterQueue for Letters {
    async fn put(&self, message: &Message, _: &DeadLetter) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(message.id.clone());
        Ok(())
    }
}

/// Does not keep an event that is named after a fault, and no group with one.
struct Faulty(Arc<dyn Events>);

#[async_trait]
impl Events for Faulty {
    async fn append(&self, records: Vec<Recorded>) -> Result<Vec<Stored>, StoreError> {
        let faults = records.iter().filter_map(|r| Fault::from_name(r.event.id.as_str()));
        match faults.min_by_key(|fault| fault.name()) {
            Some(fault) => {
                Err(StoreError::Refused { action: "keep events", fault, source: "so".into() })
            }
            None => self.0.append(records).await,
        }
    }

    async fn derive(&self, hits: Vec<Hit>) -> Result<Derived, StoreError> {
        self.0.derive(hits).await
    }

    async fn bury(&self, letters: Vec<DeadLetter>) -> Result<(), StoreError> {
        self.0.bury(letters).await
    }

    async fn get(&self, id: &EventId) -> Result<Option<Event>, StoreError> {
        self.0.get(id).await
    }

    async fn list(
        &self,
        filter: &EventFilter,
        after: Option<(Timestamp, EventId)>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.0.list(filter, after, limit).await
    }

    async fn touching(&self, resource: &ResourceRef) -> Result<Vec<Event>, StoreError> {
        self.0.touching(resource).await
    }

    async fn first_seen(&self, what: Seen<'_>) -> Result<Option<Timestamp>, StoreError> {
        self.0.first_seen(what).await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.0.dead_letters(limit).await
    }
}

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new("lab".to_owned(), Box::new(std::io::sink())))
}

/// A responder whose state machine is that one, and the folder its store is in.
fn responder(machine: &Arc<Machine>) -> (Responder, tempfile::TempDir) {
    measured(machine, &Out::default())
}

/// The same, whose metrics go there.
fn measured(machine: &Arc<Machine>, out: &Out) -> (Responder, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        weights: Weights::parse(aisaws_score::DEFAULT).unwrap(),
        policy: Policy::parse(aisaws_decide::DEFAULT).unwrap(),
        channels: Vec::new(),
        logged: TellLogged::Never,
        observer: None,
    };
    let embedded = Embedded::open(&dir.path().join("store.sqlite"), settings).unwrap();
    let (mut ports, out) = (embedded.ports().clone(), Box::new(out.clone()));
    ports.incidents = Arc::new(Measured::new(ports.incidents, Metrics::new("lab".to_owned(), out)));
    ports.orchestrator = machine.clone();
    ports.events = Arc::new(Faulty(ports.events.clone()));
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

fn sweeper(responder: &Responder, machine: &Arc<Machine>, told: &Arc<Told>) -> Sweeper {
    let incidents = responder.ports().incidents.clone();
    Sweeper {
        responder: responder.clone(),
        restart: machine.clone(),
        alert: Alert::new(incidents, vec![told.clone()], TellLogged::Never),
        metrics: Metrics::new("lab".to_owned(), Box::new(std::io::sink())),
    }
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

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_kept_is_done_with_though_opening_does_not_end() {
    let machine = Arc::new(Machine { hangs: true, ..Machine::default() });
    let (responder, _dir) = responder(&machine);
    let taken = intake(&responder).take_in(vec![message("e")]).await.unwrap();
    assert_eq!((taken.failed.len(), taken.opened, taken.tally.hits), (0, 0, 1));
    sweeper(&responder, &machine, &Arc::default()).sweep().await.unwrap();
    let pending = responder.ports().incidents.pending(9).await.unwrap();
    assert_eq!(pending.len(), 1, "the sweep finds it");
}

#[tokio::test]
async fn only_what_a_message_holds_makes_it_a_dead_letter() {
    let machine = Arc::new(Machine::default());
    let (responder, _dir) = responder(&machine);
    let letters = Arc::new(Letters::default());
    let intake = Intake { dead_letters: letters.clone(), ..intake(&responder) };
    // Malformed is what it holds; a key that is disabled, a table that is missing is not.
    let ids = ["good", Fault::Permanent.name(), Fault::BadInput.name(), "fine"];
    let taken = intake.take_in(ids.map(message).to_vec()).await.unwrap();
    assert_eq!(taken.failed, BTreeSet::from([Fault::Permanent.name().to_owned()]));
    assert_eq!(*letters.0.lock().unwrap(), [Fault::BadInput.name()]);
    assert_eq!((taken.tally.events, taken.tally.dead_letters), (2, 1));
}

#[tokio::test]
async fn what_fails_for_all_lets_the_whole_batch_wait() {
    let machine = Arc::new(Machine::default());
    let (responder, _dir) = responder(&machine);
    let letters = Arc::new(Letters::default());
    let intake = Intake { dead_letters: letters.clone(), ..intake(&responder) };
    for fault in [Fault::AccessDenied, Fault::Transient, Fault::Throttled] {
        let error = intake.take_in(vec![message("e"), message(fault.name())]).await.unwrap_err();
        assert_eq!(error.fault(), fault);
    }
    assert!(letters.0.lock().unwrap().is_empty());
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
    let error = sweeper(&responder, &machine, &Arc::default()).sweep().await.unwrap_err();
    assert_eq!(error.to_string(), down("start an execution").to_string(), "it is told");
    assert_eq!(*machine.answers.lock().unwrap(), ["taken"]);
}

/// An incident whose first execution halted.
async fn halted(responder: &Responder, machine: &Machine) -> IncidentId {
    intake(responder).take_in(vec![message("a")]).await.unwrap();
    let incident = machine.waiting.lock().unwrap().remove(0);
    machine.halted.lock().unwrap().push(Halted { incident, run: 0 });
    incident
}

async fn faults(responder: &Responder, incident: IncidentId) -> (Status, Vec<String>) {
    let links = responder.ports().incidents.ledger(incident).await.unwrap();
    let cause = |entry: &Entry| match entry {
        Entry::Faulted { cause, .. } => Some(cause.clone()),
        _ => None,
    };
    let causes = links.iter().filter_map(|link| cause(&link.entry)).collect();
    (proven(links.iter().map(|link| &link.entry)), causes)
}

#[tokio::test]
async fn a_response_that_halts_is_started_again_and_given_up_in_the_end() {
    let machine = Arc::new(Machine::default());
    let out = Out::default();
    let (responder, _dir) = measured(&machine, &out);
    let incident = halted(&responder, &machine).await;
    let told = Arc::new(Told::default());
    let sweeper = sweeper(&responder, &machine, &told);
    for run in 1..=3 {
        let swept = sweeper.sweep().await.unwrap();
        assert_eq!((swept.restarted, swept.given_up), (1, 0));
        let last = machine.restarted.lock().unwrap().last().cloned();
        assert_eq!(last, Some(Halted { incident, run }));
        // While it runs, nothing is started.
        machine.waiting.lock().unwrap().push(incident);
        assert_eq!(sweeper.sweep().await.unwrap().restarted, 0);
        machine.waiting.lock().unwrap().clear();
        *machine.halted.lock().unwrap() = vec![Halted { incident, run }];
    }
    assert_eq!(sweeper.sweep().await.unwrap().given_up, 1);
    let (status, causes) = faults(&responder, incident).await;
    assert_eq!(status, Status::Failed);
    assert!(causes.len() == 1 && causes[0].contains("started 4 times"), "{causes:?}");
    // People are told, and the metric counts that an alarm looks at.
    let messages = told.0.lock().unwrap().clone();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((message.incident, message.status), (incident, Status::Failed));
    assert!(message.lines.iter().any(|line| line.contains(&causes[0])), "{message:?}");
    let out = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    assert!(out.contains("\"IncidentsFailed\":1.0"), "{out}");
    // Once.
    let swept = sweeper.sweep().await.unwrap();
    assert_eq!((swept.restarted, swept.given_up), (0, 0));
    assert_eq!(machine.restarted.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_can_never_start_again_is_given_up_at_once() {
    let machine = Arc::new(Machine { refuses: true.into(), ..Machine::default() });
    let (responder, _dir) = responder(&machine);
    let incident = halted(&responder, &machine).await;
    // Of another store with the same state machine.
    let stranger = Halted { incident: IncidentId::from_cause(&["stranger"]), run: 0 };
    machine.halted.lock().unwrap().push(stranger);
    let swept = sweeper(&responder, &machine, &Arc::default()).sweep().await.unwrap();
    assert_eq!((swept.restarted, swept.given_up), (0, 1));
    let (status, causes) = faults(&responder, incident).await;
    assert_eq!(status, Status::Failed);
    assert!(causes[0].contains("its name is taken"), "{causes:?}");
}
