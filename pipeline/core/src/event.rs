//! One thing that happened in an account, normalised.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, EventId, Region};

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// AWS CloudTrail, by whatever road it came.
    CloudTrail,
}

/// Who made the call (CloudTrail `userIdentity.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    IamUser,
    /// A session of a role.
    AssumedRole,
    /// A federated, SAML, web-identity or Identity Center user.
    Federated,
    /// Another account.
    AwsAccount,
    /// An AWS service.
    AwsService,
    /// The event does not say.
    Unknown,
}

/// The caller, as far as the event tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of principal.
    pub kind: ActorKind,
    /// `userIdentity.arn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The access key the call was signed with (`AKIA…` or `ASIA…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// ARN of the role behind a session (`sessionContext.sessionIssuer.arn`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// `sessionContext.attributes.mfaAuthenticated`, where the event says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    /// The service that made the call for someone (`invokedBy`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
}

impl Actor {
    /// The session's name: what follows the last slash of an assumed role's ARN.
    pub fn session_name(&self) -> Option<&str> {
        match self.kind {
            ActorKind::AssumedRole => self.arn.as_deref()?.rsplit_once('/').map(|(_, name)| name),
            ActorKind::Root
            | ActorKind::IamUser
            | ActorKind::Federated
            | ActorKind::AwsAccount
            | ActorKind::AwsService
            | ActorKind::Unknown => None,
        }
    }

    /// One name for the caller that is equal for equal callers: the role behind a session,
    /// else the ARN, else the key.
    pub fn principal(&self) -> Option<&str> {
        self.role_arn.as_deref().or(self.arn.as_deref()).or(self.access_key_id.as_deref())
    }
}

/// An event, with what every stage needs taken out and the rest kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The source's own id; a second delivery has the same.
    pub id: EventId,
    /// Where it came from.
    pub source: Source,
    /// When it happened (the source's clock).
    pub time: Timestamp,
    /// The service called (`eventSource`, `s3.amazonaws.com`).
    pub service: String,
    /// The call (`eventName`).
    pub name: String,
    /// The account it happened in (`recipientAccountId`, else the caller's).
    pub account: AccountId,
    /// `awsRegion`.
    pub region: Region,
    /// Who did it.
    pub actor: Actor,
    /// `sourceIPAddress`: an address, a DNS name or `AWS Internal`.
    pub source_address: Option<String>,
    /// The error code of a call that failed, top-level or nested; `None`: the call succeeded.
    pub error_code: Option<String>,
    /// The record as it came, one JSON object (CloudTrail's own shape, without envelope).
    pub raw: String,
}

impl Event {
    /// Whether the call was refused or failed, so that it changed nothing.
    pub fn has_failed(&self) -> bool {
        self.error_code.is_some()
    }
}
