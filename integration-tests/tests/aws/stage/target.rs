//! The protected account: resources are made there, spoiled, and looked at.

use aws_config::SdkConfig;
use aws_sdk_ec2::types::{IpPermission, IpRange};
use aws_sdk_s3::types::{
    BucketCannedAcl, Grantee, OwnershipControls, OwnershipControlsRule, Permission,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};

use super::event;

/// Grants of a group have an address of this beginning for a grantee.
const GROUPS: &str = "http://acs.amazonaws.com/groups/";

/// Clients of the protected account, with its root's credentials.
pub(crate) struct Target {
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) ec2: aws_sdk_ec2::Client,
}

impl Target {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
        Self { s3: aws_sdk_s3::Client::from_conf(s3), ec2: aws_sdk_ec2::Client::new(config) }
    }

    /// A bucket as AWS makes it: private, with lists of grants switched off.
    pub(crate) async fn bucket(&self) -> String {
        let name = event::name("acme");
        self.s3.create_bucket().bucket(&name).send().await.unwrap();
        name
    }

    /// Makes a bucket public by its list of grants, which AWS lets one do in three calls.
    pub(crate) async fn open_acl(&self, bucket: &str) {
        self.s3.delete_public_access_block().bucket(bucket).send().await.unwrap();
        let rule = OwnershipControlsRule::builder().object_ownership("ObjectWriter".into());
        let controls = OwnershipControls::builder().rules(rule.build().unwrap()).build().unwrap();
        let put = self.s3.put_bucket_ownership_controls().bucket(bucket);
        put.ownership_controls(controls).send().await.unwrap();
        let put = self.s3.put_bucket_acl().bucket(bucket).acl(BucketCannedAcl::PublicRead);
        put.send().await.unwrap();
    }

    /// A bucket that everyone may list.
    pub(crate) async fn open_bucket(&self) -> String {
        let name = self.bucket().await;
        self.open_acl(&name).await;
        name
    }

    /// Encrypts a bucket by default with that key.
    pub(crate) async fn encrypt(&self, bucket: &str, key: &str) {
        let by_default = ServerSideEncryptionByDefault::builder().sse_algorithm("aws:kms".into());
        let by_default = by_default.kms_master_key_id(key).build().unwrap();
        let rule = ServerSideEncryptionRule::builder();
        let rule = rule.apply_server_side_encryption_by_default(by_default).build();
        let encryption = ServerSideEncryptionConfiguration::builder().rules(rule).build().unwrap();
        let put = self.s3.put_bucket_encryption().bucket(bucket);
        put.server_side_encryption_configuration(encryption).send().await.unwrap();
    }

    /// The key with which a bucket encrypts by default.
    pub(crate) async fn key(&self, bucket: &str) -> Option<String> {
        let answer = self.s3.get_bucket_encryption().bucket(bucket).send().await.unwrap();
        let rules = answer.server_side_encryption_configuration.unwrap().rules;
        rules.into_iter().next()?.apply_server_side_encryption_by_default?.kms_master_key_id
    }

    /// Whether a group, such as everyone, may read the bucket by its list of grants.
    pub(crate) async fn is_public(&self, bucket: &str) -> bool {
        let acl = self.s3.get_bucket_acl().bucket(bucket).send().await.unwrap();
        let group = |grantee: &Grantee| grantee.uri().is_some_and(|uri| uri.starts_with(GROUPS));
        acl.grants().iter().any(|grant| {
            grant.permission() == Some(&Permission::Read) && grant.grantee().is_some_and(group)
        })
    }

    /// A security group with a rule that is fine: HTTPS from one network.
    pub(crate) async fn group(&self) -> String {
        let create = self.ec2.create_security_group().group_name(event::name("group"));
        let group = create.description("of a test").send().await.unwrap();
        let group = group.group_id().unwrap().to_owned();
        self.allow(&group, 443, "192.0.2.0/24").await;
        group
    }

    /// Lets a network in.
    pub(crate) async fn allow(&self, group: &str, port: i32, network: &str) {
        let range = IpRange::builder().cidr_ip(network).build();
        let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
        let allow = self.ec2.authorize_security_group_ingress().group_id(group);
        let permission = permission.ip_ranges(range).build();
        allow.ip_permissions(permission).send().await.unwrap();
    }

    /// Which networks may reach which port: `(443, "192.0.2.0/24")`.
    pub(crate) async fn allowed(&self, group: &str) -> Vec<(i32, String)> {
        let groups = self.ec2.describe_security_groups().group_ids(group).send().await.unwrap();
        let permissions = groups.security_groups()[0].ip_permissions().to_vec();
        let mut allowed = Vec::new();
        for permission in permissions {
            for range in permission.ip_ranges() {
                let port = permission.from_port().unwrap_or(-1);
                allowed.push((port, range.cidr_ip().unwrap_or_default().to_owned()));
            }
        }
        allowed.sort();
        allowed
    }
}
