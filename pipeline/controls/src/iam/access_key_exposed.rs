//! An access key in the wrong hands.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::key::{AccessKey, KeyStatus};
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `iam.access-key-exposed`.
#[derive(Debug, Clone, Copy)]
pub struct AccessKeyExposed;

static META: Meta = Meta {
    id: "iam.access-key-exposed",
    title: "Access key is in use by someone it does not belong to",
    resource_type: "AWS::IAM::AccessKey",
    severity: Severity::Critical,
    max_autonomy: Decision::AskHuman,
    what: "An active access key that a detection says is in the wrong hands. The state alone \
           never convicts: a scan is silent.",
    why: "A long-term key works from anywhere until it is switched off. What its user may do, \
          its thief may do.",
    repair: "Sets the key to Inactive. It is never deleted, so a wrong alarm is undone by \
             setting it back to Active.",
    pitfalls: &[
        "Whatever uses the key rightly stops working at the same moment; a human is asked.",
        "Keys that begin with ASIA are temporary and cannot be switched off; the sessions of \
         their role have to be revoked instead. The control says so and declines.",
        "Sessions that were made with GetFederationToken outlive the key; they keep the \
         permissions of the user until they expire or the user is denied.",
        "IAM is eventually consistent: the key may work for some seconds more.",
        "Keys that were just created can answer EntityTemporarilyUnmodifiable; the call succeeds \
         later.",
    ],
    compliance: &[
        ("CIS AWS 3.0", "1.13"),
        ("CIS AWS 3.0", "1.14"),
        ("CIS AWS 5.0", "1.12"),
        ("CIS AWS 5.0", "1.13"),
        ("NIST SP 800-53 r5", "AC-2(1)"),
        ("NIST CSF 1.1", "PR.AC-1"),
        ("ISO 27001:2022", "A.5.15"),
        ("AWS Security Hub", "IAM.3"),
        ("MITRE ATT&CK", "T1078.004"),
        ("MITRE ATT&CK", "T1552"),
        ("MITRE ATT&CK", "T1098.001"),
    ],
    references: &[
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html",
    ],
    catalogue: &["IAM-01"],
};

impl Control for AccessKeyExposed {
    type Of = AccessKey;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, key: &AccessKey, cause: &Cause<'_, AccessKey>) -> Option<Finding> {
        let is_active = match key.status {
            KeyStatus::Active => true,
            KeyStatus::Inactive => false,
        };
        (is_active && cause.is_detection())
            .then(|| META.finding(format!("key `{}` is `Active`", key.id)))
    }

    fn fix(&self, key: &AccessKey, cause: &Cause<'_, AccessKey>) -> Result<AccessKey, Refusal> {
        if self.check(key, cause).is_none() {
            return Ok(key.clone());
        }
        if key.id.starts_with("ASIA") {
            return Err(Refusal::Beyond(
                "a temporary key (ASIA…) cannot be deactivated; revoke the sessions of its role",
            ));
        }
        Ok(AccessKey { status: KeyStatus::Inactive, ..key.clone() })
    }
}
