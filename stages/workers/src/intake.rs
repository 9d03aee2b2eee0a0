//! Messages of the queue into events, hits and incidents; the same for the Lambda function and
//! for the long-running worker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aisaws_app::intake::Tally;
use aisaws_app::respond::Responder;
use aisaws_core::fault::{Classify as _, Fault, chain};
use aisaws_core::port::{DeadLetter, StoreError};
use async_trait::async_trait;

use crate::metrics::{Metric, Metrics, Name};
use crate::opening::open_for;

/// For so long at most a batch's incidents are opened, with all that were left before; its messages
/// are kept already, and a function that is stopped would have them delivered again.
pub const OPENING: Duration = Duration::from_secs(30);

/// One message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same for every delivery of this message.
    pub id: String,
    /// Its body: an event in its EventBridge envelope, or any record an intake reads.
    pub body: String,
}

/// Where messages go that cannot be read, for people to look at.
#[async_trait]
pub trait DeadLetterQueue: Send + Sync {
    /// Hands over a message with the reason; durable on return.
    async fn put(&self, message: &Message, letter: &DeadLetter) -> Result<(), StoreError>;
}

/// What intake stands on.
pub struct Intake {
    /// The use case, over the store, the protected accounts and the state machine.
    pub responder: Responder,
    /// Where unreadable messages go.
    pub dead_letters: Arc<dyn DeadLetterQueue>,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("responder", &self.responder).finish_non_exhaustive()
    }
}

/// What came of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Ids of messages that have to be delivered again.
    pub failed: BTreeSet<String>,
    /// Incidents that were opened, or met again.
    pub opened: usize,
    /// Counts over all messages.
    pub tally: Tally,
}

impl Intake {
    /// Takes in a batch of messages and starts a response for what they show. A message that
    /// cannot be read, or that the store refuses for what it holds, goes to the dead letter queue
    /// and does not hold up the others. One that fails for any other reason stays in its queue,
    /// which lays it aside after some deliveries: a table, a bucket or a key that is missing is no
    /// message's fault.
    ///
    /// Messages that are kept are done with, even where no response could be started for them: the
    /// sweep starts what is left.
    ///
    /// # Errors
    /// Where the store cannot be reached: then the whole batch has to be delivered again; what was
    /// kept of it is met again.
    pub async fn take_in(&self, messages: Vec<Message>) -> Result<Taken, StoreError> {
        let mut taken = Taken::default();
        match self.keep(&messages, &mut taken).await {
            Ok(()) => {}
            Err(e) if is_for_all(&e) => return Err(e),
            Err(_) => self.keep_one_by_one(&messages, &mut taken).await?,
        }
        let mut failed_openings = 0;
        match open_for(&self.responder, OPENING).await {
            Ok(opened) => taken.opened = opened.unwrap_or_default(),
            Err(e) => {
                let (fault, error) = (e.fault().name(), chain(&e));
                tracing::warn!(
                    fault,
                    error,
                    "incidents could not be opened; the sweep tries again"
                );
                failed_openings = 1;
            }
        }
        let now = self.responder.ports().clock.now();
        self.metrics.emit(now, &counts(&taken.tally, failed_openings));
        Ok(taken)
    }

    async fn keep(&self, messages: &[Message], taken: &mut Taken) -> Result<(), StoreError> {
        let pairs: Vec<(String, String)> =
            messages.iter().map(|m| (m.id.clone(), m.body.clone())).collect();
        let batch = self.responder.take_in_messages(&pairs).await?;
        for (number, letter) in &batch.letters {
            if let Some(message) = messages.get(*number) {
                self.bury(message, letter, taken).await;
            }
        }
        add(&mut taken.tally, batch.tally);
        Ok(())
    }

    /// Finds out which message it is that the store does not keep.
    async fn keep_one_by_one(
        &self,
        messages: &[Message],
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        for message in messages {
            match self.keep(std::slice::from_ref(message), taken).await {
                Ok(()) => {}
                Err(e) if is_for_all(&e) => return Err(e),
                Err(e) if e.fault() == Fault::BadInput => {
                    let (origin, reason) = (message.id.clone(), chain(&e));
                    let letter = DeadLetter { origin, line: 1, reason, content: String::new() };
                    self.bury(message, &letter, taken).await;
                    taken.tally.dead_letters += 1;
                }
                Err(e) => {
                    let (fault, error) = (e.fault().name(), chain(&e));
                    tracing::warn!(
                        message = message.id,
                        fault,
                        error,
                        "a message has to be delivered again"
                    );
                    taken.failed.insert(message.id.clone());
                }
            }
        }
        Ok(())
    }

    /// A message that cannot be handed over stays in its queue.
    async fn bury(&self, message: &Message, letter: &DeadLetter, taken: &mut Taken) {
        if self.dead_letters.put(message, letter).await.is_err() {
            taken.failed.insert(message.id.clone());
        }
    }
}

pub(crate) fn counts(tally: &Tally, failed_openings: u64) -> Vec<Metric> {
    let mut metrics = vec![
        Metric::count(Name::EventsTakenIn, tally.events),
        Metric::count(Name::Duplicates, tally.duplicates),
        Metric::count(Name::OwnEvents, tally.own),
        Metric::count(Name::DeadLetters, tally.dead_letters),
        Metric::count(Name::Hits, tally.hits),
        Metric::count(Name::OpeningsFailed, failed_openings),
    ];
    if tally.suppressed > 0 {
        metrics.push(Metric::count(Name::AlertsSuppressed, tally.suppressed));
    }
    metrics
}

/// Whether it says something of the store and nothing of any message: the whole batch has to wait.
fn is_for_all(error: &StoreError) -> bool {
    match error.fault() {
        // What a role may not do is no message's fault.
        Fault::AccessDenied | Fault::Transient | Fault::Throttled => true,
        Fault::BadInput
        | Fault::Permanent
        | Fault::Refused
        | Fault::PlanChanged
        | Fault::NotVerified => false,
    }
}

fn add(total: &mut Tally, more: Tally) {
    let Tally { events, duplicates, own, dead_letters, hits, suppressed, hit_events } = more;
    total.events += events;
    total.duplicates += duplicates;
    total.own += own;
    total.dead_letters += dead_letters;
    total.hits += hits;
    total.suppressed += suppressed;
    total.hit_events.extend(hit_events);
}
