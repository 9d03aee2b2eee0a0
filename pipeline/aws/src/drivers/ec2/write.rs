//! The calls that change a security group. Rules are taken away by their ids, found by what they
//! say right before: a rule that somebody changed meanwhile has another content, and is left.

use std::collections::BTreeMap;

use aisaws_controls::Identity as _;
use aisaws_controls::ec2::{Rule, SecurityGroup};
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, Tag, UserIdGroupPair};
use serde_json::json;

use super::{GONE, group, rules};
use crate::drivers::driver::Planned;
use crate::drivers::error::{DriverError, typed, unless};
use crate::drivers::link::Caller;
use crate::drivers::parameters::Parameters;

/// A rule was there already, or is not there any more.
const RACED: &[&str] = &[
    "InvalidPermission.Duplicate",
    "InvalidPermission.NotFound",
    "InvalidSecurityGroupRuleId.NotFound",
];
const RULES: DriverError = DriverError::Changed("/SecurityGroupIngress");

/// Makes the call; answers with it as it was made.
pub(super) async fn make(
    aws: &Caller,
    resource: &ResourceRef,
    planned: Planned<'_>,
) -> Result<Call, DriverError> {
    let made = one(aws, resource, planned).await;
    // Whoever deleted the group, or authorised one of the rules, did so after it was read.
    let changed = [GONE, RACED];
    unless(&changed.concat(), made)?.ok_or(RULES)
}

async fn one(
    aws: &Caller,
    resource: &ResourceRef,
    planned: Planned<'_>,
) -> Result<Call, DriverError> {
    let call = planned.call;
    let given = Parameters::of(call);
    let now: SecurityGroup = typed(planned.now)?;
    match call.action.as_str() {
        "ec2:AuthorizeSecurityGroupIngress" => {
            let wanted = rules::named(&given, &resource.account)?;
            let there = rules::ingress(aws, resource).await?;
            if wanted.iter().any(|rule| id_of(&there, rule).is_some()) {
                return Err(RULES);
            }
            let request = aws
                .ec2()
                .authorize_security_group_ingress()
                .group_id(&resource.id)
                .set_ip_permissions(Some(permissions(&given)?));
            aws.send("AuthorizeSecurityGroupIngress", request.send()).await?;
        }
        "ec2:RevokeSecurityGroupIngress" => {
            let there = rules::ingress(aws, resource).await?;
            let mut ids = Vec::new();
            for rule in rules::named(&given, &resource.account)? {
                let (id, found) = id_of(&there, &rule).ok_or(RULES)?;
                if now.security_group_ingress.get(&rule.identity()) != Some(found) {
                    return Err(RULES);
                }
                ids.push(id.to_owned());
            }
            let request = aws
                .ec2()
                .revoke_security_group_ingress()
                .group_id(&resource.id)
                .set_security_group_rule_ids(Some(ids.clone()));
            let answer = aws.send("RevokeSecurityGroupIngress", request.send()).await?;
            is_done(answer.r#return(), "RevokeSecurityGroupIngress")?;
            let parameters = json!({"GroupId": resource.id, "SecurityGroupRuleIds": ids});
            return Ok(Call { action: call.action.clone(), parameters });
        }
        "ec2:UpdateSecurityGroupRuleDescriptionsIngress" => {
            let request = aws
                .ec2()
                .update_security_group_rule_descriptions_ingress()
                .group_id(&resource.id)
                .set_ip_permissions(Some(permissions(&given)?));
            let operation = "UpdateSecurityGroupRuleDescriptionsIngress";
            is_done(aws.send(operation, request.send()).await?.r#return(), operation)?;
        }
        "ec2:CreateTags" | "ec2:DeleteTags" => {
            if !planned.follows && group(aws, resource).await?.tags != now.tags {
                return Err(DriverError::Changed("/Tags"));
            }
            let tags = tags(&given)?;
            if call.action == "ec2:CreateTags" {
                let request = aws.ec2().create_tags().resources(&resource.id).set_tags(Some(tags));
                aws.send("CreateTags", request.send()).await?;
            } else {
                let request = aws.ec2().delete_tags().resources(&resource.id).set_tags(Some(tags));
                aws.send("DeleteTags", request.send()).await?;
            }
        }
        _ => return Err(given.wrong("the driver of security groups does not know it")),
    }
    Ok(call.clone())
}

/// The rule of the same traffic and source.
fn id_of<'a>(there: &'a BTreeMap<String, Rule>, rule: &Rule) -> Option<(&'a str, &'a Rule)> {
    let same = |(_, found): &(&String, &Rule)| found.identity() == rule.identity();
    there.iter().find(same).map(|(id, found)| (id.as_str(), found))
}

/// EC2 says that it did nothing by a value, not by an error.
fn is_done(answer: Option<bool>, operation: &'static str) -> Result<(), DriverError> {
    match answer {
        Some(false) => Err(DriverError::Unexpected { operation, missing: "having done it" }),
        Some(true) | None => Ok(()),
    }
}

fn permissions(given: &Parameters<'_>) -> Result<Vec<IpPermission>, DriverError> {
    given.list("IpPermissions").map(|one| permission(&one)).collect()
}

fn permission(given: &Parameters<'_>) -> Result<IpPermission, DriverError> {
    let port = |name: &'static str| -> Result<Option<i32>, DriverError> {
        let port = given.get_number(name).map(i32::try_from).transpose();
        port.map_err(|_| given.wrong(name))
    };
    let text = |one: &Parameters<'_>, name: &str| one.get_text(name).map(str::to_owned);
    let mut built = IpPermission::builder()
        .ip_protocol(given.text("IpProtocol")?)
        .set_from_port(port("FromPort")?)
        .set_to_port(port("ToPort")?);
    for one in given.list("IpRanges") {
        let range = IpRange::builder().cidr_ip(one.text("CidrIp")?);
        built = built.ip_ranges(range.set_description(text(&one, "Description")).build());
    }
    for one in given.list("Ipv6Ranges") {
        let range = Ipv6Range::builder().cidr_ipv6(one.text("CidrIpv6")?);
        built = built.ipv6_ranges(range.set_description(text(&one, "Description")).build());
    }
    for one in given.list("PrefixListIds") {
        let list = PrefixListId::builder().prefix_list_id(one.text("PrefixListId")?);
        built = built.prefix_list_ids(list.set_description(text(&one, "Description")).build());
    }
    for one in given.list("UserIdGroupPairs") {
        let pair = UserIdGroupPair::builder()
            .group_id(one.text("GroupId")?)
            .set_user_id(text(&one, "UserId"))
            .set_description(text(&one, "Description"));
        built = built.user_id_group_pairs(pair.build());
    }
    Ok(built.build())
}

/// Tags to set, or, without values, keys to take away.
fn tags(given: &Parameters<'_>) -> Result<Vec<Tag>, DriverError> {
    given
        .list("Tags")
        .map(|one| {
            let value = one.get_text("Value").map(str::to_owned);
            Ok(Tag::builder().key(one.text("Key")?).set_value(value).build())
        })
        .collect()
}
