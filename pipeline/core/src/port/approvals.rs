//! Questions to humans and their answers.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::canonical::Digest;
use crate::handoff::Vote;
use crate::id::IncidentId;
use crate::person::person;

/// A question that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The incident.
    pub incident: IncidentId,
    /// The plan in question.
    pub digest: Digest,
    /// With what the answer returns to the state machine; secret.
    pub token: String,
    /// When it was asked.
    pub asked: Timestamp,
    /// When it lapses, whoever has answered by then.
    pub expires: Timestamp,
    /// How many different people have to grant it, from 1.
    pub approvals: u8,
}

/// One person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Yes or no.
    pub vote: Vote,
    /// Who, as they were recognised.
    pub by: String,
    /// In their words, data only.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// How a question stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The question.
    pub question: Question,
    /// The answers that count, in their order. Where they decide, the last one did.
    pub answers: Vec<Answer>,
}

impl Standing {
    /// What the answers decide: a denial at once, grants as soon as enough different people gave
    /// one ([`person`]). `None`: the question is open.
    pub fn outcome(&self) -> Option<Vote> {
        if self.answers.iter().any(|answer| answer.vote == Vote::Deny) {
            return Some(Vote::Deny);
        }
        (self.granted() >= usize::from(self.question.approvals.max(1))).then_some(Vote::Grant)
    }

    /// Different people who granted.
    pub fn granted(&self) -> usize {
        let grants = self.answers.iter().filter(|answer| answer.vote == Vote::Grant);
        grants.map(|answer| person(&answer.by)).collect::<BTreeSet<_>>().len()
    }

    /// What casting this answer on that plan comes to, as the question stands; an adapter keeps the
    /// answer where it says [`Cast::Counted`] or [`Cast::Noted`], and nothing else came between.
    pub fn judge(&self, digest: &Digest, answer: &Answer) -> Cast {
        if self.question.digest != *digest {
            return Cast::OtherPlan;
        }
        if let Some(outcome) = self.outcome() {
            return if outcome == answer.vote { Cast::Already } else { Cast::TooLate };
        }
        if answer.at >= self.question.expires {
            return Cast::Lapsed;
        }
        let mut after = self.clone();
        after.answers.push(answer.clone());
        match after.outcome() {
            Some(_) => Cast::Counted,
            None if after.granted() == self.granted() => Cast::Already,
            None => Cast::Noted,
        }
    }
}

/// What came of casting a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// It counts, and the question is decided by it.
    Counted,
    /// It counts, and somebody else has to grant too.
    Noted,
    /// The same answer was given before: by anybody where it decided, else by the same person.
    Already,
    /// Another answer was given before; this one gets nothing.
    TooLate,
    /// The question is about another plan.
    OtherPlan,
    /// Nothing is asked about this incident.
    NotAsked,
    /// The question lapsed before.
    Lapsed,
}

/// Keeps questions and answers. One question an incident is open at a time; a new one
/// (another digest) replaces the one before.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// Asks; asking the same again (incident and digest) changes only the token.
    async fn ask(&self, question: Question) -> Result<(), StoreError>;
    /// Casts a vote atomically, as [`Standing::judge`] says: of answers at once, each meets the
    /// question as the one before left it.
    async fn cast(
        &self,
        incident: IncidentId,
        digest: &Digest,
        answer: Answer,
    ) -> Result<Cast, StoreError>;
    /// How the incident's newest question stands.
    async fn standing(&self, incident: IncidentId) -> Result<Option<Standing>, StoreError>;
    /// Questions that somebody can still decide at that time, oldest first: without one that is
    /// decided, that has lapsed, or whose incident has ended.
    async fn open_questions(&self, at: Timestamp) -> Result<Vec<Question>, StoreError>;
}
