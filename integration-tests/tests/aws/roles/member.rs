//! The roles of a member account, entered from the responder's: every grant, taken away.

use std::collections::BTreeSet;

use aisaws_controls::{Document, Identity as _, plan};
use aisaws_core::handoff::{
    Cleared, Decided, Detected, Found, Preparation, Prepared, Score, Scored, Verdict,
};
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Incidents as _, Snapshots as _};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::{Decision, Risk};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::cases::opened;
use super::policy::{Grant, Role};
use crate::stage::REGION;
use crate::stage::member::{MEMBER, Member, with};

/// What the emulator cannot show, and why.
const NOT_SHOWN: &[(&str, &str)] = &[(
    "iam:PassRole",
    "the emulator asks for it of no trail; `roles_are_handed_to_their_service_alone` has its words",
)];
/// What the emulator allows or denies, and cannot do: it fails in another way where it is allowed.
const NOT_DONE: &[&str] = &["ec2:UpdateSecurityGroupRuleDescriptionsIngress"];
/// By what a function says that it may not.
const DENIED: &str = "Fault.AccessDenied";

/// What reads a type, by the Service Authorization Reference, and a control that looks at it.
pub(super) const READS: &[(&str, &str, &[&str])] = &[
    (
        "AWS::S3::Bucket",
        "s3.bucket-acl-public",
        &[
            "s3:GetBucketAcl",
            "s3:GetBucketLogging",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
        ],
    ),
    (
        "AWS::EC2::SecurityGroup",
        "ec2.security-group-admin-port-world-open",
        &["ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules"],
    ),
    (
        "AWS::IAM::AccessKey",
        "iam.access-key-exposed",
        &["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys"],
    ),
    (
        "AWS::CloudTrail::Trail",
        "cloudtrail.trail-logging-stopped",
        &[
            "cloudtrail:DescribeTrails",
            "cloudtrail:GetEventSelectors",
            "cloudtrail:GetTrailStatus",
            "cloudtrail:ListTags",
        ],
    ),
];
/// What only a scan asks for.
pub(super) const LISTS: &[&str] = &["iam:ListUsers", "s3:ListAllMyBuckets"];

/// A resource in a state that the control convicts.
async fn spoiled(member: &Member, kind: &str) -> ResourceRef {
    let id = match kind {
        "AWS::S3::Bucket" => member.target.open_bucket().await,
        "AWS::EC2::SecurityGroup" => {
            let group = member.target.group().await;
            member.target.allow(&group, 22, "0.0.0.0/0").await;
            group
        }
        "AWS::IAM::AccessKey" => member.key().await,
        _ => member.trail().await,
    };
    let (kind, account) = (kind.to_owned(), MEMBER.into());
    ResourceRef { kind, id, account, region: REGION.into() }
}

/// What Decide hands on where all is allowed.
fn decided(detected: Detected) -> Decided {
    let score = Score { risk: Risk::clamped(1.0), contributions: Vec::new() };
    let verdict = Verdict {
        decision: Decision::Act,
        by_risk: None,
        reasons: vec!["a test".to_owned()],
        limits: Vec::new(),
        approval_timeout_seconds: 3600,
        approvals: 1,
    };
    Decided { scored: Scored { detected, score }, verdict }
}

/// Reads a spoiled resource by function `prepare`: its state, or the error.
async fn read(member: &Member, resource: &ResourceRef, control: &str) -> Result<Value, Value> {
    let stage = &member.stage;
    let detected = opened(stage, resource.clone(), &[control]).await;
    let incident = detected.incident;
    let payload = serde_json::to_value(decided(detected)).unwrap();
    stage.invoke("prepare", &payload).await?;
    let links = stage.store.ledger(incident).await.unwrap();
    let snapshot = links.iter().find_map(|link| match &link.entry {
        Entry::Prepared { snapshot, .. } => Some(snapshot.clone()),
        _ => None,
    });
    Ok(stage.store.load(&snapshot.unwrap()).await.unwrap())
}

/// Writes from one state to the other by function `remediate`, as a plan that was decided.
async fn write(
    member: &Member,
    resource: &ResourceRef,
    (before, after): (&Value, &Value),
) -> Result<Value, Value> {
    let stage = &member.stage;
    let detected = opened(stage, resource.clone(), &[]).await;
    let (incident, now) = (detected.incident, Timestamp::now());
    let decision = Decision::Act;
    let entry = Entry::Decided { decision, reasons: Vec::new(), is_budget_spent: false };
    stage.store.append(incident, "decided", entry, now).await.unwrap();
    let digest = plan::digest_of(resource, before, after);
    let entry = Entry::Prepared {
        round: 1,
        digest: digest.clone(),
        findings: Vec::new(),
        patch: json!([]),
        inverse: json!([]),
        snapshot: stage.store.keep(before).await.unwrap(),
        target: stage.store.keep(after).await.unwrap(),
    };
    stage.store.append(incident, "prepared", entry, now).await.unwrap();
    let preparation = Preparation { found: Found::Convicted, digest: Some(digest), round: 1 };
    let prepared = Prepared { decided: decided(detected), preparation };
    let payload = serde_json::to_value(Cleared { prepared, ballot: None }).unwrap();
    stage.invoke("remediate", &payload).await
}

fn key_of(document: &Value) -> String {
    Document(document.clone()).identity()
}

/// From the state of a spoiled resource on: states that one call each leads to, by the action of
/// that call. `null` is a resource that is gone.
fn steps(resource: &ResourceRef, state: &Value) -> Vec<(&'static str, Value)> {
    let mut steps: Vec<(&'static str, Value)> = Vec::new();
    let mut step = |action, fields: &[(&str, Value)]| {
        // What could not be done is not there to go on from.
        let last = steps.iter().rev().find(|(action, _)| !NOT_DONE.contains(action));
        let last = last.map_or(state, |(_, state)| state);
        steps.push((action, with(last, fields)));
    };
    match resource.kind.as_str() {
        "AWS::S3::Bucket" => {
            let mut grants = state["AclGrants"].clone();
            let grants_of = grants.as_object_mut().unwrap();
            grants_of.retain(|_, grant| !grant.to_string().contains("AllUsers"));
            step("s3:PutBucketAcl", &[("AclGrants", grants)]);
            let ownership = json!("BucketOwnerPreferred");
            step("s3:PutBucketOwnershipControls", &[("ObjectOwnership", ownership)]);
            let block = json!({ "BlockPublicAcls": true, "BlockPublicPolicy": true,
                                "IgnorePublicAcls": true, "RestrictPublicBuckets": true });
            step("s3:PutBucketPublicAccessBlock", &[("PublicAccessBlockConfiguration", block)]);
            let statement = json!({ "Effect": "Allow", "Action": "s3:ListBucket",
                "Principal": { "AWS": format!("arn:aws:iam::{MEMBER}:root") },
                "Resource": format!("arn:aws:s3:::{}", resource.id) });
            let policy = json!({ "Version": "2012-10-17", "Id": null,
                                 "Statement": { key_of(&statement): statement } });
            step("s3:PutBucketPolicy", &[("BucketPolicy", policy)]);
            step("s3:DeleteBucketPolicy", &[("BucketPolicy", Value::Null)]);
            let encryption = json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": null,
                                     "BucketKeyEnabled": true });
            step("s3:PutEncryptionConfiguration", &[("BucketEncryption", encryption)]);
            let versions = json!({ "Status": "Enabled", "MfaDelete": false });
            step("s3:PutBucketVersioning", &[("VersioningConfiguration", versions)]);
            let logging = json!({ "DestinationBucketName": resource.id, "LogFilePrefix": "",
                                  "TargetObjectKeyFormat": null, "TargetGrants": {} });
            step("s3:PutBucketLogging", &[("LoggingConfiguration", logging)]);
            step("s3:PutBucketTagging", &[("Tags", json!({ "a": "b" }))]);
        }
        "AWS::EC2::SecurityGroup" => {
            let mut rules = state["SecurityGroupIngress"].clone();
            rules.as_object_mut().unwrap().retain(|_, rule| rule["FromPort"] != 22);
            step("ec2:RevokeSecurityGroupIngress", &[("SecurityGroupIngress", rules.clone())]);
            let mut rule = json!({ "IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443,
                                   "CidrIp": "192.0.2.0/24", "Description": "office" });
            rules["tcp 8443 192.0.2.0/24"] = rule.clone();
            step("ec2:AuthorizeSecurityGroupIngress", &[("SecurityGroupIngress", rules.clone())]);
            rule["Description"] = "the office".into();
            rules["tcp 8443 192.0.2.0/24"] = rule;
            let update = "ec2:UpdateSecurityGroupRuleDescriptionsIngress";
            step(update, &[("SecurityGroupIngress", rules)]);
            step("ec2:CreateTags", &[("Tags", json!({ "a": "b" }))]);
            step("ec2:DeleteTags", &[("Tags", json!({}))]);
        }
        "AWS::IAM::AccessKey" => step("iam:UpdateAccessKey", &[("Status", json!("Inactive"))]),
        _ => {
            step("cloudtrail:StartLogging", &[("IsLogging", json!(true))]);
            step("cloudtrail:StopLogging", &[("IsLogging", json!(false))]);
            step("cloudtrail:UpdateTrail", &[("S3KeyPrefix", json!("p"))]);
            let selector = json!({ "ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
                                   "DataResources": [], "ExcludeManagementEventSources": [] });
            let selectors = json!({ key_of(&selector): selector });
            step("cloudtrail:PutEventSelectors", &[("EventSelectors", selectors)]);
            step("cloudtrail:AddTags", &[("Tags", json!({ "a": "b" }))]);
            step("cloudtrail:RemoveTags", &[("Tags", json!({}))]);
            steps.push(("cloudtrail:DeleteTrail", Value::Null));
            steps.push(("cloudtrail:CreateTrail", state.clone()));
        }
    }
    steps
}

fn is_denied(result: &Result<Value, Value>) -> bool {
    result.as_ref().is_err_and(|error| error["errorType"] == DENIED)
}

/// Runs something without a grant, and notes whether that was missed.
struct Taken {
    role: Role,
    tried: BTreeSet<String>,
    idle: BTreeSet<String>,
}

impl Taken {
    async fn new(member: &Member, name: &str) -> Self {
        let role = Role::load(&member.iam, name).await.widened().await;
        Self { role, tried: BTreeSet::new(), idle: BTreeSet::new() }
    }

    async fn without(&mut self, action: &str, also: &[&str], run: impl AsyncFnOnce() -> bool) {
        self.role.withhold(&[&[action], also].concat()).await;
        let is_missed = run().await;
        self.role.restore().await;
        self.tried.insert(action.to_owned());
        if !is_missed {
            self.idle.insert(action.to_owned());
        }
    }

    /// Everything was tried, and everything was missed.
    fn end(self) {
        let granted = self.role.grants().into_iter().map(|Grant { action, .. }| action);
        let is_shown = |action: &String| NOT_SHOWN.iter().all(|(hidden, _)| hidden != action);
        assert_eq!(self.tried, granted.filter(is_shown).collect(), "{}", self.role.name());
        assert!(self.idle.is_empty(), "{}: nothing missed {:#?}", self.role.name(), self.idle);
    }
}

#[tokio::test]
async fn no_role_of_a_member_goes_without_any_of_its_grants() {
    let Some(member) = Member::start().await else { return };
    let mut reader = Taken::new(&member, "aisaws-reader").await;
    let mut responder = Taken::new(&member, "aisaws-responder").await;

    for (kind, control, reads) in READS {
        let resource = spoiled(&member, kind).await;
        let mut now = read(&member, &resource, control).await.unwrap();
        for action in *reads {
            // Who may list all users finds a key among theirs; that is no way for a role without.
            let also: &[&str] =
                if *action == "iam:GetAccessKeyLastUsed" { &["iam:ListUsers"] } else { &[] };
            reader.role.withhold(also).await;
            read(&member, &resource, control).await.unwrap();
            let read = async || is_denied(&read(&member, &resource, control).await);
            reader.without(action, also, read).await;
        }
        for (number, (action, next)) in steps(&resource, &now).into_iter().enumerate() {
            let states = (&now, &next);
            // Whatever is written, is read first.
            let reads = if number == 0 { *reads } else { &[] };
            for needed in reads.iter().chain([&action]) {
                let write = async || is_denied(&write(&member, &resource, states).await);
                responder.without(needed, &[], write).await;
            }
            let written = write(&member, &resource, states).await;
            if NOT_DONE.contains(&action) {
                assert!(written.is_err() && !is_denied(&written), "{action}: {written:#?}");
            } else {
                assert!(written.is_ok(), "{action}: {written:#?}");
                now = next;
            }
        }
    }

    let scan = async || member.stage.invoke("scan", &json!({})).await.unwrap()["problems"].take();
    assert_eq!(scan().await, json!([]));
    for action in LISTS {
        reader.without(action, &[], async || scan().await != json!([])).await;
    }
    reader.end();
    responder.end();
}
