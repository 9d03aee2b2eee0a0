//! An account to test with: emulators, a proxy before each, and an [`AwsAccount`] behind them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aisaws_aws::Aws;
use aisaws_aws::drivers::{Access, AwsAccount, MemoryLog, Rate, Service, Settings, WriteLog};
use aisaws_core::canonical::Digest;
use aisaws_core::event::Event;
use aisaws_core::id::IncidentId;
use aisaws_core::port::WriteKey;
use aisaws_core::resource::ResourceRef;
use aisaws_core::source::cloudtrail;
use aisaws_emulators::{Emulator, EmulatorError, or_skipped};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use serde_json::{Value, json};

use crate::proxy::Proxy;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const BUCKET: &str = "AWS::S3::Bucket";
#[cfg(feature = "driver-ec2")]
pub(crate) const GROUP: &str = "AWS::EC2::SecurityGroup";
pub(crate) const KEY: &str = "AWS::IAM::AccessKey";
pub(crate) const TRAIL: &str = "AWS::CloudTrail::Trail";

type Started = OnceLock<Option<Emulator>>;

fn endpoint(
    started: &'static Started,
    start: fn() -> Result<Emulator, EmulatorError>,
) -> Option<String> {
    let started = started.get_or_init(|| or_skipped(start()));
    started.as_ref().map(Emulator::endpoint)
}

/// The emulators are shared by all tests, the proxies and the account are a test's own.
pub(crate) struct World {
    pub(crate) ministack: Proxy,
    #[cfg(feature = "driver-ec2")]
    pub(crate) moto: Proxy,
    direct: SdkConfig,
    #[cfg(feature = "driver-ec2")]
    direct_ec2: SdkConfig,
    base: Aws,
}

impl World {
    pub(crate) async fn new() -> Option<Self> {
        static MINISTACK: Started = OnceLock::new();
        #[cfg(feature = "driver-ec2")]
        static MOTO: Started = OnceLock::new();
        let ministack = endpoint(&MINISTACK, aisaws_emulators::ministack)?;
        #[cfg(feature = "driver-ec2")]
        let moto = endpoint(&MOTO, aisaws_emulators::moto)?;
        Some(Self {
            ministack: Proxy::before(&ministack),
            #[cfg(feature = "driver-ec2")]
            moto: Proxy::before(&moto),
            direct: Self::config(&ministack).await,
            #[cfg(feature = "driver-ec2")]
            direct_ec2: Self::config(&moto).await,
            // What is not told where to go goes nowhere (RFC 5737).
            base: Aws::emulator("http://192.0.2.1:1").await,
        })
    }

    /// How to call an emulator without being seen.
    async fn config(endpoint: &str) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "emulator"))
            .endpoint_url(endpoint)
            .load()
            .await
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.direct);
        aws_sdk_s3::Client::from_conf(config.force_path_style(true).build())
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.direct)
    }

    pub(crate) fn cloudtrail(&self) -> aws_sdk_cloudtrail::Client {
        aws_sdk_cloudtrail::Client::new(&self.direct)
    }

    #[cfg(feature = "driver-ec2")]
    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.direct_ec2)
    }

    /// Reached with the credentials of this process, as fast as it goes.
    pub(crate) fn settings(&self) -> Settings {
        let accounts = BTreeMap::from([(ACCOUNT.into(), Access::Ambient)]);
        let ministack = self.ministack.endpoint.clone();
        let endpoints = BTreeMap::from([
            (Service::S3, ministack.clone()),
            (Service::Iam, ministack.clone()),
            (Service::CloudTrail, ministack.clone()),
            (Service::Sts, ministack),
            #[cfg(feature = "driver-ec2")]
            (Service::Ec2, self.moto.endpoint.clone()),
        ]);
        let rate = Rate { per_second: 1e6, burst: 1_000_000 };
        Settings { endpoints, rate, ..Settings::new(accounts) }
    }

    pub(crate) fn account_with(&self, settings: Settings, log: Arc<dyn WriteLog>) -> AwsAccount {
        AwsAccount::new(&self.base, settings, log)
    }

    pub(crate) fn account(&self) -> AwsAccount {
        self.account_with(self.settings(), Arc::new(MemoryLog::default()))
    }

    /// A bucket with all public access blocked, as AWS makes it.
    pub(crate) async fn bucket(&self, name: &str) -> ResourceRef {
        let s3 = self.s3();
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
            .location_constraint(REGION.into());
        let create = s3.create_bucket().bucket(name).create_bucket_configuration(place.build());
        create.send().await.unwrap();
        self.block(name, true).await;
        resource(BUCKET, name)
    }

    pub(crate) async fn block(&self, name: &str, is_on: bool) {
        let block = aws_sdk_s3::types::PublicAccessBlockConfiguration::builder()
            .block_public_acls(is_on)
            .block_public_policy(is_on)
            .ignore_public_acls(is_on)
            .restrict_public_buckets(is_on)
            .build();
        let put = self.s3().put_public_access_block().bucket(name);
        put.public_access_block_configuration(block).send().await.unwrap();
    }

    pub(crate) async fn policy(&self, name: &str, policy: &Value) {
        let put = self.s3().put_bucket_policy().bucket(name).policy(policy.to_string());
        put.send().await.unwrap();
    }

    /// A group in a VPC of its own.
    #[cfg(feature = "driver-ec2")]
    pub(crate) async fn group(&self, name: &str) -> ResourceRef {
        let ec2 = self.ec2();
        let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap();
        let vpc = vpc.vpc().unwrap().vpc_id().unwrap();
        let create = ec2.create_security_group().group_name(name).description("for a test");
        let group = create.vpc_id(vpc).send().await.unwrap();
        resource(GROUP, group.group_id().unwrap())
    }

    /// A user and the id of a key of theirs.
    pub(crate) async fn key(&self, user: &str) -> ResourceRef {
        let iam = self.iam();
        iam.create_user().user_name(user).send().await.unwrap();
        let key = iam.create_access_key().user_name(user).send().await.unwrap();
        resource(KEY, key.access_key().unwrap().access_key_id())
    }

    /// A trail that logs.
    pub(crate) async fn trail(&self, name: &str) -> ResourceRef {
        let trails = self.cloudtrail();
        let create = trails.create_trail().name(name).s3_bucket_name("acme-logs");
        create.send().await.unwrap();
        trails.start_logging().name(name).send().await.unwrap();
        resource(TRAIL, name)
    }
}

pub(crate) fn resource(kind: &str, id: &str) -> ResourceRef {
    ResourceRef {
        kind: kind.to_owned(),
        id: id.to_owned(),
        account: ACCOUNT.into(),
        region: REGION.into(),
    }
}

/// A step of an incident that is named after it.
pub(crate) fn step(name: &str) -> WriteKey {
    WriteKey {
        incident: IncidentId::from_cause(&["drivers", name]),
        digest: Digest::of_bytes(name.as_bytes()),
        step: "apply-1".to_owned(),
    }
}

/// An event as CloudTrail records it, of the user `mallory`.
pub(crate) fn event(service: &str, name: &str, request: &Value) -> Event {
    let record = json!({
        "eventID": "11111111-2222-3333-4444-555555555555",
        "eventTime": "2026-03-01T10:00:00Z",
        "eventName": name,
        "eventSource": format!("{service}.amazonaws.com"),
        "awsRegion": REGION,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {
            "type": "IAMUser",
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/mallory"),
            "accountId": ACCOUNT,
            "accessKeyId": "AKIAEXAMPLEMALLORY01",
        },
        "requestParameters": request,
    });
    cloudtrail::parse(&record.to_string()).unwrap()
}

/// What the events alone tell of a resource, from the state before them.
pub(crate) fn projected(resource: &ResourceRef, before: &Value, events: &[Event]) -> Value {
    let face = aisaws_controls::resource(&resource.kind).unwrap();
    events.iter().fold(before.clone(), |state, event| {
        assert_eq!(face.touched(event), std::slice::from_ref(resource), "{}", event.name);
        face.project(resource, &state, event).unwrap()
    })
}

pub(crate) fn with(start: &Value, fields: &[(&str, Value)]) -> Value {
    let mut state = start.clone();
    for (name, value) in fields {
        assert!(state.get(*name).is_some(), "{name}");
        state[*name] = value.clone();
    }
    state
}
