//! Nothing else is allowed: what every statement of every policy in the templates may say. What has
//! to be as wide as it is stands here, with the reason.
//!
//! Source of what knows which resource: Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html>.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_infra::functions::FUNCTIONS;
use aisaws_infra::policies::AccountRole;
use serde_json::{Value, json};

use crate::documents::resources;

/// Actions of which IAM knows no resource, so that a policy can only say `*`: in the reference, their
/// column of resource types is empty.
const NO_RESOURCE: &[&str] = &[
    "cloudtrail:DescribeTrails",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "iam:ListUsers",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "s3:ListAllMyBuckets",
    "states:SendTaskSuccess",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];
/// Where a resource's own policy allows a wildcard of actions. A key's policy hands the decision to
/// the account's IAM, and allows nobody anything by itself.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
const WILD: &[(&str, &str)] = &[("template Key", "AccountThroughIam")];

/// One statement, and where it stands.
struct Statement {
    resource: String,
    /// `identity`, `trust` or `own`: of a role, of who assumes it, of a resource.
    kind: &'static str,
    body: Value,
}

impl Statement {
    fn is_allow(&self) -> bool {
        self.body["Effect"] == "Allow"
    }

    fn sid(&self) -> &str {
        self.body["Sid"].as_str().unwrap_or_default()
    }

    fn actions(&self) -> Vec<String> {
        list(&self.body["Action"]).iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Where it stands, for people.
    fn place(&self) -> String {
        format!("{} {} {}", self.resource, self.kind, self.body)
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    }
}

/// Every object with an effect, however deep it lies.
fn collect(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(map) if map.contains_key("Effect") => found.push(value.clone()),
        Value::Object(map) => map.values().for_each(|value| collect(value, found)),
        Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

fn statements() -> Vec<Statement> {
    let mut all = Vec::new();
    for (name, resource) in resources() {
        let is_role = resource["Type"] == "AWS::IAM::Role";
        for (key, value) in resource["Properties"].as_object().into_iter().flatten() {
            let kind = match key.as_str() {
                "AssumeRolePolicyDocument" => "trust",
                _ if is_role => "identity",
                _ => "own",
            };
            let mut found = Vec::new();
            collect(value, &mut found);
            let resource = &name;
            all.extend(found.into_iter().map(|body| Statement {
                resource: resource.clone(),
                kind,
                body,
            }));
        }
        // Policies are nowhere but in roles, or attached to a resource.
        let kind = resource["Type"].as_str().unwrap();
        let elsewhere = ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"];
        assert!(!elsewhere.contains(&kind), "{name}");
        assert!(resource["Properties"].get("ManagedPolicyArns").is_none(), "{name}");
    }
    assert!(all.len() > 100, "{}", all.len());
    all
}

#[test]
fn no_statement_says_what_it_is_not_about() {
    for statement in statements() {
        for not in ["NotAction", "NotResource", "NotPrincipal"] {
            assert!(statement.body.get(not).is_none(), "{}", statement.place());
        }
        assert!(!statement.actions().is_empty(), "{}", statement.place());
    }
}

#[test]
fn every_action_that_is_allowed_is_named() {
    let wild = |s: &Statement| s.actions().iter().any(|action| action.contains(['*', '?']));
    let wild: Vec<(String, String)> = statements()
        .iter()
        .filter(|s| s.is_allow() && wild(s))
        .map(|s| (s.resource.clone(), s.sid().to_owned()))
        .collect();
    let known: Vec<_> = WILD.iter().map(|(r, s)| ((*r).to_owned(), (*s).to_owned())).collect();
    assert_eq!(wild, known);
}

#[test]
fn everything_is_said_of_what_knows_no_resource_alone() {
    let mut seen = BTreeSet::new();
    for statement in statements().iter().filter(|s| s.kind == "identity" && s.is_allow()) {
        let is_everything = list(&statement.body["Resource"]).contains(&json!("*"));
        for action in statement.actions() {
            let knows_none = NO_RESOURCE.contains(&action.as_str());
            assert_eq!(is_everything, knows_none, "{action}: {}", statement.place());
            seen.extend(knows_none.then_some(action));
        }
    }
    // The list has nothing that nobody needs.
    assert_eq!(seen, NO_RESOURCE.iter().map(|action| (*action).to_owned()).collect());
}

/// Of a role of the system's own account: what is named is a thing of this stack, or bears its name.
#[test]
fn functions_are_granted_things_of_the_stack_alone() {
    let names: BTreeSet<String> = resources()
        .into_iter()
        .filter_map(|(name, _)| Some(name.strip_prefix("template ")?.to_owned()))
        .collect();
    let own = statements();
    let own = own.iter().filter(|s| s.kind == "identity" && s.is_allow());
    let ours = own.filter(|s| {
        s.resource.starts_with("template ")
            && !["template ReaderRole", "template ResponderRole"].contains(&s.resource.as_str())
    });
    let mut count = 0;
    for statement in ours {
        for resource in list(&statement.body["Resource"]) {
            let is_ours = match (&resource["Fn::GetAtt"], &resource["Ref"], &resource["Fn::Sub"]) {
                (Value::Array(of), ..) => names.contains(of[0].as_str().unwrap()),
                (_, Value::String(name), _) => names.contains(name),
                (.., Value::String(text)) => {
                    // An attribute of a thing and a path below it, or a name that begins like ours.
                    let of = text.strip_prefix("${").and_then(|t| t.split_once(".Arn}/"));
                    of.is_some_and(|(name, path)| names.contains(name) && path != "*")
                        || text.rsplit([':', '/']).any(|part| part.starts_with("${Prefix}-"))
                }
                _ => resource == "*",
            };
            assert!(is_ours, "{resource}: {}", statement.place());
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

/// What the two roles of a protected account may be granted on: things of that account, by type.
#[test]
fn roles_of_accounts_are_granted_on_that_account_alone() {
    let everywhere: BTreeSet<&str> = BTreeSet::from([
        "*",
        "arn:${AWS::Partition}:cloudtrail:*:${AWS::AccountId}:trail/*",
        "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:security-group/*",
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*",
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*",
        // Names of buckets tell no account. The drivers name the owner with every call.
        "arn:${AWS::Partition}:s3:::*",
    ]);
    let all = resources();
    for (name, role) in
        [("ReaderRole", AccountRole::Reader), ("ResponderRole", AccountRole::Responder)]
    {
        for template in ["template", "member"] {
            let name = format!("{template} {name}");
            let (_, resource) = all.iter().find(|(other, _)| *other == name).unwrap();
            let policies = list(&resource["Properties"]["Policies"]);
            let [policy] = policies.as_slice() else { panic!("{policies:?}") };
            assert_eq!(policy["PolicyDocument"], role.policy(), "{name}");
            for statement in list(&policy["PolicyDocument"]["Statement"]) {
                let on = &statement["Resource"];
                let on = on.as_str().or_else(|| on["Fn::Sub"].as_str()).unwrap();
                assert!(everywhere.contains(on), "{name}: {on}");
            }
        }
    }
}

fn trusted(service: &str) -> Value {
    json!({ "Service": format!("{service}.amazonaws.com") })
}

/// Who may enter each role, by hand.
#[test]
fn each_role_is_entered_by_whom_it_is_for() {
    let here = json!({ "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } });
    let secret = json!({ "StringEquals": { "sts:ExternalId": { "Ref": "ExternalId" } } });
    let roles = |names: &[&str]| -> Value {
        let arn = |name: &&str| json!({ "Fn::GetAtt": [format!("{name}Role"), "Arn"] });
        json!({ "AWS": names.iter().map(arn).collect::<Vec<_>>() })
    };
    // A member names the responder's account, and its roles in the condition.
    let responder = "arn:${AWS::Partition}:iam::${ResponderAccount}";
    let account = json!({ "AWS": { "Fn::Sub": format!("{responder}:root") } });
    let members = |names: &[&str]| -> Value {
        let arn =
            |name: &&str| json!({ "Fn::Sub": format!("{responder}:role/${{Prefix}}-{name}") });
        let mut condition = secret.clone();
        let roles: Vec<Value> = names.iter().map(arn).collect();
        condition["ArnEquals"] = json!({ "aws:PrincipalArn": roles });
        condition
    };
    let mut expected: BTreeMap<String, (Value, Value)> = FUNCTIONS
        .iter()
        .map(|function| {
            (format!("template {}Role", function.name), (trusted("lambda"), Value::Null))
        })
        .collect();
    expected.insert("template StateMachineRole".into(), (trusted("states"), here.clone()));
    expected.insert("forward ForwardRole".into(), (trusted("events"), here));
    let or_none = |mut principals: Value, worker: Value| {
        let there = json!({ "Fn::If": ["HasWorker", worker, { "Ref": "AWS::NoValue" }] });
        principals["AWS"].as_array_mut().unwrap().push(there);
        principals
    };
    let whom = json!({ "Ref": "WorkerPrincipal" });
    let runs = json!({ "Fn::If": ["WorkerIsService", { "Service": whom }, { "AWS": whom }] });
    expected.insert("template WorkerRole".into(), (runs, Value::Null));
    let worker = json!({ "Fn::GetAtt": ["WorkerRole", "Arn"] });
    let reading = or_none(roles(&["Intake", "Prepare", "Verify", "Sweep", "Scan"]), worker);
    expected.insert("template ReaderRole".into(), (reading, secret.clone()));
    let writing = roles(&["Remediate", "RollBack"]);
    expected.insert("template ResponderRole".into(), (writing, secret.clone()));
    let reading = members(&["intake", "prepare", "verify", "sweep", "scan", "worker"]);
    expected.insert("member ReaderRole".into(), (account.clone(), reading));
    let writing = members(&["remediate", "roll-back"]);
    expected.insert("member ResponderRole".into(), (account, writing));
    let mut found = BTreeMap::new();
    for statement in statements().into_iter().filter(|s| s.kind == "trust") {
        assert_eq!(statement.actions(), ["sts:AssumeRole"], "{}", statement.place());
        assert!(statement.is_allow(), "{}", statement.place());
        let whom = (statement.body["Principal"].clone(), statement.body["Condition"].clone());
        assert!(found.insert(statement.resource.clone(), whom).is_none(), "{}", statement.place());
    }
    assert_eq!(found, expected);
}

/// Who is let in by resources themselves, by hand.
#[test]
fn what_resources_allow_is_allowed_to_few() {
    let here = json!({ "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } });
    let root = json!({ "AWS": { "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" } });
    let expected = [
        ("template Key", "AccountThroughIam", root.clone(), Value::Null),
        ("template Key", "AlarmsPublish", trusted("cloudwatch"), here.clone()),
        // EventBridge names no account to KMS and to SNS:
        // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
        ("template Key", "EventsPublish", trusted("events"), Value::Null),
        ("template QueuePolicy", "EventBridgeOfThisAccount", trusted("events"), here.clone()),
        (
            "template MembersMayHandOn",
            "",
            json!({ "AWS": { "Ref": "MemberAccounts" } }),
            Value::Null,
        ),
        ("template TopicPolicy", "WhoIsGrantedItByIam", root, Value::Null),
        ("template AlarmTopicPolicy", "AlarmsOfThisAccount", trusted("cloudwatch"), here.clone()),
        ("template AlarmTopicPolicy", "Events", trusted("events"), Value::Null),
        ("forward UndeliveredPolicy", "", trusted("events"), here),
    ];
    let mut found: Vec<_> = statements()
        .into_iter()
        .filter(|s| s.kind == "own" && s.is_allow())
        .map(|s| {
            let sid = s.sid().to_owned();
            (s.resource, sid, s.body["Principal"].clone(), s.body["Condition"].clone())
        })
        .collect();
    let mut expected: Vec<_> = expected
        .into_iter()
        .map(|(resource, sid, whom, when)| (resource.to_owned(), sid.to_owned(), whom, when))
        .collect();
    let order = |one: &(String, String, Value, Value)| (one.0.clone(), one.1.clone());
    found.sort_by_key(order);
    expected.sort_by_key(order);
    assert_eq!(found, expected);
}

/// Who may call functions beside those whom IAM lets.
#[test]
fn functions_are_called_by_the_clock_and_by_the_page_alone() {
    let permissions: BTreeMap<String, Value> = resources()
        .into_iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Lambda::Permission")
        .map(|(name, resource)| (name, resource["Properties"].clone()))
        .collect();
    let by_rule = |name: &str| {
        json!({
            "FunctionName": { "Ref": format!("{name}Function") },
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": { "Fn::GetAtt": [format!("{name}Rule"), "Arn"] },
        })
    };
    // Everyone may open the page, and only by its address: the link in the request is what counts.
    let page = |action: &str, by: &str, how: Value| {
        let function = json!({ "Ref": "ApprovalFunction" });
        json!({ "FunctionName": function, "Action": action, "Principal": "*", by: how })
    };
    let expected = BTreeMap::from([
        ("template SweepPermission".to_owned(), by_rule("Sweep")),
        ("template ScanPermission".to_owned(), by_rule("Scan")),
        (
            "template ApprovalUrlPermission".to_owned(),
            page("lambda:InvokeFunctionUrl", "FunctionUrlAuthType", json!("NONE")),
        ),
        (
            "template ApprovalInvokePermission".to_owned(),
            page("lambda:InvokeFunction", "InvokedViaFunctionUrl", json!(true)),
        ),
    ]);
    assert_eq!(permissions, expected);
}

/// What is denied is denied to all, by hand: calls without TLS, and to hear of questions for whoever
/// is not named.
#[test]
fn what_resources_deny_is_denied_to_everyone() {
    let insecure = json!({ "Bool": { "aws:SecureTransport": "false" } });
    let person =
        |name: &str| json!({ "Fn::If": [format!("Has{name}"), { "Ref": name }, "nobody"] });
    let people = ["AlertEmail", "ApproverEmail", "SecondApproverEmail"].map(person);
    let unknown = json!({
        "StringNotEquals": { "sns:Endpoint": people },
        "StringNotLike": { "sns:Endpoint": { "Ref": "Subscribers" } },
    });
    let expected = BTreeMap::from([
        ("template BucketPolicy".to_owned(), insecure.clone()),
        ("template QueuePolicy".to_owned(), insecure),
        ("template TopicPolicy".to_owned(), unknown),
    ]);
    let mut denied = BTreeMap::new();
    for statement in statements().into_iter().filter(|s| s.kind == "own" && !s.is_allow()) {
        assert_eq!(statement.body["Principal"], "*", "{}", statement.place());
        let condition = statement.body["Condition"].clone();
        assert!(denied.insert(statement.resource.clone(), condition).is_none());
    }
    assert_eq!(denied, expected);
}
