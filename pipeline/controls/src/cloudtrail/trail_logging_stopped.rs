//! A trail that does not log.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::trail::Trail;
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `cloudtrail.trail-logging-stopped`.
#[derive(Debug, Clone, Copy)]
pub struct TrailLoggingStopped;

static META: Meta = Meta {
    id: "cloudtrail.trail-logging-stopped",
    title: "Trail does not log",
    resource_type: "AWS::CloudTrail::Trail",
    severity: Severity::Critical,
    max_autonomy: Decision::Act,
    what: "A trail that exists and does not log.",
    why: "Without its trail an account is blind: neither people nor this system see what \
          happens next. Stopping it is what an intruder does first.",
    repair: "Starts logging. Nothing else of the trail is touched.",
    pitfalls: &[
        "The call must be made in the home region of the trail.",
        "The trail of an organization is started by the management or the delegated account \
         only.",
        "Events of the time in between are in the event history for 90 days, but never reach \
         the trail's bucket.",
        "A trail is created without logging; until StartLogging follows, this control convicts \
         it.",
        "A trail can log and still not deliver, if its bucket refuses.",
    ],
    compliance: &[
        ("CIS AWS 3.0", "3.1"),
        ("CIS AWS 5.0", "3.1"),
        ("NIST SP 800-53 r5", "AU-2"),
        ("NIST SP 800-53 r5", "AU-3"),
        ("NIST CSF 1.1", "DE.CM-1"),
        ("SOC 2", "CC7.2"),
        ("AWS Security Hub", "CloudTrail.1"),
        ("AWS Security Hub", "CloudTrail.3"),
        ("MITRE ATT&CK", "T1562.008"),
        ("MITRE ATT&CK", "T1562.001"),
    ],
    references: &[
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html",
    ],
    catalogue: &["CT-01"],
};

impl Control for TrailLoggingStopped {
    type Of = Trail;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, trail: &Trail, _cause: &Cause<'_, Trail>) -> Option<Finding> {
        (!trail.is_logging).then(|| META.finding("`IsLogging` is false"))
    }

    fn fix(&self, trail: &Trail, _cause: &Cause<'_, Trail>) -> Result<Trail, Refusal> {
        Ok(Trail { is_logging: true, ..trail.clone() })
    }
}
