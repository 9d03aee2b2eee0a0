//! The driver of security groups.

mod rules;
mod write;

use aisaws_controls::State as _;
use aisaws_controls::ec2::SecurityGroup;
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value;

use super::driver::{Driver, Planned, pages};
use super::error::{DriverError, state, told, unless};
use super::link::Caller;

/// Never there, or not any more.
const GONE: &[&str] = &["InvalidGroup.NotFound", "InvalidGroupId.NotFound"];

/// Security groups.
#[derive(Debug)]
pub(super) struct SecurityGroups;

#[async_trait]
impl Driver for SecurityGroups {
    fn kind(&self) -> &'static str {
        SecurityGroup::TYPE
    }

    async fn read(&self, aws: &Caller, resource: &ResourceRef) -> Result<Value, DriverError> {
        let parts = futures::try_join!(group(aws, resource), rules::ingress(aws, resource));
        let Some((head, rules)) = unless(GONE, parts)? else { return Ok(Value::Null) };
        let rules = rules.into_values().collect();
        state(&SecurityGroup { security_group_ingress: rules, ..head })
    }

    async fn make(
        &self,
        aws: &Caller,
        resource: &ResourceRef,
        planned: Planned<'_>,
    ) -> Result<Call, DriverError> {
        write::make(aws, resource, planned).await
    }

    fn list(&self, aws: Caller) -> BoxStream<'static, Result<String, DriverError>> {
        pages(move |token| {
            let aws = aws.clone();
            async move {
                let call =
                    aws.ec2().describe_security_groups().max_results(1000).set_next_token(token);
                let page = aws.send("DescribeSecurityGroups", call.send()).await?;
                let ids = page.security_groups().iter();
                let ids = ids.filter_map(|group| group.group_id().map(str::to_owned)).collect();
                Ok((ids, page.next_token))
            }
        })
    }
}

/// The group without its rules.
async fn group(aws: &Caller, resource: &ResourceRef) -> Result<SecurityGroup, DriverError> {
    const OPERATION: &str = "DescribeSecurityGroups";
    let call = aws.ec2().describe_security_groups().group_ids(&resource.id);
    let answer = aws.send(OPERATION, call.send()).await?;
    let groups = answer.security_groups();
    let group = groups.iter().find(|group| group.group_id() == Some(resource.id.as_str()));
    let group = told(group, OPERATION, "the group")?;
    if group.owner_id().is_some_and(|owner| owner != resource.account.as_str()) {
        // A group that is shared with us is another account's to repair.
        return told(None, OPERATION, "a group of the account");
    }
    let mut tags = std::collections::BTreeMap::new();
    for tag in group.tags() {
        let key = told(tag.key(), OPERATION, "the key of a tag")?;
        tags.insert(key.to_owned(), tag.value().unwrap_or_default().to_owned());
    }
    Ok(SecurityGroup {
        group_name: group.group_name().map(str::to_owned),
        group_description: group.description().map(str::to_owned),
        vpc_id: group.vpc_id().map(str::to_owned),
        tags,
        ..SecurityGroup::new()
    })
}
