//! The append-only, hash-chained story of an incident.
//!
//! Each [`Link`] carries the hash of the one before; the first carries the hash of the
//! incident's id, so links cannot be moved between incidents. The number of links and the
//! last hash are kept with the incident, so a cut tail is seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::Digest;
use crate::handoff::{Contribution, Detected, Vote};
use crate::id::{ControlId, IncidentId};
use crate::risk::{Decision, Risk};
use crate::status::Status;

/// A control that failed on a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The control.
    pub control: ControlId,
    /// What is wrong, with the subject in backticks.
    pub message: String,
}

/// One API call as it was made, or would be on AWS where the twin made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// IAM action of the call (`s3:PutBucketAcl`).
    pub action: String,
    /// Its parameters in the API's own shape.
    pub parameters: Value,
}

/// Something that happened to an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// It was opened by these hits.
    Opened {
        /// Detect's hand-off.
        detected: Detected,
    },
    /// It was scored.
    Scored {
        /// 0..=1.
        risk: Risk,
        /// With every reason.
        contributions: Vec<Contribution>,
    },
    /// It was decided.
    Decided {
        /// What may be done.
        decision: Decision,
        /// Why.
        reasons: Vec<String>,
        /// The resource was repaired as often within the hour as the policy allows: two parties
        /// may fight over it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_budget_spent: bool,
    },
    /// The state was read and no control convicted.
    FoundClean {
        /// Digest of the state that was read.
        state: Digest,
    },
    /// The resource does not exist.
    FoundGone,
    /// A plan was made and the state kept.
    Prepared {
        /// From 1.
        round: u32,
        /// The plan's digest.
        digest: Digest,
        /// What convicted.
        findings: Vec<Finding>,
        /// JSON Patch (RFC 6902), each operation behind its `test`.
        patch: Value,
        /// The patch that takes it back.
        inverse: Value,
        /// Digest of the state before, kept as snapshot.
        snapshot: Digest,
        /// Digest of the state the plan leads to, kept likewise.
        target: Digest,
    },
    /// A human was asked.
    ApprovalAsked {
        /// The plan they are shown.
        digest: Digest,
        /// When the question lapses.
        expires: Timestamp,
        /// How many different people have to grant it.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        approvals: u8,
    },
    /// A human answered.
    Voted {
        /// Yes or no.
        vote: Vote,
        /// Who.
        by: String,
        /// In their words, data only.
        reason: String,
        /// The plan voted on.
        digest: Digest,
    },
    /// Nobody answered in time.
    Expired {
        /// The plan that lapsed.
        digest: Digest,
    },
    /// The plan was written.
    Remediated {
        /// The plan.
        digest: Digest,
        /// The calls.
        calls: Vec<Call>,
    },
    /// It was read back.
    Verified {
        /// Every control silent, every field as planned.
        holds: bool,
        /// Agreeing reads.
        reads: u32,
        /// What did not hold, in words, and what changed beside the plan.
        problems: Vec<String>,
        /// Digest of the last state read.
        state: Digest,
    },
    /// What was written was taken back.
    RolledBack {
        /// The plan taken back.
        digest: Digest,
        /// The calls.
        calls: Vec<Call>,
        /// Fields that others changed meanwhile and that therefore stay theirs.
        left: Vec<String>,
    },
    /// A state ended with an error that retrying did not cure.
    Faulted {
        /// Error name.
        error: String,
        /// Cause in words.
        cause: String,
    },
    /// People were told (or could not be).
    Alerted {
        /// Channel name and, where it failed, why.
        channels: Vec<(String, Option<String>)>,
    },
    /// The end.
    Closed {
        /// How.
        status: Status,
    },
}

/// What questions needed before they could need more; they are written as they were.
fn one() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_one(approvals: &u8) -> bool {
    *approvals == 1
}

/// One entry in its place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Whose story.
    pub incident: IncidentId,
    /// From 1, without gaps.
    pub seq: u32,
    /// Names the step that wrote it, so that a repeated step is recognised.
    pub key: String,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub entry: Entry,
    /// Hash of the link before; of the incident's id for the first.
    pub prev: Digest,
    /// Hash over all of the above.
    pub hash: Digest,
}

/// Whether an append was new or its key was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// Written now.
    New,
    /// Written before; the earlier entry stands.
    Already,
}

/// A place where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// The numbers have a gap.
    #[error("incident `{incident}` link {seq}: expected link {expected} here")]
    Gap {
        /// The chain.
        incident: IncidentId,
        /// The number found.
        seq: u32,
        /// The number that should be there.
        expected: u32,
    },
    /// A link does not point at the one before it.
    #[error("incident `{incident}` link {seq}: does not follow the link before it")]
    Detached {
        /// The chain.
        incident: IncidentId,
        /// The link.
        seq: u32,
    },
    /// A link's content is not what was hashed.
    #[error("incident `{incident}` link {seq}: content does not match its hash")]
    Altered {
        /// The chain.
        incident: IncidentId,
        /// The link.
        seq: u32,
    },
    /// The chain ends elsewhere than the incident's record says.
    #[error("incident `{incident}`: the record counts {expected} links, the chain has {found}")]
    Cut {
        /// The chain.
        incident: IncidentId,
        /// Links according to the record.
        expected: u32,
        /// Links found.
        found: u32,
    },
}

/// The hash the first link of an incident points at.
pub fn genesis(incident: IncidentId) -> Digest {
    Digest::of(&json!({ "ledger": incident }))
}

/// The hash of a link's content.
///
/// # Errors
/// Where the entry cannot be serialised (it holds a map key that is no text).
pub fn hash_of(
    incident: IncidentId,
    seq: u32,
    key: &str,
    at: Timestamp,
    entry: &Value,
    prev: &Digest,
) -> Digest {
    Digest::of(&json!({
        "incident": incident, "seq": seq, "key": key, "at": at, "entry": entry, "prev": prev,
    }))
}

/// Makes the link that follows `(seq, hash)` of `head`, or the first.
///
/// # Errors
/// Where the entry cannot be serialised.
pub fn link(
    incident: IncidentId,
    head: Option<(u32, Digest)>,
    key: &str,
    at: Timestamp,
    entry: Entry,
) -> Result<Link, serde_json::Error> {
    let (seq, prev) = match head {
        Some((seq, hash)) => (seq.saturating_add(1), hash),
        None => (1, genesis(incident)),
    };
    let value = serde_json::to_value(&entry)?;
    let hash = hash_of(incident, seq, key, at, &value, &prev);
    Ok(Link { incident, seq, key: key.to_owned(), at, entry, prev, hash })
}

/// Checks one incident's whole chain against the head its record keeps.
///
/// # Errors
/// The first place that does not hold.
pub fn verify_chain(
    incident: IncidentId,
    links: &[RawLink],
    head: Option<&(u32, Digest)>,
) -> Result<(), Broken> {
    let mut prev = genesis(incident);
    let mut expected = 1_u32;
    for link in links {
        let seq = link.seq;
        if seq != expected {
            return Err(Broken::Gap { incident, seq, expected });
        }
        if link.prev != prev {
            return Err(Broken::Detached { incident, seq });
        }
        if hash_of(incident, seq, &link.key, link.at, &link.entry, &link.prev) != link.hash {
            return Err(Broken::Altered { incident, seq });
        }
        prev = link.hash.clone();
        expected = expected.saturating_add(1);
    }
    let found = expected.saturating_sub(1);
    match head {
        Some((count, hash)) if *count == found && (found == 0 || *hash == prev) => Ok(()),
        Some((count, _)) => Err(Broken::Cut { incident, expected: *count, found }),
        None if found == 0 => Ok(()),
        None => Err(Broken::Cut { incident, expected: 0, found }),
    }
}

/// The newest plan of that digest in a ledger: digests of the states before and after.
pub fn planned<'a>(links: &'a [Link], plan: &Digest) -> Option<(&'a Digest, &'a Digest)> {
    links.iter().rev().find_map(|link| match &link.entry {
        Entry::Prepared { digest, snapshot, target, .. } if digest == plan => {
            Some((snapshot, target))
        }
        _ => None,
    })
}

/// A link as stored: its entry is kept as plain JSON, so that a later version of the entry
/// types still hashes what was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawLink {
    /// As [`Link::seq`].
    pub seq: u32,
    /// As [`Link::key`].
    pub key: String,
    /// As [`Link::at`].
    pub at: Timestamp,
    /// As [`Link::entry`].
    pub entry: Value,
    /// As [`Link::prev`].
    pub prev: Digest,
    /// As [`Link::hash`].
    pub hash: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> (IncidentId, Vec<RawLink>, (u32, Digest)) {
        let incident = IncidentId::from_cause(&["test"]);
        let mut head = None;
        let mut links = Vec::new();
        for (i, entry) in
            [Entry::FoundGone, Entry::Closed { status: Status::Gone }].into_iter().enumerate()
        {
            let link = link(incident, head.clone(), &format!("k{i}"), Timestamp::UNIX_EPOCH, entry)
                .unwrap();
            head = Some((link.seq, link.hash.clone()));
            links.push(RawLink {
                seq: link.seq,
                key: link.key,
                at: link.at,
                entry: serde_json::to_value(&link.entry).unwrap(),
                prev: link.prev,
                hash: link.hash,
            });
        }
        (incident, links, head.unwrap())
    }

    #[test]
    fn an_untouched_chain_holds() {
        let (incident, links, head) = chain();
        assert_eq!(verify_chain(incident, &links, Some(&head)), Ok(()));
    }

    #[test]
    fn an_altered_entry_is_named() {
        let (incident, mut links, head) = chain();
        links[1].entry = json!({ "kind": "closed", "status": "remediated" });
        assert_eq!(
            verify_chain(incident, &links, Some(&head)),
            Err(Broken::Altered { incident, seq: 2 })
        );
    }

    #[test]
    fn a_cut_tail_is_seen() {
        let (incident, mut links, head) = chain();
        links.pop();
        assert_eq!(
            verify_chain(incident, &links, Some(&head)),
            Err(Broken::Cut { incident, expected: 2, found: 1 })
        );
    }

    #[test]
    fn a_removed_first_link_is_seen() {
        let (incident, mut links, head) = chain();
        links.remove(0);
        assert!(matches!(verify_chain(incident, &links, Some(&head)), Err(Broken::Gap { .. })));
    }

    #[test]
    fn links_of_another_incident_do_not_fit() {
        let (_, links, head) = chain();
        let other = IncidentId::from_cause(&["other"]);
        assert!(matches!(verify_chain(other, &links, Some(&head)), Err(Broken::Detached { .. })));
    }
}
