//! The Alert stage.

use std::sync::Arc;

use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::{Alerted, Failure, Story};
use aisaws_core::ledger::{Entry, Link};
use aisaws_core::port::{Channel, Incidents, StoreError, Told, tell};
use aisaws_core::stage::{Cx, Stage};
use aisaws_core::status::{Status, conclusion};
use async_trait::async_trait;
use jiff::SignedDuration;

/// For so long after the incident's last entry the message is sent again where no channel takes it.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

use crate::logged::TellLogged;
use crate::message::compose;

/// Closes the incident and tells people.
pub struct Alert {
    incidents: Arc<dyn Incidents>,
    channels: Vec<Arc<dyn Channel>>,
    logged: TellLogged,
}

impl std::fmt::Debug for Alert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alert").field("channels", &self.channels.len()).finish_non_exhaustive()
    }
}

impl Alert {
    /// A stage over these ports; `logged`: what is sent of what was only logged.
    pub fn new(
        incidents: Arc<dyn Incidents>,
        channels: Vec<Arc<dyn Channel>>,
        logged: TellLogged,
    ) -> Self {
        Self { incidents, channels, logged }
    }
}

/// Why an incident could not be closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlertError {
    /// No channel took the message yet.
    #[error("nobody could be told of the end yet: {}", .0.join("; "))]
    Untold(Vec<String>),
    /// The ledger could not be read or written.
    #[error("the end could not be recorded")]
    Store(#[from] StoreError),
}

impl Classify for AlertError {
    fn fault(&self) -> Fault {
        match self {
            Self::Untold(_) => Fault::Transient,
            Self::Store(e) => e.fault(),
        }
    }
}

#[async_trait]
impl Stage for Alert {
    const NAME: &'static str = "Alert";
    type Input = Story;
    type Output = Alerted;
    type Error = AlertError;

    async fn run(&self, cx: Cx<'_>, story: Story) -> Result<Alerted, AlertError> {
        let incident = story.detected.incident;
        let begun = cx.clock.now();
        let record = |key: &'static str, entry: Entry| {
            self.incidents.append(incident, key, entry, cx.clock.now())
        };
        let mut links = self.incidents.ledger(incident).await?;
        if let Some(status) = closed(&links) {
            return Ok(Alerted { incident, status });
        }
        if story.lapse.is_some()
            && let Some(digest) = story.preparation.as_ref().and_then(|p| p.digest.clone())
        {
            record("expired", Entry::Expired { digest }).await?;
        }
        for (key, failure) in
            [("faulted", &story.failure), ("rollback-faulted", &story.rollback_failure)]
        {
            if let Some(Failure { error, cause }) = failure {
                let entry = Entry::Faulted { error: error.clone(), cause: cause.clone() };
                record(key, entry).await?;
            }
        }
        links = self.incidents.ledger(incident).await?;
        let status = conclusion(links.iter().map(|link| &link.entry));
        // An attempt that died between telling and closing told everyone already.
        let is_told = links.iter().any(|link| link.key == "alerted");
        // That a rule floods is news, though nothing can be done about it.
        let is_news = status != Status::Logged || story.detected.flood.is_some();
        if !is_told && (is_news || self.logged.tells(&story)) {
            let message = compose(&story, status, &links);
            let Told { channels, is_worth_another_try } = tell(&self.channels, &message).await;
            // Not for long: a channel that fails must not keep an incident open. Its failure is
            // recorded then.
            let ended = links.last().map_or(begun, |link| link.at);
            if is_worth_another_try && cx.clock.now().duration_since(ended) < PATIENCE {
                return Err(AlertError::Untold(
                    channels.into_iter().filter_map(|(_, why)| why).collect(),
                ));
            }
            if !channels.is_empty() {
                record("alerted", Entry::Alerted { channels }).await?;
            }
        }
        record("closed", Entry::Closed { status }).await?;
        Ok(Alerted { incident, status })
    }
}

fn closed(links: &[Link]) -> Option<Status> {
    links.iter().find_map(|link| match link.entry {
        Entry::Closed { status } => Some(status),
        _ => None,
    })
}
