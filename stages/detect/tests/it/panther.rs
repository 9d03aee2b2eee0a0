//! Verdicts of another rule set on its own examples, where the subject is one of ours.

use std::collections::BTreeSet;

use aisaws_detect::builtin::RULES;
use aisaws_detect::{Detect, Lines, Mapping};
use serde_json::Value;

use crate::data::{lines, shared};

/// Their rule, and ours on the same subject.
const SUBJECTS: &[(&str, &[&str])] = &[
    ("AWS.Bedrock.GuardrailUpdateDelete", &["bedrock.guardrail-weakened"]),
    ("AWS.CloudTrail.AMIModifiedForPublicAccess", &["ec2.image-shared"]),
    ("AWS.CloudTrail.AttemptToLeaveOrg", &["organizations.organization-left"]),
    ("AWS.CloudTrail.Created", &["cloudtrail.trail-created"]),
    ("AWS.CloudTrail.DNSLogsDeleted", &["vpc.dns-query-log-deleted"]),
    ("AWS.CloudTrail.EnableRegion", &["account.region-enabled"]),
    ("AWS.CloudTrail.EventSelectorsDisabled", &["cloudtrail.event-selectors-narrowed"]),
    ("AWS.CloudTrail.IAMAssumeRoleBlacklistIgnored", &["iam.administrator-role-assumed"]),
    ("AWS.CloudTrail.IMDSCredentialExfiltration", &["iam.instance-credentials-used-outside"]),
    ("AWS.CloudTrail.NetworkACLPermissiveEntry", &["vpc.network-acl-opened"]),
    ("AWS.CloudTrail.PasswordSpraying", &["iam.console-login-failed"]),
    ("AWS.CloudTrail.RootAccessKeyCreated", &["iam.root-access-key-created"]),
    ("AWS.CloudTrail.RootPasswordChanged", &["iam.root-password-changed"]),
    ("AWS.CloudTrail.SES.CheckIdentityVerifications", &["ses.capacity-looked-up"]),
    ("AWS.CloudTrail.SES.CheckSESSendingEnabled", &["ses.capacity-looked-up"]),
    ("AWS.CloudTrail.SES.CheckSendQuota", &["ses.capacity-looked-up"]),
    ("AWS.CloudTrail.ShortLifecycle", &["s3.log-lifecycle-shortened"]),
    ("AWS.CloudTrail.SnapshotMadePublic", &["ec2.snapshot-shared"]),
    ("AWS.CloudTrail.Stopped", &["cloudtrail.logging-stopped", "cloudtrail.trail-removed"]),
    ("AWS.CloudTrail.UnauthorizedAPICall", &["iam.call-refused"]),
    ("AWS.CloudTrail.VPCE.AccessDenied", &["vpc.endpoint-policy-refused"]),
    ("AWS.ConfigService.Created", &["config.recording-changed"]),
    (
        "AWS.ConfigService.DisabledDeleted",
        &["config.delivery-channel-removed", "config.recorder-stopped"],
    ),
    ("AWS.Console.GetSigninToken.Abuse", &["iam.signin-token-requested"]),
    ("AWS.Console.LoginWithoutMFA", &["iam.console-login-without-mfa"]),
    ("AWS.EC2.EBS.Encryption.Disabled", &["ec2.ebs-default-encryption-disabled"]),
    ("AWS.EC2.Monitoring", &["ec2.image-made"]),
    ("AWS.EC2.MultiInstanceConnect", &["ec2.ssh-key-pushed"]),
    ("AWS.EC2.NetworkACLModified", &["vpc.network-acl-modified"]),
    ("AWS.EC2.RouteTableModified", &["vpc.route-table-modified"]),
    ("AWS.EC2.SecurityGroupModified", &["ec2.security-group-modified"]),
    ("AWS.EC2.StopInstances", &["ec2.instances-stopped"]),
    (
        "AWS.IAM.AccessKeyCompromised",
        &["iam.access-key-quarantined-by-aws", "iam.user-quarantined-for-public-key"],
    ),
    ("AWS.IAM.AttachAdminRolePolicy", &["iam.role-granted-admin"]),
    ("AWS.IAM.AttachAdminUserPolicy", &["iam.user-granted-admin"]),
    ("AWS.IAM.CreateRole", &["iam.role-created"]),
    ("AWS.IAM.PolicyModified", &["iam.policy-changed"]),
    ("AWS.IAMUser.ReconAccessDenied", &["iam.reconnaissance-refused"]),
    ("AWS.KMS.CustomerManagedKeyLoss", &["kms.key-disabled-or-deleted"]),
    ("AWS.LAMBDA.CRUD", &["lambda.function-deleted"]),
    ("AWS.Lambda.UpdateFunctionCode", &["lambda.code-changed-by-person"]),
    ("AWS.Lambda.UpdateFunctionConfiguration", &["lambda.layers-changed-by-person"]),
    ("AWS.Macie.Evasion", &["macie.weakened"]),
    ("AWS.Modify.Cloud.Compute.Infrastructure", &["ec2.compute-changed"]),
    ("AWS.Potential.Backdoor.Lambda", &["lambda.permission-added"]),
    ("AWS.RDS.ActivityStreamStopped", &["rds.activity-stream-stopped"]),
    ("AWS.RDS.DeletionProtectionDisabled", &["rds.deletion-protection-disabled"]),
    ("AWS.RDS.InstanceDeletion", &["rds.database-deleted"]),
    ("AWS.RDS.InstanceMadePublic", &["rds.instance-public"]),
    ("AWS.RDS.LogFileDownloaded", &["rds.log-file-downloaded"]),
    ("AWS.RDS.SecurityGroupIngressAuthorized", &["rds.security-group-opened"]),
    ("AWS.RDS.SnapshotCopiedCrossRegion", &["rds.snapshot-copied-across-regions"]),
    ("AWS.RDS.SnapshotEnumeration", &["rds.foreign-snapshots-listed"]),
    ("AWS.RDS.SnapshotExport", &["rds.snapshot-exported"]),
    ("AWS.Root.Activity", &["iam.root-used"]),
    ("AWS.S3.BucketDeleted", &["s3.bucket-deleted"]),
    ("AWS.S3.BucketPolicyModified", &["s3.bucket-configuration-changed"]),
    ("AWS.S3.DeleteBucketEncryption", &["s3.default-encryption-deleted"]),
    ("AWS.S3.DeletePublicAccessBlock", &["s3.block-public-access-weakened"]),
    ("AWS.S3.DisableMfaDelete", &["s3.mfa-delete-disabled"]),
    ("AWS.S3.RansomwareNoteUpload", &["s3.ransom-note-uploaded"]),
    ("AWS.S3.SuspendVersioning", &["s3.versioning-suspended"]),
    ("AWS.SSM.DistributedCommand", &["ssm.command-sent-to-many"]),
    ("AWS.SecretsManager.BatchRetrieveSecrets", &["secretsmanager.secrets-read-in-bulk"]),
    ("AWS.SecretsManager.RetrieveSecrets", &["secretsmanager.secret-refused"]),
    ("AWS.SecretsManager.RetrieveSecretsMultiRegion", &["secretsmanager.secrets-read-in-bulk"]),
    ("AWS.SecurityHub.Finding.Evasion", &["securityhub.findings-altered"]),
    ("AWS.Suspicious.SAML.Activity", &["iam.saml-provider-changed"]),
    ("AWS.Unsuccessful.MFA.attempt", &["iam.mfa-failed"]),
    ("AWS.User.Login.Profile.Modified", &["iam.login-profile-set-for-other-user"]),
    ("AWS.WAF.Disassociation", &["waf.web-acl-detached"]),
];

/// Their rules about CloudTrail that have no counterpart here, and why.
const NO_COUNTERPART: &[(&str, &str)] = &[
    ("AWS.CloudTrail.IAMAnythingChanged", "every call that writes; ours name what is changed"),
    ("AWS.CloudTrail.VPCE.ExternalPrincipal", NETWORK),
    ("AWS.CloudTrail.VPCE.S3ExternalIP", NETWORK),
    ("AWS.CloudTrail.VPCE.SensitiveAPICalls", NETWORK),
    ("AWS.Console.Sign-In", "tells of every sign-in"),
    ("AWS.ECR.EVENTS", "needs a list of accounts and regions that are expected"),
    ("AWS.IAM.Group.Read.Only.Events", "tells of every look at a group"),
    ("AWS.SSM.DecryptSSMParams", "counts over time, which is for a correlation"),
    ("Role.Assumed.by.User", "tells of every role that is assumed"),
    ("Sign-in.with.AWS.CLI.prompt", "tells of every sign-in"),
];
const NETWORK: &str = "what a VPC endpoint may be used for differs from network to network";

/// Examples we judge otherwise, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("AWS.CloudTrail.Stopped#2", REFUSED),
    ("AWS.Console.LoginWithoutMFA#7", "that the user is new is known from elsewhere"),
    ("AWS.LAMBDA.CRUD#2", "which accounts are expected is known from elsewhere"),
    ("AWS.S3.DeleteBucketEncryption#1", REFUSED),
    ("AWS.S3.DeletePublicAccessBlock#1", REFUSED),
    ("AWS.S3.DeletePublicAccessBlock#2", "a setting that is not seen to be all on is looked at"),
    ("AWS.S3.SuspendVersioning#2", REFUSED),
    ("AWS.SSM.DistributedCommand#1", "counts over time, which is for a correlation"),
];
const REFUSED: &str = "a refused attempt is a hit, which is never repaired";

#[test]
fn our_rules_agree_with_labelled_verdicts_but_for_the_reasons_given() {
    let Some(path) = shared("labelled/panther_dev.ndjson") else { return };
    let detect = Detect::builtin(Vec::new()).unwrap();
    let known: BTreeSet<&str> = detect.rules().map(|loaded| loaded.rule.meta.key()).collect();
    let own = RULES.iter().map(|file| (file.path, file.rule));
    let (rules, errors) = Lines::new(own, Vec::new(), Mapping::default());
    assert!(errors.is_empty(), "{errors:?}");
    assert!(SUBJECTS.iter().all(|(_, ours)| ours.iter().all(|id| known.contains(id))));
    let mut otherwise = Vec::new();
    let mut agreed = 0;
    for case in lines(&path) {
        let Some((_, ours)) = SUBJECTS.iter().find(|(theirs, _)| case["rule_id"] == *theirs) else {
            continue;
        };
        // As text: some examples are cut down to what the rule looks at, and are no events.
        let mut hits = Vec::new();
        rules.examine(&case["event"].to_string(), &mut hits).unwrap();
        let hits = String::from_utf8(hits).unwrap();
        let fired = hits.lines().any(|line| {
            let hit: Value = serde_json::from_str(line).unwrap();
            ours.contains(&hit["rule_id"].as_str().unwrap())
        });
        if case["expected"] == fired {
            agreed += 1;
        } else {
            otherwise.push(case["id"].as_str().unwrap().to_owned());
        }
    }
    otherwise.sort();
    assert_eq!(otherwise, OTHERWISE.iter().map(|(example, _)| *example).collect::<Vec<_>>());
    assert_eq!(agreed, 241);
}

#[test]
fn every_rule_of_theirs_about_cloudtrail_has_a_counterpart_or_a_reason() {
    let Some(path) = shared("labelled/panther_dev.ndjson") else { return };
    let mut left = BTreeSet::new();
    for case in lines(&path) {
        let id = case["rule_id"].as_str().unwrap();
        let is_covered = SUBJECTS.iter().any(|(theirs, _)| *theirs == id)
            || NO_COUNTERPART.iter().any(|(theirs, _)| *theirs == id);
        if case["group"] == "aws_cloudtrail_rules" && !is_covered {
            left.insert(id.to_owned());
        }
    }
    assert!(left.is_empty(), "{left:?}");
}
