//! Real events: nothing crashes, nothing is dropped, and known attacks yield incidents.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::program::{aisaws, json, shared};

fn respond(path: &str) -> Option<(u64, Value)> {
    let path = shared(path)?;
    let folder = tempfile::tempdir().unwrap();
    let mut lines = 0;
    let files = if path.is_dir() {
        std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).collect()
    } else {
        vec![path]
    };
    let mut command = aisaws(&folder.path().join("s.sqlite"));
    // Nothing is known about the networks of these accounts.
    command.env_remove("AISAWS_NETWORK_KNOWN").arg("respond");
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "gz")) {
        let unpacked = flate2::read::MultiGzDecoder::new(std::fs::File::open(file).unwrap());
        let text = std::io::read_to_string(unpacked).unwrap();
        lines += text.lines().filter(|l| !l.trim().is_empty()).count() as u64;
        command.arg(file);
    }
    Some((lines, json(&mut command)))
}

#[test]
fn no_record_of_the_corpus_is_dropped() {
    let Some((lines, report)) = respond("data/cloudtrail") else { return };
    let totals = &report["totals"];
    let events = totals["events"].as_u64().unwrap();
    let dead = totals["dead_letters"].as_u64().unwrap();
    assert_eq!(events + dead, lines, "{totals:#}");
    assert!(events > 27_990, "{totals:#}");
    // What cannot be an event at all is hand-made test input without name or time.
    assert!(dead < 50, "{totals:#}");
    let open =
        report["incidents"].as_array().unwrap().iter().filter(|i| i["status"] == "open").count();
    assert_eq!(open, 0);
}

/// Techniques of Stratus Red Team whose logs lie in the corpus, and the resource that must be
/// named. Names are those in the logs.
const STRATUS: &[(&str, &str, &str)] = &[
    (
        "aws.exfiltration.ec2-security-group-open-port-22-ingress",
        "AWS::EC2::SecurityGroup",
        "sg-003dc7f1f1c686164",
    ),
    (
        "aws.defense-evasion.cloudtrail-stop",
        "AWS::CloudTrail::Trail",
        "stratus-red-team-ct-stop-trail-buykxbqejv",
    ),
    (
        "aws.defense-evasion.cloudtrail-delete",
        "AWS::CloudTrail::Trail",
        "stratus-red-team-cloudtraild-trail-kvrwohmiai",
    ),
    (
        "aws.defense-evasion.cloudtrail-event-selectors",
        "AWS::CloudTrail::Trail",
        "stratus-red-team-ctes-trail-khlvciwdor",
    ),
    ("aws.persistence.iam-backdoor-user", "AWS::IAM::AccessKey", "AKIAL80DWDVKKM0UXEER"),
    ("aws.persistence.iam-create-admin-user", "AWS::IAM::AccessKey", "AKIAXAFZN8JEPF6L682H"),
    ("aws.credential-access.ec2-get-password-data", "AWS::::Account", "457448411975"),
    (
        "aws.credential-access.secretsmanager-batch-retrieve-secrets",
        "AWS::::Account",
        "165109126369",
    ),
    (
        "aws.defense-evasion.dns-delete-logs",
        "AWS::Route53Resolver::ResolverQueryLoggingConfig",
        "rqlc-4473f20ca554c07",
    ),
    ("aws.defense-evasion.organizations-leave", "AWS::::Account", "307578594326"),
    ("aws.defense-evasion.vpc-remove-flow-logs", "AWS::EC2::FlowLog", "fl-0e17aa62a21d4bbfe"),
    ("aws.discovery.ec2-download-user-data", "AWS::::Account", "321848314756"),
    ("aws.execution.ec2-launch-unusual-instances", "AWS::::Account", "900138736586"),
    ("aws.execution.ec2-user-data", "AWS::EC2::Instance", "i-DDd6c7B0e18F0E35f"),
    ("aws.execution.ssm-send-command", "AWS::EC2::Instance", "i-00456A8D163f546Ff"),
    ("aws.execution.ssm-send-command", "AWS::EC2::Instance", "i-9D40CCFc0aE91CFa5"),
    ("aws.execution.ssm-send-command", "AWS::EC2::Instance", "i-cfE23b1a7ceba6f86"),
    ("aws.exfiltration.ec2-share-ami", "AWS::EC2::Image", "ami-de1fbCab6ccB03e6D"),
    ("aws.exfiltration.ec2-share-ebs-snapshot", "AWS::EC2::Snapshot", "snap-041993b54a9b3af6f"),
    ("aws.exfiltration.rds-share-snapshot", "AWS::RDS::DBSnapshot", "exfiltration"),
    (
        "aws.initial-access.console-login-without-mfa",
        "AWS::IAM::User",
        "stratus-red-team-nmfalu-jfzdtsvchl",
    ),
    ("aws.lateral-movement.ec2-instance-connect", "AWS::EC2::Instance", "i-6D7Fb8F606130A33d"),
    ("aws.lateral-movement.ec2-instance-connect", "AWS::EC2::Instance", "i-9d2abfF1798C34950"),
    ("aws.lateral-movement.ec2-instance-connect", "AWS::EC2::Instance", "i-B2ABDCa5b78E0f1dd"),
    ("aws.lateral-movement.ec2-instance-connect", "AWS::EC2::Instance", "i-D46eD8FCdefED5aAE"),
    ("aws.lateral-movement.ec2-instance-connect", "AWS::EC2::Instance", "i-EFCb4e480CAbc4CF9"),
    ("aws.lateral-movement.ec2-instance-connect", "AWS::EC2::Instance", "i-fDb357cB7e99ad973"),
    (
        "aws.lateral-movement.ec2-serial-console-send-ssh-public-key",
        "AWS::::Account",
        "844015365555",
    ),
    ("aws.persistence.iam-backdoor-role", "AWS::IAM::Role", "stratus-red-team-backdoor-r-role"),
    ("aws.persistence.iam-create-admin-user", "AWS::IAM::User", "malicious-iam-user"),
    (
        "aws.persistence.iam-create-backdoor-role",
        "AWS::IAM::Role",
        "stratus-red-team-malicious-iam-role",
    ),
    (
        "aws.persistence.iam-create-user-login-profile",
        "AWS::IAM::User",
        "stratus-red-team-login-profile-user",
    ),
    (
        "aws.persistence.lambda-backdoor-function",
        "AWS::Lambda::Function",
        "stratus-red-team-backdoor-f-func",
    ),
    (
        "aws.persistence.lambda-layer-extension",
        "AWS::Lambda::Function",
        "stratus-red-team-lambda-layer-simpleLambda",
    ),
    (
        "aws.persistence.lambda-overwrite-code",
        "AWS::Lambda::Function",
        "stratus-red-team-olc-func-vayhjqkdav",
    ),
    (
        "aws.persistence.rolesanywhere-create-trust-anchor",
        "AWS::RolesAnywhere::Profile",
        "910042eb-8463-427d-8095-6fd60ac303d9",
    ),
    (
        "aws.persistence.rolesanywhere-create-trust-anchor",
        "AWS::RolesAnywhere::TrustAnchor",
        "4d07f6a0-1c50-44d3-951b-b68b783daa0a",
    ),
    (
        "aws.privilege-escalation.iam-update-user-login-profile",
        "AWS::IAM::User",
        "stratus-red-team-update-login-profile-user",
    ),
];

#[test]
fn stratus_techniques_yield_incidents_with_the_right_resource() {
    let Some((_, report)) = respond("data/cloudtrail/stratus-detonation-logs.ndjson.gz") else {
        return;
    };
    let found: BTreeMap<(String, String), &Value> = report["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| {
            let text = |key: &str| i["resource"][key].as_str().unwrap().to_owned();
            ((text("type"), text("id")), i)
        })
        .collect();
    for (technique, kind, id) in STRATUS {
        let key = ((*kind).to_owned(), (*id).to_owned());
        let incident =
            found.get(&key).unwrap_or_else(|| panic!("{technique}: {:#?}", found.keys()));
        assert_ne!(incident["status"], "open", "{technique}");
    }
    // Every incident of the log is about a resource that an attack there was about.
    assert_eq!(found.len(), STRATUS.len(), "{:#?}", found.keys());
}
