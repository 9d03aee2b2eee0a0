//! The account that is protected: the drivers behind one door.

use async_trait::async_trait;
use serde_json::Value;

use crate::canonical::Digest;
use crate::fault::{Classify, Fault};
use crate::id::IncidentId;
use crate::ledger::Call;
use crate::resource::ResourceRef;

/// Why a resource could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// No driver knows this type.
    #[error(
        "resource type `{0}` has no driver here; see `aisaws control list` for what is covered"
    )]
    Unsupported(String),
    /// The state is not what the write expected.
    #[error("`{0}` changed since the plan was made")]
    Changed(String),
    /// The call failed.
    #[error("`{subject}` could not be {action}")]
    Call {
        /// The resource.
        subject: String,
        /// `read` or `written`.
        action: &'static str,
        /// The class.
        fault: Fault,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Classify for AccountError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unsupported(_) => Fault::Permanent,
            Self::Changed(_) => Fault::PlanChanged,
            Self::Call { fault, .. } => *fault,
        }
    }
}

/// Names one write so that repeating it is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WriteKey {
    /// For which incident.
    pub incident: IncidentId,
    /// Which plan.
    pub digest: Digest,
    /// `apply` or `undo`, with the round.
    pub step: String,
}

impl WriteKey {
    /// One text.
    pub fn as_text(&self) -> String {
        format!("{}/{}/{}", self.incident, self.step, self.digest)
    }
}

/// Reads and writes states. A state is JSON in the shape of the type's CloudFormation schema;
/// `null` is the state of what does not exist.
#[async_trait]
pub trait Account: Send + Sync {
    /// The state now.
    async fn read(&self, resource: &ResourceRef) -> Result<Value, AccountError>;
    /// Makes `before` into `after` with the fewest calls, if the fields that differ still
    /// hold their `before` value ([`AccountError::Changed`] else). Repeating a write that was
    /// made (same key) makes no call and answers with the calls of the first time.
    async fn write(
        &self,
        resource: &ResourceRef,
        before: &Value,
        after: &Value,
        key: &WriteKey,
    ) -> Result<Vec<Call>, AccountError>;
    /// States the resource had, oldest first, the present one last, as far as they are known;
    /// an account that only knows the present answers with that.
    async fn past_states(&self, resource: &ResourceRef) -> Result<Vec<Value>, AccountError> {
        Ok(vec![self.read(resource).await?])
    }
}
