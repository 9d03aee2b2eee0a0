//! Generated states of every type, dirty ones often.

use std::collections::BTreeMap;

use aisaws_controls::cloudtrail::Trail;
use aisaws_controls::ec2::{PortRange, Rule, SecurityGroup, Source, Traffic, Transport};
use aisaws_controls::iam::{AccessKey, KeyStatus};
use aisaws_controls::s3::{
    Algorithm, Bucket, BucketPolicy, Encryption, Grant, Grantee, Logging, ObjectOwnership,
    Permission, PublicAccessBlock, Versioning, VersioningStatus,
};
use aisaws_controls::{Document, Keyed};
use aisaws_core::event::Event;
use ipnet::IpNet;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::world::{BUCKET, GROUP, KEY, TRAIL, after, event, the};

/// Ranges that are the world, each by itself.
pub(crate) const WORLD: &[&str] =
    &["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "64.0.0.0/3", "::/0", "8000::/1", "2000::/3"];
/// Ranges that are not, even all of them together.
pub(crate) const KNOWN: &[&str] = &[
    "203.0.113.0/24",
    "198.51.100.7/32",
    "192.0.2.0/25",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "2001:db8::/48",
    "fd00::/8",
];

/// States of that type.
pub(crate) fn state_of(kind: &str) -> BoxedStrategy<Value> {
    fn json<S: serde::Serialize>(state: S) -> Value {
        serde_json::to_value(state).unwrap()
    }
    let made = match kind {
        BUCKET => bucket().prop_map(json).boxed(),
        GROUP => group().prop_map(json).boxed(),
        KEY => key().prop_map(json).boxed(),
        TRAIL => trail().prop_map(json).boxed(),
        other => panic!("no states of {other}"),
    };
    prop_oneof![3 => made, 1 => projected(kind)].boxed()
}

/// States that events lead to, in any order.
fn projected(kind: &str) -> impl Strategy<Value = Value> + use<> {
    let bucket = || json!({"bucketName": the(BUCKET).id});
    let group = || json!({"groupId": the(GROUP).id});
    let open = |from: u16, to: u16, net: &str| {
        json!({"groupId": the(GROUP).id, "ipPermissions": {}, "ipProtocol": "tcp",
               "fromPort": from, "toPort": to, "cidrIp": net})
    };
    let with = |mut request: Value, name: &str, value: Value| {
        request[name] = value;
        request
    };
    let selectors = json!([{"readWriteType": "ReadOnly", "includeManagementEvents": true}]);
    let advanced = json!([{"name": "d", "fieldSelectors": [
        {"field": "eventCategory", "equals": ["Data"]},
        {"field": "resources.type", "equals": ["AWS::S3::Object"]},
    ]}]);
    let (service, requests): (&str, Vec<(&str, Value)>) = match kind {
        BUCKET => (
            "s3",
            vec![
                ("PutBucketAcl", with(bucket(), "x-amz-acl", json!("public-read-write"))),
                ("PutBucketAcl", with(bucket(), "x-amz-acl", json!("log-delivery-write"))),
                ("DeleteBucketPublicAccessBlock", bucket()),
                ("DeleteBucketEncryption", bucket()),
                ("DeleteBucketPolicy", bucket()),
                (
                    "PutBucketPolicy",
                    with(
                        bucket(),
                        "bucketPolicy",
                        json!({"Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}),
                    ),
                ),
                (
                    "PutBucketVersioning",
                    with(bucket(), "VersioningConfiguration", json!({"Status": "Suspended"})),
                ),
                ("PutBucketLogging", with(bucket(), "BucketLoggingStatus", json!({}))),
            ],
        ),
        GROUP => (
            "ec2",
            vec![
                ("AuthorizeSecurityGroupIngress", open(22, 22, "208.236.235.254/0")),
                ("AuthorizeSecurityGroupIngress", open(0, 65535, "0.0.0.0/0")),
                ("AuthorizeSecurityGroupIngress", open(3306, 3306, "10.0.0.0/8")),
                ("RevokeSecurityGroupIngress", open(22, 22, "0.0.0.0/0")),
                (
                    "UpdateSecurityGroupRuleDescriptionsIngress",
                    with(
                        group(),
                        "ipPermissions",
                        json!({"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
                    "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "x"}]}}]}),
                    ),
                ),
            ],
        ),
        KEY => (
            "iam",
            vec![
                ("UpdateAccessKey", json!({"accessKeyId": the(KEY).id, "status": "Active"})),
                ("UpdateAccessKey", json!({"accessKeyId": the(KEY).id, "status": "Inactive"})),
            ],
        ),
        _ => (
            "cloudtrail",
            vec![
                ("CreateTrail", json!({"name": "audit", "s3BucketName": "b"})),
                ("StopLogging", json!({"name": "audit"})),
                ("StartLogging", json!({"name": "audit"})),
                ("UpdateTrail", json!({"name": "audit", "isMultiRegionTrail": true})),
                ("PutEventSelectors", json!({"trailName": "audit", "eventSelectors": selectors})),
                (
                    "PutEventSelectors",
                    json!({"trailName": "audit", "advancedEventSelectors": advanced}),
                ),
            ],
        ),
    };
    let events: Vec<Event> = requests
        .into_iter()
        .map(|(name, request)| event(service, name, &request, &Value::Null))
        .collect();
    let kind = kind.to_owned();
    vec(select(events), 0..6).prop_map(move |events| after(&kind, &events))
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[a-z]{1,3}", "[a-z/~]{0,3}", 0..3)
}

fn grant() -> impl Strategy<Value = Grant> {
    let owner = the(BUCKET).account.to_string();
    let grantees = vec![
        Grantee::all_users(),
        Grantee::authenticated_users(),
        Grantee::log_delivery(),
        Grantee::Account(owner),
        Grantee::Account("79a5".to_owned()),
    ];
    let permissions = vec![
        Permission::FullControl,
        Permission::Read,
        Permission::ReadAcp,
        Permission::Write,
        Permission::WriteAcp,
    ];
    (select(grantees), select(permissions)).prop_map(|(who, what)| Grant::new(who, what))
}

fn statement() -> impl Strategy<Value = Document> {
    let principal = select(vec![
        json!("*"),
        json!({"AWS": "*"}),
        json!({"AWS": ["arn:aws:iam::111122223333:root", "*"]}),
        json!({"AWS": "arn:aws:iam::111122223333:root"}),
        json!({"Service": "logging.s3.amazonaws.com"}),
    ]);
    let condition = option::of(select(vec![
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}),
        json!({"Bool": {"aws:SecureTransport": "true"}}),
    ]));
    let action = select(vec![json!("s3:GetObject"), json!(["s3:PutObject", "s3:GetObject"])]);
    let effect = select(vec!["Allow", "Allow", "Allow", "Deny"]);
    (effect, principal, action, condition, option::of("[A-Za-z]{0,4}")).prop_map(
        |(effect, principal, action, condition, sid)| {
            let mut one = json!({
                "Effect": effect,
                "Principal": principal,
                "Action": action,
                "Resource": "arn:aws:s3:::acme-reports/*",
            });
            if let Some(condition) = condition {
                one["Condition"] = condition;
            }
            if let Some(sid) = sid {
                one["Sid"] = json!(sid);
            }
            Document(one)
        },
    )
}

fn policy() -> impl Strategy<Value = BucketPolicy> {
    (vec(statement(), 1..4), option::of("[a-z]{1,3}")).prop_map(|(statements, id)| BucketPolicy {
        version: Some("2012-10-17".to_owned()),
        id,
        statement: statements.into_iter().collect(),
    })
}

fn encryption() -> impl Strategy<Value = Encryption> {
    let key = option::of(select(vec!["k-1".to_owned(), "k-2".to_owned()]));
    let algorithm = select(vec![Algorithm::Aes256, Algorithm::Kms, Algorithm::KmsDualLayer]);
    (algorithm, key, any::<bool>()).prop_map(|(algorithm, key, bucket_key_enabled)| Encryption {
        algorithm,
        kms_key: key.filter(|_| algorithm != Algorithm::Aes256),
        bucket_key_enabled,
    })
}

fn logging() -> impl Strategy<Value = Logging> {
    ("[a-z]{3}", "[a-z/]{0,4}", any::<bool>(), vec(grant(), 0..2)).prop_map(
        |(bucket, prefix, has_format, grants)| Logging {
            destination_bucket_name: bucket,
            log_file_prefix: prefix,
            target_object_key_format: has_format.then(|| Document(json!({"SimplePrefix": {}}))),
            target_grants: grants.into_iter().collect(),
        },
    )
}

fn block() -> impl Strategy<Value = PublicAccessBlock> {
    let any = any::<[bool; 4]>().prop_map(|[a, b, c, d]| PublicAccessBlock {
        block_public_acls: a,
        block_public_policy: b,
        ignore_public_acls: c,
        restrict_public_buckets: d,
    });
    prop_oneof![Just(PublicAccessBlock::ON), any]
}

prop_compose! {
    fn bucket()(
        grants in vec(grant(), 0..4),
        ownership in option::of(select(vec![
            ObjectOwnership::BucketOwnerEnforced,
            ObjectOwnership::BucketOwnerPreferred,
            ObjectOwnership::ObjectWriter,
        ])),
        block in option::of(block()),
        bucket_policy in option::of(policy()),
        bucket_encryption in encryption(),
        versioning in option::of((any::<bool>(), proptest::bool::weighted(0.2))),
        logging_configuration in option::of(logging()),
        tags in tags(),
    ) -> Bucket {
        let mut bucket = Bucket::new(the(BUCKET).account.as_str());
        for grant in grants {
            bucket.acl_grants.insert(grant);
        }
        Bucket {
            object_ownership: ownership,
            public_access_block_configuration: block,
            bucket_policy,
            bucket_encryption,
            versioning_configuration: versioning.map(|(is_on, mfa_delete)| Versioning {
                status: if is_on { VersioningStatus::Enabled } else { VersioningStatus::Suspended },
                mfa_delete,
            }),
            logging_configuration,
            tags,
            ..bucket
        }
    }
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let transport = select(vec![Transport::Tcp, Transport::Tcp, Transport::Udp]);
    let ports = prop_oneof![
        select(vec![(22, 22), (22, 23), (0, 1024), (3306, 3306), (0, 65535), (443, 443)]),
        select(vec![(0, 32767), (32768, 65535), (27000, 28000), (3389, 3390), (1, 65535)]),
        (any::<u16>(), any::<u16>()).prop_map(|(a, b)| (a.min(b), a.max(b))),
    ];
    prop_oneof![
        6 => (transport, ports).prop_map(|(transport, (first, last))| {
            Traffic::Ports(transport, PortRange::new(first, last).unwrap())
        }),
        1 => Just(Traffic::All),
        1 => Just(Traffic::Icmp { kind: 8, code: -1 }),
        1 => Just(Traffic::Other(50)),
    ]
}

fn source() -> impl Strategy<Value = Source> {
    let net = |text: &'static str| Source::from(text.parse::<IpNet>().unwrap());
    prop_oneof![
        3 => select(WORLD).prop_map(net),
        3 => select(KNOWN).prop_map(net),
        1 => Just(Source::SourcePrefixListId("pl-0123".to_owned())),
        1 => Just(Source::SourceSecurityGroupId("444455556666/sg-0f0f".to_owned())),
    ]
}

prop_compose! {
    pub(crate) fn group()(
        rules in vec((traffic(), source(), option::of("[a-z ]{1,4}")), 0..7),
        tags in tags(),
    ) -> SecurityGroup {
        let rules: Keyed<Rule> = rules
            .into_iter()
            .map(|(traffic, source, description)| Rule { traffic, source, description })
            .collect();
        SecurityGroup { security_group_ingress: rules, tags, ..SecurityGroup::new() }
    }
}

fn key() -> impl Strategy<Value = AccessKey> {
    let id = select(vec![the(KEY).id, "ASIAEXAMPLEEXAMPLE01".to_owned()]);
    let status = select(vec![KeyStatus::Active, KeyStatus::Active, KeyStatus::Inactive]);
    let user = option::of(Just("alice".to_owned()));
    (id, user, status).prop_map(|(id, user_name, status)| AccessKey { id, user_name, status })
}

fn basic_selector() -> impl Strategy<Value = Document> {
    let kind = option::of(select(vec!["All", "ReadOnly", "WriteOnly"]));
    let data = option::of(select(vec![
        json!([]),
        json!([{"Type": "AWS::S3::Object", "Values": []}]),
        json!([{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]),
        json!([{"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}]),
    ]));
    let excluded = option::of(select(vec![json!([]), json!(["kms.amazonaws.com"])]));
    (kind, option::of(any::<bool>()), data, excluded).prop_map(
        |(kind, includes, data, excluded)| {
            let settings = [
                ("ReadWriteType", kind.map(Value::from)),
                ("IncludeManagementEvents", includes.map(Value::from)),
                ("DataResources", data),
                ("ExcludeManagementEventSources", excluded),
            ];
            let given =
                settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Document(given.collect())
        },
    )
}

fn advanced_selector() -> impl Strategy<Value = Document> {
    let equals = |field: &str, value: &str| json!({"Field": field, "Equals": [value]});
    let category = select(vec![
        vec![equals("eventCategory", "Management")],
        vec![equals("eventCategory", "Data"), equals("resources.type", "AWS::S3::Object")],
    ]);
    let narrowing = select(vec![
        vec![],
        vec![equals("readOnly", "true")],
        vec![equals("readOnly", "false")],
        vec![json!({"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]})],
    ]);
    (option::of("[a-z]{0,2}"), category, narrowing).prop_map(|(name, category, narrowing)| {
        let fields = [category, narrowing].concat();
        let mut one = json!({"FieldSelectors": fields});
        if let Some(name) = name {
            one["Name"] = json!(name);
        }
        Document(one)
    })
}

/// Selectors of the older and of the newer form: never both.
fn selectors() -> impl Strategy<Value = (Keyed<Document>, Keyed<Document>)> {
    prop_oneof![
        2 => Just((Trail::default_selectors(), Keyed::new())),
        3 => vec(basic_selector(), 1..6).prop_map(|set| (set.into_iter().collect(), Keyed::new())),
        3 => vec(advanced_selector(), 1..4)
            .prop_map(|set| (Keyed::new(), set.into_iter().collect())),
    ]
}

prop_compose! {
    fn trail()(
        s3_bucket_name in option::weighted(0.9, "[a-z]{3}"),
        s3_key_prefix in option::of("[a-z]{1,3}"),
        kms_key_id in option::of("[a-z]{1,3}"),
        flags in any::<[bool; 4]>(),
        is_logging in any::<bool>(),
        (event_selectors, advanced_event_selectors) in selectors(),
        tags in tags(),
    ) -> Trail {
        let [is_multi_region_trail, is_organization_trail, validation, global] = flags;
        Trail {
            s3_key_prefix,
            kms_key_id,
            is_multi_region_trail,
            is_organization_trail,
            enable_log_file_validation: validation,
            include_global_service_events: global,
            is_logging,
            event_selectors,
            advanced_event_selectors,
            tags,
            ..Trail::new(s3_bucket_name)
        }
    }
}
