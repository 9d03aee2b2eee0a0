//! What events do to a security group.
//! Sources: EC2 API Reference; shapes from public recordings.
//!
//! Events name rules in three shapes: flat (`cidrIp`, `fromPort`, with an empty
//! `ipPermissions`), nested (`ipPermissions.items[].ipRanges.items[]`) and
//! `ModifySecurityGroupRulesRequest`, which names the rule it replaces by an id only. States
//! hold no rule ids (EC2 gives a rule a new one with every write), so a modification is seen
//! as the rule it leads to; the one it replaces stays until the group is read again.

use std::collections::BTreeMap;

use aisaws_core::event::Event;
use aisaws_core::id::AccountId;
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::Value;

use super::apis::APIS;
use super::calls;
use super::group::{Rule, SecurityGroup, Source};
use super::traffic::Traffic;
use crate::api::Api;
use crate::cidr;
use crate::keyed::Identity;
use crate::params::{self, Record};
use crate::resource::{ProjectError, Resource, WriteError};
use crate::state::State;

/// EC2 security groups.
#[derive(Debug, Clone, Copy)]
pub struct SecurityGroups;

#[derive(Clone, Copy)]
enum Change {
    Create,
    Delete,
    Authorize,
    Revoke,
    Modify,
    Describe,
    Tag,
    Untag,
}

fn change(event: &Event) -> Option<Change> {
    if event.service != "ec2.amazonaws.com" {
        return None;
    }
    Some(match event.name.as_str() {
        "CreateSecurityGroup" => Change::Create,
        "DeleteSecurityGroup" => Change::Delete,
        "AuthorizeSecurityGroupIngress" => Change::Authorize,
        "RevokeSecurityGroupIngress" => Change::Revoke,
        "ModifySecurityGroupRules" => Change::Modify,
        "UpdateSecurityGroupRuleDescriptionsIngress" => Change::Describe,
        "CreateTags" if event.raw.contains("\"sg-") => Change::Tag,
        "DeleteTags" if event.raw.contains("\"sg-") => Change::Untag,
        _ => return None,
    })
}

/// The groups the event names.
fn ids(change: Change, record: &Record) -> Vec<String> {
    match change {
        Change::Create => params::text_at(&record.response, &["groupId"]).into_iter().collect(),
        Change::Delete | Change::Authorize | Change::Revoke | Change::Describe => {
            // Requests by name (default VPC) tell the id in the response only.
            let from_rules = || {
                let rules = params::at(&record.response, &["securityGroupRuleSet"]);
                params::text_at(params::items(rules).first()?, &["groupId"])
            };
            params::text_at(&record.request, &["groupId"])
                .or_else(|| params::text_at(&record.response, &["groupId"]))
                .or_else(from_rules)
                .into_iter()
                .collect()
        }
        Change::Modify => {
            let path = ["ModifySecurityGroupRulesRequest", "GroupId"];
            params::text_at(&record.request, &path).into_iter().collect()
        }
        Change::Tag | Change::Untag => {
            params::items(params::at(&record.request, &["resourcesSet"]))
                .into_iter()
                .filter_map(|one| params::text_at(one, &["resourceId"]))
                .filter(|id| id.starts_with("sg-"))
                .collect()
        }
    }
}

impl Resource for SecurityGroups {
    type State = SecurityGroup;

    fn touched(&self, event: &Event) -> Vec<ResourceRef> {
        let Some(change) = change(event).filter(|_| !event.has_failed()) else {
            return Vec::new();
        };
        ids(change, &Record::of(event))
            .into_iter()
            .map(|id| params::here(event, SecurityGroup::TYPE, id))
            .collect()
    }

    fn assumed(&self, _resource: &ResourceRef) -> SecurityGroup {
        SecurityGroup::new()
    }

    fn project(
        &self,
        resource: &ResourceRef,
        state: Option<SecurityGroup>,
        event: &Event,
    ) -> Result<Option<SecurityGroup>, ProjectError> {
        let Some(change) = change(event) else { return Ok(state) };
        let record = Record::of(event);
        if !ids(change, &record).contains(&resource.id) {
            return Ok(state);
        }
        if let Change::Delete = change {
            return Ok(None);
        }
        let mut group = state.unwrap_or_default();
        apply(&mut group, change, &record, event)?;
        Ok(Some(group))
    }

    fn calls(
        &self,
        resource: &ResourceRef,
        before: Option<&SecurityGroup>,
        after: Option<&SecurityGroup>,
    ) -> Result<Vec<Call>, WriteError> {
        match (before, after) {
            (Some(before), Some(after)) => calls::between(resource, before, after),
            (None, _) | (_, None) => Err(WriteError::unwritable(
                resource,
                "security groups are neither created nor deleted by a repair",
            )),
        }
    }

    fn tags(&self, state: &SecurityGroup) -> BTreeMap<String, String> {
        state.tags.clone()
    }

    fn apis(&self) -> &'static [Api] {
        APIS
    }
}

fn apply(
    group: &mut SecurityGroup,
    change: Change,
    record: &Record,
    event: &Event,
) -> Result<(), ProjectError> {
    let Record { request, response, .. } = record;
    let account = &event.account;
    match change {
        Change::Delete => {}
        Change::Create => {
            group.group_name = params::text_at(request, &["groupName"]);
            group.group_description = params::text_at(request, &["groupDescription"]);
            group.vpc_id = params::text_at(request, &["vpcId"]);
            let specifications = params::items(params::at(request, &["tagSpecificationSet"]));
            for one in specifications {
                group.tags.extend(params::tags(params::at(one, &["tags"])));
            }
        }
        Change::Authorize => {
            let rules = requested(request, account).ok_or_else(|| untold_rules(event))?;
            for rule in rules {
                group.security_group_ingress.insert(rule);
            }
        }
        Change::Revoke => {
            let revoked = params::at(response, &["revokedSecurityGroupRuleSet"]);
            let rules = requested(request, account)
                .or_else(|| {
                    params::items(revoked).into_iter().map(|one| by_rule(one, account)).collect()
                })
                .filter(|rules: &Vec<Rule>| !rules.is_empty())
                .ok_or_else(|| untold_rules(event))?;
            for rule in rules {
                group.security_group_ingress.remove(&rule.identity());
            }
        }
        Change::Modify => {
            let path = ["ModifySecurityGroupRulesRequest", "SecurityGroupRule"];
            let rules: Option<Vec<Rule>> = params::items(params::at(request, &path))
                .into_iter()
                .map(|one| by_rule(params::at(one, &["SecurityGroupRule"])?, account))
                .collect();
            let rules = rules.filter(|rules| !rules.is_empty());
            for rule in rules.ok_or_else(|| untold_rules(event))? {
                group.security_group_ingress.insert(rule);
            }
        }
        Change::Describe => {
            for rule in requested(request, account).ok_or_else(|| untold_rules(event))? {
                if group.security_group_ingress.contains(&rule.identity()) {
                    group.security_group_ingress.insert(rule);
                }
            }
        }
        Change::Tag => group.tags.extend(params::tags(params::at(request, &["tagSet"]))),
        Change::Untag => {
            for key in params::tags(params::at(request, &["tagSet"])).keys() {
                group.tags.remove(key);
            }
        }
    }
    Ok(())
}

fn untold_rules(event: &Event) -> ProjectError {
    params::untold(event, "the rules")
}

/// The rules of a request, flat or nested. `None`: it names none, or one that is not
/// understood.
fn requested(request: &Value, account: &AccountId) -> Option<Vec<Rule>> {
    let nested = params::items(params::at(request, &["ipPermissions"]));
    let mut rules = Vec::new();
    if nested.is_empty() {
        let net = cidr::parse(&params::text_at(request, &["cidrIp"])?)?;
        rules.push(Rule { traffic: traffic(request)?, source: net.into(), description: None });
    }
    for permission in nested {
        let traffic = traffic(permission)?;
        for list in ["ipRanges", "ipv6Ranges", "prefixListIds", "groups"] {
            for one in params::items(params::at(permission, &[list])) {
                rules.push(Rule {
                    traffic,
                    source: source(one, account)?,
                    description: params::text_at(one, &["description"]),
                });
            }
        }
    }
    (!rules.is_empty()).then_some(rules)
}

/// One rule as `SecurityGroupRule` and its request have it.
fn by_rule(rule: &Value, account: &AccountId) -> Option<Rule> {
    Some(Rule {
        traffic: traffic(rule)?,
        source: source(rule, account)?,
        description: params::text_at(rule, &["description"]),
    })
}

fn traffic(permission: &Value) -> Option<Traffic> {
    Traffic::parse(
        &params::text_at(permission, &["ipProtocol"])?,
        params::number_at(permission, &["fromPort"]),
        params::number_at(permission, &["toPort"]),
    )
}

/// A group of the account itself stands without it, as EC2 tells a rule whoever named it.
fn source(one: &Value, account: &AccountId) -> Option<Source> {
    for name in ["cidrIp", "cidrIpv4", "cidrIpv6"] {
        if let Some(text) = params::text_at(one, &[name]) {
            return cidr::parse(&text).map(Source::from);
        }
    }
    if let Some(id) = params::text_at(one, &["prefixListId"]) {
        return Some(Source::SourcePrefixListId(id));
    }
    let of = |id: String, owner: Option<String>| {
        let owner = owner.filter(|owner| owner != account.as_str());
        Source::SourceSecurityGroupId(owner.map_or(id.clone(), |owner| format!("{owner}/{id}")))
    };
    for name in ["groupId", "referencedGroupId"] {
        if let Some(id) = params::text_at(one, &[name]) {
            return Some(of(id, params::text_at(one, &["userId"])));
        }
    }
    let referenced = params::at(one, &["referencedGroupInfo"])?;
    let id = params::text_at(referenced, &["groupId"])?;
    Some(of(id, params::text_at(referenced, &["userId"])))
}
