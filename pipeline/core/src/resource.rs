//! Which resource something is about.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, Region};

/// One resource of one account, as CloudFormation would name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceRef {
    /// CloudFormation type name (`AWS::S3::Bucket`).
    #[serde(rename = "type")]
    pub kind: String,
    /// The type's physical id: bucket name, security-group id, access-key id, trail name.
    pub id: String,
    /// The account that owns it.
    pub account: AccountId,
    /// The region whose endpoint answers for it.
    pub region: Region,
}

impl ResourceRef {
    /// One text for maps and tables; the id stands last because only it may hold slashes.
    pub fn key(&self) -> String {
        format!("{}/{}/{}/{}", self.account, self.region, self.kind, self.id)
    }
}

impl std::fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}
