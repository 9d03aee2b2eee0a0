//! The calls that turn one security group into another: first what is to stay reachable is
//! authorised, then what is not is revoked, so that nothing legitimate is cut off in between.

use std::collections::BTreeMap;

use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::{Map, Value, json};

use super::group::{Rule, SecurityGroup, Source};
use super::traffic::Traffic;
use crate::params::{call, tag_list};
use crate::resource::WriteError;

pub(super) fn between(
    resource: &ResourceRef,
    before: &SecurityGroup,
    after: &SecurityGroup,
) -> Result<Vec<Call>, WriteError> {
    let fixed = |group: &SecurityGroup| {
        (group.group_name.clone(), group.group_description.clone(), group.vpc_id.clone())
    };
    if fixed(before) != fixed(after) {
        let why = "name, description and VPC of a security group cannot be changed";
        return Err(WriteError::unwritable(resource, why));
    }
    let (old, new) = (&before.security_group_ingress, &after.security_group_ingress);
    let without = |key: &str, other: &crate::Keyed<Rule>| !other.contains(key);
    let added = new.iter().filter(|(key, _)| without(key, old)).map(|(_, rule)| rule);
    let removed = old.iter().filter(|(key, _)| without(key, new)).map(|(_, rule)| rule);
    let redescribed = new
        .iter()
        .filter(|(key, rule)| old.get(key).is_some_and(|old| old.description != rule.description))
        .map(|(_, rule)| rule);
    let mut calls = Vec::new();
    calls.extend(ingress(resource, "ec2:AuthorizeSecurityGroupIngress", true, added));
    calls.extend(ingress(resource, "ec2:RevokeSecurityGroupIngress", false, removed));
    let describe = "ec2:UpdateSecurityGroupRuleDescriptionsIngress";
    calls.extend(ingress(resource, describe, true, redescribed));
    calls.extend(tags(resource, &before.tags, &after.tags));
    Ok(calls)
}

/// One call for all rules, those of equal traffic together.
fn ingress<'a>(
    resource: &ResourceRef,
    action: &str,
    is_described: bool,
    rules: impl Iterator<Item = &'a Rule>,
) -> Option<Call> {
    let mut permissions: BTreeMap<Traffic, Map<String, Value>> = BTreeMap::new();
    for rule in rules {
        let permission = permissions.entry(rule.traffic).or_insert_with(|| head(rule.traffic));
        let (list, mut entry) = match &rule.source {
            Source::CidrIp(net) => ("IpRanges", json!({"CidrIp": net})),
            Source::CidrIpv6(net) => ("Ipv6Ranges", json!({"CidrIpv6": net})),
            Source::SourcePrefixListId(id) => ("PrefixListIds", json!({"PrefixListId": id})),
            Source::SourceSecurityGroupId(id) => (
                "UserIdGroupPairs",
                match id.split_once('/') {
                    Some((owner, id)) => json!({"UserId": owner, "GroupId": id}),
                    None => json!({"GroupId": id}),
                },
            ),
        };
        if let (true, Some(text), Some(entry)) =
            (is_described, &rule.description, entry.as_object_mut())
        {
            entry.insert("Description".to_owned(), json!(text));
        }
        let list = permission.entry(list).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(entry);
        }
    }
    let permissions: Vec<Map<String, Value>> = permissions.into_values().collect();
    (!permissions.is_empty())
        .then(|| call(action, json!({"GroupId": resource.id, "IpPermissions": permissions})))
}

fn head(traffic: Traffic) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("IpProtocol".to_owned(), json!(traffic.protocol()));
    if let Some((from, to)) = traffic.from_and_to() {
        head.insert("FromPort".to_owned(), json!(from));
        head.insert("ToPort".to_owned(), json!(to));
    }
    head
}

fn tags(
    resource: &ResourceRef,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<Call> {
    let written: BTreeMap<String, String> = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(*value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let removed: Value = before
        .keys()
        .filter(|key| !after.contains_key(*key))
        .map(|key| json!({"Key": key}))
        .collect();
    let mut calls = Vec::new();
    if !written.is_empty() {
        let tags = tag_list(&written);
        calls.push(call("ec2:CreateTags", json!({"Resources": [resource.id], "Tags": tags})));
    }
    if removed.as_array().is_some_and(|keys| !keys.is_empty()) {
        calls.push(call("ec2:DeleteTags", json!({"Resources": [resource.id], "Tags": removed})));
    }
    calls
}
