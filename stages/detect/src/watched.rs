//! The events that rules should answer: those after which a repair of the catalogue may be due.
//!
//! Names are as `CloudTrail` writes them, with the version of the API where a service writes it.

/// An event that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// `eventSource`.
    pub source: &'static str,
    /// `eventName`.
    pub event: &'static str,
    /// Ids of the catalogue's repairs that it may call for.
    pub catalogue: &'static [&'static str],
}

const fn watched(
    source: &'static str,
    event: &'static str,
    catalogue: &'static [&'static str],
) -> Watched {
    Watched { source, event, catalogue }
}

/// Every watched event, by source and name.
pub const EVENTS: &[Watched] = &[
    watched("account.amazonaws.com", "CloseAccount", &["ORG-01"]),
    watched("account.amazonaws.com", "EnableRegion", &["ORG-01"]),
    watched("bedrock.amazonaws.com", "DeleteGuardrail", &["AI-01"]),
    watched("bedrock.amazonaws.com", "DeleteModelInvocationLoggingConfiguration", &["AI-01"]),
    watched("bedrock.amazonaws.com", "PutModelInvocationLoggingConfiguration", &["AI-01"]),
    watched("cloudtrail.amazonaws.com", "DeleteTrail", &["CT-02"]),
    watched("cloudtrail.amazonaws.com", "PutEventSelectors", &["CT-03"]),
    watched("cloudtrail.amazonaws.com", "PutInsightSelectors", &["CT-03"]),
    watched("cloudtrail.amazonaws.com", "StopLogging", &["CT-01"]),
    watched("cloudtrail.amazonaws.com", "UpdateTrail", &["CT-02", "CT-04"]),
    watched("config.amazonaws.com", "DeleteConfigurationRecorder", &["CFG-01"]),
    watched("config.amazonaws.com", "DeleteDeliveryChannel", &["CFG-01"]),
    watched("config.amazonaws.com", "StopConfigurationRecorder", &["CFG-01"]),
    watched("dynamodb.amazonaws.com", "DeleteTable", &["SELF-02"]),
    watched("ec2.amazonaws.com", "AuthorizeSecurityGroupEgress", &["SG-03"]),
    watched("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", &["SG-01", "SG-02", "SG-03"]),
    watched("ec2.amazonaws.com", "CreateNetworkAclEntry", &["NET-01"]),
    watched("ec2.amazonaws.com", "CreateSecurityGroup", &["SG-01"]),
    watched("ec2.amazonaws.com", "DeleteFlowLogs", &["NET-02"]),
    watched("ec2.amazonaws.com", "DeleteNetworkAcl", &["NET-01"]),
    watched("ec2.amazonaws.com", "DisableEbsEncryptionByDefault", &["EC2-07"]),
    watched("ec2.amazonaws.com", "EnableSerialConsoleAccess", &["EC2-08"]),
    watched("ec2.amazonaws.com", "ModifyImageAttribute", &["EC2-06"]),
    watched("ec2.amazonaws.com", "ModifyInstanceMetadataOptions", &["EC2-04"]),
    watched("ec2.amazonaws.com", "ModifySecurityGroupRules", &["SG-01", "SG-02"]),
    watched("ec2.amazonaws.com", "ModifySnapshotAttribute", &["EC2-05"]),
    watched("ec2.amazonaws.com", "ReplaceNetworkAclEntry", &["NET-01"]),
    watched("ec2.amazonaws.com", "RequestSpotInstances", &["EC2-09"]),
    watched("ec2.amazonaws.com", "ResetEbsDefaultKmsKeyId", &["EC2-07"]),
    watched("ec2.amazonaws.com", "RunInstances", &["EC2-04", "EC2-09"]),
    watched("ec2.amazonaws.com", "StartInstances", &["EC2-09"]),
    watched("ecr.amazonaws.com", "SetRepositoryPolicy", &["MSG-01"]),
    watched("eks.amazonaws.com", "CreateCluster", &["EKS-01"]),
    watched("eks.amazonaws.com", "UpdateClusterConfig", &["EKS-01"]),
    watched("events.amazonaws.com", "DeleteRule", &["SELF-01"]),
    watched("events.amazonaws.com", "DisableRule", &["SELF-01"]),
    watched("events.amazonaws.com", "PutRule", &["SELF-01"]),
    watched("events.amazonaws.com", "PutTargets", &["SELF-01"]),
    watched("events.amazonaws.com", "RemoveTargets", &["SELF-01"]),
    watched("guardduty.amazonaws.com", "ArchiveFindings", &["GD-02"]),
    watched("guardduty.amazonaws.com", "CreateFilter", &["GD-02"]),
    watched("guardduty.amazonaws.com", "CreateIPSet", &["GD-02"]),
    watched("guardduty.amazonaws.com", "DeleteDetector", &["GD-01"]),
    watched("guardduty.amazonaws.com", "DisassociateMembers", &["GD-01"]),
    watched("guardduty.amazonaws.com", "StopMonitoringMembers", &["GD-01"]),
    watched("guardduty.amazonaws.com", "UpdateDetector", &["GD-01"]),
    watched("guardduty.amazonaws.com", "UpdateFilter", &["GD-02"]),
    watched("guardduty.amazonaws.com", "UpdateIPSet", &["GD-02"]),
    watched("iam.amazonaws.com", "AttachGroupPolicy", &["IAM-05"]),
    watched("iam.amazonaws.com", "AttachRolePolicy", &["IAM-05", "SELF-02"]),
    watched("iam.amazonaws.com", "AttachUserPolicy", &["IAM-01", "IAM-05"]),
    watched("iam.amazonaws.com", "CreateAccessKey", &["IAM-01", "IAM-03"]),
    watched("iam.amazonaws.com", "CreateLoginProfile", &["IAM-07"]),
    watched("iam.amazonaws.com", "CreateOpenIDConnectProvider", &["IAM-10"]),
    watched("iam.amazonaws.com", "CreatePolicyVersion", &["IAM-05"]),
    watched("iam.amazonaws.com", "CreateRole", &["IAM-06"]),
    watched("iam.amazonaws.com", "CreateSAMLProvider", &["IAM-10"]),
    watched("iam.amazonaws.com", "DeactivateMFADevice", &["IAM-09"]),
    watched("iam.amazonaws.com", "DeleteAccountPasswordPolicy", &["IAM-08"]),
    watched("iam.amazonaws.com", "DeleteVirtualMFADevice", &["IAM-09"]),
    watched("iam.amazonaws.com", "PutGroupPolicy", &["IAM-05"]),
    watched("iam.amazonaws.com", "PutRolePolicy", &["IAM-05", "SELF-02"]),
    watched("iam.amazonaws.com", "PutUserPolicy", &["IAM-05"]),
    watched("iam.amazonaws.com", "SetDefaultPolicyVersion", &["IAM-05"]),
    watched("iam.amazonaws.com", "UpdateAccountPasswordPolicy", &["IAM-08"]),
    watched("iam.amazonaws.com", "UpdateAssumeRolePolicy", &["IAM-06", "SELF-02"]),
    watched("iam.amazonaws.com", "UpdateLoginProfile", &["IAM-07"]),
    watched("iam.amazonaws.com", "UpdateSAMLProvider", &["IAM-10"]),
    watched("kms.amazonaws.com", "DisableKey", &["KMS-01"]),
    watched("kms.amazonaws.com", "DisableKeyRotation", &["KMS-02"]),
    watched("kms.amazonaws.com", "PutKeyPolicy", &["KMS-03"]),
    watched("kms.amazonaws.com", "ScheduleKeyDeletion", &["KMS-01"]),
    watched("lambda.amazonaws.com", "AddPermission20150331v2", &["LMB-01"]),
    watched("lambda.amazonaws.com", "CreateFunctionUrlConfig", &["LMB-01"]),
    watched("lambda.amazonaws.com", "DeleteFunction20150331", &["SELF-02"]),
    watched("lambda.amazonaws.com", "PublishLayerVersion20181031", &["LMB-02"]),
    watched("lambda.amazonaws.com", "PutFunctionConcurrency20171031", &["SELF-02"]),
    watched("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", &["LMB-02", "SELF-02"]),
    watched(
        "lambda.amazonaws.com",
        "UpdateFunctionConfiguration20150331v2",
        &["LMB-02", "SELF-02"],
    ),
    watched("lambda.amazonaws.com", "UpdateFunctionUrlConfig", &["LMB-01"]),
    watched("organizations.amazonaws.com", "CloseAccount", &["ORG-01"]),
    watched("organizations.amazonaws.com", "DeregisterDelegatedAdministrator", &["ORG-01"]),
    watched("organizations.amazonaws.com", "LeaveOrganization", &["ORG-01"]),
    watched("rds.amazonaws.com", "CreateDBInstance", &["RDS-01"]),
    watched("rds.amazonaws.com", "ModifyDBCluster", &["RDS-03"]),
    watched("rds.amazonaws.com", "ModifyDBClusterSnapshotAttribute", &["RDS-02"]),
    watched("rds.amazonaws.com", "ModifyDBInstance", &["RDS-01", "RDS-03"]),
    watched("rds.amazonaws.com", "ModifyDBSnapshotAttribute", &["RDS-02"]),
    watched("rds.amazonaws.com", "RestoreDBInstanceFromDBSnapshot", &["RDS-01"]),
    watched("rds.amazonaws.com", "RestoreDBInstanceFromS3", &["RDS-01"]),
    watched("rds.amazonaws.com", "RestoreDBInstanceToPointInTime", &["RDS-01"]),
    watched("rolesanywhere.amazonaws.com", "CreateProfile", &["IAM-10"]),
    watched("rolesanywhere.amazonaws.com", "CreateTrustAnchor", &["IAM-10"]),
    watched("s3.amazonaws.com", "CopyObject", &["S3-12"]),
    watched("s3.amazonaws.com", "CreateBucket", &["S3-03"]),
    watched("s3.amazonaws.com", "DeleteAccountPublicAccessBlock", &["S3-02"]),
    watched("s3.amazonaws.com", "DeleteBucketEncryption", &["S3-06"]),
    watched("s3.amazonaws.com", "DeleteBucketPolicy", &["S3-07"]),
    watched("s3.amazonaws.com", "DeleteBucketPublicAccessBlock", &["S3-01"]),
    watched("s3.amazonaws.com", "DeleteObject", &["S3-12"]),
    watched("s3.amazonaws.com", "DeleteObjects", &["S3-12"]),
    watched("s3.amazonaws.com", "PutAccountPublicAccessBlock", &["S3-02"]),
    watched("s3.amazonaws.com", "PutBucketAcl", &["S3-03"]),
    watched("s3.amazonaws.com", "PutBucketEncryption", &["S3-06"]),
    watched("s3.amazonaws.com", "PutBucketLifecycle", &["S3-10"]),
    watched("s3.amazonaws.com", "PutBucketLifecycleConfiguration", &["S3-10"]),
    watched("s3.amazonaws.com", "PutBucketLogging", &["S3-09"]),
    watched("s3.amazonaws.com", "PutBucketPolicy", &["S3-04", "S3-05", "S3-07"]),
    watched("s3.amazonaws.com", "PutBucketPublicAccessBlock", &["S3-01"]),
    watched("s3.amazonaws.com", "PutBucketReplication", &["S3-11"]),
    watched("s3.amazonaws.com", "PutBucketVersioning", &["S3-08"]),
    watched("s3.amazonaws.com", "PutObject", &["S3-12"]),
    watched("secretsmanager.amazonaws.com", "PutResourcePolicy", &["MSG-01"]),
    watched("securityhub.amazonaws.com", "BatchDisableStandards", &["SH-01"]),
    watched("securityhub.amazonaws.com", "DisableSecurityHub", &["SH-01"]),
    watched("securityhub.amazonaws.com", "UpdateStandardsControl", &["SH-01"]),
    watched("signin.amazonaws.com", "ConsoleLogin", &["IAM-03", "IAM-09"]),
    watched("sns.amazonaws.com", "AddPermission", &["MSG-01"]),
    watched("sns.amazonaws.com", "SetTopicAttributes", &["MSG-01"]),
    watched("sqs.amazonaws.com", "AddPermission", &["MSG-01"]),
    watched("sqs.amazonaws.com", "SetQueueAttributes", &["MSG-01"]),
    watched("ssm.amazonaws.com", "ModifyDocumentPermission", &["MSG-01"]),
    watched("states.amazonaws.com", "UpdateStateMachine", &["SELF-02"]),
    watched("wafv2.amazonaws.com", "DeleteWebACL", &["WAF-01"]),
    watched("wafv2.amazonaws.com", "DisassociateWebACL", &["WAF-01"]),
    watched("wafv2.amazonaws.com", "UpdateWebACL", &["WAF-01"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_stands_once_in_order_and_has_a_reason() {
        let key = |w: &Watched| (w.source, w.event);
        assert!(EVENTS.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
        assert!(EVENTS.iter().all(|w| !w.catalogue.is_empty()));
    }
}
