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
    "cloudtrail/event_selectors_narrowed",
    "cloudtrail/logging_stopped",
    "cloudtrail/trail_removed",
    "cloudtrail/trail_weakened",
    "ec2/security_group_opened",
    "ec2/security_group_rule_widened",
    "iam/access_key_created_for_other_user",
    "iam/access_key_quarantined_by_aws",
    "iam/access_key_used_from_unknown_network",
    "iam/access_key_used_with_attack_distribution",
    "iam/user_quarantined_for_public_key",
    "s3/access_logging_disabled",
    "s3/block_public_access_weakened",
    "s3/bucket_policy_opened",
    "s3/default_encryption_deleted",
    "s3/default_encryption_weakened",
    "s3/public_acl_granted",
    "s3/versioning_suspended",
];
