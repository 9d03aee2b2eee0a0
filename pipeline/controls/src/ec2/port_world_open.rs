//! Ports that must not be open to the internet.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::exposure;
use super::group::SecurityGroup;
use super::traffic::{Ports, Transport};
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

use Transport::{Tcp, Udp};

/// A control over a table of ports.
#[derive(Debug, Clone, Copy)]
pub struct PortWorldOpen {
    meta: &'static Meta,
    ports: Ports,
}

impl PortWorldOpen {
    /// The ports it forbids.
    pub fn ports(&self) -> Ports {
        self.ports
    }
}

/// `ec2.security-group-admin-port-world-open`.
pub static ADMIN_PORT_WORLD_OPEN: PortWorldOpen = PortWorldOpen {
    meta: &ADMIN,
    ports: &[
        (Tcp, 22, 23, "SSH, Telnet"),
        (Tcp, 135, 135, "Windows RPC"),
        (Tcp, 445, 445, "SMB"),
        (Tcp, 2375, 2376, "Docker"),
        (Tcp, 3389, 3389, "RDP"),
        (Udp, 3389, 3389, "RDP"),
        (Tcp, 5900, 5900, "VNC"),
        (Tcp, 5985, 5986, "WinRM"),
        (Tcp, 10250, 10250, "Kubernetes kubelet"),
    ],
};

/// `ec2.security-group-database-port-world-open`.
pub static DATABASE_PORT_WORLD_OPEN: PortWorldOpen = PortWorldOpen {
    meta: &DATABASE,
    ports: &[
        (Tcp, 1433, 1434, "SQL Server"),
        (Udp, 1434, 1434, "SQL Server browser"),
        (Tcp, 1521, 1521, "Oracle"),
        (Tcp, 2379, 2380, "etcd"),
        (Tcp, 3306, 3306, "MySQL"),
        (Tcp, 5432, 5432, "PostgreSQL"),
        (Tcp, 5439, 5439, "Redshift"),
        (Tcp, 5601, 5601, "Kibana"),
        (Tcp, 6379, 6379, "Redis"),
        (Tcp, 9042, 9042, "Cassandra"),
        (Tcp, 9200, 9200, "Elasticsearch"),
        (Tcp, 9300, 9300, "Elasticsearch"),
        (Tcp, 11211, 11211, "Memcached"),
        (Udp, 11211, 11211, "Memcached"),
        (Tcp, 27017, 27019, "MongoDB"),
        (Tcp, 50000, 50000, "Db2"),
    ],
};

const REPAIR: &str = "Takes exactly these ports away from exactly the ranges that make them \
     public. A range of ports keeps its other ports, in rules with the same description; \
     narrower ranges, prefix lists and references to groups are not touched. The parts that \
     stay are authorised before the offending rule is revoked.";

const PITFALLS: &[&str] = &[
    "The event has three shapes (flat, nested, ModifySecurityGroupRules); the rules that are \
     judged are the ones that are read from the group.",
    "Half of the internet twice is the internet, and `208.236.235.254/0` is `0.0.0.0/0`: \
     ranges are compared as sets, not as text.",
    "Revoking a rule that is gone answers InvalidPermission.NotFound, which means done.",
    "Connections that are open already stay open until they close.",
    "A rule for all traffic (`-1`) becomes rules for TCP, UDP and ICMP; other protocols of that \
     rule are closed, as a group cannot hold a rule for each.",
    "Traffic from private networks that came in by `0.0.0.0/0` alone stops; it needs a rule of \
     its own.",
];

const COMPLIANCE: &[(&str, &str)] = &[
    ("CIS AWS 3.0", "5.2"),
    ("CIS AWS 3.0", "5.3"),
    ("CIS AWS 5.0", "5.3"),
    ("CIS AWS 5.0", "5.4"),
    ("NIST SP 800-53 r5", "SC-7"),
    ("NIST SP 800-53 r5", "AC-17"),
    ("NIST CSF 1.1", "PR.AC-5"),
    ("SOC 2", "CC6.6"),
    ("ISO 27001:2022", "A.8.20"),
    ("AWS Security Hub", "EC2.13"),
    ("AWS Security Hub", "EC2.14"),
    ("AWS Security Hub", "EC2.18"),
    ("AWS Security Hub", "EC2.19"),
    ("MITRE ATT&CK", "T1562.007"),
    ("MITRE ATT&CK", "T1133"),
    ("MITRE ATT&CK", "T1190"),
];

const REFERENCES: &[&str] = &[
    "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    "https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-19",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
];

static ADMIN: Meta = Meta {
    id: "ec2.security-group-admin-port-world-open",
    title: "Security group opens an administration port to the internet",
    resource_type: "AWS::EC2::SecurityGroup",
    severity: Severity::High,
    max_autonomy: Decision::Act,
    what: "SSH, Telnet, RDP, VNC, WinRM, SMB, Windows RPC, Docker or the Kubernetes kubelet open \
           to the internet. A port counts as open if the rules that let it in name a range \
           broader than /8 (IPv4) or /32 (IPv6), which is AWS's own measure of a public range, \
           or together as many public addresses as such a range has.",
    why: "Ports that administer a machine are found within minutes and tried for ever: SSH, \
          RDP, WinRM, Docker and the like give whoever gets in the machine itself.",
    repair: REPAIR,
    pitfalls: PITFALLS,
    compliance: COMPLIANCE,
    references: REFERENCES,
    catalogue: &["SG-01"],
};

static DATABASE: Meta = Meta {
    id: "ec2.security-group-database-port-world-open",
    title: "Security group opens a database port to the internet",
    resource_type: "AWS::EC2::SecurityGroup",
    severity: Severity::High,
    max_autonomy: Decision::Act,
    what: "SQL Server, Oracle, MySQL, PostgreSQL, Redshift, Db2, MongoDB, Cassandra, Redis, \
           Memcached, Elasticsearch, Kibana or etcd open to the internet. A port counts as open if the rules that let it in name a range \
           broader than /8 (IPv4) or /32 (IPv6), which is AWS's own measure of a public range, \
           or together as many public addresses as such a range has.",
    why: "Databases, caches and search engines hold the data itself, and many answer without a \
          password. Open ones are found by scanners and emptied or held to ransom.",
    repair: REPAIR,
    pitfalls: PITFALLS,
    compliance: COMPLIANCE,
    references: REFERENCES,
    catalogue: &["SG-01"],
};

impl Control for PortWorldOpen {
    type Of = SecurityGroup;

    fn meta(&self) -> &Meta {
        self.meta
    }

    fn check(&self, group: &SecurityGroup, _: &Cause<'_, SecurityGroup>) -> Option<Finding> {
        let open = exposure::forbidden(group, self.ports);
        (!open.is_empty()).then(|| self.meta.finding(exposure::in_words(&open)))
    }

    fn fix(
        &self,
        group: &SecurityGroup,
        _: &Cause<'_, SecurityGroup>,
    ) -> Result<SecurityGroup, Refusal> {
        Ok(exposure::close(group, &exposure::forbidden(group, self.ports)))
    }
}
