//! What people are told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::id::{IncidentId, RuleId};
use crate::resource::ResourceRef;
use crate::risk::{Risk, Severity};
use crate::status::Status;

/// One message about one incident; channels render it. All texts in it are data from outside
/// and must be escaped for the channel's medium.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Equal for a repeated delivery of the same message.
    pub id: String,
    /// The incident.
    pub incident: IncidentId,
    /// How it stands.
    pub status: Status,
    /// One line that says what happened and what was done.
    pub subject: String,
    /// Further lines: findings, reasons, what to do next.
    pub lines: Vec<String>,
    /// The resource.
    pub resource: ResourceRef,
    /// The rules that fired.
    pub rules: Vec<RuleId>,
    /// Highest severity.
    pub severity: Severity,
    /// The score, if it got so far.
    pub risk: Option<Risk>,
    /// The plan, if there was one.
    pub digest: Option<Digest>,
    /// When the event happened.
    pub time: Timestamp,
    /// To whom alone it goes, where it holds what is for one person; `None`: to everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}
