//! What goes wrong between us and AWS, and between two writers.

use std::sync::Arc;
use std::time::Duration;

use aisaws_aws::drivers::{AwsAccount, MemoryLog, Settings};
use aisaws_core::fault::{Classify as _, Fault as Class};
use aisaws_core::port::{Account as _, AccountError};
use aisaws_core::resource::ResourceRef;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::proxy::{Fault, Meanwhile};
use crate::world::{World, resource, step, with};

fn told(status: u16, code: &str) -> Fault {
    Fault::Answer {
        status,
        body: format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
    }
}

async fn fault_of_read(account: &AwsAccount, resource: &ResourceRef) -> Class {
    account.read(resource).await.unwrap_err().fault()
}

/// Few attempts, so that giving up does not take long.
fn impatient(world: &World) -> AwsAccount {
    let settings = Settings { attempts: 2, ..world.settings() };
    world.account_with(settings, Arc::new(MemoryLog::default()))
}

/// An attempt does not take long either: on a busy machine any call may be too late.
fn hurried(world: &World) -> AwsAccount {
    let settings =
        Settings { attempts: 2, attempt_timeout: Duration::from_millis(500), ..world.settings() };
    world.account_with(settings, Arc::new(MemoryLog::default()))
}

#[tokio::test]
async fn what_passes_by_itself_is_not_even_noticed() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("passing").await, world.account());
    let expected = account.read(&bucket).await.unwrap();
    world.ministack.forget();
    world.ministack.will("GetBucketAcl", [told(503, "SlowDown")]);
    world.ministack.will("GetBucketPolicy", [told(500, "InternalError")]);
    world.ministack.will("GetBucketLogging", [Fault::Lost]);
    world.ministack.will("GetBucketTagging", [Fault::AnswerLost]);
    assert_eq!(account.read(&bucket).await.unwrap(), expected);
    for operation in ["GetBucketAcl", "GetBucketPolicy", "GetBucketLogging", "GetBucketTagging"] {
        // The one that failed, and another; on a busy machine that one may be too late, too.
        assert!(world.ministack.count(operation) >= 2, "{operation}");
    }
}

#[tokio::test]
async fn what_lasts_has_its_class() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("lasting").await, impatient(&world));
    for (operation, fault, class) in [
        ("GetBucketAcl", told(503, "SlowDown"), Class::Throttled),
        ("GetBucketPolicy", told(503, "ServiceUnavailable"), Class::Transient),
        ("GetBucketLogging", Fault::Lost, Class::Transient),
        ("GetBucketVersioning", told(301, "PermanentRedirect"), Class::Permanent),
        ("GetBucketEncryption", told(403, "AccessDenied"), Class::AccessDenied),
    ] {
        world.ministack.always(operation, fault);
        assert_eq!(fault_of_read(&account, &bucket).await, class, "{operation}");
    }
    world.ministack.always("GetBucketTagging", Fault::Silence);
    assert_eq!(fault_of_read(&hurried(&world), &bucket).await, Class::Transient);
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("refused").await, world.account());
    world.ministack.will("GetBucketAcl", [told(403, "AccessDenied")]);
    assert_eq!(fault_of_read(&account, &bucket).await, Class::AccessDenied);
    assert_eq!(world.ministack.count("GetBucketAcl"), 1);
}

#[tokio::test]
async fn an_account_that_is_not_named_is_not_reached() {
    let Some(world) = World::new().await else { return };
    let account = world.account();
    let foreign =
        ResourceRef { account: "444455556666".into(), ..resource(crate::world::BUCKET, "theirs") };
    assert_eq!(fault_of_read(&account, &foreign).await, Class::AccessDenied);
    let wrote = account.write(&foreign, &Value::Null, &json!({}), &step("foreign")).await;
    assert_eq!(wrote.unwrap_err().fault(), Class::AccessDenied);
    assert!(world.ministack.seen().is_empty());
}

#[tokio::test]
async fn a_bucket_of_another_account_is_never_touched() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("expected-owner").await, world.account());
    let start = account.read(&bucket).await.unwrap();
    let tagged = with(&start, &[("Tags", json!({"a": "b"}))]);
    account.write(&bucket, &start, &tagged, &step("expected-owner")).await.unwrap();
    for seen in world.ministack.seen() {
        let owner = seen.header("x-amz-expected-bucket-owner");
        assert_eq!(owner, Some(crate::world::ACCOUNT), "{}", seen.operation);
    }
}

/// Somebody puts another policy on a bucket.
#[derive(Debug)]
struct OtherPolicy(aws_sdk_s3::Client, &'static str);

impl Meanwhile for OtherPolicy {
    fn happen(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let policy = json!({"Version": "2012-10-17", "Statement": []}).to_string();
            self.0.put_bucket_policy().bucket(self.1).policy(policy).send().await.unwrap();
        })
    }
}

#[tokio::test]
async fn a_policy_that_changed_after_it_was_read_is_not_overwritten() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("raced").await, world.account());
    world.policy(&bucket.id, &json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::raced/*"}]})).await;
    let before = account.read(&bucket).await.unwrap();
    let after = with(&before, &[("BucketPolicy", Value::Null)]);
    let theirs = Arc::new(OtherPolicy(world.s3(), "raced"));
    world.ministack.will("GetBucketPolicy", [Fault::Pass, Fault::Meanwhile(theirs)]);
    let wrote = account.write(&bucket, &before, &after, &step("raced")).await;
    assert!(matches!(wrote, Err(AccountError::Changed(_))), "{wrote:?}");
    assert_eq!(world.ministack.count("DeleteBucketPolicy"), 0);
    let now = account.read(&bucket).await.unwrap();
    assert_eq!(now["BucketPolicy"]["Statement"], json!({}));
}

/// Somebody describes a rule anew.
#[cfg(feature = "driver-ec2")]
#[derive(Debug)]
struct Described(aws_sdk_ec2::Client, String);

#[cfg(feature = "driver-ec2")]
impl Meanwhile for Described {
    fn happen(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let range = aws_sdk_ec2::types::IpRange::builder()
                .cidr_ip("0.0.0.0/0")
                .description("load balancer, see #12");
            let rule = aws_sdk_ec2::types::IpPermission::builder()
                .ip_protocol("tcp")
                .from_port(22)
                .to_port(22);
            let call = self.0.update_security_group_rule_descriptions_ingress().group_id(&self.1);
            call.ip_permissions(rule.ip_ranges(range.build()).build()).send().await.unwrap();
        })
    }
}

#[cfg(feature = "driver-ec2")]
#[tokio::test]
async fn a_rule_that_changed_after_it_was_read_is_not_revoked() {
    let Some(world) = World::new().await else { return };
    let (group, account) = (world.group("raced").await, world.account());
    let open = world.ec2().authorize_security_group_ingress().group_id(&group.id);
    open.ip_protocol("tcp").from_port(22).to_port(22).cidr_ip("0.0.0.0/0").send().await.unwrap();
    let before = account.read(&group).await.unwrap();
    let after = with(&before, &[("SecurityGroupIngress", json!({}))]);
    let theirs = Arc::new(Described(world.ec2(), group.id.clone()));
    world.moto.will("DescribeSecurityGroupRules", [Fault::Pass, Fault::Meanwhile(theirs)]);
    let wrote = account.write(&group, &before, &after, &step("raced-rule")).await;
    assert!(matches!(wrote, Err(AccountError::Changed(_))), "{wrote:?}");
    assert_eq!(world.moto.count("RevokeSecurityGroupIngress"), 0);
}

/// Two fields, of which the second call is refused at first.
async fn half_written(world: &World, name: &str) -> (ResourceRef, Value, Value) {
    let (bucket, account) = (world.bucket(name).await, world.account());
    let before = account.read(&bucket).await.unwrap();
    let after = with(
        &before,
        &[
            ("VersioningConfiguration", json!({"Status": "Enabled", "MfaDelete": false})),
            ("Tags", json!({"a": "b"})),
        ],
    );
    world.ministack.will("PutBucketTagging", [told(403, "AccessDenied")]);
    (bucket, before, after)
}

#[tokio::test]
async fn a_write_that_stopped_half_way_is_carried_on_and_told_whole() {
    let Some(world) = World::new().await else { return };
    let (bucket, before, after) = half_written(&world, "half").await;
    let (account, key) = (world.account(), step("half"));
    let stopped = account.write(&bucket, &before, &after, &key).await.unwrap_err();
    assert_eq!(stopped.fault(), Class::AccessDenied);
    let calls = account.write(&bucket, &before, &after, &key).await.unwrap();
    let actions: Vec<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(actions, ["s3:PutBucketVersioning", "s3:PutBucketTagging"]);
    assert_eq!(world.ministack.count("PutBucketVersioning"), 1);
    assert_eq!(account.read(&bucket).await.unwrap(), after);
}

#[tokio::test]
async fn a_write_whose_record_was_lost_converges() {
    let Some(world) = World::new().await else { return };
    let (bucket, before, after) = half_written(&world, "lost-record").await;
    let key = step("lost-record");
    world.account().write(&bucket, &before, &after, &key).await.unwrap_err();
    let calls = world.account().write(&bucket, &before, &after, &key).await.unwrap();
    let actions: Vec<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(actions, ["s3:PutBucketTagging"]);
    assert_eq!(world.account().write(&bucket, &before, &after, &key).await.unwrap(), []);
    assert_eq!(world.account().read(&bucket).await.unwrap(), after);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_made_once_in_effect() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("answer-lost").await, world.account());
    let before = account.read(&bucket).await.unwrap();
    let after = with(&before, &[("Tags", json!({"a": "b"}))]);
    world.ministack.will("PutBucketTagging", [Fault::AnswerLost]);
    let calls = account.write(&bucket, &before, &after, &step("answer-lost")).await.unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(account.read(&bucket).await.unwrap(), after);
}

/// EC2 refuses the second revocation of a rule; planning again finds that it is gone.
#[cfg(feature = "driver-ec2")]
#[tokio::test]
async fn a_revocation_whose_answer_was_lost_is_found_done() {
    let Some(world) = World::new().await else { return };
    let (group, account) = (world.group("answer-lost").await, world.account());
    let open = world.ec2().authorize_security_group_ingress().group_id(&group.id);
    open.ip_protocol("tcp").from_port(22).to_port(22).cidr_ip("0.0.0.0/0").send().await.unwrap();
    let before = account.read(&group).await.unwrap();
    let after = with(&before, &[("SecurityGroupIngress", json!({}))]);
    world.moto.will("RevokeSecurityGroupIngress", [Fault::AnswerLost]);
    match account.write(&group, &before, &after, &step("revocation-lost")).await {
        Ok(_) | Err(AccountError::Changed(_)) => {}
        Err(e) => panic!("{}", aisaws_core::fault::chain(&e)),
    }
    account.write(&group, &before, &after, &step("revocation-lost")).await.unwrap();
    assert_eq!(account.read(&group).await.unwrap(), after);
}
