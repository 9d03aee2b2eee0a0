//! What our own scans find, into events.
//!
//! ```json
//! {
//!   "postureFinding": 1,
//!   "scan": "0b0f4b0e-6b1f-5a8e-9a53-0d2f6a41c8e2",
//!   "time": "2026-03-01T10:00:00Z",
//!   "control": "s3.bucket-acl-public",
//!   "severity": "high",
//!   "resource": {
//!     "type": "AWS::S3::Bucket", "id": "a-bucket",
//!     "account": "111122223333", "region": "eu-west-1"
//!   }
//! }
//! ```
//!
//! `postureFinding` is the version of this shape. `scan` is one run; a run tells of a control
//! and a resource once, so telling it again is the same event. `severity` is the control's.

use serde::{Deserialize, Serialize};

use super::Malformed;
use super::fields::timestamp;
use crate::event::{Actor, Event, Report, Source, Standing};
use crate::id::{ControlId, EventId};
use crate::resource::ResourceRef;
use crate::risk::Severity;

/// The version of the shape.
pub const VERSION: u32 = 1;

/// One finding of a scan; what a scan writes and [`parse`] reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// [`VERSION`].
    #[serde(rename = "postureFinding")]
    pub version: u32,
    /// The run of the scan.
    pub scan: String,
    /// When the resource was read, RFC 3339.
    pub time: String,
    /// The control that convicts it.
    pub control: ControlId,
    /// The control's severity.
    pub severity: Severity,
    /// The resource.
    pub resource: ResourceRef,
}

/// Reads one finding.
///
/// # Errors
/// [`Malformed`], which names the field.
pub fn parse(raw: &str) -> Result<Event, Malformed> {
    let finding: Finding = serde_json::from_str(raw)?;
    if finding.version != VERSION {
        return Err(Malformed::Version { found: finding.version, known: VERSION });
    }
    let Some(time) = timestamp(&finding.time) else {
        return Err(Malformed::Time { field: "time", text: finding.time });
    };
    let Finding { scan, control, severity, resource, .. } = finding;
    Ok(Event {
        id: EventId::new(format!("{scan}/{control}/{}", resource.key())),
        source: Source::Posture,
        time,
        cause: None,
        service: "aisaws.posture".to_owned(),
        name: control.as_str().to_owned(),
        account: resource.account.clone(),
        region: resource.region.clone(),
        actor: Actor::nobody(),
        source_address: None,
        error_code: None,
        report: Some(Report {
            severity: Some(severity),
            standing: Standing::Open,
            resources: vec![resource],
        }),
        raw: raw.to_owned(),
    })
}
