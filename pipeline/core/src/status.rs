//! How an incident stands, as its ledger proves it.

use serde::{Deserialize, Serialize};

use crate::handoff::Vote;
use crate::ledger::Entry;

/// How an incident stands. Users see these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Work goes on (or was interrupted and will be resumed).
    Open,
    /// Recorded, nothing changed, by decision.
    Logged,
    /// A plan waits for a human.
    WaitingApproval,
    /// Repaired, and the read-back showed it.
    Remediated,
    /// The state was found clean; nothing was written.
    AlreadyClean,
    /// The resource no longer exists; nothing was written.
    Gone,
    /// A human said no; nothing was written.
    Denied,
    /// Nobody answered in time; nothing was written.
    Expired,
    /// It could not be repaired; the ledger says why.
    Failed,
    /// What was written did not hold and was taken back.
    RolledBack,
}

impl Status {
    /// Every status, in the order tables show them.
    pub const ALL: [Self; 10] = [
        Self::Remediated,
        Self::AlreadyClean,
        Self::Gone,
        Self::Logged,
        Self::WaitingApproval,
        Self::Denied,
        Self::Expired,
        Self::RolledBack,
        Self::Failed,
        Self::Open,
    ];

    /// The word users see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Logged => "logged",
            Self::WaitingApproval => "waiting_approval",
            Self::Remediated => "remediated",
            Self::AlreadyClean => "already_clean",
            Self::Gone => "gone",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        match self {
            Self::Open | Self::WaitingApproval => false,
            Self::Logged
            | Self::Remediated
            | Self::AlreadyClean
            | Self::Gone
            | Self::Denied
            | Self::Expired
            | Self::Failed
            | Self::RolledBack => true,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the entries so far prove, oldest first. A write counts as a repair only after a
/// read-back that held.
pub fn proven<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Status {
    let mut status = Status::Open;
    let mut missing = 0_u8;
    for entry in entries {
        status = match entry {
            Entry::Closed { status } => return *status,
            Entry::ApprovalAsked { approvals, .. } => {
                missing = *approvals;
                Status::WaitingApproval
            }
            // Only those are recorded that count, of each person one.
            Entry::Voted { vote: Vote::Grant, .. } => {
                missing = missing.saturating_sub(1);
                if missing == 0 { Status::Open } else { status }
            }
            Entry::Opened { .. }
            | Entry::Scored { .. }
            | Entry::Decided { .. }
            | Entry::FoundClean { .. }
            | Entry::FoundGone
            | Entry::Prepared { .. }
            | Entry::Voted { .. }
            | Entry::Expired { .. }
            | Entry::Remediated { .. }
            | Entry::Verified { .. }
            | Entry::RolledBack { .. }
            | Entry::Faulted { .. }
            | Entry::Alerted { .. } => status,
        };
    }
    status
}

/// How the entries say the incident ends: the word that `Closed` records.
pub fn conclusion<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Status {
    let mut status = Status::Failed;
    let mut wrote = false;
    for entry in entries {
        if let Entry::Remediated { calls, .. } = entry {
            wrote = !calls.is_empty();
        }
        status = match entry {
            Entry::Closed { status } => return *status,
            Entry::Decided { decision: crate::risk::Decision::LogOnly, .. } => Status::Logged,
            Entry::FoundClean { .. } => Status::AlreadyClean,
            Entry::FoundGone => Status::Gone,
            Entry::Voted { vote: Vote::Deny, .. } => Status::Denied,
            Entry::Expired { .. } => Status::Expired,
            // Somebody else had repaired it before the plan was applied: no call was needed.
            Entry::Verified { holds: true, .. } if !wrote => Status::AlreadyClean,
            Entry::Verified { holds: true, .. } => Status::Remediated,
            Entry::RolledBack { .. } => Status::RolledBack,
            // What was taken back stays taken back, whatever made it necessary.
            Entry::Faulted { .. } if status == Status::RolledBack => status,
            Entry::Faulted { .. }
            | Entry::Remediated { .. }
            | Entry::Verified { holds: false, .. }
            | Entry::Prepared { .. }
            | Entry::Decided { .. } => Status::Failed,
            Entry::Opened { .. }
            | Entry::Scored { .. }
            | Entry::ApprovalAsked { .. }
            | Entry::Voted { vote: Vote::Grant, .. }
            | Entry::Alerted { .. } => status,
        };
    }
    status
}

/// Whether the entries show a write whose read-back held and was not taken back.
pub fn is_verified<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> bool {
    let mut wrote = false;
    let mut held = false;
    for entry in entries {
        match entry {
            Entry::Remediated { calls, .. } => (wrote, held) = (!calls.is_empty(), false),
            Entry::Verified { holds, .. } => held = wrote && *holds,
            Entry::RolledBack { .. } => held = false,
            Entry::Opened { .. }
            | Entry::Scored { .. }
            | Entry::Decided { .. }
            | Entry::FoundClean { .. }
            | Entry::FoundGone
            | Entry::Prepared { .. }
            | Entry::ApprovalAsked { .. }
            | Entry::Voted { .. }
            | Entry::Expired { .. }
            | Entry::Faulted { .. }
            | Entry::Alerted { .. }
            | Entry::Closed { .. } => {}
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Digest;
    use crate::ledger::Call;
    use serde_json::Value;

    fn digest() -> Digest {
        Digest::of(&Value::Null)
    }

    fn remediated(calls: usize) -> Entry {
        let call = Call { action: "s3:PutBucketAcl".to_owned(), parameters: Value::Null };
        Entry::Remediated { digest: digest(), calls: vec![call; calls] }
    }

    fn verified(holds: bool) -> Entry {
        Entry::Verified { holds, reads: 2, problems: Vec::new(), state: digest() }
    }

    #[test]
    fn a_repair_needs_a_call_and_a_read_back_that_held() {
        let rows = [
            (vec![remediated(1), verified(true)], Status::Remediated, true),
            (vec![remediated(0), verified(true)], Status::AlreadyClean, false),
            (vec![remediated(1)], Status::Failed, false),
            (vec![remediated(1), verified(false)], Status::Failed, false),
        ];
        for (entries, status, is_proven) in rows {
            assert_eq!(conclusion(&entries), status, "{entries:?}");
            assert_eq!(is_verified(&entries), is_proven, "{entries:?}");
        }
    }
}
