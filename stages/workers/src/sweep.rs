//! What a clock calls every few minutes: whatever a function that died left undone is carried on.

use aisaws_app::approve::deliver;
use aisaws_app::respond::Responder;
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Ports, StoreError};
use jiff::Timestamp;
use serde::Serialize;

use crate::metrics::{Metric, Metrics, Name};

/// What a sweep found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Incidents that were opened for hits that intake had stored and not brought further.
    pub opened: usize,
    /// Votes that were brought to executions once more.
    pub delivered: usize,
    /// Questions that wait for a human.
    pub waiting: usize,
    /// Of these, those past half of their time.
    pub stuck: usize,
}

/// Opens what intake could not, brings votes to executions that wait, and counts the questions that
/// nobody answers. What fails keeps nothing else from being done.
///
/// # Errors
/// The first that came, where the store or the state machine cannot be reached, after all else is
/// done; the next sweep tries again.
pub async fn sweep(responder: &Responder, metrics: &Metrics) -> Result<Swept, StoreError> {
    let ports = responder.ports();
    let mut swept = Swept::default();
    let opened = responder.open().await.map(|opened| swept.opened = opened.len());
    let delivered = deliver_votes(ports, &mut swept).await;
    let counted = count_questions(ports, &mut swept, metrics).await;
    opened.and(delivered).and(counted).map(|()| swept)
}

async fn deliver_votes(ports: &Ports, swept: &mut Swept) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    for incident in ports.orchestrator.unfinished().await? {
        match deliver_vote(ports, incident).await {
            Ok(is_delivered) => swept.delivered += usize::from(is_delivered),
            failed => outcome = outcome.and(failed.map(drop)),
        }
    }
    outcome
}

/// Whether there was one.
async fn deliver_vote(ports: &Ports, incident: IncidentId) -> Result<bool, StoreError> {
    let standing = ports.approvals.standing(incident).await?;
    if standing.is_none_or(|standing| standing.outcome().is_none()) {
        return Ok(false);
    }
    // An execution that has the answer already ignores it.
    deliver(ports, incident).await?;
    Ok(true)
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
