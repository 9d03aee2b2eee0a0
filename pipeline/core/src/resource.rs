//! Which resource something is about.

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::id::{AccountId, Region, global_region};

/// Whose a resource is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The account that owns it.
    pub account: AccountId,
    /// The region it is in.
    pub region: Region,
}

impl Owner {
    /// This owner, but for what the ARN says otherwise.
    #[must_use]
    pub fn or_as_named(mut self, arn: &Arn<'_>) -> Self {
        if !arn.account.is_empty() {
            self.account = AccountId::new(arn.account);
        }
        if !arn.region.is_empty() {
            self.region = Region::new(arn.region);
        }
        self
    }
}

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

/// Types whose resources are in no region.
const GLOBAL_TYPES: &str = "AWS::IAM::";

impl ResourceRef {
    /// The resource of that type in that account. A resource of a global service is where its
    /// service records and answers, whatever the region of the event that names it.
    pub fn new(kind: impl Into<String>, id: impl Into<String>, owner: &Owner) -> Self {
        let kind = kind.into();
        let region = Region::new(region_of(&kind, owner.region.as_str()));
        Self { kind, id: id.into(), account: owner.account.clone(), region }
    }

    /// One text for maps and tables; the id stands last because only it may hold slashes.
    pub fn key(&self) -> String {
        format!("{}/{}/{}/{}", self.account, self.region, self.kind, self.id)
    }
}

/// The region that answers for a resource of that type, of which an event in `region` tells.
pub fn region_of<'r>(kind: &str, region: &'r str) -> &'r str {
    if kind.starts_with(GLOBAL_TYPES) { global_region(region) } else { region }
}

impl std::fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iam_is_in_the_region_where_its_partition_records_it() {
        // AWS: cloudtrail-concepts.md, "About global service events".
        let key = |region: &str| {
            let owner = Owner { account: "111122223333".into(), region: region.into() };
            ResourceRef::new("AWS::IAM::AccessKey", "AKIAIOSFODNN7EXAMPLE", &owner).region
        };
        assert_eq!(key("eu-west-1").as_str(), "us-east-1");
        assert_eq!(key("cn-northwest-1").as_str(), "cn-north-1");
        assert_eq!(key("us-gov-east-1").as_str(), "us-gov-west-1");
    }
}
