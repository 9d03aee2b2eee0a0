//! Who may do what: one table of calls and of the roles that may make them. Every role makes every
//! call, and whoever the table does not name is denied.
//!
//! The table is written by hand and not made of the policies: what a role is granted beyond it is as
//! wrong as what it lacks. So each action of each role stands here, and a thing of somebody else's
//! beside each thing of ours.

use std::collections::{BTreeMap, BTreeSet};

use aws_credential_types::Credentials;
use futures::StreamExt as _;
use serde_json::json;

use super::ask::{Ask, arn, session};
use super::member::{LISTS, READS};
use super::policy::Role;
use crate::stage::member::{EXTERNAL_ID, MEMBER, Member};
use crate::stage::{ACCOUNT, call};

/// The functions.
const EVERY: &[&str] = &[
    "intake",
    "score",
    "decide",
    "prepare",
    "ask-human",
    "remediate",
    "verify",
    "roll-back",
    "alert",
    "approval",
    "sweep",
    "scan",
    "replay",
];
const NOBODY: &[&str] = &[];
/// Calls at a time.
const AT_ONCE: usize = 8;
const OPENING: &[&str] = &["intake", "sweep", "scan"];
/// What adds to ledgers.
const RECORDING: &[&str] = &[
    "intake",
    "score",
    "decide",
    "prepare",
    "ask-human",
    "remediate",
    "verify",
    "roll-back",
    "alert",
    "approval",
    "sweep",
    "scan",
];
/// What reads them.
const RECALLING: &[&str] = &[
    "intake",
    "decide",
    "prepare",
    "remediate",
    "verify",
    "roll-back",
    "alert",
    "approval",
    "sweep",
    "scan",
    "replay",
];
/// What reads states, and ledgers with large entries.
const LOADING: &[&str] = &[
    "intake",
    "decide",
    "prepare",
    "remediate",
    "verify",
    "roll-back",
    "alert",
    "approval",
    "sweep",
    "scan",
    "replay",
];
const KEEPING: &[&str] = &["intake", "prepare", "remediate", "roll-back", "scan"];
const STAGES: [&str; 8] =
    ["score", "decide", "prepare", "ask-human", "remediate", "verify", "roll-back", "alert"];

/// What no emulator is asked, by role, and why.
fn unasked(role: &str) -> &'static [&'static str] {
    match role {
        // CloudTrail asks IAM for it when it is given a role, and the emulator's does not.
        "responder" => &["iam:PassRole"],
        "reader" => &[],
        // There is no X-Ray in the emulator.
        "respond" => &[
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
        _ => &["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    }
}

/// What repairs, by the Service Authorization Reference.
const REPAIRS: &[&str] = &[
    "cloudtrail:AddTags",
    "cloudtrail:CreateTrail",
    "cloudtrail:DeleteTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:RemoveTags",
    "cloudtrail:StartLogging",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
    "iam:UpdateAccessKey",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketLogging",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
];

/// What nobody may ever do, on what is ours.
const RUIN: &[(&str, &str)] = &[
    ("cloudformation:DeleteStack", "aisaws"),
    ("cloudformation:UpdateStack", "aisaws"),
    ("dynamodb:DeleteTable", "aisaws"),
    ("dynamodb:Scan", "aisaws"),
    ("dynamodb:UpdateTable", "aisaws"),
    ("ec2:AuthorizeSecurityGroupEgress", "sg-1"),
    ("ec2:DeleteSecurityGroup", "sg-1"),
    ("ec2:TerminateInstances", "i-1"),
    ("events:DisableRule", "aisaws-events-1"),
    ("events:PutEvents", "default"),
    ("events:RemoveTargets", "aisaws-tampered"),
    ("iam:AttachRolePolicy", "aisaws-responder"),
    ("iam:CreateAccessKey", "bob"),
    ("iam:CreateUser", "mallory"),
    ("iam:DeleteRolePolicy", "aisaws-intake"),
    ("iam:PutRolePolicy", "aisaws-responder"),
    ("iam:PutUserPolicy", "bob"),
    ("iam:UpdateAssumeRolePolicy", "aisaws-responder"),
    ("lambda:DeleteFunction", "aisaws-intake"),
    ("lambda:UpdateFunctionCode", "aisaws-remediate"),
    ("lambda:UpdateFunctionConfiguration", "aisaws-decide"),
    ("logs:DeleteLogGroup", "/aws/lambda/aisaws-intake"),
    ("secretsmanager:GetSecretValue", "any"),
    ("sqs:DeleteQueue", "aisaws-events"),
    ("sqs:PurgeQueue", "aisaws-events"),
    ("sqs:ReceiveMessage", "aisaws-events-dead"),
    ("sqs:SendMessage", "aisaws-events"),
    ("sqs:SetQueueAttributes", "aisaws-events"),
    ("ssm:GetParameter", "/any"),
];

/// Names that only a deployment tells.
struct Names {
    key: String,
    bucket: String,
    topic: String,
    machine: String,
    /// A bucket, a group and a user of the protected account.
    acme: String,
    group: String,
}

type Row = (Ask, Vec<String>);

struct Table(Vec<Row>);

impl Table {
    fn row(&mut self, action: &str, on: &str, may: &[&str]) {
        let may = may.iter().map(|role| (*role).to_owned()).collect();
        self.0.push((Ask::new(action, on), may));
    }
}

/// Every call, and who may make it.
fn table(names: &Names) -> Vec<Row> {
    let mut table = Table(Vec::new());
    for (action, may) in [
        ("dynamodb:BatchGetItem", &["intake", "sweep", "scan", "replay"][..]),
        (
            "dynamodb:BatchWriteItem",
            &["intake", "sweep", "scan", "prepare", "remediate", "roll-back"],
        ),
        ("dynamodb:DeleteItem", &["intake", "sweep", "scan", "remediate", "roll-back"]),
        ("dynamodb:GetItem", EVERY),
        ("dynamodb:PutItem", RECORDING),
        ("dynamodb:Query", RECALLING),
        ("dynamodb:UpdateItem", RECORDING),
    ] {
        table.row(action, "aisaws", may);
        table.row(action, "acme", NOBODY);
    }
    table.row("dynamodb:Query", "aisaws/index/by_time", RECALLING);
    table.row("dynamodb:Query", "acme/index/by_time", NOBODY);

    for (prefix, get, put) in [
        ("raw-events/x", &["intake", "sweep", "scan", "replay"][..], &["intake", "scan"][..]),
        ("bodies/x", LOADING, KEEPING),
        ("bodies/replay/x", LOADING, &[KEEPING, &["replay"]].concat()),
        ("evidence/x", NOBODY, &["alert"]),
        ("other/x", NOBODY, NOBODY),
    ] {
        let object = format!("{}/{prefix}", names.bucket);
        table.row("s3:GetObject", &object, get);
        table.row("s3:PutObject", &object, put);
        table.row("s3:DeleteObject", &object, NOBODY);
        table.row("s3:GetObject", &format!("{}/{prefix}", names.acme), NOBODY);
        table.row("s3:PutObject", &format!("{}/{prefix}", names.acme), NOBODY);
    }
    for action in ["s3:ListBucket", "s3:DeleteBucket", "s3:PutLifecycleConfiguration"] {
        table.row(action, &names.bucket, NOBODY);
        table.row(action, &names.acme, NOBODY);
    }

    for action in ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"] {
        table.row(action, "aisaws-events", &["intake"]);
        table.row(action, "acme", NOBODY);
    }
    table.row("sqs:SendMessage", "aisaws-events-dead", &["intake"]);
    table.row("sqs:SendMessage", "acme", NOBODY);

    let other = arn("states", "stateMachine:acme");
    table.row("states:StartExecution", &names.machine, OPENING);
    table.row("states:StartExecution", &other, NOBODY);
    table.row("states:ListExecutions", &names.machine, &["sweep"]);
    table.row("states:ListExecutions", &other, NOBODY);
    table.row("states:DescribeExecution", &arn("states", "execution:aisaws-respond:x"), OPENING);
    table.row("states:DescribeExecution", &arn("states", "execution:acme:x"), NOBODY);
    table.row("states:RedriveExecution", &arn("states", "execution:aisaws-respond:x"), NOBODY);
    table.row("states:SendTaskSuccess", "*", &["approval", "sweep"]);
    table.row("states:SendTaskFailure", "*", NOBODY);
    table.row("states:StopExecution", &arn("states", "execution:aisaws-respond:x"), NOBODY);
    table.row("states:UpdateStateMachine", &names.machine, NOBODY);

    table.row("sns:Publish", &names.topic, &["ask-human", "alert", "sweep"]);
    for action in ["sns:Publish", "sns:SetTopicAttributes", "sns:DeleteTopic"] {
        table.row(action, &arn("sns", "aisaws-alarms"), NOBODY);
        table.row(action, &arn("sns", "acme"), NOBODY);
    }
    table.row("sns:Subscribe", &names.topic, NOBODY);

    // In any account, and by that name alone.
    for account in [ACCOUNT, MEMBER] {
        let role = |name: &str| format!("arn:aws:iam::{account}:role/{name}");
        let reading = &["intake", "prepare", "verify", "sweep", "scan"];
        table.row("sts:AssumeRole", &role("aisaws-reader"), reading);
        table.row("sts:AssumeRole", &role("aisaws-responder"), &["remediate", "roll-back"]);
        table.row("sts:AssumeRole", &role("admin"), NOBODY);
    }

    let encrypting = [KEEPING, &["ask-human", "alert", "replay", "sweep"]].concat();
    table.row("kms:Decrypt", &names.key, EVERY);
    table.row("kms:GenerateDataKey", &names.key, &encrypting);
    for action in ["kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:Encrypt"] {
        table.row(action, &names.key, NOBODY);
    }
    for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
        table.row(action, &arn("kms", "key/acme"), NOBODY);
    }

    for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
        for name in EVERY {
            table.row(action, &format!("/aws/lambda/aisaws-{name}"), &[name]);
        }
        table.row(action, "/acme", NOBODY);
    }
    for action in [
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    ] {
        table.row(action, "/acme", &["respond"]);
    }
    for name in EVERY {
        let may: &[&str] = if STAGES.contains(name) { &["respond"] } else { NOBODY };
        table.row("lambda:InvokeFunction", &format!("aisaws-{name}"), may);
    }
    table.row("lambda:InvokeFunction", "acme", NOBODY);

    let on = |action: &str| match action.split(':').next() {
        Some("s3") if action.ends_with("ListAllMyBuckets") => String::new(),
        Some("s3") => names.acme.clone(),
        Some("ec2") => names.group.clone(),
        _ => "acme".to_owned(),
    };
    for action in READS.iter().flat_map(|(_, _, reads)| *reads) {
        table.row(action, &on(action), &["reader", "responder"]);
    }
    for action in LISTS {
        table.row(action, &on(action), &["reader"]);
    }
    for action in REPAIRS {
        table.row(action, &on(action), &["responder"]);
    }
    for (action, on) in RUIN {
        table.row(action, on, NOBODY);
    }
    table.0
}

/// A session of a role of ours in that account.
async fn own(endpoint: &str, name: &str) -> Credentials {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/aisaws-{name}");
    session(endpoint, call::root(), &role, EXTERNAL_ID).await.unwrap()
}

/// A session of every role, each with what the emulator needs to see its grants.
async fn sessions(member: &Member) -> BTreeMap<&'static str, (Role, Credentials)> {
    let (stage, endpoint) = (&member.stage, member.stage.endpoint());
    // The emulator lets whoever owns the account assume the role of a service, but not where the
    // service has to say for whom.
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "Service": "states.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
    let update = stage.iam.update_assume_role_policy().role_name("aisaws-respond");
    update.policy_document(trust.to_string()).send().await.unwrap();
    let mut sessions = BTreeMap::new();
    for name in EVERY.iter().copied().chain(["respond"]) {
        let role = Role::load(&stage.iam, &format!("aisaws-{name}")).await.widened().await;
        sessions.insert(name, (role, own(&endpoint, name).await));
    }
    for (name, by) in [("reader", "prepare"), ("responder", "remediate")] {
        let arn = format!("arn:aws:iam::{MEMBER}:role/aisaws-{name}");
        let function = own(&endpoint, by).await;
        let stranger = session(&endpoint, function.clone(), &arn, "other").await;
        assert!(stranger.is_none(), "{name} is entered without its external id");
        let entered = session(&endpoint, function, &arn, EXTERNAL_ID).await.unwrap();
        let role = Role::load(&member.iam, &format!("aisaws-{name}")).await.widened().await;
        sessions.insert(name, (role, entered));
    }
    sessions
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let Some(member) = Member::start().await else { return };
    let (stage, endpoint) = (&member.stage, member.stage.endpoint());
    let names = Names {
        key: Role::load(&stage.iam, "aisaws-intake").await.resource("Key").to_owned(),
        bucket: stage.output("BucketName").to_owned(),
        topic: stage.output("TopicArn").to_owned(),
        machine: stage.output("StateMachineArn").to_owned(),
        acme: member.target.bucket().await,
        group: member.target.group().await,
    };
    let table = table(&names);
    let sessions = sessions(&member).await;
    for (name, (role, _)) in &sessions {
        let rows = table.iter().filter(|(_, may)| may.iter().any(|role| role == name));
        let mut told: BTreeSet<&str> = rows.map(|(ask, _)| ask.action.as_str()).collect();
        told.extend(unasked(name));
        let grants = role.grants();
        let granted: BTreeSet<&str> = grants.iter().map(|grant| grant.action.as_str()).collect();
        assert_eq!(granted, told, "{name}");
    }

    let asks = sessions.iter().flat_map(|(name, (_, who))| {
        table.iter().map(move |(ask, may)| (*name, who, ask, may.iter().any(|role| role == name)))
    });
    let answers = futures::stream::iter(asks).map(|(name, who, ask, may)| {
        let endpoint = &endpoint;
        async move { (ask.is_denied(endpoint, who).await == may).then_some((name, ask, may)) }
    });
    let wrong: Vec<_> =
        answers.buffer_unordered(AT_ONCE).filter_map(async |row| row).collect().await;
    assert!(wrong.is_empty(), "whether it may: {wrong:#?}");
}
