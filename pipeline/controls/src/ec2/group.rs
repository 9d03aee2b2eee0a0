//! The state of a security group.
//! Source: CloudFormation, `AWS::EC2::SecurityGroup`.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::traffic::Traffic;
use crate::keyed::{Identity, Keyed};
use crate::state::{State, explicit};

/// A security group, as far as it lets traffic in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SecurityGroup {
    /// Its name; `None`: not known (few events tell it).
    #[serde(deserialize_with = "explicit")]
    pub group_name: Option<String>,
    /// Its description, likewise.
    #[serde(deserialize_with = "explicit")]
    pub group_description: Option<String>,
    /// Its VPC, likewise.
    #[serde(deserialize_with = "explicit")]
    pub vpc_id: Option<String>,
    /// What it lets in, by protocol, ports and source. EC2 holds no two such rules.
    pub security_group_ingress: Keyed<Rule>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl State for SecurityGroup {
    const TYPE: &'static str = "AWS::EC2::SecurityGroup";
}

impl SecurityGroup {
    /// A group as EC2 creates it: it lets nothing in.
    pub fn new() -> Self {
        Self {
            group_name: None,
            group_description: None,
            vpc_id: None,
            security_group_ingress: Keyed::new(),
            tags: BTreeMap::new(),
        }
    }
}

impl Default for SecurityGroup {
    fn default() -> Self {
        Self::new()
    }
}

/// From where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// An IPv4 range.
    CidrIp(Ipv4Net),
    /// An IPv6 range.
    CidrIpv6(Ipv6Net),
    /// A managed prefix list (`pl-…`).
    SourcePrefixListId(String),
    /// Another security group (`sg-…`, or `account/sg-…` where it is another account's).
    SourceSecurityGroupId(String),
}

impl Source {
    /// The address range, where it is one.
    pub fn net(&self) -> Option<IpNet> {
        match self {
            Self::CidrIp(net) => Some(IpNet::V4(net.trunc())),
            Self::CidrIpv6(net) => Some(IpNet::V6(net.trunc())),
            Self::SourcePrefixListId(_) | Self::SourceSecurityGroupId(_) => None,
        }
    }
}

impl From<IpNet> for Source {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self::CidrIp(net),
            IpNet::V6(net) => Self::CidrIpv6(net),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CidrIp(net) => write!(f, "{net}"),
            Self::CidrIpv6(net) => write!(f, "{net}"),
            Self::SourcePrefixListId(id) | Self::SourceSecurityGroupId(id) => f.write_str(id),
        }
    }
}

/// One rule. Its identity is everything but the description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct Rule {
    /// What it lets through.
    pub traffic: Traffic,
    /// From where.
    pub source: Source,
    /// What people wrote about it.
    pub description: Option<String>,
}

impl Identity for Rule {
    fn identity(&self) -> String {
        format!("{} {}", self.traffic, self.source)
    }
}

/// A rule as CloudFormation writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Flat {
    ip_protocol: String,
    #[serde(deserialize_with = "explicit")]
    from_port: Option<i64>,
    #[serde(deserialize_with = "explicit")]
    to_port: Option<i64>,
    #[serde(flatten)]
    source: Source,
    #[serde(deserialize_with = "explicit")]
    description: Option<String>,
}

impl From<Rule> for Flat {
    fn from(rule: Rule) -> Self {
        let ports = rule.traffic.from_and_to();
        Self {
            ip_protocol: rule.traffic.protocol(),
            from_port: ports.map(|(from, _)| from),
            to_port: ports.map(|(_, to)| to),
            source: rule.source,
            description: rule.description,
        }
    }
}

/// A rule that is not in the one form in which states hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "protocol and ports are not in the form EC2 gives back (`tcp`, `udp`, `icmp`, `icmpv6`, a \
     number or `-1`; ports where the protocol has some)"
)]
pub struct NotCanonical;

impl TryFrom<Flat> for Rule {
    type Error = NotCanonical;

    fn try_from(flat: Flat) -> Result<Self, NotCanonical> {
        let traffic = Traffic::parse(&flat.ip_protocol, flat.from_port, flat.to_port);
        let rule = Self {
            traffic: traffic.ok_or(NotCanonical)?,
            source: flat.source.clone(),
            description: flat.description.clone(),
        };
        if Flat::from(rule.clone()) == flat { Ok(rule) } else { Err(NotCanonical) }
    }
}
