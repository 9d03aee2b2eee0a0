//! Answers of AWS that no emulator gives, as its API reference shows them.

use aisaws_core::fault::{Classify as _, Fault as Class};
use aisaws_core::port::Account as _;
use futures::TryStreamExt as _;
use serde_json::{Value, json};

use crate::proxy::Fault;
use crate::world::{ACCOUNT, KEY, REGION, World, resource, step, with};

fn told(body: impl Into<String>) -> Fault {
    Fault::Answer { status: 200, body: body.into() }
}

/// What is not understood must not pass for a setting that is not there.
#[tokio::test]
async fn a_body_of_the_wrong_kind_is_an_error() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("wrong-body").await, world.account());
    // Source: S3 API Reference, GetBucketPolicyStatus and ListObjectsV2, "Response Syntax".
    let status = "<PolicyStatus><IsPublic>TRUE</IsPublic></PolicyStatus>";
    let list = "<ListBucketResult><Name>wrong-body</Name></ListBucketResult>";
    for (operation, body) in [
        ("GetBucketAcl", list),
        ("GetBucketOwnershipControls", list),
        ("GetPublicAccessBlock", list),
        ("GetPublicAccessBlock", ""),
        ("GetBucketPolicy", status),
        ("GetBucketPolicy", ""),
        ("GetBucketPolicy", r#"{"Version": "2012-10-17"}"#),
        ("GetBucketEncryption", list),
        (
            "GetBucketEncryption",
            "<ServerSideEncryptionConfiguration></ServerSideEncryptionConfiguration>",
        ),
        ("GetBucketVersioning", list),
        (
            "GetBucketVersioning",
            "<VersioningConfiguration><Status>Paused</Status></VersioningConfiguration>",
        ),
        ("GetBucketLogging", list),
        ("GetBucketTagging", list),
    ] {
        world.ministack.always(operation, told(body));
        let read = account.read(&bucket).await;
        let error = read.expect_err(&format!("{operation}: {body}"));
        assert_eq!(error.fault(), Class::Permanent, "{operation}: {body}");
    }
}

/// Source: S3 API Reference, GetBucketLogging and GetBucketAcl, examples.
#[tokio::test]
async fn log_targets_and_grants_are_read_whole() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("log-target").await, world.account());
    world.ministack.will("GetBucketLogging", [told(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<BucketLoggingStatus xmlns="http://doc.s3.amazonaws.com/2006-03-01">
  <LoggingEnabled>
    <TargetBucket>mybucketlogs</TargetBucket>
    <TargetPrefix>mybucket-access_log-/</TargetPrefix>
    <TargetGrants>
      <Grant>
        <Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="AmazonCustomerByEmail">
          <EmailAddress>user@example.com</EmailAddress>
        </Grantee>
        <Permission>READ</Permission>
      </Grant>
    </TargetGrants>
    <TargetObjectKeyFormat>
      <PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix>
    </TargetObjectKeyFormat>
  </LoggingEnabled>
</BucketLoggingStatus>"#,
    )]);
    let logging = account.read(&bucket).await.unwrap()["LoggingConfiguration"].clone();
    assert_eq!(
        logging,
        json!({
            "DestinationBucketName": "mybucketlogs",
            "LogFilePrefix": "mybucket-access_log-/",
            "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
            "TargetGrants": {"email=user@example.com READ": {
                "Grantee": {"EmailAddress": "user@example.com"}, "Permission": "READ"}},
        })
    );
    // What was read can be written back.
    let before = account.read(&bucket).await.unwrap();
    let after = with(&before, &[("LoggingConfiguration", logging)]);
    world.ministack.will("PutBucketLogging", [told("")]);
    account.write(&bucket, &before, &after, &step("log-target")).await.unwrap();
    let seen = world.ministack.seen();
    let put = seen.iter().find(|seen| seen.operation == "PutBucketLogging").unwrap();
    for part in [
        "<TargetBucket>mybucketlogs</TargetBucket>",
        "<PartitionDateSource>EventTime</",
        "<EmailAddress>user@example.com</",
        "<Permission>READ</",
    ] {
        assert!(put.body.contains(part), "{part} in {}", put.body);
    }
}

/// Source: S3 API Reference, `ServerSideEncryptionRule` and `BlockedEncryptionTypes`.
#[tokio::test]
async fn what_a_state_does_not_say_of_encryption_stays() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("blocked-types").await, world.account());
    let rule = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
        <SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>\
        <BucketKeyEnabled>false</BucketKeyEnabled><BlockedEncryptionTypes>\
        <EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes></Rule>\
        </ServerSideEncryptionConfiguration>";
    world.ministack.will("GetBucketEncryption", vec![told(rule); 4]);
    let before = account.read(&bucket).await.unwrap();
    let wanted =
        json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": null, "BucketKeyEnabled": true});
    let after = with(&before, &[("BucketEncryption", wanted)]);
    account.write(&bucket, &before, &after, &step("blocked-types")).await.unwrap();
    let seen = world.ministack.seen();
    let put = seen.iter().find(|seen| seen.operation == "PutBucketEncryption").unwrap();
    assert!(put.body.contains("<EncryptionType>SSE-C</EncryptionType>"), "{}", put.body);
    assert!(put.body.contains("<SSEAlgorithm>aws:kms</SSEAlgorithm>"), "{}", put.body);
}

/// IAM does not tell everyone whether a key exists; the users' keys do.
#[tokio::test]
async fn a_key_that_may_not_be_asked_for_is_looked_for() {
    let Some(world) = World::new().await else { return };
    let (key, account) = (world.key("dave").await, world.account());
    let denied = Fault::Answer { status: 403, body:
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>".to_owned() };
    world.ministack.will("GetAccessKeyLastUsed", vec![denied.clone(), denied.clone(), denied]);
    let found = account.read(&key).await.unwrap();
    assert_eq!(found, json!({"Id": key.id, "UserName": "dave", "Status": "Active"}));
    let unknown = resource(KEY, "AKIAEXAMPLEEXAMPLE99");
    assert_eq!(account.read(&unknown).await.unwrap(), Value::Null);
    let users_denied = Fault::Answer {
        status: 403,
        body: "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>".to_owned(),
    };
    world.ministack.will("ListUsers", [users_denied]);
    assert_eq!(account.read(&unknown).await.unwrap_err().fault(), Class::AccessDenied);
}

/// Source: IAM API Reference, ListUsers and ListAccessKeys; `Marker` and `IsTruncated`.
#[tokio::test]
async fn users_and_keys_are_listed_to_the_last_page() {
    let Some(world) = World::new().await else { return };
    let account = world.account();
    let users = |name: &str, marker: Option<&str>| {
        let member = format!(
            "<member><Path>/</Path><UserName>{name}</UserName><UserId>AIDAEXAMPLE</UserId>\
             <Arn>arn:aws:iam::{ACCOUNT}:user/{name}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>"
        );
        let more = marker.map_or("<IsTruncated>false</IsTruncated>".to_owned(), |marker| {
            format!("<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>")
        });
        told(format!(
            "<ListUsersResponse><ListUsersResult><Users>{member}</Users>{more}</ListUsersResult></ListUsersResponse>"
        ))
    };
    let keys = |id: &str, marker: Option<&str>| {
        let more = marker.map_or("<IsTruncated>false</IsTruncated>".to_owned(), |marker| {
            format!("<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>")
        });
        told(format!(
            "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata><member><AccessKeyId>{id}</AccessKeyId>\
             <Status>Active</Status></member></AccessKeyMetadata>{more}</ListAccessKeysResult></ListAccessKeysResponse>"
        ))
    };
    world.ministack.will("ListUsers", [users("a", Some("m1")), users("b", None)]);
    world.ministack.will(
        "ListAccessKeys",
        [
            keys("AKIAEXAMPLEEXAMPLE0A", Some("k1")),
            keys("AKIAEXAMPLEEXAMPLE1A", None),
            keys("AKIAEXAMPLEEXAMPLE0B", None),
        ],
    );
    let found: Vec<_> =
        account.list(KEY, &ACCOUNT.into(), &REGION.into()).try_collect().await.unwrap();
    let ids: Vec<&str> = found.iter().map(|key| key.id.as_str()).collect();
    assert_eq!(ids, ["AKIAEXAMPLEEXAMPLE0A", "AKIAEXAMPLEEXAMPLE1A", "AKIAEXAMPLEEXAMPLE0B"]);
    let seen = world.ministack.seen();
    let bodies: Vec<&str> = seen.iter().map(|seen| seen.body.as_str()).collect();
    assert!(bodies[2].contains("Marker=k1") && bodies[2].contains("UserName=a"), "{}", bodies[2]);
    assert!(bodies[3].contains("Marker=m1"), "{}", bodies[3]);
}

/// A rule that shares its group with another account's, and one that EC2 tells on a second page.
/// Source: EC2 API Reference, DescribeSecurityGroupRules, example response.
#[cfg(feature = "driver-ec2")]
#[tokio::test]
async fn rules_are_read_to_the_last_page() {
    let Some(world) = World::new().await else { return };
    let (group, account) = (world.group("paged").await, world.account());
    let page = |id: &str, source: &str, token: &str| {
        told(format!(
            r#"<DescribeSecurityGroupRulesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
        <requestId>r</requestId><securityGroupRuleSet><item>{source}<fromPort>443</fromPort>
        <groupId>{group}</groupId><groupOwnerId>{ACCOUNT}</groupOwnerId><ipProtocol>tcp</ipProtocol>
        <isEgress>false</isEgress><securityGroupRuleId>{id}</securityGroupRuleId><tagSet/>
        <toPort>443</toPort></item></securityGroupRuleSet>{token}</DescribeSecurityGroupRulesResponse>"#,
            group = group.id,
        ))
    };
    let theirs = "<referencedGroupInfo><groupId>sg-0aaaaaaaaaaaaaaaa</groupId>\
        <userId>444455556666</userId></referencedGroupInfo>";
    let own = format!(
        "<referencedGroupInfo><groupId>sg-0bbbbbbbbbbbbbbbb</groupId>\
        <userId>{ACCOUNT}</userId></referencedGroupInfo>"
    );
    world.moto.will(
        "DescribeSecurityGroupRules",
        [
            page("sgr-1", theirs, "<nextToken>t1</nextToken>"),
            page("sgr-2", &own, "<nextToken>t2</nextToken>"),
            page("sgr-3", "<prefixListId>pl-12345678</prefixListId>", ""),
        ],
    );
    let state = account.read(&group).await.unwrap();
    let rules: Vec<&String> = state["SecurityGroupIngress"].as_object().unwrap().keys().collect();
    assert_eq!(
        rules,
        [
            "tcp 443 444455556666/sg-0aaaaaaaaaaaaaaaa",
            "tcp 443 pl-12345678",
            "tcp 443 sg-0bbbbbbbbbbbbbbbb",
        ]
    );
}

/// Source: EC2 API Reference, RevokeSecurityGroupIngress: `Return` is false where it fails.
#[cfg(feature = "driver-ec2")]
#[tokio::test]
async fn ec2_saying_no_by_a_value_is_an_error() {
    let Some(world) = World::new().await else { return };
    let (group, account) = (world.group("said-no").await, world.account());
    let open = world.ec2().authorize_security_group_ingress().group_id(&group.id);
    open.ip_protocol("tcp").from_port(22).to_port(22).cidr_ip("0.0.0.0/0").send().await.unwrap();
    let before = account.read(&group).await.unwrap();
    let after = with(&before, &[("SecurityGroupIngress", json!({}))]);
    world.moto.will(
        "RevokeSecurityGroupIngress",
        [told(
            r#"<RevokeSecurityGroupIngressResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
        <requestId>r</requestId><return>false</return></RevokeSecurityGroupIngressResponse>"#,
        )],
    );
    let wrote = account.write(&group, &before, &after, &step("said-no")).await;
    assert_eq!(wrote.unwrap_err().fault(), Class::Permanent);
}
