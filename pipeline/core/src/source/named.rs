//! Resources as services name them, into resources as CloudFormation names them.

use std::collections::BTreeSet;

use crate::arn::Arn;
use crate::resource::{Owner, ResourceRef};

/// ASFF's word for a type, and CloudFormation's.
/// Source: Security Hub user guide, "Resources" of the AWS Security Finding Format.
const ASFF_TYPES: [(&str, &str); 19] = [
    ("AwsAccount", "AWS::::Account"),
    ("AwsCloudTrailTrail", "AWS::CloudTrail::Trail"),
    ("AwsDynamoDbTable", "AWS::DynamoDB::Table"),
    ("AwsEc2Instance", "AWS::EC2::Instance"),
    ("AwsEc2SecurityGroup", "AWS::EC2::SecurityGroup"),
    ("AwsEc2Vpc", "AWS::EC2::VPC"),
    ("AwsIamAccessKey", "AWS::IAM::AccessKey"),
    ("AwsIamRole", "AWS::IAM::Role"),
    ("AwsIamUser", "AWS::IAM::User"),
    ("AwsKmsKey", "AWS::KMS::Key"),
    ("AwsLambdaFunction", "AWS::Lambda::Function"),
    ("AwsRdsDbCluster", "AWS::RDS::DBCluster"),
    ("AwsRdsDbClusterSnapshot", "AWS::RDS::DBClusterSnapshot"),
    ("AwsRdsDbInstance", "AWS::RDS::DBInstance"),
    ("AwsRdsDbSnapshot", "AWS::RDS::DBSnapshot"),
    ("AwsS3Bucket", "AWS::S3::Bucket"),
    ("AwsSecretsManagerSecret", "AWS::SecretsManager::Secret"),
    ("AwsSnsTopic", "AWS::SNS::Topic"),
    ("AwsSqsQueue", "AWS::SQS::Queue"),
];

/// Resources as they are gathered: each once, sorted.
#[derive(Debug, Default)]
pub(super) struct Resources(BTreeSet<ResourceRef>);

impl Resources {
    /// Adds the resource of that type, by name or by ARN. A type that is not known and a name
    /// that is none are passed over.
    pub(super) fn add(&mut self, kind: &str, given: &str, owner: &Owner) {
        let Some(kind) = cloudformation_type(kind) else { return };
        let arn = Arn::parse(given);
        let id = physical_id(kind, given, arn.as_ref());
        if id.is_empty() || id == "null" {
            return;
        }
        let owner = owner.clone();
        let owner = match &arn {
            Some(arn) => owner.or_as_named(arn),
            None => owner,
        };
        self.0.insert(ResourceRef::new(kind, id, &owner));
    }

    pub(super) fn into_sorted(self) -> Vec<ResourceRef> {
        self.0.into_iter().collect()
    }
}

fn cloudformation_type(kind: &str) -> Option<&str> {
    if kind.contains("::") {
        return Some(kind);
    }
    ASFF_TYPES.iter().find(|(asff, _)| *asff == kind).map(|(_, cloudformation)| *cloudformation)
}

/// What CloudFormation calls the physical id: a bucket's name, a key's id.
fn physical_id<'g>(kind: &str, given: &'g str, arn: Option<&Arn<'g>>) -> &'g str {
    let Some(arn) = arn else {
        // `AWS::IAM::AccessKey:AKIA…`, `AWS::::Account:111122223333`
        return given.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')).unwrap_or(given);
    };
    if kind == "AWS::S3::Bucket" {
        // An object's ARN goes on with its key.
        return arn.resource.split('/').next().unwrap_or_default();
    }
    let last = arn.resource.rsplit('/').next().unwrap_or_default();
    last.rsplit(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_lead_to_physical_ids() {
        let rows = [
            ("AwsS3Bucket", "arn:aws:s3:::a-bucket", "AWS::S3::Bucket", "a-bucket"),
            ("AWS::S3::Bucket", "a-bucket", "AWS::S3::Bucket", "a-bucket"),
            (
                "AwsIamAccessKey",
                "AWS::IAM::AccessKey:AKIAIOSFODNN7EXAMPLE",
                "AWS::IAM::AccessKey",
                "AKIAIOSFODNN7EXAMPLE",
            ),
            (
                "AwsIamAccessKey",
                "AKIAIOSFODNN7EXAMPLE",
                "AWS::IAM::AccessKey",
                "AKIAIOSFODNN7EXAMPLE",
            ),
            (
                "AwsEc2SecurityGroup",
                "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0a",
                "AWS::EC2::SecurityGroup",
                "sg-0a",
            ),
            (
                "AwsCloudTrailTrail",
                "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main",
                "AWS::CloudTrail::Trail",
                "main",
            ),
            (
                "AwsLambdaFunction",
                "arn:aws:lambda:eu-west-1:111122223333:function:f",
                "AWS::Lambda::Function",
                "f",
            ),
            ("AwsAccount", "AWS::::Account:111122223333", "AWS::::Account", "111122223333"),
        ];
        let owner = Owner { account: "111122223333".into(), region: "eu-west-1".into() };
        for (kind, given, expected_kind, expected_id) in rows {
            let mut resources = Resources::default();
            resources.add(kind, given, &owner);
            let found = resources.into_sorted();
            let [one] = &found[..] else { panic!("{given}: {found:?}") };
            assert_eq!((one.kind.as_str(), one.id.as_str()), (expected_kind, expected_id));
        }
    }

    #[test]
    fn an_arn_says_whose_and_where() {
        let owner = Owner { account: "111122223333".into(), region: "eu-west-1".into() };
        let mut resources = Resources::default();
        resources.add(
            "AwsCloudTrailTrail",
            "arn:aws:cloudtrail:us-east-2:444455556666:trail/t",
            &owner,
        );
        resources.add("Other", "whatever", &owner);
        resources.add("AwsIamAccessKey", "AWS::IAM::AccessKey:null", &owner);
        let found = resources.into_sorted();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].key(), "444455556666/us-east-2/AWS::CloudTrail::Trail/t");
    }
}
