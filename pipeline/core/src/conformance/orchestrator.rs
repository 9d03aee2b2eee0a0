//! Claims about [`Orchestrator`]: the answers to those who wait.

use super::claim::{Outcome, Report, equal, note_all};
use crate::canonical::Digest;
use crate::handoff::{Ballot, Vote};
use crate::port::Orchestrator;

/// Executions of the caller's making.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<'a> {
    /// Token of one that waits for a human.
    pub waits: &'a str,
    /// Token of one that waited until its time was over.
    pub lapsed: &'a str,
}

/// Every claim; `one` and `other` are handles on the same executions.
pub async fn run_all(
    one: &dyn Orchestrator,
    other: &dyn Orchestrator,
    waiting: Waiting<'_>,
) -> Report {
    let mut report = Report::default();
    note_all! { report;
        who_waits_is_reached_by_the_first_answer_alone(one, other, waiting.waits);
        nobody_waits_when_the_time_is_over(one, waiting.lapsed);
    }
    report
}

fn ballot(vote: Vote) -> Ballot {
    Ballot { vote, digest: Digest::of_bytes(b"plan") }
}

/// Whatever the second one says, and wherever it comes from.
pub async fn who_waits_is_reached_by_the_first_answer_alone(
    one: &dyn Orchestrator,
    other: &dyn Orchestrator,
    token: &str,
) -> Outcome {
    let first = one.answer(token, &ballot(Vote::Deny)).await?;
    equal("whether the first answer reached anybody", &first, &true)?;
    for (handle, vote) in [(one, Vote::Deny), (other, Vote::Deny), (other, Vote::Grant)] {
        let again = handle.answer(token, &ballot(vote)).await?;
        equal("whether a later answer reached anybody", &again, &false)?;
    }
    Ok(())
}

/// What comes too late is ignored.
pub async fn nobody_waits_when_the_time_is_over(one: &dyn Orchestrator, token: &str) -> Outcome {
    for vote in [Vote::Grant, Vote::Deny] {
        let late = one.answer(token, &ballot(vote)).await?;
        equal("whether a late answer reached anybody", &late, &false)?;
    }
    Ok(())
}
