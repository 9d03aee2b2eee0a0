//! One call of any service, made with the credentials of a role, and whether it was denied. A call
//! says what it is about and not much more: what is allowed fails for another reason, or does little.

use aws_credential_types::Credentials;
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use serde_json::json;

use crate::stage::call::{self, Answer};
use crate::stage::deployment::config_as;
use crate::stage::member::EXTERNAL_ID;
use crate::stage::{ACCOUNT, REGION};

/// A call: its IAM action, and what it is about, as [`Ask::new`] tells.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) action: String,
    pub(super) on: String,
}

/// How the emulator says no, by the action that it took the call for.
const DENIED: &str = "is not authorized to perform: ";

impl Ask {
    /// A table by its name (of an index: `aisaws/index/by_time`), a bucket or an object by its path,
    /// a queue, a log group, a function, a rule, a trail, a user or a role by its name, a group by
    /// its id, all else by its ARN.
    pub(super) fn new(action: &str, on: &str) -> Self {
        Self { action: action.to_owned(), on: on.to_owned() }
    }

    /// Makes it; whether it was denied. What the emulator took for another action is a panic.
    pub(super) async fn is_denied(&self, endpoint: &str, who: &Credentials) -> bool {
        let (status, body) = self.made(endpoint, who).await;
        let Some((_, denied)) = body.split_once(DENIED) else {
            let is_known = !["SignatureDoesNotMatch", "UnrecognizedClient", "InvalidClientTokenId"]
                .iter()
                .any(|code| body.contains(code));
            assert!(is_known && status != 403, "{self:?}: {status} {body}");
            return false;
        };
        assert!(denied.starts_with(&self.action), "{self:?}: {body}");
        true
    }

    async fn made(&self, endpoint: &str, who: &Credentials) -> Answer {
        let (service, name) = self.action.split_once(':').unwrap();
        match service {
            "s3" => self.of_s3(endpoint, who, name).await,
            "lambda" => self.of_lambda(endpoint, who, name).await,
            "iam" | "sts" | "ec2" | "sns" | "cloudformation" => {
                self.by_form(endpoint, who, (service, name)).await
            }
            _ => self.by_json(endpoint, who, (service, name)).await,
        }
    }

    async fn by_json(
        &self,
        endpoint: &str,
        who: &Credentials,
        (service, name): (&str, &str),
    ) -> Answer {
        let on = self.on.as_str();
        let (protocol, body) = match service {
            "dynamodb" => {
                let (table, index) =
                    on.split_once("/index/").map_or((on, None), |(t, i)| (t, Some(i)));
                let body = if name.starts_with("Batch") {
                    json!({ "RequestItems": { table: [] } })
                } else {
                    json!({ "TableName": table, "IndexName": index })
                };
                ("DynamoDB_20120810", body)
            }
            "sqs" => ("AmazonSQS", json!({ "QueueUrl": format!("{endpoint}/{ACCOUNT}/{on}") })),
            // The input is no JSON.
            "states" => {
                let field =
                    if on.contains(":execution:") { "executionArn" } else { "stateMachineArn" };
                ("AWSStepFunctions", json!({ field: on, "input": "x", "taskToken": "none" }))
            }
            "kms" => ("TrentService", json!({ "KeyId": on })),
            "logs" => ("Logs_20140328", json!({ "logGroupName": on })),
            "events" if name == "PutEvents" => {
                ("AWSEvents", json!({ "Entries": [{ "EventBusName": on }] }))
            }
            "events" => ("AWSEvents", json!({ "Name": on })),
            "cloudtrail" => {
                let body = json!({ "Name": on, "TrailName": on, "ResourceId": on });
                ("CloudTrail_20131101", body)
            }
            "secretsmanager" => ("secretsmanager", json!({ "SecretId": on })),
            "ssm" => ("AmazonSSM", json!({ "Name": on })),
            other => panic!("say here how `{other}` is asked"),
        };
        call::json(who, service, endpoint, &format!("{protocol}.{name}"), &body).await
    }

    async fn by_form(
        &self,
        endpoint: &str,
        who: &Credentials,
        (service, name): (&str, &str),
    ) -> Answer {
        let on = self.on.as_str();
        let version = match service {
            "iam" => "2010-05-08",
            "sts" => "2011-06-15",
            "ec2" => "2016-11-15",
            "sns" => "2010-03-31",
            _ => "2010-05-15",
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", name).append_pair("Version", version);
        match service {
            "iam" if name.contains("Role") => form.append_pair("RoleName", on),
            "iam" => form.append_pair("UserName", on),
            "sts" => form
                .append_pair("RoleArn", on)
                .append_pair("RoleSessionName", "aisaws-read")
                .append_pair("ExternalId", EXTERNAL_ID),
            "ec2" if on.starts_with("i-") => form.append_pair("InstanceId.1", on),
            "ec2" => form.append_pair("GroupId", on),
            "sns" => form.append_pair("TopicArn", on),
            _ => form.append_pair("StackName", on),
        };
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        call::signed(who, service, &format!("{endpoint}/"), &headers, form.finish()).await
    }

    async fn of_s3(&self, endpoint: &str, who: &Credentials, name: &str) -> Answer {
        let (method, query) = match name {
            "CreateBucket" | "PutObject" => ("PUT", ""),
            "DeleteBucket" | "DeleteObject" => ("DELETE", ""),
            "GetObject" | "ListBucket" | "ListAllMyBuckets" => ("GET", ""),
            "DeleteBucketPolicy" => ("DELETE", "?policy"),
            other => {
                let (method, part) = match other.split_at(3) {
                    ("Get", part) => ("GET", part),
                    ("Put", part) => ("PUT", part),
                    _ => panic!("say here how `{other}` is asked"),
                };
                let query = match part {
                    "BucketAcl" => "?acl",
                    "BucketLogging" => "?logging",
                    "BucketOwnershipControls" => "?ownershipControls",
                    "BucketPolicy" => "?policy",
                    "BucketPublicAccessBlock" => "?publicAccessBlock",
                    "BucketTagging" => "?tagging",
                    "BucketVersioning" => "?versioning",
                    "EncryptionConfiguration" => "?encryption",
                    "LifecycleConfiguration" => "?lifecycle",
                    other => panic!("say here how `{other}` is asked"),
                };
                (method, query)
            }
        };
        let url = format!("{endpoint}/{}{query}", self.on);
        call::signed_by(method, who, "s3", &url, &[], String::new()).await
    }

    async fn of_lambda(&self, endpoint: &str, who: &Credentials, name: &str) -> Answer {
        let (method, rest) = match name {
            "InvokeFunction" => ("POST", "/invocations"),
            "UpdateFunctionCode" => ("PUT", "/code"),
            "UpdateFunctionConfiguration" => ("PUT", "/configuration"),
            "DeleteFunction" => ("DELETE", ""),
            other => panic!("say here how `{other}` is asked"),
        };
        let url = format!("{endpoint}/2015-03-31/functions/{}{rest}", self.on);
        // Only whether one may.
        let headers = [("content-type", "application/json"), ("x-amz-invocation-type", "DryRun")];
        call::signed_by(method, who, "lambda", &url, &headers, "{}".to_owned()).await
    }
}

/// A session of that role; `None` where it is denied.
pub(super) async fn session(
    endpoint: &str,
    who: Credentials,
    role: &str,
    external_id: &str,
) -> Option<Credentials> {
    let config = config_as(endpoint, who).await;
    let assume = aws_sdk_sts::Client::new(&config).assume_role().role_arn(role);
    let assume = assume.role_session_name("a-test").external_id(external_id);
    let given = match assume.send().await {
        Ok(given) => given.credentials.unwrap(),
        Err(e) if e.code() == Some("AccessDenied") => return None,
        Err(e) => panic!("{role}: {e:?}"),
    };
    let token = Some(given.session_token);
    Some(Credentials::new(given.access_key_id, given.secret_access_key, token, None, "emulator"))
}

/// The name of a thing of this account in the stack's region: `arn:aws:states:…:stateMachine:x`.
pub(super) fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}
