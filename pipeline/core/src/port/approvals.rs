//! Questions to humans and their answers.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::canonical::Digest;
use crate::handoff::Vote;
use crate::id::IncidentId;

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
    /// When it lapses.
    pub expires: Timestamp,
}

/// How a question stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The question.
    pub question: Question,
    /// The one answer that counts, with who gave it and when.
    pub vote: Option<(Vote, String, Timestamp)>,
}

/// What came of casting a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// It counts.
    Counted,
    /// The same answer was given before.
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
    /// Casts a vote atomically: the first one counts, whoever comes second.
    async fn cast(
        &self,
        incident: IncidentId,
        digest: &Digest,
        vote: Vote,
        by: &str,
        at: Timestamp,
    ) -> Result<Cast, StoreError>;
    /// How the incident's newest question stands.
    async fn standing(&self, incident: IncidentId) -> Result<Option<Standing>, StoreError>;
    /// Questions without an answer, oldest first.
    async fn open_questions(&self) -> Result<Vec<Question>, StoreError>;
}
