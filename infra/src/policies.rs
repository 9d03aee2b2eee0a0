//! The least each function needs, as IAM policies.
//!
//! A function names what it does (`Grant`); a grant is a statement of exact actions on exact
//! resources. No function of the stack touches a protected account with its own role: it assumes
//! the reader's role, or, where it repairs, the responder's, in a session named after the incident.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_controls::api::{Api, Purpose};
use serde_json::{Map, Value, json};

use crate::functions::{FUNCTIONS, Function};

/// One thing a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    /// Reads and writes the table.
    Table(&'static [&'static str]),
    /// Archives and fetches bodies under these prefixes.
    Archive(&'static [&'static str], &'static [&'static str]),
    /// Keeps results of replays.
    KeepReplays,
    /// Keeps what incidents stand on.
    KeepEvidence,
    /// Reads the queue of events, which the service does in a function's name.
    TakeMessages,
    /// Reads the queue of events by itself.
    Poll,
    /// Puts what cannot be taken in where people look.
    Bury,
    /// Starts the response to an incident.
    StartExecution,
    /// Brings a human's answer to an execution.
    AnswerExecution,
    /// Lists running executions.
    ListExecutions,
    /// Tells people.
    Publish,
    /// Reads protected accounts.
    AssumeReader,
    /// Writes to protected accounts.
    AssumeResponder,
}

/// A stage adds to the ledger; `TransactWriteItems` needs the actions of its parts.
const RECORDS: &[&str] = &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
/// As [`RECORDS`], and reads the ledger.
const LEDGER: &[&str] =
    &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"];
/// As [`LEDGER`], and keeps baselines.
const STATES: &[&str] = &[
    "dynamodb:BatchWriteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];
/// As [`STATES`], and takes and releases the lease of a resource.
const REPAIRS: &[&str] = &[
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];
/// Keeps events, evaluates windows, opens incidents.
const OPENS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];
/// Reads events and ledgers.
const RECALLS: &[&str] = &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"];
const BODIES: &str = "bodies/";
const RAW: &str = "raw-events/";

fn grants(function: &Function) -> Vec<Grant> {
    use Grant::{
        AnswerExecution, Archive, AssumeReader, AssumeResponder, Bury, KeepEvidence, KeepReplays,
        ListExecutions, Publish, StartExecution, Table, TakeMessages,
    };
    match function.name {
        "Intake" => vec![
            Table(OPENS),
            Archive(&["s3:GetObject", "s3:PutObject"], &[RAW, BODIES]),
            TakeMessages,
            Bury,
            StartExecution,
            AssumeReader,
        ],
        "Score" => vec![Table(RECORDS)],
        "Decide" => vec![Table(LEDGER), Archive(&["s3:GetObject"], &[BODIES])],
        "Prepare" => {
            vec![Table(STATES), Archive(&["s3:GetObject", "s3:PutObject"], &[BODIES]), AssumeReader]
        }
        "Verify" => vec![Table(LEDGER), Archive(&["s3:GetObject"], &[BODIES]), AssumeReader],
        "AskHuman" => vec![Table(RECORDS), Publish],
        "Alert" => {
            vec![Table(LEDGER), Archive(&["s3:GetObject"], &[BODIES]), KeepEvidence, Publish]
        }
        "Remediate" | "RollBack" => vec![
            Table(REPAIRS),
            Archive(&["s3:GetObject", "s3:PutObject"], &[BODIES]),
            AssumeResponder,
        ],
        "Approval" => vec![Table(LEDGER), Archive(&["s3:GetObject"], &[BODIES]), AnswerExecution],
        "Sweep" => vec![
            Table(OPENS),
            // What waits to be opened has its event with it.
            Archive(&["s3:GetObject"], &[RAW, BODIES]),
            StartExecution,
            ListExecutions,
            AnswerExecution,
            AssumeReader,
            // What it gives up on.
            Publish,
        ],
        "Scan" => vec![
            Table(OPENS),
            Archive(&["s3:GetObject", "s3:PutObject"], &[RAW, BODIES]),
            StartExecution,
            AssumeReader,
        ],
        "Replay" => vec![Table(RECALLS), Archive(&["s3:GetObject"], &[RAW, BODIES]), KeepReplays],
        _ => Vec::new(),
    }
}

fn arn(name: &str) -> Value {
    json!({ "Fn::GetAtt": [name, "Arn"] })
}

fn sub(text: &str) -> Value {
    json!({ "Fn::Sub": text })
}

fn statement(sid: &str, actions: &[&str], resources: &[Value]) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources })
}

fn statements(grant: Grant) -> Vec<Value> {
    match grant {
        Grant::Table(actions) => {
            vec![statement("Table", actions, &[arn("Table"), sub("${Table.Arn}/index/*")])]
        }
        Grant::Archive(actions, prefixes) => {
            let objects: Vec<Value> =
                prefixes.iter().map(|p| sub(&format!("${{Bucket.Arn}}/{p}*"))).collect();
            vec![statement("Archive", actions, &objects)]
        }
        Grant::KeepReplays => {
            let objects = sub("${Bucket.Arn}/bodies/replay/*");
            vec![statement("KeepReplays", &["s3:PutObject"], &[objects])]
        }
        Grant::KeepEvidence => {
            let objects = sub("${Bucket.Arn}/evidence/*");
            vec![statement("KeepEvidence", &["s3:PutObject"], &[objects])]
        }
        Grant::TakeMessages => vec![statement(
            "TakeMessages",
            &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            &[arn("Queue")],
        )],
        Grant::Poll => vec![statement(
            "Poll",
            &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
            &[arn("Queue")],
        )],
        Grant::Bury => vec![statement("Bury", &["sqs:SendMessage"], &[arn("DeadLetterQueue")])],
        Grant::StartExecution => vec![
            statement("StartExecution", &["states:StartExecution"], &[machine("stateMachine", "")]),
            // Whether one that has the name already is of the same incident.
            statement(
                "DescribeExecution",
                &["states:DescribeExecution"],
                &[machine("execution", ":*")],
            ),
        ],
        // A token names its task; IAM knows no resource for it.
        Grant::AnswerExecution => {
            vec![statement("AnswerExecution", &["states:SendTaskSuccess"], &[Value::from("*")])]
        }
        Grant::ListExecutions => vec![statement(
            "ListExecutions",
            &["states:ListExecutions"],
            &[machine("stateMachine", "")],
        )],
        Grant::Publish => {
            vec![statement("Publish", &["sns:Publish"], &[json!({ "Ref": "Topic" })])]
        }
        Grant::AssumeReader => vec![assume("AssumeReader", "reader")],
        Grant::AssumeResponder => vec![assume("AssumeResponder", "responder")],
    }
}

/// By name and not by reference: the machine needs the functions, which need their roles.
fn machine(kind: &str, suffix: &str) -> Value {
    sub(&format!(
        "arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:{kind}:${{Prefix}}-respond{suffix}"
    ))
}

/// In whatever account: the role there decides whom it trusts.
fn assume(sid: &str, role: &str) -> Value {
    statement(
        sid,
        &["sts:AssumeRole"],
        &[sub(&format!("arn:${{AWS::Partition}}:iam::*:role/${{Prefix}}-{role}"))],
    )
}

/// What `aisaws worker` does as a long-running process: what functions `Intake` and `Sweep` do.
fn worker_grants() -> Vec<Grant> {
    vec![
        Grant::Table(OPENS),
        Grant::Archive(&["s3:GetObject", "s3:PutObject"], &[RAW, BODIES]),
        Grant::Poll,
        Grant::Bury,
        Grant::StartExecution,
        Grant::ListExecutions,
        Grant::AnswerExecution,
        Grant::AssumeReader,
        Grant::Publish,
    ]
}

/// The policy of the role that `aisaws worker` runs as. Its log is where its owner lets it write.
pub fn worker() -> Value {
    document("Worker", worker_grants(), Vec::new())
}

/// The role that `aisaws worker` runs as, as a resource of a template: for whom parameter
/// `WorkerPrincipal` names, and not there where it names nobody.
pub fn worker_role() -> Value {
    let whom = json!({ "Ref": "WorkerPrincipal" });
    json!({
        "Type": "AWS::IAM::Role",
        "Condition": "HasWorker",
        "Properties": {
            "RoleName": sub("${Prefix}-worker"),
            "Description": "aisaws worker runs as it: takes events in, carries on what was left undone",
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Fn::If": [
                        "WorkerIsService", { "Service": whom }, { "AWS": whom },
                    ] },
                    "Action": "sts:AssumeRole",
                }],
            },
            "Policies": [{ "PolicyName": "least", "PolicyDocument": worker() }],
        },
    })
}

/// The policy of a function's own role.
pub fn of(function: &Function) -> Value {
    let log = format!(
        "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:/aws/lambda/${{Prefix}}-{}:*",
        function.kebab()
    );
    let all = vec![
        statement("Log", &["logs:CreateLogStream", "logs:PutLogEvents"], &[sub(&log)]),
        // X-Ray knows no resources.
        statement(
            "Trace",
            &["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            &[Value::from("*")],
        ),
    ];
    document(function.name, grants(function), all)
}

/// The policy of whoever is called so: these statements, and those of the grants.
fn document(name: &str, grants: Vec<Grant>, mut all: Vec<Value>) -> Value {
    let encrypts = grants.iter().any(|grant| match grant {
        Grant::Archive(actions, _) => actions.contains(&"s3:PutObject"),
        Grant::Publish | Grant::KeepReplays | Grant::KeepEvidence => true,
        _ => false,
    });
    let key: &[&str] =
        if encrypts { &["kms:Decrypt", "kms:GenerateDataKey"] } else { &["kms:Decrypt"] };
    all.extend(grants.into_iter().flat_map(statements));
    // Of the archive and of the topic.
    all.push(statement("Key", key, &[arn("Key")]));
    all.extend(seals(name));
    json!({ "Version": "2012-10-17", "Statement": all })
}

/// Who needs the key of approval links: one signs them, the other checks them.
const HOLD_SECRETS: &[&str] = &["AskHuman", "Approval"];
/// Who takes a human's answer.
const TAKE_VOTES: &[&str] = &["Approval"];
/// The partitions of secrets (`secret` of `pipeline/aws/src/store/layout.rs`).
const SECRETS: &str = "secret *";
/// What only an answered question has (`pipeline/aws/src/store/approvals.rs`).
const OF_VOTES: &[&str] = &["answers"];

/// What the table holds and who is called so may not have, although it is one table. A denial is
/// final, whatever else the role is granted later. Votes lie in the partition of their incident, so
/// that it is their attributes that tell them.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>
fn seals(name: &str) -> Vec<Value> {
    let seal = |sid: &str, actions: &[&str], key: &str, values: &[&str]| {
        json!({
            "Sid": sid,
            "Effect": "Deny",
            "Action": actions,
            "Resource": [arn("Table"), sub("${Table.Arn}/index/*")],
            "Condition": { "ForAnyValue:StringLike": { key: values } },
        })
    };
    let mut list = Vec::new();
    if !HOLD_SECRETS.contains(&name) {
        list.push(seal("NoSecret", OPENS, "dynamodb:LeadingKeys", &[SECRETS]));
    }
    if !TAKE_VOTES.contains(&name) {
        let writes = &["dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
        list.push(seal("NoVote", writes, "dynamodb:Attributes", OF_VOTES));
    }
    list
}

/// Environment variables of a function: only what it uses.
pub fn variables(function: &Function) -> Value {
    let mut variables = Map::new();
    let mut set = |name: &str, value: Value| _ = variables.insert(name.to_owned(), value);
    set("AISAWS_PREFIX", json!({ "Ref": "Prefix" }));
    set("AISAWS_LOG_LEVEL", json!({ "Ref": "LogLevel" }));
    set("AISAWS_TABLE", json!({ "Ref": "Table" }));
    set("AISAWS_BUCKET", json!({ "Ref": "Bucket" }));
    set("AISAWS_ACCOUNT", json!({ "Ref": "AWS::AccountId" }));
    set("AISAWS_PARTITION", json!({ "Ref": "AWS::Partition" }));
    for grant in grants(function) {
        match grant {
            Grant::StartExecution | Grant::ListExecutions => {
                set("AISAWS_STATE_MACHINE_ARN", machine("stateMachine", ""));
            }
            Grant::Publish => set("AISAWS_TOPIC_ARN", json!({ "Ref": "Topic" })),
            Grant::Bury => set("AISAWS_DEAD_LETTER_QUEUE_URL", json!({ "Ref": "DeadLetterQueue" })),
            Grant::AssumeReader | Grant::AssumeResponder => {
                set("AISAWS_EXTERNAL_ID", json!({ "Ref": "ExternalId" }));
                let members = json!({ "Fn::Join": [",", { "Ref": "MemberAccounts" }] });
                set("AISAWS_MEMBER_ACCOUNTS", members);
            }
            Grant::Table(_) => set("AISAWS_EVENT_DAYS", json!({ "Ref": "RawEventDays" })),
            Grant::Archive(..)
            | Grant::KeepReplays
            | Grant::KeepEvidence
            | Grant::TakeMessages
            | Grant::Poll
            | Grant::AnswerExecution => {}
        }
    }
    match function.name {
        "Decide" => {
            set("AISAWS_MODE", json!({ "Ref": "Mode" }));
            set("AISAWS_APPROVALS", json!({ "Ref": "Approvers" }));
            set("AISAWS_APPROVAL_TIMEOUT_SECONDS", json!({ "Ref": "ApprovalTimeoutSeconds" }));
        }
        "Replay" => {
            set("AISAWS_MODE", json!({ "Ref": "Mode" }));
            set("AISAWS_APPROVALS", json!({ "Ref": "Approvers" }));
        }
        "Scan" => {
            set("AISAWS_REGIONS", json!({ "Fn::Join": [",", { "Ref": "Regions" }] }));
        }
        "AskHuman" => {
            let page = json!({ "Fn::GetAtt": ["ApprovalUrl", "FunctionUrl"] });
            set("AISAWS_APPROVAL_URL", page);
            set("AISAWS_APPROVER", json!({ "Ref": "ApproverEmail" }));
            set("AISAWS_SECOND_APPROVER", json!({ "Ref": "SecondApproverEmail" }));
        }
        _ => {}
    }
    Value::Object(variables)
}

/// A role of a protected account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountRole {
    /// Reads and lists resources.
    Reader,
    /// Reads and repairs them.
    Responder,
}

impl AccountRole {
    /// The end of its name (`aisaws-reader`).
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Responder => "responder",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Reader => "AISAWS reads resources with it",
            Self::Responder => "AISAWS repairs resources with it",
        }
    }

    fn may(self, api: &Api) -> bool {
        match (self, api.purpose) {
            // A repair reads before and after it writes.
            (_, Purpose::Read)
            | (Self::Responder, Purpose::Write)
            | (Self::Reader, Purpose::List) => true,
            (Self::Reader, Purpose::Write) | (Self::Responder, Purpose::List) => false,
        }
    }

    /// What it may do: exactly what the drivers of all resource types need.
    pub fn policy(self) -> Value {
        let mut by_resource: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for resource in aisaws_controls::resources() {
            for api in resource.apis().iter().filter(|api| self.may(api)) {
                by_resource.entry(here(api.on)).or_default().extend(api.actions());
            }
        }
        let mut statements: Vec<Value> = by_resource
            .into_iter()
            .map(|(resource, actions)| {
                let resource = if resource == "*" { Value::from("*") } else { sub(&resource) };
                json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
            })
            .collect();
        // Of a role it is the service that makes the grant harmless, never the name.
        let handed = aisaws_controls::resources()
            .iter()
            .flat_map(|resource| resource.apis())
            .filter(|api| self.may(api))
            .filter_map(|api| api.hands_roles_to)
            .collect::<BTreeSet<_>>();
        statements.extend(handed.into_iter().map(|service| {
            json!({
                "Effect": "Allow",
                "Action": ["iam:PassRole"],
                "Resource": sub(&here("arn:${Partition}:iam::${Account}:role/*")),
                "Condition": { "StringEquals": { "iam:PassedToService": service } },
            })
        }));
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    /// The role as a resource of a template. `principals` may assume it, with the external id.
    pub fn role(self, principals: &[Value]) -> Value {
        let external_id = json!({ "StringEquals": { "sts:ExternalId": { "Ref": "ExternalId" } } });
        self.trusting(&json!(principals), &external_id)
    }

    /// As [`Self::role`], in a member account. IAM keeps the id of a role that is named as a principal,
    /// so that one made anew under the name would not be trusted: what is named is its account, and
    /// the role in the condition.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
    pub fn member_role(self, account: &Value, roles: &[Value]) -> Value {
        self.trusting(
            account,
            &json!({
                "StringEquals": { "sts:ExternalId": { "Ref": "ExternalId" } },
                "ArnEquals": { "aws:PrincipalArn": roles },
            }),
        )
    }

    fn trusting(self, principal: &Value, condition: &Value) -> Value {
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": sub(&format!("${{Prefix}}-{}", self.suffix())),
                "Description": self.description(),
                "MaxSessionDuration": 3600,
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{
                        "Effect": "Allow",
                        "Principal": { "AWS": principal },
                        "Action": "sts:AssumeRole",
                        "Condition": condition,
                    }],
                },
                "Policies": [{ "PolicyName": "least", "PolicyDocument": self.policy() }],
            },
        })
    }

    fn assuming(self) -> Grant {
        match self {
            Self::Reader => Grant::AssumeReader,
            Self::Responder => Grant::AssumeResponder,
        }
    }

    /// The functions that assume it.
    pub fn assumed_by(self) -> impl Iterator<Item = &'static Function> {
        let wanted = self.assuming();
        FUNCTIONS.iter().filter(move |function| grants(function).contains(&wanted))
    }

    /// Whether `aisaws worker` assumes it.
    pub fn is_assumed_by_worker(self) -> bool {
        worker_grants().contains(&self.assuming())
    }
}

/// An ARN pattern of a declaration, as a template of the account it is in writes it. Roles are
/// used in every region.
fn here(pattern: &str) -> String {
    pattern
        .replace("${Partition}", "${AWS::Partition}")
        .replace("${Region}", "*")
        .replace("${Account}", "${AWS::AccountId}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::Artifact;

    fn actions(policy: &Value) -> BTreeSet<String> {
        let statements = policy["Statement"].as_array().unwrap();
        let of = |s: &Value| s["Action"].as_array().unwrap().clone();
        statements.iter().flat_map(of).map(|a| a.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn no_policy_of_ours_has_a_wildcard_action() {
        let functions = FUNCTIONS.iter().map(of);
        let roles = [AccountRole::Reader, AccountRole::Responder].map(AccountRole::policy);
        for policy in functions.chain(roles).chain([worker()]) {
            assert!(actions(&policy).iter().all(|action| !action.contains('*')), "{policy}");
        }
    }

    #[test]
    fn a_reader_cannot_write() {
        let writes = [
            "Put",
            "Delete",
            "Update",
            "Revoke",
            "Authorize",
            "Modify",
            "Create",
            "Start",
            "Stop",
            "Add",
            "Remove",
        ];
        for action in actions(&AccountRole::Reader.policy()) {
            let (_, name) = action.split_once(':').unwrap();
            assert!(!writes.iter().any(|verb| name.starts_with(verb)), "{action}");
        }
    }

    #[test]
    fn only_what_is_in_the_writing_artifact_assumes_the_responder() {
        let assuming: Vec<_> = AccountRole::Responder.assumed_by().map(|f| f.name).collect();
        let writing = FUNCTIONS.iter().filter(|f| f.artifact == Artifact::Write).map(|f| f.name);
        assert_eq!(assuming, writing.collect::<Vec<_>>());
    }

    #[test]
    fn roles_are_handed_to_their_service_alone() {
        // IAM user guide, "Grant a user permissions to pass a role to an AWS service".
        for role in [AccountRole::Reader, AccountRole::Responder] {
            let policy = role.policy();
            let statements = policy["Statement"].as_array().unwrap().iter();
            let passing: Vec<_> =
                statements.filter(|s| s["Action"].to_string().contains("PassRole")).collect();
            assert_eq!(passing.len(), usize::from(role == AccountRole::Responder));
            for statement in passing {
                let service = json!({ "StringEquals": {
                    "iam:PassedToService": "cloudtrail.amazonaws.com",
                } });
                assert_eq!(statement["Action"], json!(["iam:PassRole"]));
                assert_eq!(statement["Condition"], service);
                assert!(statement["Resource"].to_string().contains(":role/*"), "{statement}");
            }
        }
    }

    /// The functions to which a statement of that name denies something.
    fn denied(sid: &str) -> BTreeSet<&'static str> {
        let is_denied = |f: &&Function| {
            let policy = of(f);
            let statements = policy["Statement"].as_array().unwrap();
            statements.iter().any(|s| s["Sid"] == sid && s["Effect"] == "Deny")
        };
        FUNCTIONS.iter().filter(is_denied).map(|f| f.name).collect()
    }

    fn all_but(names: &[&str]) -> BTreeSet<&'static str> {
        FUNCTIONS.iter().map(|f| f.name).filter(|name| !names.contains(name)).collect()
    }

    #[test]
    fn only_who_signs_or_checks_links_reads_their_key() {
        assert_eq!(denied("NoSecret"), all_but(&["AskHuman", "Approval"]));
    }

    #[test]
    fn only_the_page_writes_votes() {
        assert_eq!(denied("NoVote"), all_but(&["Approval"]));
    }

    #[test]
    fn what_is_denied_covers_all_that_is_granted_on_the_table() {
        // Whatever way a function has into the table, the key of links is not on it.
        for function in FUNCTIONS {
            let policy = of(function);
            let find = |sid: &str| {
                let statements = policy["Statement"].as_array().unwrap().iter();
                let found = statements.filter(|s| s["Sid"] == sid);
                let actions = found.flat_map(|s| s["Action"].as_array().unwrap().clone());
                actions.map(|a| a.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
            };
            let denied = find("NoSecret");
            if !denied.is_empty() {
                assert!(denied.is_superset(&find("Table")), "{}", function.name);
            }
        }
    }

    #[test]
    fn a_worker_may_do_what_the_functions_do_in_whose_place_it_is() {
        let of_function = |name: &str| {
            let function = FUNCTIONS.iter().find(|f| f.name == name).unwrap();
            actions(&of(function))
        };
        let mut wanted = of_function("Intake");
        wanted.append(&mut of_function("Sweep"));
        // The service does these in a function's name; a worker polls by itself, and has its log
        // elsewhere.
        for of_functions in [
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "sqs:GetQueueAttributes",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ] {
            assert!(wanted.remove(of_functions), "{of_functions}");
        }
        wanted.insert("sqs:ChangeMessageVisibility".to_owned());
        assert_eq!(actions(&worker()), wanted);
        let denied = worker()["Statement"].as_array().unwrap().clone();
        for sid in ["NoSecret", "NoVote"] {
            assert!(denied.iter().any(|s| s["Sid"] == sid && s["Effect"] == "Deny"), "{sid}");
        }
        assert!(AccountRole::Reader.is_assumed_by_worker());
        assert!(!AccountRole::Responder.is_assumed_by_worker());
    }

    #[test]
    fn every_function_is_granted_something() {
        for function in FUNCTIONS {
            assert!(!grants(function).is_empty(), "{}", function.name);
        }
    }

    /// What somebody who calls a service needs on the key with which what it keeps is encrypted.
    /// Sources: S3 user guide, "Using server-side encryption with AWS KMS keys" (a part of a large
    /// upload is decrypted again); SNS developer guide, "Key management" (publishers); DynamoDB
    /// developer guide, "Encryption at rest usage notes" (the table's key is unwrapped for the caller).
    const NEEDED: &[(&str, &[&str])] = &[
        ("dynamodb:", &["kms:Decrypt"]),
        ("s3:GetObject", &["kms:Decrypt"]),
        ("s3:PutObject", &["kms:Decrypt", "kms:GenerateDataKey"]),
        ("sns:Publish", &["kms:Decrypt", "kms:GenerateDataKey"]),
    ];

    /// The resources of the template whose content the key encrypts.
    fn encrypted() -> BTreeSet<&'static str> {
        let (mut found, mut resource) = (BTreeSet::new(), "");
        for line in include_str!("../base.yaml").lines() {
            let name = line.strip_prefix("  ").and_then(|line| line.strip_suffix(':'));
            resource = name.filter(|name| !name.starts_with(' ')).unwrap_or(resource);
            let line = line.trim_start().to_ascii_lowercase();
            if line.starts_with("kmsmasterkeyid:") || line.starts_with("kmskeyid:") {
                assert!(line.ends_with("!getatt key.arn"), "{line}");
                found.insert(resource);
            }
        }
        found
    }

    #[test]
    fn who_touches_what_is_encrypted_may_use_the_key_as_that_needs_it() {
        // Alarms are told by services, which the key's own policy names; queues have a key of SQS's.
        assert_eq!(encrypted(), BTreeSet::from(["AlarmTopic", "Bucket", "Table", "Topic"]));
        for function in FUNCTIONS {
            let policy = of(function);
            let statements = policy["Statement"].as_array().unwrap();
            let (mut needed, mut granted) = (BTreeSet::new(), BTreeSet::new());
            for statement in statements.iter().filter(|s| s["Effect"] == "Allow") {
                let on_key = statement["Resource"] == json!([arn("Key")]);
                for action in statement["Action"].as_array().unwrap() {
                    let action = action.as_str().unwrap();
                    let by = NEEDED.iter().filter(|(prefix, _)| action.starts_with(prefix));
                    needed.extend(by.flat_map(|(_, keys)| *keys).copied());
                    if action.starts_with("kms:") {
                        assert!(on_key, "{} may use another key", function.name);
                        granted.insert(action);
                    } else {
                        assert!(
                            !["s3:", "sns:", "dynamodb:"].iter().any(|s| action.starts_with(s))
                                || NEEDED.iter().any(|(prefix, _)| action.starts_with(prefix)),
                            "nobody wrote down what `{action}` needs"
                        );
                    }
                }
            }
            // No less, and no more.
            assert_eq!(granted, needed, "{}", function.name);
        }
    }
}
