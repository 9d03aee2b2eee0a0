//! Event selectors that leave management events out.

use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

use super::selectors::{Recorded, widened};
use super::trail::Trail;
use crate::control::{Cause, Control, Refusal};
use crate::meta::Meta;

/// `cloudtrail.management-events-excluded`.
#[derive(Debug, Clone, Copy)]
pub struct ManagementEventsExcluded;

static META: Meta = Meta {
    id: "cloudtrail.management-events-excluded",
    title: "Event selectors of a trail leave management events out",
    resource_type: "AWS::CloudTrail::Trail",
    severity: Severity::High,
    max_autonomy: Decision::Act,
    what: "A detection on a trail whose event selectors, of the older or the newer form, do not \
           record all management events (none at all, reads or writes only, not those of some \
           services), although its last clean state did, or where no clean state is known. A \
           scan is silent: a trail kept for data events only, or for writes only beside another \
           trail, is legitimate, and one trail does not tell.",
    why: "The trail still exists and still says that it logs, and yet what an intruder does \
          next is recorded nowhere. It is the quiet way of stopping a trail.",
    repair: "Restores the event selectors of the last clean state. Where none is known, makes \
             the present ones record all management events and leaves data events as they are.",
    pitfalls: &[
        "Selectors of the older and of the newer form exclude each other: restoring one form \
         replaces the other, with the data events that were selected there.",
        "A trail that was just made for data events only is convicted when its selectors are \
         set, because it recorded all management events before, as every new trail does; its \
         repair goes back to those.",
        "A second trail that records management events in the same region costs money.",
        "A trail has at most five selectors of the older form; where none of them can be widened \
         without recording more data events, a human is told so.",
        "The call must be made in the home region of the trail.",
        "Management events of the time in between are in the event history for 90 days, but \
         never reach the trail's bucket.",
        "Insight selectors and data events that were taken away alone are not looked at.",
    ],
    compliance: &[
        ("CIS AWS 3.0", "3.1"),
        ("CIS AWS 5.0", "3.1"),
        ("NIST SP 800-53 r5", "AU-2"),
        ("NIST SP 800-53 r5", "AU-3"),
        ("NIST CSF 1.1", "DE.AE-3"),
        ("NIST CSF 1.1", "DE.CM-1"),
        ("SOC 2", "CC7.2"),
        ("ISO 27001:2022", "A.8.15"),
        ("AWS Security Hub", "CloudTrail.1"),
        ("MITRE ATT&CK", "T1562.008"),
    ],
    references: &[
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html",
    ],
    catalogue: &["CT-03"],
};

/// The clean state, if its selectors were seen. A trail that was only ever named by events is
/// assumed to have the default ones; restoring those would take data events away.
fn restorable<'a>(cause: &Cause<'a, Trail>) -> Option<&'a Trail> {
    cause.baseline().filter(|was| {
        let is_default = was.event_selectors == Trail::default_selectors()
            && was.advanced_event_selectors.is_empty();
        was.s3_bucket_name.is_some() || !is_default
    })
}

impl Control for ManagementEventsExcluded {
    type Of = Trail;

    fn meta(&self) -> &Meta {
        &META
    }

    fn check(&self, trail: &Trail, cause: &Cause<'_, Trail>) -> Option<Finding> {
        if !cause.is_detection() {
            return None;
        }
        let lack = Recorded::by(trail).lack()?;
        match cause.baseline() {
            None => {
                Some(META.finding(format!("{lack}, and no clean state is known to compare with")))
            }
            Some(was) => Recorded::by(was)
                .lack()
                .is_none()
                .then(|| META.finding(format!("{lack}, all of them were"))),
        }
    }

    fn fix(&self, trail: &Trail, cause: &Cause<'_, Trail>) -> Result<Trail, Refusal> {
        if self.check(trail, cause).is_none() {
            return Ok(trail.clone());
        }
        match restorable(cause) {
            None => widened(trail),
            Some(was) => Ok(Trail {
                event_selectors: was.event_selectors.clone(),
                advanced_event_selectors: was.advanced_event_selectors.clone(),
                ..trail.clone()
            }),
        }
    }
}
