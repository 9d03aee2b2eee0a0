//! A human's answer.

use aisaws_core::canonical::Digest;
use aisaws_core::handoff::{Ballot, Vote};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Answer, Cast, Ports, StoreError};
use aisaws_core::status::{Status, proven};

/// What a voter's reason may hold at most, in bytes.
const MAX_REASON: usize = 4096;

/// Why a vote was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VoteError {
    /// The reason is too long.
    #[error("the reason is longer than {MAX_REASON} bytes; shorten it")]
    Reason,
    /// The store failed.
    #[error("the vote could not be recorded; run the same command again")]
    Store(#[from] StoreError),
}

/// What came of a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voted {
    /// Whether it counts.
    pub cast: Cast,
    /// Whether the response goes on with what was decided.
    pub heard: Heard,
}

/// Who heard of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The response waited for it, and goes on.
    GoesOn,
    /// Nobody: the incident has ended so.
    Ended(Status),
    /// Nobody, and the incident has no end on record yet: its time is over, or somebody else brought
    /// the answer before.
    Nobody,
    /// There was nothing to tell: nothing is decided, or this vote does not count.
    Nothing,
}

/// Casts a vote on the plan of that digest, the one the voter was shown. The first vote counts; where
/// several people have to grant, each one's first, until enough did or one denied.
///
/// The vote is recorded before the execution hears of it; a process that dies in between is
/// made good by casting the same vote again, or by [`deliver`].
///
/// # Errors
/// [`VoteError`].
pub async fn vote(
    ports: &Ports,
    incident: IncidentId,
    digest: &Digest,
    vote: Vote,
    by: &str,
    reason: &str,
) -> Result<Voted, VoteError> {
    if reason.len() > MAX_REASON {
        return Err(VoteError::Reason);
    }
    let at = ports.clock.now();
    let answer = Answer { vote, by: by.to_owned(), reason: reason.to_owned(), at };
    let cast = ports.approvals.cast(incident, digest, answer).await?;
    let was_heard = match cast {
        Cast::Counted | Cast::Noted | Cast::Already => deliver(ports, incident).await?,
        // Its time is over: the execution hears of that now, and the incident ends as expired.
        Cast::Lapsed => {
            ports.orchestrator.drive(incident).await?;
            None
        }
        Cast::TooLate | Cast::OtherPlan | Cast::NotAsked => None,
    };
    let heard = match was_heard {
        None => Heard::Nothing,
        Some(true) => Heard::GoesOn,
        Some(false) => {
            let links = ports.incidents.ledger(incident).await?;
            let status = proven(links.iter().map(|link| &link.entry));
            if status.is_final() { Heard::Ended(status) } else { Heard::Nobody }
        }
    };
    Ok(Voted { cast, heard })
}

/// Writes the votes that count, if there are any, into the ledger, and once they decide, brings
/// the answer to the execution that waits, and runs it on. Says whether one waited; `None`: nothing
/// is decided.
///
/// # Errors
/// [`StoreError`].
pub async fn deliver(ports: &Ports, incident: IncidentId) -> Result<Option<bool>, StoreError> {
    let Some(standing) = ports.approvals.standing(incident).await? else { return Ok(None) };
    let digest = &standing.question.digest;
    for (number, answer) in standing.answers.iter().enumerate() {
        let key = match number {
            0 => format!("voted:{digest}"),
            _ => format!("voted:{digest}:{}", number + 1),
        };
        let Answer { vote, by, reason, at } = answer.clone();
        let entry = Entry::Voted { vote, by, reason, digest: digest.clone() };
        ports.incidents.append(incident, &key, entry, at).await?;
    }
    let Some(vote) = standing.outcome() else { return Ok(None) };
    let ballot = Ballot { vote, digest: digest.clone() };
    let was_heard = ports.orchestrator.answer(&standing.question.token, &ballot).await?;
    ports.orchestrator.drive(incident).await?;
    Ok(Some(was_heard))
}
