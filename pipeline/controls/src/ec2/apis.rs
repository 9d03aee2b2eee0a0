//! The operations of a driver of security groups.
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
//! EC2". What describes knows no resource in IAM.

use crate::api::{Api, Purpose};

const GROUP: &str = "arn:${Partition}:ec2:${Region}:${Account}:security-group/*";
const INGRESS: &[&str] = &["/SecurityGroupIngress"];
const TAGS: &[&str] = &["/Tags"];

const fn write(operation: &'static str, action: &'static str, f: &'static [&'static str]) -> Api {
    Api::new(Purpose::Write, operation, action, f, GROUP)
}

/// What reads, writes and lists security groups. `DescribeSecurityGroups` lists them too.
pub const APIS: &[Api] = &[
    Api::new(
        Purpose::Read,
        "DescribeSecurityGroups",
        "ec2:DescribeSecurityGroups",
        &["/GroupName", "/GroupDescription", "/VpcId", "/Tags"],
        "*",
    ),
    Api::new(
        Purpose::Read,
        "DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroupRules",
        INGRESS,
        "*",
    ),
    write("AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress", INGRESS),
    write("RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", INGRESS),
    write(
        "UpdateSecurityGroupRuleDescriptionsIngress",
        "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        INGRESS,
    ),
    write("CreateTags", "ec2:CreateTags", TAGS),
    write("DeleteTags", "ec2:DeleteTags", TAGS),
];
