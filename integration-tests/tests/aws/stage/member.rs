//! A member account: another account on the system's own emulator, so that its policies count, with
//! the stack of `member.yaml`.

use std::time::Instant;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use serde_json::Value;

use super::deployment::{WITHIN, config_as};
use super::target::Target;
use super::{ACCOUNT, Deployment, Options, call, event};

/// The member account.
pub(crate) const MEMBER: &str = "444455556666";
const TEMPLATE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/member.yaml"));
const STACK: &str = "aisaws-member";
/// As the template of the system has it, where nobody says otherwise.
pub(crate) const EXTERNAL_ID: &str = "aisaws";

/// A deployment that protects the member account, and clients of that account.
pub(crate) struct Member {
    pub(crate) stage: Deployment,
    pub(crate) target: Target,
    pub(crate) iam: aws_sdk_iam::Client,
}

/// The member account's root, as the emulator knows it.
pub(crate) fn root() -> Credentials {
    Credentials::new(MEMBER, "test", None, None, "emulator")
}

impl Member {
    /// With a deployment of its own.
    pub(crate) async fn start() -> Option<Self> {
        let parameters = [("MemberAccounts".to_owned(), MEMBER.to_owned())].into();
        let options = Options { protects_itself: true, parameters, ..Options::default() };
        let stage = Deployment::start(options).await?;
        put_up(&stage.endpoint()).await;
        let config: SdkConfig = config_as(&stage.endpoint(), root()).await;
        let iam = aws_sdk_iam::Client::new(&config);
        Some(Self { stage, target: Target::new(&config), iam })
    }

    /// A trail that does not log; its name.
    pub(crate) async fn trail(&self) -> String {
        let name = event::name("trail");
        let operation = "CloudTrail_20131101.CreateTrail";
        let body = serde_json::json!({ "Name": name, "S3BucketName": "acme-logs" });
        let endpoint = self.stage.endpoint();
        let (status, body) = call::json(&root(), "cloudtrail", &endpoint, operation, &body).await;
        assert_eq!(status, 200, "{body}");
        name
    }

    /// A user and a key of theirs, which is active; its id.
    pub(crate) async fn key(&self) -> String {
        let user = event::name("user");
        self.iam.create_user().user_name(&user).send().await.unwrap();
        let key = self.iam.create_access_key().user_name(&user).send().await.unwrap();
        key.access_key.unwrap().access_key_id
    }
}

/// The committed template, by CloudFormation, with one difference: the emulator says of a session of a
/// role the session's ARN under `aws:PrincipalArn`, where AWS says the role's.
fn adapted() -> String {
    let (role, session) =
        (":iam::${ResponderAccount}:role/", ":sts::${ResponderAccount}:assumed-role/");
    let line = |line: &str| match line.split_once(role) {
        Some((before, name)) => format!("{before}{session}{name}/*\n"),
        None => format!("{line}\n"),
    };
    assert!(TEMPLATE.contains(role), "the form of the template has changed");
    TEMPLATE.lines().map(line).collect()
}

/// As [`adapted`].
async fn put_up(endpoint: &str) {
    let create = [
        ("Action", "CreateStack"),
        ("StackName", STACK),
        ("TemplateBody", &adapted()),
        ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
        ("Parameters.member.1.ParameterKey", "ResponderAccount"),
        ("Parameters.member.1.ParameterValue", ACCOUNT),
        ("Parameters.member.2.ParameterKey", "ExternalId"),
        ("Parameters.member.2.ParameterValue", EXTERNAL_ID),
    ];
    cloudformation(endpoint, &create).await;
    let started = Instant::now();
    loop {
        let describe = [("Action", "DescribeStacks"), ("StackName", STACK)];
        let stacks = cloudformation(endpoint, &describe).await;
        if stacks.contains("<StackStatus>CREATE_COMPLETE</StackStatus>") {
            return;
        }
        let goes_on = stacks.contains("<StackStatus>CREATE_IN_PROGRESS</StackStatus>");
        assert!(goes_on && started.elapsed() < WITHIN, "{stacks}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

async fn cloudformation(endpoint: &str, fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Version", "2010-05-15").extend_pairs(fields);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let url = format!("{endpoint}/");
    let answer = call::signed(&root(), "cloudformation", &url, &headers, form.finish()).await;
    let (status, body) = answer;
    assert_eq!(status, 200, "{body}");
    body
}

/// A state with some of its fields replaced.
pub(crate) fn with(state: &Value, fields: &[(&str, Value)]) -> Value {
    let mut state = state.clone();
    for (name, value) in fields {
        assert!(state.get(*name).is_some(), "{name}");
        state[*name] = value.clone();
    }
    state
}
