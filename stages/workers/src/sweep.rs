//! What a clock calls every few minutes: whatever a function that died left undone is carried on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aisaws_alert::{Alert, AlertError};
use aisaws_app::approve::deliver;
use aisaws_app::respond::Responder;
use aisaws_core::fault::{Classify as _, Fault, chain};
use aisaws_core::handoff::{Detected, Story};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Halted, Ports, Restart, StoreError};
use aisaws_core::stage::{Cx, Stage as _};
use aisaws_core::status::proven;
use jiff::Timestamp;
use serde::Serialize;

use crate::metrics::{Metric, Metrics, Name};
use crate::opening::open_for;

/// For so long at most incidents are opened; votes are brought after that.
pub const OPENING: Duration = Duration::from_secs(200);

/// Executions in place of one that halted, at most, before the incident is left to people.
const RESTARTS: u32 = 3;

/// What a sweep found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Incidents that were opened for hits that intake had stored and not brought further.
    pub opened: usize,
    /// Votes that were brought to executions once more.
    pub delivered: usize,
    /// Incidents whose execution halted, and that have another one.
    pub restarted: usize,
    /// Incidents that were closed as failed, as all of their executions halted.
    pub given_up: usize,
    /// Questions that wait for a human.
    pub waiting: usize,
    /// Of these, those past half of their time.
    pub stuck: usize,
}

/// Carries on what was left undone. Several may sweep at once.
pub struct Sweeper {
    /// Opens what intake could not.
    pub responder: Responder,
    /// Where executions halt.
    pub restart: Arc<dyn Restart>,
    /// Closes what nobody carries on, and tells people.
    pub alert: Alert,
    /// Where counts go.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweeper").field("responder", &self.responder).finish_non_exhaustive()
    }
}

/// What came of an execution that halted.
enum Next {
    /// Nothing had to be done: the incident has ended, or is none of this store.
    Nothing,
    Restarted,
    GivenUp,
}

impl Sweeper {
    /// Opens what intake could not, brings votes to executions that wait, counts the questions that
    /// nobody answers, and starts others in place of executions that halted, a few times. What fails
    /// keeps nothing else from being done.
    ///
    /// # Errors
    /// The first that came, where the store or the state machine cannot be reached, after all else is
    /// done; the next sweep tries again.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let ports = self.responder.ports();
        let mut swept = Swept::default();
        let opened = open_for(&self.responder, OPENING).await;
        let opened = opened.map(|opened| swept.opened = opened.unwrap_or_default());
        let running = ports.orchestrator.unfinished().await;
        let running: Result<BTreeSet<IncidentId>, _> = running.map(|ids| ids.into_iter().collect());
        let delivered = match &running {
            Ok(running) => deliver_votes(ports, running, &mut swept).await,
            Err(_) => Ok(()),
        };
        let counted = count_questions(ports, &mut swept, &self.metrics).await;
        let restarted = match running {
            Ok(running) => self.restart_halted(&running, &mut swept).await,
            Err(e) => Err(e),
        };
        opened.and(delivered).and(counted).and(restarted).map(|()| swept)
    }

    async fn restart_halted(
        &self,
        running: &BTreeSet<IncidentId>,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        let halted = self.restart.halted().await?;
        for halted in halted.iter().filter(|halted| !running.contains(&halted.incident)) {
            match self.carry_on(halted).await {
                Ok(Next::Nothing) => {}
                Ok(Next::Restarted) => swept.restarted += 1,
                Ok(Next::GivenUp) => swept.given_up += 1,
                Err(e) => outcome = outcome.and(Err(e)),
            }
        }
        outcome
    }

    async fn carry_on(&self, halted: &Halted) -> Result<Next, StoreError> {
        let Halted { incident, run } = *halted;
        let incidents = &self.responder.ports().incidents;
        let links = incidents.ledger(incident).await?;
        if proven(links.iter().map(|link| &link.entry)).is_final() {
            return Ok(Next::Nothing);
        }
        let Some(incident) = incidents.get(incident).await? else { return Ok(Next::Nothing) };
        if run >= RESTARTS {
            let times = run.saturating_add(1);
            let why = format!(
                "the response was started {times} times and ended each time before its end; nobody carries it on"
            );
            return self.give_up(incident.detected, why).await;
        }
        let next = run.saturating_add(1);
        match self.restart.start_again(&incident.detected, next).await {
            Ok(()) => Ok(Next::Restarted),
            Err(e) if e.fault() == Fault::BadInput => {
                let why = format!("the response ended before its end; {}", chain(&e));
                self.give_up(incident.detected, why).await
            }
            Err(e) => Err(e),
        }
    }

    /// Puts on record that nobody carries the incident on, tells people, and closes it.
    async fn give_up(&self, detected: Detected, why: String) -> Result<Next, StoreError> {
        let Ports { incidents, clock, .. } = self.responder.ports();
        let entry = Entry::Faulted { error: Fault::Permanent.name().to_owned(), cause: why };
        incidents.append(detected.incident, "given-up", entry, clock.now()).await?;
        let cx = Cx { clock: clock.as_ref(), key: "given-up" };
        let story = Story {
            detected,
            score: None,
            verdict: None,
            preparation: None,
            ballot: None,
            lapse: None,
            failure: None,
            rollback_failure: None,
        };
        match self.alert.run(cx, story).await {
            Ok(_) => Ok(Next::GivenUp),
            Err(AlertError::Store(e)) => Err(e),
            Err(e) => {
                let fault = e.fault();
                let source = Box::new(e);
                Err(StoreError::Refused { action: "close an incident", fault, source })
            }
        }
    }
}

async fn deliver_votes(
    ports: &Ports,
    running: &BTreeSet<IncidentId>,
    swept: &mut Swept,
) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    for incident in running {
        match deliver_vote(ports, *incident).await {
            Ok(is_delivered) => swept.delivered += usize::from(is_delivered),
            failed => outcome = outcome.and(failed.map(drop)),
        }
    }
    outcome
}

/// Whether one waited for it.
async fn deliver_vote(ports: &Ports, incident: IncidentId) -> Result<bool, StoreError> {
    let standing = ports.approvals.standing(incident).await?;
    if standing.is_none_or(|standing| standing.outcome().is_none()) {
        return Ok(false);
    }
    // An execution that has the answer already ignores it.
    Ok(deliver(ports, incident).await? == Some(true))
}

async fn count_questions(
    ports: &Ports,
    swept: &mut Swept,
    metrics: &Metrics,
) -> Result<(), StoreError> {
    let now = ports.clock.now();
    for question in ports.approvals.open_questions(now).await? {
        swept.waiting += 1;
        if is_stuck(question.asked, question.expires, now) {
            swept.stuck += 1;
        }
    }
    metrics.emit(now, &counts(swept));
    Ok(())
}

pub(crate) fn counts(swept: &Swept) -> [Metric; 2] {
    [
        Metric::count(Name::ApprovalsOpen, swept.waiting as u64),
        Metric::count(Name::ApprovalsStuck, swept.stuck as u64),
    ]
}

/// Whether more than half of the time for an answer has passed.
fn is_stuck(asked: Timestamp, expires: Timestamp, now: Timestamp) -> bool {
    let (given, passed) = (expires.duration_since(asked), now.duration_since(asked));
    passed.as_nanos().saturating_mul(2) > given.as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_stuck_past_half_of_its_time() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (asked, expires) = (at("2026-03-01T10:00:00Z"), at("2026-03-01T12:00:00Z"));
        assert!(!is_stuck(asked, expires, at("2026-03-01T11:00:00Z")));
        assert!(is_stuck(asked, expires, at("2026-03-01T11:00:01Z")));
    }
}
