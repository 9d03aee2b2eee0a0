//! Rules as EC2 tells them, each with its id. States hold no ids: EC2 gives a rule that is
//! authorised again another one.

use std::collections::BTreeMap;

use aisaws_controls::cidr;
use aisaws_controls::ec2::{Rule, Source, Traffic};
use aisaws_core::id::AccountId;
use aisaws_core::resource::ResourceRef;
use aws_sdk_ec2::types::{Filter, SecurityGroupRule};

use crate::drivers::error::{DriverError, told};
use crate::drivers::link::Caller;
use crate::drivers::parameters::Parameters;

const OPERATION: &str = "DescribeSecurityGroupRules";

/// What the group lets in, by the ids of the rules.
pub(super) async fn ingress(
    aws: &Caller,
    resource: &ResourceRef,
) -> Result<BTreeMap<String, Rule>, DriverError> {
    let of_group = Filter::builder().name("group-id").values(&resource.id).build();
    let mut rules = BTreeMap::new();
    let mut token = None;
    loop {
        let call = aws
            .ec2()
            .describe_security_group_rules()
            .filters(of_group.clone())
            .max_results(1000)
            .set_next_token(token);
        let page = aws.send(OPERATION, call.send()).await?;
        for rule in page.security_group_rules() {
            if told(rule.is_egress(), OPERATION, "the direction of a rule")? {
                continue;
            }
            let id = told(rule.security_group_rule_id(), OPERATION, "the id of a rule")?;
            let rule = told(from(rule, &resource.account), OPERATION, "a rule in a known form")?;
            rules.insert(id.to_owned(), rule);
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(rules);
        }
    }
}

fn from(rule: &SecurityGroupRule, account: &AccountId) -> Option<Rule> {
    let traffic = Traffic::parse(
        rule.ip_protocol()?,
        rule.from_port().map(i64::from),
        rule.to_port().map(i64::from),
    )?;
    let source = if let Some(net) = rule.cidr_ipv4().or(rule.cidr_ipv6()) {
        Source::from(cidr::parse(net)?)
    } else if let Some(list) = rule.prefix_list_id() {
        Source::SourcePrefixListId(list.to_owned())
    } else {
        let group = rule.referenced_group_info()?;
        of_group(group.group_id()?, group.user_id(), account)
    };
    let description = rule.description().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Rule { traffic, source, description })
}

/// A group of the account itself stands without it.
fn of_group(id: &str, owner: Option<&str>, account: &AccountId) -> Source {
    Source::SourceSecurityGroupId(match owner {
        Some(owner) if owner != account.as_str() => format!("{owner}/{id}"),
        Some(_) | None => id.to_owned(),
    })
}

/// The rules that a planned call names.
pub(super) fn named(given: &Parameters<'_>, account: &AccountId) -> Result<Vec<Rule>, DriverError> {
    let mut rules = Vec::new();
    for permission in given.list("IpPermissions") {
        let traffic = Traffic::parse(
            permission.text("IpProtocol")?,
            permission.get_number("FromPort"),
            permission.get_number("ToPort"),
        );
        let traffic = traffic.ok_or_else(|| given.wrong("a protocol with ports"))?;
        for (list, name) in
            [("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId")]
        {
            for one in permission.list(list) {
                let source = if list == "PrefixListIds" {
                    Source::SourcePrefixListId(one.text(name)?.to_owned())
                } else {
                    Source::from(cidr::parse(one.text(name)?).ok_or_else(|| one.wrong(name))?)
                };
                rules.push(Rule { traffic, source, description: description(&one) });
            }
        }
        for pair in permission.list("UserIdGroupPairs") {
            let source = of_group(pair.text("GroupId")?, pair.get_text("UserId"), account);
            rules.push(Rule { traffic, source, description: description(&pair) });
        }
    }
    Ok(rules)
}

fn description(one: &Parameters<'_>) -> Option<String> {
    one.get_text("Description").map(str::to_owned)
}
