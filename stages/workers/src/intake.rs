//! Messages of the queue into events, hits and incidents; the same for the Lambda function and
//! for the long-running worker.

use std::collections::BTreeSet;
use std::sync::Arc;

use aisaws_app::intake::Tally;
use aisaws_app::respond::Responder;
use aisaws_core::port::{DeadLetter, StoreError};
use async_trait::async_trait;

use crate::metrics::{Metric, Metrics, Name};

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
}

impl Intake {
    /// Takes in a batch of messages and starts a response for what they show. A message that
    /// cannot be read goes to the dead letter queue and does not hold up the others.
    ///
    /// # Errors
    /// Where the store or the state machine cannot be reached: then the whole batch has to be
    /// delivered again; what was kept of it is met again.
    pub async fn take_in(&self, messages: Vec<Message>) -> Result<Taken, StoreError> {
        let pairs: Vec<(String, String)> =
            messages.iter().map(|m| (m.id.clone(), m.body.clone())).collect();
        let batch = self.responder.take_in_messages(&pairs).await?;
        let mut taken = Taken::default();
        for (number, letter) in &batch.letters {
            if let Some(message) = messages.get(*number)
                && self.dead_letters.put(message, letter).await.is_err()
            {
                taken.failed.insert(message.id.clone());
            }
        }
        taken.opened = self.responder.open().await?.len();
        self.metrics.emit(self.responder.ports().clock.now(), &counts(&batch.tally));
        Ok(taken)
    }
}

pub(crate) fn counts(tally: &Tally) -> Vec<Metric> {
    let mut metrics = vec![
        Metric::count(Name::EventsTakenIn, tally.events),
        Metric::count(Name::Duplicates, tally.duplicates),
        Metric::count(Name::OwnEvents, tally.own),
        Metric::count(Name::DeadLetters, tally.dead_letters),
        Metric::count(Name::Hits, tally.hits),
    ];
    if tally.suppressed > 0 {
        metrics.push(Metric::count(Name::AlertsSuppressed, tally.suppressed));
    }
    metrics
}
