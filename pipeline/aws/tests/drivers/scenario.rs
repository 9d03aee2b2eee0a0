//! Something bad is done to each type of resource: what is read is what the events tell, the
//! control convicts, the plan is written, and the read-back is silent.

use aisaws_controls::plan::{Outcome, Plan, prepare, verify};
use aisaws_core::id::ControlId;
use aisaws_core::port::Account as _;
use aisaws_core::resource::ResourceRef;
#[cfg(feature = "driver-ec2")]
use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, UserIdGroupPair};
use aws_sdk_s3::types::{BucketCannedAcl, OwnershipControls, OwnershipControlsRule};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, event, projected, step};

/// Reads, plans, writes and reads back. Answers with the actions that were called.
async fn repaired(
    world: &World,
    resource: &ResourceRef,
    control: &str,
    baseline: Option<&Value>,
) -> Vec<String> {
    let account = world.account();
    let before = account.read(resource).await.unwrap();
    let controls = [ControlId::new(control)];
    let plan = |state: &Value| prepare(resource, &controls, state, |_| baseline.cloned()).unwrap();
    let Outcome::Plan(found) = plan(&before) else { panic!("nothing convicts {before}") };
    let Plan { before, after, .. } = *found;
    let calls = account.write(resource, &before, &after, &step(&resource.id)).await.unwrap();
    let now = account.read(resource).await.unwrap();
    let problems = verify(&controls, &before, &after, &now, |_| baseline.cloned()).all();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(plan(&now), Outcome::Clean);
    calls.into_iter().map(|call| call.action).collect()
}

/// Events do not tell canonical ids: the account's number stands for its own.
fn as_events_tell(state: &Value) -> Value {
    let owner = state["AclOwner"].as_str().unwrap();
    serde_json::from_str(&state.to_string().replace(owner, ACCOUNT)).unwrap()
}

fn bucket_event(name: &str, bucket: &ResourceRef, more: &Value) -> aisaws_core::event::Event {
    let mut request = json!({"bucketName": bucket.id});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event("s3", name, &request)
}

#[tokio::test]
async fn a_bucket_that_was_opened_by_its_policy_is_closed() {
    let Some(world) = World::new().await else { return };
    let bucket = world.bucket("opened-by-policy").await;
    let account = world.account();
    let clean = account.read(&bucket).await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Ours", "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
         "Action": "s3:*", "Resource": "arn:aws:s3:::opened-by-policy/*"},
        {"Sid": "World", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
         "Resource": "arn:aws:s3:::opened-by-policy/*"},
    ]});
    world.block(&bucket.id, false).await;
    world.policy(&bucket.id, &policy).await;
    let off = json!({"BlockPublicAcls": false, "BlockPublicPolicy": false,
                     "IgnorePublicAcls": false, "RestrictPublicBuckets": false});
    let events = [
        bucket_event(
            "PutBucketPublicAccessBlock",
            &bucket,
            &json!({"PublicAccessBlockConfiguration": off}),
        ),
        bucket_event("PutBucketPolicy", &bucket, &json!({"bucketPolicy": policy})),
    ];
    let told = projected(&bucket, &clean, &events);
    assert_eq!(account.read(&bucket).await.unwrap(), told);
    let actions = repaired(&world, &bucket, "s3.bucket-policy-public", None).await;
    assert_eq!(actions, ["s3:PutBucketPolicy"]);
    let left = account.read(&bucket).await.unwrap()["BucketPolicy"]["Statement"].clone();
    let names: Vec<&str> =
        left.as_object().unwrap().values().map(|s| s["Sid"].as_str().unwrap()).collect();
    assert_eq!(names, ["Ours"]);
    let actions = repaired(&world, &bucket, "s3.block-public-access-off", None).await;
    assert_eq!(actions, ["s3:PutBucketPublicAccessBlock"]);
}

#[tokio::test]
async fn a_bucket_that_was_opened_by_its_grants_is_closed() {
    let Some(world) = World::new().await else { return };
    let bucket = world.bucket("opened-by-acl").await;
    let account = world.account();
    let clean = account.read(&bucket).await.unwrap();
    let s3 = world.s3();
    s3.delete_public_access_block().bucket(&bucket.id).send().await.unwrap();
    let rule = OwnershipControlsRule::builder().object_ownership("ObjectWriter".into());
    let controls = OwnershipControls::builder().rules(rule.build().unwrap()).build().unwrap();
    let put = s3.put_bucket_ownership_controls().bucket(&bucket.id);
    put.ownership_controls(controls).send().await.unwrap();
    let put = s3.put_bucket_acl().bucket(&bucket.id).acl(BucketCannedAcl::PublicReadWrite);
    put.send().await.unwrap();
    let events = [
        bucket_event("DeleteBucketPublicAccessBlock", &bucket, &json!({})),
        bucket_event(
            "PutBucketOwnershipControls",
            &bucket,
            &json!({"OwnershipControls": {"Rule": {"ObjectOwnership": "ObjectWriter"}}}),
        ),
        bucket_event("PutBucketAcl", &bucket, &json!({"x-amz-acl": "public-read-write"})),
    ];
    let told = projected(&bucket, &as_events_tell(&clean), &events);
    assert_eq!(as_events_tell(&account.read(&bucket).await.unwrap()), told);
    let actions = repaired(&world, &bucket, "s3.bucket-acl-public", None).await;
    assert_eq!(actions, ["s3:PutBucketAcl"]);
}

/// The rest of what is done to buckets, against what was there before.
#[tokio::test]
async fn settings_of_a_bucket_that_were_weakened_are_restored() {
    let Some(world) = World::new().await else { return };
    let bucket = world.bucket("weakened").await;
    world.bucket("weakened-logs").await;
    let (account, s3) = (world.account(), world.s3());
    let start = account.read(&bucket).await.unwrap();
    let good = crate::world::with(
        &start,
        &[
            (
                "BucketEncryption",
                json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/acme", "BucketKeyEnabled": true}),
            ),
            ("VersioningConfiguration", json!({"Status": "Enabled", "MfaDelete": false})),
            (
                "LoggingConfiguration",
                json!({"DestinationBucketName": "weakened-logs",
            "LogFilePrefix": "a/", "TargetObjectKeyFormat": null, "TargetGrants": {}}),
            ),
        ],
    );
    account.write(&bucket, &start, &good, &step("weakened-good")).await.unwrap();
    assert_eq!(account.read(&bucket).await.unwrap(), good);

    s3.delete_bucket_encryption().bucket(&bucket.id).send().await.unwrap();
    let suspended =
        aws_sdk_s3::types::VersioningConfiguration::builder().status("Suspended".into());
    let put = s3.put_bucket_versioning().bucket(&bucket.id);
    put.versioning_configuration(suspended.build()).send().await.unwrap();
    let off = aws_sdk_s3::types::BucketLoggingStatus::builder().build();
    s3.put_bucket_logging().bucket(&bucket.id).bucket_logging_status(off).send().await.unwrap();
    let events = [
        bucket_event("DeleteBucketEncryption", &bucket, &json!({})),
        bucket_event(
            "PutBucketVersioning",
            &bucket,
            &json!({"VersioningConfiguration": {"Status": "Suspended"}}),
        ),
        bucket_event("PutBucketLogging", &bucket, &json!({"BucketLoggingStatus": {}})),
    ];
    assert_eq!(account.read(&bucket).await.unwrap(), projected(&bucket, &good, &events));
    for (control, action) in [
        ("s3.default-encryption-removed", "s3:PutEncryptionConfiguration"),
        ("s3.versioning-suspended", "s3:PutBucketVersioning"),
        ("s3.access-logging-removed", "s3:PutBucketLogging"),
    ] {
        let key = step(control);
        let before = account.read(&bucket).await.unwrap();
        let Outcome::Plan(plan) =
            prepare(&bucket, &[ControlId::new(control)], &before, |_| Some(good.clone())).unwrap()
        else {
            panic!("{control} does not convict")
        };
        let calls = account.write(&bucket, &plan.before, &plan.after, &key).await.unwrap();
        assert_eq!(calls.iter().map(|call| call.action.as_str()).collect::<Vec<_>>(), [action]);
    }
    assert_eq!(account.read(&bucket).await.unwrap(), good);
}

#[cfg(feature = "driver-ec2")]
#[tokio::test]
async fn a_group_that_was_opened_to_the_world_is_closed_rule_by_rule() {
    let Some(world) = World::new().await else { return };
    let group = world.group("opened").await;
    let account = world.account();
    let clean = account.read(&group).await.unwrap();
    let office = IpRange::builder().cidr_ip("192.0.2.0/24").description("office").build();
    let everyone = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let everyone_6 = Ipv6Range::builder().cidr_ipv6("::/0").build();
    let itself = UserIdGroupPair::builder().group_id(&group.id).build();
    let ssh = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(22)
        .to_port(22)
        .ip_ranges(office)
        .ip_ranges(everyone)
        .ipv6_ranges(everyone_6);
    let all = IpPermission::builder().ip_protocol("-1").user_id_group_pairs(itself);
    let authorize = world
        .ec2()
        .authorize_security_group_ingress()
        .group_id(&group.id)
        .ip_permissions(ssh.build())
        .ip_permissions(all.build());
    authorize.send().await.unwrap();
    let events = [event(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        &json!({
            "groupId": group.id,
            "ipPermissions": {"items": [
                {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {}, "prefixListIds": {},
                 "ipRanges": {"items": [{"cidrIp": "192.0.2.0/24", "description": "office"}, {"cidrIp": "0.0.0.0/0"}]},
                 "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}},
                {"ipProtocol": "-1", "groups": {"items": [{"groupId": group.id, "userId": ACCOUNT}]},
                 "ipRanges": {}, "ipv6Ranges": {}, "prefixListIds": {}},
            ]},
        }),
    )];
    let opened = account.read(&group).await.unwrap();
    assert_eq!(opened, projected(&group, &clean, &events));
    let actions = repaired(&world, &group, "ec2.security-group-admin-port-world-open", None).await;
    assert_eq!(actions, ["ec2:RevokeSecurityGroupIngress"]);
    let left = account.read(&group).await.unwrap();
    let rules: Vec<&String> = left["SecurityGroupIngress"].as_object().unwrap().keys().collect();
    let own = format!("all {}", group.id);
    assert_eq!(rules, [own.as_str(), "tcp 22 192.0.2.0/24"]);
    // And back, which a roll-back does.
    let calls = account.write(&group, &left, &opened, &step("opened-again")).await.unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(account.read(&group).await.unwrap(), opened);
}

#[tokio::test]
async fn a_trail_that_was_stopped_logs_again() {
    let Some(world) = World::new().await else { return };
    let trail = world.trail("stopped").await;
    let account = world.account();
    let clean = account.read(&trail).await.unwrap();
    world.cloudtrail().stop_logging().name(&trail.id).send().await.unwrap();
    let events = [event("cloudtrail", "StopLogging", &json!({"name": trail.id}))];
    assert_eq!(account.read(&trail).await.unwrap(), projected(&trail, &clean, &events));
    let actions = repaired(&world, &trail, "cloudtrail.trail-logging-stopped", None).await;
    assert_eq!(actions, ["cloudtrail:StartLogging"]);
}

#[tokio::test]
async fn selectors_that_leave_management_events_out_are_widened() {
    let Some(world) = World::new().await else { return };
    let trail = world.trail("narrowed").await;
    let account = world.account();
    let clean = account.read(&trail).await.unwrap();
    let narrow = aws_sdk_cloudtrail::types::EventSelector::builder()
        .read_write_type("ReadOnly".into())
        .include_management_events(false)
        .data_resources(
            aws_sdk_cloudtrail::types::DataResource::builder()
                .r#type("AWS::S3::Object")
                .values("arn:aws:s3:::acme-logs/")
                .build(),
        );
    let put = world.cloudtrail().put_event_selectors().trail_name(&trail.id);
    put.event_selectors(narrow.build()).send().await.unwrap();
    let events = [event(
        "cloudtrail",
        "PutEventSelectors",
        &json!({
            "trailName": trail.id,
            "eventSelectors": [{"readWriteType": "ReadOnly", "includeManagementEvents": false,
                "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3:::acme-logs/"]}],
                "excludeManagementEventSources": []}],
        }),
    )];
    assert_eq!(account.read(&trail).await.unwrap(), projected(&trail, &clean, &events));
    let control = "cloudtrail.management-events-excluded";
    assert_eq!(repaired(&world, &trail, control, None).await, ["cloudtrail:PutEventSelectors"]);
}

#[tokio::test]
async fn a_trail_that_was_deleted_is_made_again_from_its_baseline() {
    let Some(world) = World::new().await else { return };
    let trail = world.trail("deleted").await;
    let account = world.account();
    let plain = account.read(&trail).await.unwrap();
    let good = crate::world::with(
        &plain,
        &[
            ("S3KeyPrefix", json!("audit")),
            ("IsMultiRegionTrail", json!(true)),
            ("EnableLogFileValidation", json!(true)),
            ("EventSelectors", json!({})),
            ("AdvancedEventSelectors", advanced()),
            ("Tags", json!({"team": "security"})),
        ],
    );
    account.write(&trail, &plain, &good, &step("deleted-good")).await.unwrap();
    assert_eq!(account.read(&trail).await.unwrap(), good);
    world.cloudtrail().delete_trail().name(&trail.id).send().await.unwrap();
    let events = [event("cloudtrail", "DeleteTrail", &json!({"name": trail.id}))];
    let gone = account.read(&trail).await.unwrap();
    assert_eq!(gone, projected(&trail, &good, &events));
    assert_eq!(gone, Value::Null);
    let actions = repaired(&world, &trail, "cloudtrail.trail-deleted", Some(&good)).await;
    let expected =
        ["cloudtrail:CreateTrail", "cloudtrail:PutEventSelectors", "cloudtrail:StartLogging"];
    assert_eq!(actions, expected);
    assert_eq!(account.read(&trail).await.unwrap(), good);
}

fn advanced() -> Value {
    use aisaws_controls::{Document, Keyed};
    let selectors: Keyed<Document> = [
        json!({"Name": "All", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}),
        json!({"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::acme-"], "NotEndsWith": [".tmp"]},
        ]}),
    ]
    .into_iter()
    .map(Document)
    .collect();
    serde_json::to_value(selectors).unwrap()
}

#[tokio::test]
async fn a_key_that_was_exposed_is_made_inactive() {
    let Some(world) = World::new().await else { return };
    let key = world.key("carol").await;
    let account = world.account();
    let events = [event("iam", "CreateAccessKey", &json!({"userName": "carol"}))];
    let mut record: Value = serde_json::from_str(&events[0].raw).unwrap();
    record["responseElements"] =
        json!({"accessKey": {"userName": "carol", "accessKeyId": key.id, "status": "Active"}});
    let events = [aisaws_core::source::cloudtrail::parse(&record.to_string()).unwrap()];
    let told = projected(&key, &Value::Null, &events);
    assert_eq!(account.read(&key).await.unwrap(), told);
    let actions = repaired(&world, &key, "iam.access-key-exposed", None).await;
    assert_eq!(actions, ["iam:UpdateAccessKey"]);
}
