//! One thing that happened in an account, normalised.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::id::{AccountId, EventId, Region};
use crate::resource::{Owner, ResourceRef};
use crate::risk::Severity;
use crate::source::cloudtrail;

/// Where an event came from, by whatever road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// AWS CloudTrail: API calls.
    CloudTrail,
    /// Amazon GuardDuty: findings.
    GuardDuty,
    /// AWS Config: changes of compliance with a rule.
    Config,
    /// AWS Security Hub: findings in ASFF or OCSF.
    SecurityHub,
    /// IAM Access Analyzer: findings.
    AccessAnalyzer,
    /// Our own scans of what is configured.
    Posture,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 6] = [
        Self::CloudTrail,
        Self::GuardDuty,
        Self::Config,
        Self::SecurityHub,
        Self::AccessAnalyzer,
        Self::Posture,
    ];

    /// Product and service by which a Sigma `logsource` names it.
    pub fn logsource(self) -> (&'static str, &'static str) {
        match self {
            Self::CloudTrail => ("aws", "cloudtrail"),
            Self::GuardDuty => ("aws", "guardduty"),
            Self::Config => ("aws", "config"),
            Self::SecurityHub => ("aws", "securityhub"),
            Self::AccessAnalyzer => ("aws", "accessanalyzer"),
            Self::Posture => ("aisaws", "posture"),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.logsource().1)
    }
}

/// How a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It says that something is wrong now.
    Open,
    /// It was made up to try things out. It opens an incident that is never acted upon.
    Sample,
    /// It is archived, resolved, suppressed or passed: recorded, and no rule is asked.
    Closed,
}

/// What a service says of something it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How bad the service thinks it is; `None`: it does not say.
    pub severity: Option<Severity>,
    /// How it stands.
    pub standing: Standing,
    /// The resources it names, as far as their types are known; each once, sorted.
    pub resources: Vec<ResourceRef>,
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
    /// The actor of an event that names none.
    pub fn nobody() -> Self {
        Self {
            kind: ActorKind::Unknown,
            arn: None,
            access_key_id: None,
            role_arn: None,
            mfa: None,
            invoked_by: None,
        }
    }

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
    /// What this event tells of, where others may tell of the same: CloudTrail's
    /// `sharedEventID` of one call seen by several accounts, the id of a finding that is
    /// updated. Incidents are counted by it; `None`: the event stands for itself.
    pub cause: Option<String>,
    /// The service called (`eventSource`, `s3.amazonaws.com`), or the one that found something
    /// (`aws.guardduty`).
    pub service: String,
    /// The call (`eventName`), or what was found (a finding's type, a rule's or control's name).
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
    /// What was found, where the event is a finding and no call.
    pub report: Option<Report>,
    /// The record as it came, one JSON object in its source's own shape, without envelope.
    pub raw: String,
}

impl Event {
    /// Whether the call was refused or failed, so that it changed nothing.
    pub fn has_failed(&self) -> bool {
        self.error_code.is_some()
    }

    /// Whose the resource is that the event gives by name or by ARN, and where: as an ARN says,
    /// else as the record's `resources` say of it, else where the event happened. A call from
    /// another account is recorded in both, and is about the owner's resource in both.
    pub fn owner_of(&self, given: &str) -> Owner {
        let here = Owner { account: self.account.clone(), region: self.region.clone() };
        if let Some(arn) = Arn::parse(given) {
            return here.or_as_named(&arn);
        }
        match cloudtrail::owner(&self.raw, given) {
            Some(account) => Owner { account, ..here },
            None => here,
        }
    }

    /// Whether it is a finding of that standing.
    pub fn stands(&self, standing: Standing) -> bool {
        self.report.as_ref().is_some_and(|report| report.standing == standing)
    }
}
