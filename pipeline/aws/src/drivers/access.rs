//! Which accounts may be reached, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use aisaws_core::id::{AccountId, IncidentId};

use super::pace::Rate;

/// How an account is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// With the credentials of this process, without assuming a role. Events of our own writes
    /// are then not recognised by their session: for a home account whose worker runs in a
    /// session of its own naming, and for tests.
    Ambient,
    /// By assuming a role of that account.
    Role {
        /// Its ARN.
        arn: String,
        /// What the role's trust policy asks for (`sts:ExternalId`).
        external_id: Option<String>,
    },
}

/// A service with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// Amazon EC2.
    Ec2,
    /// AWS CloudTrail.
    CloudTrail,
    /// AWS IAM.
    Iam,
    /// AWS STS, where roles are assumed.
    Sts,
}

impl Service {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Ec2 => "ec2",
            Self::CloudTrail => "cloudtrail",
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }
}

/// What [`super::AwsAccount`] may do and how fast.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The accounts that may be reached; no other one is, with whatever credentials.
    pub accounts: BTreeMap<AccountId, Access>,
    /// Endpoints instead of AWS's own, as URLs.
    pub endpoints: BTreeMap<Service, String>,
    /// For each account, region and operation.
    pub rate: Rate,
    /// How long one attempt of a call may take.
    pub attempt_timeout: Duration,
    /// How long a call may take with all its attempts and the pauses between them.
    pub call_timeout: Duration,
    /// How often a call is attempted.
    pub attempts: u32,
}

impl Settings {
    /// AWS's own endpoints and moderate limits.
    pub fn new(accounts: BTreeMap<AccountId, Access>) -> Self {
        Self {
            accounts,
            endpoints: BTreeMap::new(),
            rate: Rate::default(),
            attempt_timeout: Duration::from_secs(8),
            call_timeout: Duration::from_secs(40),
            attempts: 5,
        }
    }
}

/// On whose behalf calls are made: each has its own session, hence its own credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// Looking.
    Reading,
    /// A repair for that incident; its session is recognised in the events it causes.
    Repairing(IncidentId),
}

impl Purpose {
    pub(super) fn session_name(self) -> String {
        match self {
            Self::Reading => "aisaws-read".to_owned(),
            Self::Repairing(incident) => incident.session_name(),
        }
    }
}
