//! The claims about accounts, for each driver.

use aisaws_core::conformance::Report;
use aisaws_core::conformance::account::{self, Subject};
use aisaws_core::port::Account as _;
use serde_json::{Value, json};
use std::sync::Arc;

use aisaws_aws::drivers::MemoryLog;
#[cfg(feature = "driver-ec2")]
use aws_sdk_ec2::types::{IpPermission, IpRange};

#[cfg(feature = "driver-ec2")]
use crate::world::GROUP;
use crate::world::{BUCKET, KEY, TRAIL, World, resource, with};

fn assert_held(report: Report) {
    if let Err(report) = report.verdict() {
        panic!("{report}");
    }
}

/// Two handles as two processes have them: each its own clients, one log.
async fn run_all(world: &World, subject: &Subject) {
    let log = Arc::new(MemoryLog::default());
    let one = world.account_with(world.settings(), Arc::clone(&log) as _);
    let other = world.account_with(world.settings(), log);
    assert_held(account::run_all(&one, &other, subject).await);
}

#[tokio::test]
async fn buckets_are_read_and_written_as_claimed() {
    let Some(world) = World::new().await else { return };
    let bucket = world.bucket("conformance").await;
    let start = world.account().read(&bucket).await.unwrap();
    let encrypted = |algorithm: &str| {
        let mut encryption = start["BucketEncryption"].clone();
        encryption["SSEAlgorithm"] = algorithm.into();
        ("BucketEncryption", encryption)
    };
    let tags = ("Tags", json!({"owner": "it's 'quoted' & <odd>", "empty": ""}));
    let subject = Subject {
        resource: bucket,
        left: with(&start, &[encrypted("aws:kms")]),
        left_otherwise: with(&start, &[encrypted("aws:kms:dsse")]),
        right: with(&start, std::slice::from_ref(&tags)),
        both: with(&start, &[encrypted("aws:kms"), tags]),
        start,
        gone: resource(BUCKET, "never-there"),
    };
    run_all(&world, &subject).await;
}

#[cfg(feature = "driver-ec2")]
#[tokio::test]
async fn security_groups_are_read_and_written_as_claimed() {
    let Some(world) = World::new().await else { return };
    let group = world.group("conformance").await;
    let range = IpRange::builder().cidr_ip("192.0.2.0/24").description("office").build();
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443);
    let authorize = world.ec2().authorize_security_group_ingress().group_id(&group.id);
    authorize.ip_permissions(rule.ip_ranges(range).build()).send().await.unwrap();
    let start = world.account().read(&group).await.unwrap();
    let rules = |description: Option<&str>| {
        let mut rules = start["SecurityGroupIngress"].clone();
        match description {
            Some(text) => rules["tcp 443 192.0.2.0/24"]["Description"] = text.into(),
            None => rules = json!({}),
        }
        ("SecurityGroupIngress", rules)
    };
    let tags = ("Tags", json!({"team": "payments"}));
    let subject = Subject {
        resource: group,
        left: with(&start, &[rules(None)]),
        left_otherwise: with(&start, &[rules(Some("someone else's words"))]),
        right: with(&start, std::slice::from_ref(&tags)),
        both: with(&start, &[rules(None), tags]),
        start,
        gone: resource(GROUP, "sg-0123456789abcdef0"),
    };
    run_all(&world, &subject).await;
}

#[tokio::test]
async fn trails_are_read_and_written_as_claimed() {
    let Some(world) = World::new().await else { return };
    let trail = world.trail("conformance").await;
    let start = world.account().read(&trail).await.unwrap();
    let prefix = |text: &str| ("S3KeyPrefix", Value::from(text));
    let stopped = ("IsLogging", json!(false));
    let subject = Subject {
        resource: trail,
        left: with(&start, &[prefix("a")]),
        left_otherwise: with(&start, &[prefix("b")]),
        right: with(&start, std::slice::from_ref(&stopped)),
        both: with(&start, &[prefix("a"), stopped]),
        start,
        gone: resource(TRAIL, "never-there"),
    };
    run_all(&world, &subject).await;
}

/// A key has one field with two values: claims that need a third one do not apply.
#[tokio::test]
async fn access_keys_are_read_and_written_as_claimed() {
    let Some(world) = World::new().await else { return };
    let key = world.key("conformance").await;
    let (one, other) = (world.account(), world.account());
    let start = one.read(&key).await.unwrap();
    let inactive = with(&start, &[("Status", json!("Inactive"))]);
    let subject = Subject {
        resource: key,
        left: inactive.clone(),
        left_otherwise: inactive.clone(),
        right: inactive.clone(),
        both: inactive,
        start,
        gone: resource(KEY, "AKIAEXAMPLEEXAMPLE99"),
    };
    let outcomes = [
        account::a_resource_reads_as_it_is(&one, &subject).await,
        account::what_was_deleted_reads_as_null(&one, &subject).await,
        account::an_unknown_type_is_unsupported(&one, &subject).await,
        account::a_repeated_write_answers_as_the_first_and_does_nothing(&one, &one, &subject).await,
        account::another_step_of_the_same_plan_is_another_write(&one, &subject).await,
        account::writing_no_difference_makes_no_call(&one, &subject).await,
        account::what_is_gone_is_not_written_to(&one, &subject).await,
        account::one_of_many_concurrent_repetitions_acts(&one, &one, &subject).await,
        account::past_states_end_with_the_present_one(&other, &subject).await,
    ];
    for outcome in outcomes {
        outcome.unwrap();
    }
}
