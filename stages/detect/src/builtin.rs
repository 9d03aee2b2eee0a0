//! Our own rules, embedded. A new rule is two files and one line here.

/// A rule file and its cases.
#[derive(Debug, Clone, Copy)]
pub struct RuleFile {
    /// Path under `rules`.
    pub path: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// Its cases, in the form of [`crate::cases`].
    pub cases: &'static str,
}

macro_rules! rules {
    ($($path:literal,)*) => {
        &[$(RuleFile {
            path: concat!($path, ".yml"),
            rule: include_str!(concat!("../rules/", $path, ".yml")),
            cases: include_str!(concat!("../rules/", $path, ".cases.yml")),
        }),*]
    };
}

/// Every rule of ours.
pub const RULES: &[RuleFile] = rules![
    "accessanalyzer/bucket_shared_with_the_world",
    "cloudtrail/event_selectors_narrowed",
    "cloudtrail/logging_stopped",
    "cloudtrail/trail_removed",
    "cloudtrail/trail_weakened",
    "config/block_public_access_off",
    "config/bucket_public",
    "config/bucket_unencrypted",
    "config/bucket_unlogged",
    "config/bucket_unversioned",
    "config/security_group_open",
    "ec2/security_group_opened",
    "ec2/security_group_rule_widened",
    "guardduty/access_key_misused",
    "guardduty/block_public_access_disabled",
    "guardduty/bucket_logging_disabled",
    "guardduty/bucket_made_public",
    "guardduty/bucket_permissions_tampered",
    "guardduty/objects_destroyed",
    "guardduty/open_port_attacked",
    "guardduty/trail_logging_disabled",
    "iam/access_key_created_for_other_user",
    "iam/access_key_quarantined_by_aws",
    "iam/access_key_used_from_unknown_network",
    "iam/access_key_used_with_attack_distribution",
    "iam/user_quarantined_for_public_key",
    "posture/bucket_misconfigured",
    "posture/security_group_misconfigured",
    "posture/trail_misconfigured",
    "s3/access_logging_disabled",
    "s3/block_public_access_weakened",
    "s3/bucket_policy_opened",
    "s3/default_encryption_deleted",
    "s3/default_encryption_weakened",
    "s3/public_acl_granted",
    "s3/versioning_suspended",
    "securityhub/block_public_access_off",
    "securityhub/bucket_public",
    "securityhub/bucket_unencrypted",
    "securityhub/bucket_unlogged",
    "securityhub/bucket_unversioned",
    "securityhub/security_group_open",
];
