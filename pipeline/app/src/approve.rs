//! A human's answer.

use aisaws_core::canonical::Digest;
use aisaws_core::handoff::{Ballot, Vote};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Cast, Ports, StoreError};

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

/// Casts a vote on the plan of that digest, the one the voter was shown. The first vote counts.
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
) -> Result<Cast, VoteError> {
    if reason.len() > MAX_REASON {
        return Err(VoteError::Reason);
    }
    let now = ports.clock.now();
    let cast = ports.approvals.cast(incident, digest, vote, by, now).await?;
    match cast {
        Cast::Counted | Cast::Already => {
            let entry = Entry::Voted {
                vote,
                by: by.to_owned(),
                reason: reason.to_owned(),
                digest: digest.clone(),
            };
            ports.incidents.append(incident, &format!("voted:{digest}"), entry, now).await?;
            deliver(ports, incident).await?;
        }
        // Its time is over: the execution hears of that now, and the incident ends as expired.
        Cast::Lapsed => ports.orchestrator.drive(incident).await?,
        Cast::TooLate | Cast::OtherPlan | Cast::NotAsked => {}
    }
    Ok(cast)
}

/// Brings the recorded vote, if there is one, to the execution that waits, and runs it on.
///
/// # Errors
/// [`StoreError`].
pub async fn deliver(ports: &Ports, incident: IncidentId) -> Result<(), StoreError> {
    if let Some(standing) = ports.approvals.standing(incident).await?
        && let Some((vote, ..)) = standing.vote
    {
        let ballot = Ballot { vote, digest: standing.question.digest };
        ports.orchestrator.answer(&standing.question.token, &ballot).await?;
        ports.orchestrator.drive(incident).await?;
    }
    Ok(())
}
