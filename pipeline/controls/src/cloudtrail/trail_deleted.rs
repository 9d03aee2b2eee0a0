//! A trail that was deleted.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::trail::Trail;
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `cloudtrail.trail-deleted`.
#[derive(Debug, Clone, Copy)]
pub struct TrailDeleted;

static META: Meta = Meta {
    id: "cloudtrail.trail-deleted",
    title: "Trail was deleted",
    resource_type: "AWS::CloudTrail::Trail",
    severity: Severity::Critical,
    max_autonomy: Decision::AskHuman,
    what: "A detection on a trail that does not exist, although a clean state of it is known.",
    why: "Without its trail an account is blind. If it was the only one, no further event \
          reaches this system either.",
    repair: "Creates the trail anew from its last clean state: settings, event selectors and \
             tags, and starts logging, whether or not it was logging when last seen.",
    pitfalls: &[
        "If the last trail of an account is deleted, CloudTrail events stop altogether: the \
         event that tells it may be the last one.",
        "Without a clean state that was seen before and tells the bucket for the log files, \
         there is nothing to create it from; it is reported as gone.",
        "Whoever may delete a trail may point it at a bucket of theirs first, and the last state \
         seen is what is restored: a human is asked to look at the bucket.",
        "Insight selectors are not restored.",
        "A trail of an organization is reported and not created: that takes rights over the \
         organization (to enable CloudTrail's access, to create its service-linked role).",
        "The bucket for the log files must still exist and let CloudTrail write.",
    ],
    compliance: &[
        ("CIS AWS 3.0", "3.1"),
        ("CIS AWS 5.0", "3.1"),
        ("NIST SP 800-53 r5", "AU-2"),
        ("NIST SP 800-53 r5", "AU-3"),
        ("NIST CSF 1.1", "DE.CM-1"),
        ("SOC 2", "CC7.2"),
        ("ISO 27001:2022", "A.8.15"),
        ("AWS Security Hub", "CloudTrail.1"),
        ("MITRE ATT&CK", "T1562.008"),
    ],
    references: &[
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html",
    ],
    catalogue: &["CT-02"],
};

/// The clean state, if a trail can be created from it. One that was only ever named by events
/// does not tell its bucket; it is as good as none.
fn restorable<'a>(cause: &Cause<'a, Trail>) -> Option<&'a Trail> {
    cause.baseline().filter(|was| was.s3_bucket_name.is_some())
}

impl Control for TrailDeleted {
    type Of = Trail;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, _trail: &Trail, _cause: &Cause<'_, Trail>) -> Option<Finding> {
        None
    }

    fn fix(&self, trail: &Trail, _cause: &Cause<'_, Trail>) -> Result<Trail, Refusal> {
        Ok(trail.clone())
    }

    fn check_absent(&self, cause: &Cause<'_, Trail>) -> Option<Finding> {
        let bucket = restorable(cause)?.s3_bucket_name.as_deref()?;
        Some(META.finding(format!("the trail is gone, it logged to `{bucket}`")))
    }

    fn fix_absent(&self, cause: &Cause<'_, Trail>) -> Result<Option<Trail>, Refusal> {
        let was = restorable(cause);
        if was.is_some_and(|was| was.is_organization_trail) {
            return Err(Refusal::Beyond(
                "it logged a whole organization; such a trail is created with rights over the \
                 organization, which the role that repairs does not have: create it by hand from \
                 the organization's management account or that of its delegated administrator",
            ));
        }
        Ok(was.map(|was| Trail { is_logging: true, ..was.clone() }))
    }
}
