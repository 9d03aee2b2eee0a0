//! MITRE ATT&CK as far as tags of rules name it: tactics, and the techniques of its cloud matrix.
//!
//! Tactics: <https://attack.mitre.org/tactics/enterprise/> (the two that took the place of
//! "defense evasion" and that name itself). Techniques: the matrix for cloud (`IaaS`, identity
//! provider), <https://attack.mitre.org/matrices/enterprise/cloud/>, and the few of other
//! matrices that events of AWS show.

/// Names of tactics as they stand in tags, with `-`.
const TACTICS: [&str; 16] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// Techniques and their names, by number.
const TECHNIQUES: &[(&str, &str)] = &[
    ("T1020", "Automated Exfiltration"),
    ("T1021", "Remote Services"),
    ("T1021.004", "SSH"),
    ("T1021.007", "Cloud Services"),
    ("T1021.008", "Direct Cloud VM Connections"),
    ("T1027", "Obfuscated Files or Information"),
    ("T1030", "Data Transfer Size Limits"),
    ("T1040", "Network Sniffing"),
    ("T1046", "Network Service Discovery"),
    ("T1048", "Exfiltration Over Alternative Protocol"),
    ("T1053", "Scheduled Task/Job"),
    ("T1059", "Command and Scripting Interpreter"),
    ("T1059.009", "Cloud API"),
    ("T1069", "Permission Groups Discovery"),
    ("T1069.003", "Cloud Groups"),
    ("T1070", "Indicator Removal"),
    ("T1074", "Data Staged"),
    ("T1078", "Valid Accounts"),
    ("T1078.001", "Default Accounts"),
    ("T1078.004", "Cloud Accounts"),
    ("T1087", "Account Discovery"),
    ("T1087.004", "Cloud Account"),
    ("T1090", "Proxy"),
    ("T1098", "Account Manipulation"),
    ("T1098.001", "Additional Cloud Credentials"),
    ("T1098.003", "Additional Cloud Roles"),
    ("T1098.004", "SSH Authorized Keys"),
    ("T1098.005", "Device Registration"),
    ("T1098.006", "Additional Container Cluster Roles"),
    ("T1106", "Native API"),
    ("T1110", "Brute Force"),
    ("T1110.001", "Password Guessing"),
    ("T1110.003", "Password Spraying"),
    ("T1119", "Automated Collection"),
    ("T1133", "External Remote Services"),
    ("T1136", "Create Account"),
    ("T1136.003", "Cloud Account"),
    ("T1190", "Exploit Public-Facing Application"),
    ("T1195", "Supply Chain Compromise"),
    ("T1199", "Trusted Relationship"),
    ("T1201", "Password Policy Discovery"),
    ("T1204.003", "Malicious Image"),
    ("T1213", "Data from Information Repositories"),
    ("T1484", "Domain or Tenant Policy Modification"),
    ("T1484.002", "Trust Modification"),
    ("T1485", "Data Destruction"),
    ("T1485.001", "Lifecycle-Triggered Deletion"),
    ("T1486", "Data Encrypted for Impact"),
    ("T1489", "Service Stop"),
    ("T1490", "Inhibit System Recovery"),
    ("T1491", "Defacement"),
    ("T1496", "Resource Hijacking"),
    ("T1496.001", "Compute Hijacking"),
    ("T1496.004", "Cloud Service Hijacking"),
    ("T1498", "Network Denial of Service"),
    ("T1499", "Endpoint Denial of Service"),
    ("T1518", "Software Discovery"),
    ("T1518.001", "Security Software Discovery"),
    ("T1525", "Implant Internal Image"),
    ("T1526", "Cloud Service Discovery"),
    ("T1528", "Steal Application Access Token"),
    ("T1530", "Data from Cloud Storage"),
    ("T1531", "Account Access Removal"),
    ("T1535", "Unused/Unsupported Cloud Regions"),
    ("T1537", "Transfer Data to Cloud Account"),
    ("T1538", "Cloud Service Dashboard"),
    ("T1543", "Create or Modify System Process"),
    ("T1546", "Event Triggered Execution"),
    ("T1548", "Abuse Elevation Control Mechanism"),
    ("T1548.005", "Temporary Elevated Cloud Access"),
    ("T1550", "Use Alternate Authentication Material"),
    ("T1550.001", "Application Access Token"),
    ("T1552", "Unsecured Credentials"),
    ("T1552.001", "Credentials In Files"),
    ("T1552.005", "Cloud Instance Metadata API"),
    ("T1555", "Credentials from Password Stores"),
    ("T1555.006", "Cloud Secrets Management Stores"),
    ("T1556", "Modify Authentication Process"),
    ("T1556.006", "Multi-Factor Authentication"),
    ("T1556.007", "Hybrid Identity"),
    ("T1556.009", "Conditional Access Policies"),
    ("T1557", "Adversary-in-the-Middle"),
    ("T1562", "Impair Defenses"),
    ("T1562.001", "Disable or Modify Tools"),
    ("T1562.007", "Disable or Modify Cloud Firewall"),
    ("T1562.008", "Disable or Modify Cloud Logs"),
    ("T1563", "Remote Service Session Hijacking"),
    ("T1565", "Data Manipulation"),
    ("T1565.001", "Stored Data Manipulation"),
    ("T1566", "Phishing"),
    ("T1567", "Exfiltration Over Web Service"),
    ("T1567.002", "Exfiltration to Cloud Storage"),
    ("T1578", "Modify Cloud Compute Infrastructure"),
    ("T1578.001", "Create Snapshot"),
    ("T1578.002", "Create Cloud Instance"),
    ("T1578.003", "Delete Cloud Instance"),
    ("T1578.004", "Revert Cloud Instance"),
    ("T1578.005", "Modify Cloud Compute Configurations"),
    ("T1580", "Cloud Infrastructure Discovery"),
    ("T1583", "Acquire Infrastructure"),
    ("T1584", "Compromise Infrastructure"),
    ("T1586", "Compromise Accounts"),
    ("T1586.003", "Cloud Accounts"),
    ("T1589", "Gather Victim Identity Information"),
    ("T1595", "Active Scanning"),
    ("T1600", "Weaken Encryption"),
    ("T1606", "Forge Web Credentials"),
    ("T1606.002", "SAML Tokens"),
    ("T1609", "Container Administration Command"),
    ("T1610", "Deploy Container"),
    ("T1611", "Escape to Host"),
    ("T1613", "Container and Resource Discovery"),
    ("T1619", "Cloud Storage Object Discovery"),
    ("T1621", "Multi-Factor Authentication Request Generation"),
    ("T1648", "Serverless Execution"),
    ("T1649", "Steal or Forge Authentication Certificates"),
    ("T1651", "Cloud Administration Command"),
    ("T1654", "Log Enumeration"),
    ("T1657", "Financial Theft"),
    ("T1666", "Modify Cloud Resource Hierarchy"),
];

/// `T1562.008` of `attack.t1562.008`; `None` for every other tag.
pub fn technique(tag: &str) -> Option<String> {
    let number = tag.strip_prefix("attack.")?.strip_prefix(['t', 'T'])?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "000"));
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    (digits(whole, 4) && digits(part, 3)).then(|| format!("T{number}"))
}

/// The technique's name, if it is one that this list knows.
pub fn name(technique: &str) -> Option<&'static str> {
    TECHNIQUES.iter().find(|(id, _)| *id == technique).map(|(_, name)| *name)
}

/// Whether a tag of the namespace `attack` has a form that the Sigma specification gives it: a
/// technique, a group (`g0001`), software (`s0001`) or a tactic, in lower case.
pub fn is_well_formed(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("attack.") else { return false };
    let numbered = |kind| {
        rest.strip_prefix(kind)
            .is_some_and(|n: &str| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_technique = rest.starts_with('t') && technique(tag).is_some();
    is_technique || numbered('g') || numbered('s') || TACTICS.contains(&&*rest.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_the_forms_of_the_specification() {
        for good in ["attack.t1530", "attack.t1562.008", "attack.initial-access", "attack.g0016"] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in ["attack.t153", "attack.t1562.8", "attack.T1530", "attack.evil", "cve.2024.1"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn techniques_are_listed_once_in_order_and_well_formed() {
        assert!(TECHNIQUES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (id, _) in TECHNIQUES {
            assert!(technique(&format!("attack.{}", id.to_lowercase())).is_some(), "{id}");
        }
    }
}
