//! The state of an access key.
//! Source: CloudFormation, `AWS::IAM::AccessKey`.

use serde::{Deserialize, Serialize};

use crate::state::{State, explicit};

/// An access key; its secret is never read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AccessKey {
    /// The key's id (`AKIA…`).
    pub id: String,
    /// Whose it is: every call on the key needs it. `None`: not known (events that only use
    /// the key may not tell).
    #[serde(deserialize_with = "explicit")]
    pub user_name: Option<String>,
    /// Whether it opens anything.
    pub status: KeyStatus,
}

impl State for AccessKey {
    const TYPE: &'static str = "AWS::IAM::AccessKey";
}

/// `Status` of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyStatus {
    /// Requests signed with it are accepted.
    Active,
    /// They are refused.
    Inactive,
}
