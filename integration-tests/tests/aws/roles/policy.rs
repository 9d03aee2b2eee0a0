//! The policies of roles as they are deployed.

use serde_json::{Value, json};

/// Calls in which the emulator does not see what they are about: it takes them for calls on
/// everything, and denies them wherever a policy names a resource.
const UNSEEN: &[&str] = &[
    "cloudtrail:AddTags",
    "cloudtrail:ListTags",
    "cloudtrail:RemoveTags",
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "iam:GetAccessKeyLastUsed",
];

/// The emulator asks for batches by names of their own; in IAM they are the same action.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>
const BATCHES: [(&str, &str); 2] = [
    ("sqs:DeleteMessage", "sqs:DeleteMessageBatch"),
    ("sqs:ChangeMessageVisibility", "sqs:ChangeMessageVisibilityBatch"),
];

/// One action of one statement that allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    statement: usize,
    pub(super) action: String,
}

/// A role with its one policy.
#[derive(Debug, Clone)]
pub(super) struct Role {
    iam: aws_sdk_iam::Client,
    name: String,
    policy: String,
    document: Value,
}

impl Role {
    /// As it is deployed, in the account of that client.
    pub(super) async fn load(iam: &aws_sdk_iam::Client, name: &str) -> Self {
        let policies = iam.list_role_policies().role_name(name).send().await.unwrap();
        let [policy] = policies.policy_names() else { panic!("{policies:?}") };
        let get = iam.get_role_policy().role_name(name).policy_name(policy);
        let answer = get.send().await.unwrap();
        // Documents are URL-encoded (RFC 3986).
        let text = percent_decoded(answer.policy_document());
        let mut document: Value = serde_json::from_str(&text).unwrap();
        for statement in document["Statement"].as_array_mut().unwrap() {
            for field in ["Action", "Resource"] {
                if statement[field].is_string() {
                    statement[field] = json!([statement[field]]);
                }
            }
        }
        Self { iam: iam.clone(), name: name.to_owned(), policy: policy.clone(), document }
    }

    /// The same, but for this: what is granted on some resources, and asked for on resources that the
    /// emulator does not see, is granted on all; a log group is granted by its bare name too, as the
    /// emulator leaves out the `:*` with which its ARN ends.
    pub(super) async fn widened(mut self) -> Self {
        let is_unseen = |action: &Value| UNSEEN.contains(&action.as_str().unwrap_or_default());
        let statements = self.document["Statement"].as_array_mut().unwrap();
        let mut unseen = Vec::new();
        let bare = |resource: &Value| {
            let name = resource.as_str()?.strip_suffix(":*")?;
            name.contains(":log-group:").then(|| Value::from(name))
        };
        for statement in statements.iter_mut().filter(|s| s["Effect"] == "Allow") {
            let actions = statement["Action"].as_array_mut().unwrap();
            unseen.extend(actions.extract_if(.., |action| is_unseen(action)));
            let resources = statement["Resource"].as_array_mut().unwrap();
            let groups: Vec<Value> = resources.iter().filter_map(bare).collect();
            resources.extend(groups);
        }
        statements.retain(|s| !s["Action"].as_array().is_some_and(Vec::is_empty));
        if !unseen.is_empty() {
            statements.push(json!({ "Effect": "Allow", "Action": unseen, "Resource": "*" }));
        }
        self.restore().await;
        self
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it is granted.
    pub(super) fn grants(&self) -> Vec<Grant> {
        let statements = self.document["Statement"].as_array().unwrap().iter().enumerate();
        let allow = statements.filter(|(_, statement)| statement["Effect"] == "Allow");
        let grants = allow.flat_map(|(statement, s)| {
            let action = move |action: &Value| Grant {
                statement,
                action: action.as_str().unwrap().to_owned(),
            };
            s["Action"].as_array().unwrap().iter().map(action)
        });
        grants.collect()
    }

    /// What a statement is about, by its id.
    pub(super) fn resource(&self, sid: &str) -> &str {
        let statements = self.document["Statement"].as_array().unwrap();
        let statement = statements.iter().find(|statement| statement["Sid"] == sid).unwrap();
        statement["Resource"][0].as_str().unwrap()
    }

    /// Takes one grant away.
    pub(super) async fn take(&self, grant: &Grant) {
        let mut document = self.document.clone();
        let statement = &mut document["Statement"][grant.statement];
        let actions = statement["Action"].as_array_mut().unwrap();
        actions.retain(|action| action != grant.action.as_str());
        self.put(document).await;
    }

    /// Takes actions away, wherever they are granted.
    pub(super) async fn withhold(&self, actions: &[&str]) {
        let mut document = self.document.clone();
        for statement in document["Statement"].as_array_mut().unwrap() {
            let granted = statement["Action"].as_array_mut().unwrap();
            granted.retain(|action| !actions.contains(&action.as_str().unwrap()));
        }
        self.put(document).await;
    }

    /// As it was.
    pub(super) async fn restore(&self) {
        self.put(self.document.clone()).await;
    }

    async fn put(&self, mut document: Value) {
        // A statement has an action.
        let statements = document["Statement"].as_array_mut().unwrap();
        statements.retain(|s| !s["Action"].as_array().is_some_and(Vec::is_empty));
        for actions in statements.iter_mut().filter_map(|s| s["Action"].as_array_mut()) {
            let batches = BATCHES.iter().filter(|(action, _)| actions.iter().any(|a| a == action));
            let batches: Vec<Value> = batches.map(|(_, batch)| Value::from(*batch)).collect();
            actions.extend(batches);
        }
        let put = self.iam.put_role_policy().role_name(&self.name).policy_name(&self.policy);
        put.policy_document(document.to_string()).send().await.unwrap();
    }
}

fn percent_decoded(text: &str) -> String {
    let pair = format!("k={}", text.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}
