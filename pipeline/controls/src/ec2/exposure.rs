//! Which ports a group opens to the internet, and a group without some of that: set algebra
//! on address ranges and ports.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::group::{Rule, SecurityGroup};
use super::traffic::{PortRange, Traffic, Transport};
use crate::cidr;
use crate::keyed::{Identity, Keyed};

/// Ports that are open to the internet, and the ranges that make them so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opening {
    pub(super) transport: Transport,
    pub(super) ports: PortRange,
    pub(super) offenders: BTreeSet<IpNet>,
}

/// Where each of the ports of a transport is reached from: ports of equal reach together.
pub(super) fn openings(group: &SecurityGroup, transport: Transport) -> Vec<Opening> {
    let reaches: Vec<(PortRange, IpNet)> = group
        .security_group_ingress
        .values()
        .filter_map(|rule| Some((rule.traffic.ports(transport)?, rule.source.net()?)))
        .collect();
    if !cidr::is_broad(reaches.iter().map(|(_, net)| net)) {
        return Vec::new();
    }
    let mut edges: BTreeSet<u32> = BTreeSet::new();
    for (ports, _) in &reaches {
        edges.insert(u32::from(ports.first()));
        edges.insert(u32::from(ports.last()) + 1);
    }
    let edges: Vec<u32> = edges.into_iter().collect();
    edges
        .iter()
        .zip(edges.iter().skip(1))
        .filter_map(|(first, end)| {
            let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*end - 1).ok()?);
            let ports = PortRange::new(first, last)?;
            let nets: BTreeSet<IpNet> = reaches
                .iter()
                .filter(|(range, _)| range.contains(first))
                .map(|(_, net)| *net)
                .collect();
            let offenders = cidr::offenders(&nets);
            (!offenders.is_empty()).then_some(Opening { transport, ports, offenders })
        })
        .collect()
}

/// The openings as far as they lie on the forbidden ports.
pub(super) fn forbidden(group: &SecurityGroup, ports: super::Ports) -> Vec<Opening> {
    let mut found = Vec::new();
    for transport in Transport::ALL {
        for opening in openings(group, transport) {
            for (_, first, last, _) in ports.iter().filter(|entry| entry.0 == transport) {
                let first = (*first).max(opening.ports.first());
                let last = (*last).min(opening.ports.last());
                if let Some(ports) = PortRange::new(first, last) {
                    found.push(Opening { ports, ..opening.clone() });
                }
            }
        }
    }
    found
}

/// The group without the openings: each offending range loses exactly those ports. What a
/// rule allowed besides stays, in rules with its description.
pub(super) fn close(group: &SecurityGroup, openings: &[Opening]) -> SecurityGroup {
    let mut cuts: BTreeMap<(Transport, IpNet), BTreeSet<u16>> = BTreeMap::new();
    for opening in openings {
        for net in &opening.offenders {
            let cut = cuts.entry((opening.transport, *net)).or_default();
            cut.extend(opening.ports.first()..=opening.ports.last());
        }
    }
    let mut kept: Keyed<Rule> = Keyed::new();
    let mut narrowed = Vec::new();
    for rule in group.security_group_ingress.values() {
        let cut = |transport| {
            let net = rule.source.net()?;
            let ports = rule.traffic.ports(transport)?;
            let cut = cuts.get(&(transport, net))?;
            cut.iter().any(|port| ports.contains(*port)).then_some(cut)
        };
        let (tcp, udp) = (cut(Transport::Tcp), cut(Transport::Udp));
        if tcp.is_none() && udp.is_none() {
            kept.insert(rule.clone());
        } else {
            narrowed.extend(remainder(rule, tcp, udp));
        }
    }
    // A rule that was there already keeps its own description.
    for rule in narrowed {
        kept.insert_if_absent(rule);
    }
    SecurityGroup { security_group_ingress: kept, ..group.clone() }
}

/// What a rule allows besides the ports that are cut out.
fn remainder(rule: &Rule, tcp: Option<&BTreeSet<u16>>, udp: Option<&BTreeSet<u16>>) -> Vec<Rule> {
    let with = |traffic| Rule { traffic, ..rule.clone() };
    let rest = |transport, range: PortRange, cut: Option<&BTreeSet<u16>>| {
        let left = range.without(cut.into_iter().flatten().copied());
        left.into_iter().map(move |range| Traffic::Ports(transport, range))
    };
    match rule.traffic {
        Traffic::Ports(transport, range) => {
            let cut = match transport {
                Transport::Tcp => tcp,
                Transport::Udp => udp,
            };
            rest(transport, range, cut).map(with).collect()
        }
        // All traffic, spelled out. Protocols without ports other than ICMP are not: 250
        // rules more would exceed what a group may hold.
        Traffic::All => {
            let icmp = match rule.source.net() {
                Some(IpNet::V6(_)) => Traffic::Icmpv6 { kind: -1, code: -1 },
                Some(IpNet::V4(_)) | None => Traffic::Icmp { kind: -1, code: -1 },
            };
            rest(Transport::Tcp, PortRange::ALL, tcp)
                .chain(rest(Transport::Udp, PortRange::ALL, udp))
                .chain([icmp])
                .map(with)
                .collect()
        }
        Traffic::Icmp { .. } | Traffic::Icmpv6 { .. } | Traffic::Other(_) => vec![rule.clone()],
    }
}

/// What is open to whom, in words: `0.0.0.0/0` reaches tcp 22, 3389-3390.
pub(super) fn in_words(openings: &[Opening]) -> String {
    let mut by_net: BTreeMap<IpNet, BTreeMap<Transport, Vec<PortRange>>> = BTreeMap::new();
    for opening in openings {
        for net in &opening.offenders {
            let ports = by_net.entry(*net).or_default().entry(opening.transport).or_default();
            ports.push(opening.ports);
        }
    }
    let lines: Vec<String> = by_net
        .into_iter()
        .map(|(net, by_transport)| {
            let ports: Vec<String> = by_transport
                .into_iter()
                .map(|(transport, mut ports)| {
                    ports.sort_unstable();
                    let ports: Vec<String> = ports.iter().map(PortRange::to_string).collect();
                    format!("{} {}", transport.as_str(), ports.join(", "))
                })
                .collect();
            format!("`{net}` reaches {}", ports.join(" and "))
        })
        .collect();
    lines.join("; ")
}

/// The keys of rules that take part in an opening.
pub(super) fn rules_in<'a>(
    group: &'a SecurityGroup,
    openings: &'a [Opening],
) -> impl Iterator<Item = (String, u32)> + 'a {
    group.security_group_ingress.values().filter_map(move |rule| {
        let net = rule.source.net()?;
        let count = openings.iter().find_map(|opening| {
            let ports = rule.traffic.ports(opening.transport)?;
            let is_in = ports.contains(opening.ports.first()) && opening.offenders.contains(&net);
            is_in.then(|| ports.count())
        })?;
        Some((rule.identity(), count))
    })
}
