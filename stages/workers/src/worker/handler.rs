//! Between the queue and intake.

use std::sync::Arc;
use std::time::Instant;

use aisaws_aws::queue::{Delivery, Handler, Outcome};
use aisaws_core::fault::{Classify as _, chain};
use async_trait::async_trait;
use tracing::{debug, warn};

use super::figures::{Counter, Figures};
use crate::intake::{Intake, Message, Taken};

/// Takes in what the queue delivers.
pub(super) struct Taking {
    intake: Intake,
    figures: Arc<Figures>,
}

impl Taking {
    pub(super) fn new(intake: Intake, figures: Arc<Figures>) -> Self {
        Self { intake, figures }
    }

    fn count(&self, taken: &Taken) {
        let tally = &taken.tally;
        for (counter, more) in [
            (Counter::Events, tally.events),
            (Counter::Duplicates, tally.duplicates),
            (Counter::OwnEvents, tally.own),
            (Counter::DeadLetters, tally.dead_letters),
            (Counter::Hits, tally.hits),
            (Counter::IncidentsOpened, taken.opened as u64),
        ] {
            self.figures.add(counter, more);
        }
    }
}

#[async_trait]
impl Handler for Taking {
    async fn handle(&self, batch: &[Delivery]) -> Vec<Outcome> {
        let begun = Instant::now();
        let messages = batch.iter().map(|d| Message { id: d.id.clone(), body: d.body.clone() });
        let taken = self.intake.take_in(messages.collect()).await;
        self.figures.batch_took(begun.elapsed());
        match taken {
            Ok(taken) => {
                self.count(&taken);
                let (messages, opened) = (batch.len(), taken.opened);
                debug!(messages, events = taken.tally.events, opened, "a batch was taken in");
                // Intake has handed over what is dead.
                let outcome = |d: &Delivery| {
                    if taken.failed.contains(&d.id) { Outcome::Later } else { Outcome::Done }
                };
                batch.iter().map(outcome).collect()
            }
            Err(e) => {
                self.figures.add(Counter::BatchesFailed, 1);
                let (fault, error) = (e.fault().name(), chain(&e));
                warn!(messages = batch.len(), fault, error, "a batch has to be delivered again");
                vec![Outcome::Later; batch.len()]
            }
        }
    }
}
