//! The section of a rule that says what a hit is about.
//!
//! ```yaml
//! aisaws:
//!   resource:
//!     type: AWS::CloudTrail::Trail        # as CloudFormation names it
//!     id:                                 # where in the event; the first that is there counts
//!       - requestParameters.name          # a field, as in the detection section
//!       - { field: resources.ARN, split: '/' }   # of a text with `/`, what follows the last
//!     account: userIdentity.accountId     # optional; else as an ARN or the record's
//!                                         # `resources` say, else the event's
//!     region: requestParameters.region    # optional; else as an ARN says, else the event's
//!   controls: [cloudtrail.trail-logging-stopped]   # checked in this order; may be empty
//!   stage: active                         # or `test`: recorded, never acted upon
//!   window: 24h                           # optional; hits of this rule on one resource within
//!                                         # a tumbling window are one incident
//!   limit: 20                             # optional; incidents the rule may open in an hour,
//!                                         # unless the configuration says otherwise
//! ```
//!
//! A rule without the section is foreign: its hits are about what the event that fired names, by
//! [`crate::mapping`], and are recorded only, unless the user promotes the rule.
//!
//! A finding names its resources in a shape of its own source, which its parser knows. For a rule
//! about findings, `from: finding` stands in the place of `id`: every resource of that type that
//! the finding names. The hit is as grave as the rule's level or the finding's own severity,
//! whichever is graver.
//!
//! ```yaml
//!   resource: { type: AWS::S3::Bucket, from: finding }
//! ```
//!
//! IAM is global: its resources are in the region where its events are recorded (`us-east-1`
//! outside of China and GovCloud), whatever the region of the call that points at them.

use std::num::NonZeroU32;

use aisaws_core::id::ControlId;
use aisaws_core::resource::ResourceRef;
use serde::Deserialize;

use crate::mapping::Mapping;
use crate::pointer::{Pointer, Written};
use crate::scene::Scene;
use crate::sigma::{Meta, Problem, Rule, RuleError, ScanError};

/// Name of the section.
pub const SECTION: &str = "aisaws";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    resource: Written,
    controls: Vec<ControlId>,
    stage: Stage,
    window: Option<String>,
    limit: Option<NonZeroU32>,
}

/// Whether hits of a rule may be acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// They may.
    Active,
    /// The rule is on probation: its hits are recorded only.
    Test,
}

impl Stage {
    /// The word for it in a rule.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Test => "test",
        }
    }
}

/// What a hit of one rule is about.
#[derive(Debug, Clone)]
pub struct Response {
    /// Whether hits may be acted upon.
    pub stage: Stage,
    /// Length of the tumbling window whose hits are one incident.
    pub window_seconds: Option<u32>,
    /// Incidents it may open in an hour.
    pub limit: Option<NonZeroU32>,
    target: Target,
}

#[derive(Debug, Clone)]
enum Target {
    /// The rule says it.
    Own { pointer: Pointer, controls: Vec<ControlId> },
    /// The event says it, by the mapping.
    ByEvent,
}

/// What one hit is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    /// The resources, each once, sorted.
    pub resources: Vec<ResourceRef>,
    /// The controls to check there, in this order.
    pub controls: Vec<ControlId>,
}

impl Response {
    /// What a hit of a foreign rule is about; it is on probation.
    pub const FOREIGN: Self =
        Self { stage: Stage::Test, window_seconds: None, limit: None, target: Target::ByEvent };

    /// Reads the rule's section; `None` where it has none, as foreign rules do.
    ///
    /// # Errors
    /// Where the section does not have the documented form; names file and line.
    pub fn of(rule: &Rule) -> Result<Option<Self>, RuleError> {
        Self::of_meta(&rule.meta)
    }

    /// The same of whatever says it: a correlation is about something as a rule is.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn of_meta(meta: &Meta) -> Result<Option<Self>, RuleError> {
        let Some(custom) = meta.custom.get(SECTION) else {
            return Ok(None);
        };
        let error = |problem| RuleError { place: custom.place.clone(), problem };
        let section: Section =
            Section::deserialize(&custom.value).map_err(|e| error(Problem::Section(SECTION, e)))?;
        let wrong = |member: &str, attribute: &str, expected| RuleError {
            place: custom.place_of(member).clone(),
            problem: Problem::WrongType { attribute: format!("{SECTION}.{attribute}"), expected },
        };
        let window_seconds = match &section.window {
            Some(text) => Some(parse_window(text).ok_or_else(|| {
                wrong("window", "window", "a positive number and `s`, `m`, `h` or `d`")
            })?),
            None => None,
        };
        let pointer = Pointer::new(section.resource).ok_or_else(|| {
            wrong("resource", "resource.id", "a field or a list of fields, or else `from: finding`")
        })?;
        let target = Target::Own { pointer, controls: section.controls };
        Ok(Some(Self { stage: section.stage, window_seconds, limit: section.limit, target }))
    }

    /// Type of the resource, as CloudFormation names it; `None` where the event decides.
    pub fn kind(&self) -> Option<&str> {
        match &self.target {
            Target::Own { pointer, .. } => Some(&pointer.kind),
            Target::ByEvent => None,
        }
    }

    /// Whether the event decides what a hit is about, the same for every rule that says no more.
    pub fn is_by_event(&self) -> bool {
        matches!(self.target, Target::ByEvent)
    }

    /// Controls that the rule itself names.
    pub fn controls(&self) -> &[ControlId] {
        match &self.target {
            Target::Own { controls, .. } => controls,
            Target::ByEvent => &[],
        }
    }

    /// The fields of an event that the section looks at, as written.
    pub fn fields(&self) -> Vec<&str> {
        match &self.target {
            Target::Own { pointer, .. } => pointer.fields().collect(),
            Target::ByEvent => Vec::new(),
        }
    }

    /// What a hit on this event is about. No resource where the rule says how to find one and
    /// the event names none, as that of a refused call may not.
    ///
    /// # Errors
    /// Where the parts of the event that may name them cannot be read.
    pub(crate) fn located(
        &self,
        scene: &Scene<'_>,
        mapping: &Mapping,
    ) -> Result<Located, ScanError> {
        match &self.target {
            Target::Own { pointer, controls } => {
                Ok(Located { resources: pointer.resources(scene)?, controls: controls.clone() })
            }
            Target::ByEvent => scene.by_mapping(mapping).cloned(),
        }
    }

    /// As [`Self::located`]; the account and no control where that finds no resource.
    ///
    /// # Errors
    /// As [`Self::located`].
    pub(crate) fn placed(
        &self,
        scene: &Scene<'_>,
        mapping: &Mapping,
    ) -> Result<Located, ScanError> {
        let located = self.located(scene, mapping)?;
        Ok(if located.resources.is_empty() {
            Located { resources: vec![scene.account().into_owned()], controls: Vec::new() }
        } else {
            located
        })
    }
}

fn parse_window(text: &str) -> Option<u32> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(unit_seconds).filter(|seconds| *seconds > 0)
}
