//! Least privilege: what drivers call is what the declarations name, all of it and nothing else.

use std::collections::BTreeSet;

use aisaws_aws::drivers::AwsAccount;
use aisaws_core::port::Account as _;
use aisaws_core::resource::ResourceRef;
use futures::TryStreamExt as _;
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::world::{World, resource, step, with};

/// The operations of a type, by the declaration.
fn declared(kind: &str) -> BTreeSet<String> {
    let apis = aisaws_controls::resource(kind).unwrap().apis();
    apis.iter().map(|api| api.operation.to_owned()).collect()
}

fn called(proxy: &Proxy) -> BTreeSet<String> {
    proxy.seen().into_iter().map(|seen| seen.operation).collect()
}

/// Writes state after state, reads each back, and lists.
async fn go_through(account: &AwsAccount, resource: &ResourceRef, states: &[Value]) {
    let mut now = account.read(resource).await.unwrap();
    for (n, next) in states.iter().enumerate() {
        let key = step(&format!("{resource} {n}"));
        account.write(resource, &now, next, &key).await.unwrap();
        now = account.read(resource).await.unwrap();
        assert_eq!(&now, next, "state {n}");
    }
    let all = account.list(&resource.kind, &resource.account, &resource.region);
    let all: Vec<ResourceRef> = all.try_collect().await.unwrap();
    assert_eq!(all.iter().filter(|one| *one == resource).count(), 1);
}

#[tokio::test]
async fn of_buckets() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("actions").await, world.account());
    let start = account.read(&bucket).await.unwrap();
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": "111122223333"},
                           "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::actions"});
    let key = aisaws_controls::Identity::identity(&aisaws_controls::Document(statement.clone()));
    let grant = "LogDelivery WRITE";
    let mut grants = start["AclGrants"].clone();
    grants[grant] = json!({"Grantee": {"URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"},
                           "Permission": "WRITE"});
    let open = with(
        &start,
        &[
            ("ObjectOwnership", json!("BucketOwnerPreferred")),
            ("AclGrants", grants),
            ("PublicAccessBlockConfiguration", Value::Null),
            (
                "BucketPolicy",
                json!({"Version": "2012-10-17", "Id": null, "Statement": {key: statement}}),
            ),
            (
                "BucketEncryption",
                json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": null, "BucketKeyEnabled": true}),
            ),
            ("VersioningConfiguration", json!({"Status": "Enabled", "MfaDelete": false})),
            (
                "LoggingConfiguration",
                json!({"DestinationBucketName": "actions", "LogFilePrefix": "",
            "TargetObjectKeyFormat": null, "TargetGrants": {}}),
            ),
            ("Tags", json!({"a": "b"})),
        ],
    );
    let suspended = ("VersioningConfiguration", json!({"Status": "Suspended", "MfaDelete": false}));
    let bare = with(&start, &[("ObjectOwnership", Value::Null), suspended.clone()]);
    let end = with(&start, &[suspended]);
    world.ministack.forget();
    go_through(&account, &bucket, &[open, bare, end]).await;
    assert_eq!(called(&world.ministack), declared(&bucket.kind));
}

#[cfg(feature = "driver-ec2")]
#[tokio::test]
async fn of_security_groups() {
    let Some(world) = World::new().await else { return };
    let (group, account) = (world.group("actions").await, world.account());
    let start = account.read(&group).await.unwrap();
    let other = world.group("actions-other").await;
    let rules = |description: Value| {
        json!({
            "tcp 443 192.0.2.0/24": {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
                "CidrIp": "192.0.2.0/24", "Description": description},
            "udp 53 2001:db8::/48": {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53,
                "CidrIpv6": "2001:db8::/48", "Description": null},
            (format!("all {}", other.id)): {"IpProtocol": "-1", "FromPort": null, "ToPort": null,
                "SourceSecurityGroupId": other.id, "Description": null},
        })
    };
    let open = with(
        &start,
        &[("SecurityGroupIngress", rules("office".into())), ("Tags", json!({"a": "b", "c": "d"}))],
    );
    let told = with(
        &open,
        &[
            ("SecurityGroupIngress", rules("the office".into())),
            ("Tags", json!({"a": "x", "e": "f"})),
        ],
    );
    go_through(&account, &group, &[open, told, start]).await;
    assert_eq!(called(&world.moto), declared(&group.kind));
}

#[tokio::test]
async fn of_access_keys() {
    let Some(world) = World::new().await else { return };
    let (key, account) = (world.key("actions").await, world.account());
    let start = account.read(&key).await.unwrap();
    let inactive = with(&start, &[("Status", json!("Inactive"))]);
    go_through(&account, &key, &[inactive, start]).await;
    assert_eq!(called(&world.ministack), declared(&key.kind));
}

#[tokio::test]
async fn of_trails() {
    let Some(world) = World::new().await else { return };
    let (trail, account) = (resource(crate::world::TRAIL, "actions"), world.account());
    let new = serde_json::to_value(aisaws_controls::cloudtrail::Trail {
        kms_key_id: Some("arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()),
        ..aisaws_controls::cloudtrail::Trail::new(Some("acme-logs".to_owned()))
    })
    .unwrap();
    let selector = json!({"ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
                          "DataResources": [], "ExcludeManagementEventSources": ["kms.amazonaws.com"]});
    let key = aisaws_controls::Identity::identity(&aisaws_controls::Document(selector.clone()));
    let logging = with(
        &new,
        &[
            ("S3KeyPrefix", json!("p")),
            ("IsLogging", json!(true)),
            ("EventSelectors", json!({key: selector})),
            ("Tags", json!({"a": "x", "c": "d"})),
        ],
    );
    let stopped = with(&logging, &[("IsLogging", json!(false)), ("Tags", json!({"e": "f"}))]);
    go_through(&account, &trail, &[new, logging, stopped.clone()]).await;
    account.write(&trail, &stopped, &Value::Null, &step("actions-gone")).await.unwrap();
    assert_eq!(account.read(&trail).await.unwrap(), Value::Null);
    assert_eq!(called(&world.ministack), declared(&trail.kind));
}
