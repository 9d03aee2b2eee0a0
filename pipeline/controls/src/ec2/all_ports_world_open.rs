//! Most or all ports open to the internet.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::exposure::{self, Opening};
use super::group::SecurityGroup;
use super::traffic::Transport;
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// Half of the ports of a transport. "All ports" is rarely written 0-65535 by those who know
/// that 0-65535 is looked for.
const MOST_PORTS: u32 = 32_768;

/// A rule for more ports than this has no one service in mind.
const WIDE: u32 = 1_024;

/// `ec2.security-group-all-ports-world-open`.
#[derive(Debug, Clone, Copy)]
pub struct AllPortsWorldOpen;

static META: Meta = Meta {
    id: "ec2.security-group-all-ports-world-open",
    title: "Security group opens all ports to the internet",
    resource_type: "AWS::EC2::SecurityGroup",
    severity: Severity::Critical,
    max_autonomy: Decision::AskHuman,
    what: "All traffic (`-1`), all ports of TCP or UDP, or half of them and more, open to the \
           internet. Address ranges and port ranges are taken together: two halves of the ports \
           are all of them, two halves of the internet are the internet.",
    why: "Whatever listens on the machines of this group is reachable by anyone, what is started \
          tomorrow included.",
    repair: "Removes the world-open rules for more than 1024 ports. Narrow ones, such as 443, and \
             all other sources stay. If narrow ones alone make up half of the ports, the widest \
             of them go first, until they do not.",
    pitfalls: &[
        "A service behind a public load balancer or a media server may need many ports; a human \
         is asked.",
        "Quarantine procedures put a momentary rule for all traffic in place on purpose; exempt \
         the role of the responders.",
        "What else was opened by such a rule is closed with it; services that relied on it need \
         rules of their own.",
    ],
    compliance: &[
        ("CIS AWS 3.0", "5.2"),
        ("CIS AWS 3.0", "5.3"),
        ("CIS AWS 5.0", "5.3"),
        ("CIS AWS 5.0", "5.4"),
        ("NIST SP 800-53 r5", "SC-7"),
        ("NIST SP 800-53 r5", "AC-17"),
        ("NIST CSF 1.1", "PR.AC-5"),
        ("SOC 2", "CC6.6"),
        ("ISO 27001:2022", "A.8.20"),
        ("AWS Security Hub", "EC2.18"),
        ("AWS Security Hub", "EC2.19"),
        ("MITRE ATT&CK", "T1562.007"),
        ("MITRE ATT&CK", "T1133"),
    ],
    references: &[
        "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-18",
    ],
    catalogue: &["SG-02"],
};

/// The openings of a transport of which most ports are open.
fn mostly_open(group: &SecurityGroup) -> Option<(Transport, u32, Vec<Opening>)> {
    Transport::ALL.into_iter().find_map(|transport| {
        let open = exposure::openings(group, transport);
        let count: u32 = open.iter().map(|opening| opening.ports.count()).sum();
        (count >= MOST_PORTS).then_some((transport, count, open))
    })
}

impl Control for AllPortsWorldOpen {
    type Of = SecurityGroup;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, group: &SecurityGroup, _: &Cause<'_, SecurityGroup>) -> Option<Finding> {
        let (transport, count, open) = mostly_open(group)?;
        let rules: Vec<String> =
            exposure::rules_in(group, &open).map(|(key, _)| format!("`{key}`")).collect();
        Some(META.finding(format!(
            "{count} of 65536 {} ports are open to the internet by {}",
            transport.as_str(),
            rules.join(", ")
        )))
    }

    fn fix(
        &self,
        group: &SecurityGroup,
        _: &Cause<'_, SecurityGroup>,
    ) -> Result<SecurityGroup, Refusal> {
        let mut fixed = group.clone();
        while let Some((_, _, open)) = mostly_open(&fixed) {
            let rules: Vec<(String, u32)> = exposure::rules_in(&fixed, &open).collect();
            let widest = rules.iter().map(|(_, count)| *count).max().unwrap_or(0);
            for (key, count) in rules {
                if count > WIDE || count == widest {
                    fixed.security_group_ingress.remove(&key);
                }
            }
        }
        Ok(fixed)
    }
}
