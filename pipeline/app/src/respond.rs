//! Responding: take events in, open incidents, run each to its end or to its human.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aisaws_core::event::Event;
use aisaws_core::handoff::Detected;
use aisaws_core::id::{EventId, IncidentId};
use aisaws_core::port::{Ports, StoreError};
use aisaws_core::window::{Closing, WindowKey};
use aisaws_detect::Detect;
use futures::StreamExt;
use jiff::Timestamp;

use crate::approve::deliver;
use crate::config::Config;
use crate::correlate::{Settled, at_the_end_of_input, settle, while_input_goes_on};
use crate::input::Input;
use crate::intake::{Batch, Examiner, IntakeError, Keeper, Tally, take_in, take_in_messages};
use crate::join::Joining;
use crate::limit::Limits;
use crate::open::{Opening, open_pending};
use crate::origin::{OriginError, Origins};
use crate::own::OwnRoles;
use crate::suppress::suppress;

/// Resources that are worked on at a time.
const CONCURRENT: usize = 64;

/// Why responding stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// Events could not be taken in.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The store failed; what was done is recorded, run the same command again.
    #[error("the response was interrupted; run the same command again to carry on")]
    Store(#[from] StoreError),
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Counts of the intake.
    pub tally: Tally,
    /// Incidents that events of this run belong to, by id.
    pub incidents: BTreeSet<IncidentId>,
    /// Incidents whose execution could not go on, with the reason; they stay open and are
    /// tried again by the next run.
    pub interrupted: Vec<(IncidentId, String)>,
    /// Groups of correlations with more matches than are counted.
    pub full_windows: BTreeSet<WindowKey>,
    /// Events at which a correlation fired and that could not be read, with the reason.
    pub unreadable: BTreeMap<EventId, String>,
}

/// Carries out responses.
#[derive(Debug, Clone)]
pub struct Responder {
    ports: Ports,
    examiner: Arc<Examiner>,
    origins: Origins,
    joining: Joining,
    limits: Limits,
}

impl Responder {
    /// A responder over these ports.
    pub fn new(ports: Ports, examiner: Arc<Examiner>, origins: Origins, joining: Joining) -> Self {
        Self { ports, examiner, origins, joining, limits: Limits::default() }
    }

    /// The responder that a configuration describes, over these rules and ports; `own` are our own
    /// roles.
    ///
    /// # Errors
    /// [`OriginError`], where a file about networks cannot be used.
    pub fn configured(
        config: &Config,
        rules: Detect,
        ports: Ports,
        own: Vec<String>,
    ) -> Result<Self, OriginError> {
        let origins = Origins::load(&config.network)?;
        let rules = rules.enriched(Arc::new(origins.clone()));
        let noise = &config.noise;
        // What the configuration says of a rule counts.
        let mut by_rule = rules.limits();
        by_rule.extend(noise.limits.clone());
        let examiner = Examiner {
            detector: Arc::new(rules),
            own: OwnRoles::new(own),
            suppressions: config.suppress.clone(),
            touched: aisaws_controls::touched,
        };
        let joining = Joining { window_seconds: noise.window_seconds };
        let limits = Limits::new(noise.incidents_per_rule_per_hour.unwrap_or(0), by_rule);
        Ok(Self::new(ports, Arc::new(examiner), origins, joining).limited(limits))
    }

    /// With these limits of incidents.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads the inputs and keeps their events; nothing is acted upon yet.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn take_in(
        &self,
        inputs: Vec<Input>,
        progress: impl Fn(usize) + Send + 'static,
    ) -> Result<Tally, IntakeError> {
        take_in(Arc::clone(&self.examiner), self.keeper(), inputs, progress).await
    }

    /// Takes in messages of a queue, pairs of an id and a body; nothing is acted upon yet.
    ///
    /// # Errors
    /// Where the store fails; all messages may be given again.
    pub async fn take_in_messages(
        &self,
        messages: &[(String, String)],
    ) -> Result<Batch, StoreError> {
        take_in_messages(&self.examiner, &self.keeper(), messages).await
    }

    /// Whether the event is a call of our own.
    pub fn is_own(&self, event: &Event) -> bool {
        self.examiner.own.caused(event)
    }

    fn keeper(&self) -> Keeper {
        Keeper {
            events: Arc::clone(&self.ports.events),
            windows: Arc::clone(&self.ports.windows),
            clock: Arc::clone(&self.ports.clock),
        }
    }

    /// The ports it stands on.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Opens an incident for every stored hit that has none, and starts its execution, which runs
    /// elsewhere. Several may do so at once.
    ///
    /// # Errors
    /// Where the store or the state machine cannot be reached; what is not done is met again.
    pub async fn open(&self) -> Result<Vec<Detected>, StoreError> {
        self.settle(while_input_goes_on(self.ports.clock.now())).await?;
        self.open_pending().await
    }

    async fn open_pending(&self) -> Result<Vec<Detected>, StoreError> {
        let ports = &self.ports;
        open_pending(Opening {
            incidents: ports.incidents.as_ref(),
            events: ports.events.as_ref(),
            account: ports.account.as_ref(),
            orchestrator: ports.orchestrator.as_ref(),
            origins: &self.origins,
            joining: self.joining,
            limits: &self.limits,
            clock: ports.clock.as_ref(),
        })
        .await
    }

    /// Carries on what an earlier process left, opens incidents for every stored hit, and runs
    /// them: those of one resource one after the other in the order of their events, those of
    /// different resources side by side. Returns what the given tally's events belong to.
    ///
    /// Only one process may be here at a time for a store; the caller holds its lock.
    ///
    /// # Errors
    /// [`RespondError::Store`].
    pub async fn respond(&self, mut tally: Tally) -> Result<Run, RespondError> {
        let ports = &self.ports;
        let left = ports.orchestrator.unfinished().await?;
        let closing = at_the_end_of_input(ports.clock.now());
        let Settled { hits, suppressed, events: fired, full, unreadable } =
            self.settle(closing).await?;
        tally.hits = tally.hits.saturating_add(hits);
        tally.suppressed = tally.suppressed.saturating_add(suppressed);
        tally.hit_events.extend(fired);
        let opened = self.open_pending().await?;
        let chains = self.chains(left, opened).await?;
        let mut running = futures::stream::iter(chains.into_values().map(|chain| async move {
            for (_, incident) in chain {
                // Also brings a vote that was cast while no process could deliver it.
                let outcome = match deliver(ports, incident).await {
                    Ok(_) => ports.orchestrator.drive(incident).await,
                    Err(e) => Err(e),
                };
                // Later incidents of this resource wait for the next run, others go on.
                if let Err(e) = outcome {
                    return Some((incident, aisaws_core::fault::chain(&e)));
                }
            }
            None
        }))
        .buffer_unordered(CONCURRENT);
        let mut interrupted = Vec::new();
        while let Some(failure) = running.next().await {
            interrupted.extend(failure);
        }
        let ids = ports.incidents.of_events(&tally.hit_events).await?;
        let incidents = ids.into_iter().collect();
        Ok(Run { tally, incidents, interrupted, full_windows: full, unreadable })
    }

    /// Evaluates what changed in the windows of correlations.
    async fn settle(&self, closing: Closing) -> Result<Settled, StoreError> {
        let ports = &self.ports;
        let Some(correlator) = self.examiner.detector.correlator() else {
            return Ok(Settled::default());
        };
        let (windows, events) = (ports.windows.as_ref(), ports.events.as_ref());
        let suppressions = &self.examiner.suppressions;
        settle(correlator, windows, events, ports.clock.as_ref(), closing, &|event, hit| {
            suppress(suppressions, event, hit);
        })
        .await
    }

    /// Incidents to run, by resource and in the order of their events: what an interrupted run
    /// left comes in its old place, so that it ends as it would have.
    async fn chains(
        &self,
        left: Vec<IncidentId>,
        opened: Vec<Detected>,
    ) -> Result<BTreeMap<String, BTreeSet<(Timestamp, IncidentId)>>, StoreError> {
        let mut chains: BTreeMap<String, BTreeSet<(Timestamp, IncidentId)>> = BTreeMap::new();
        let mut add = |detected: &Detected| {
            let chain = chains.entry(detected.resource.key()).or_default();
            chain.insert((detected.time, detected.incident));
        };
        for id in left {
            if let Some(incident) = self.ports.incidents.get(id).await? {
                add(&incident.detected);
            }
        }
        opened.iter().for_each(add);
        Ok(chains)
    }
}
