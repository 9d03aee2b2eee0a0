//! The section of a rule that says what a hit is about.
//!
//! ```yaml
//! aisaws:
//!   resource:
//!     type: AWS::CloudTrail::Trail        # as CloudFormation names it
//!     id:                                 # where in the event; the first that is there counts
//!       - requestParameters.name          # a field, as in the detection section
//!       - { field: resources.ARN, split: '/' }   # of a text with `/`, what follows the last
//!     account: userIdentity.accountId     # optional; else the event's
//!     region: requestParameters.region    # optional; else the event's
//!   controls: [cloudtrail.trail-logging-stopped]   # checked in this order; may be empty
//!   stage: active                         # or `test`: recorded, never acted upon
//!   window: 24h                           # optional; hits of this rule on one resource within
//!                                         # a tumbling window are one incident
//! ```
//!
//! IAM is global: its resources are in the region where its events are recorded (`us-east-1`
//! outside of China and GovCloud), whatever the region of the call that points at them.

use std::collections::BTreeSet;

use aisaws_core::event::Event;
use aisaws_core::id::{AccountId, ControlId, Region};
use aisaws_core::resource::ResourceRef;
use serde::Deserialize;
use serde_json::Value;

use crate::sigma::{Head, Path, Problem, Rule, RuleError, ScanError};

/// Name of the section.
pub const SECTION: &str = "aisaws";
/// Types whose resources are in no region.
const GLOBAL_TYPES: &str = "AWS::IAM::";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    resource: ResourceSection,
    controls: Vec<ControlId>,
    stage: Stage,
    window: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceSection {
    #[serde(rename = "type")]
    kind: String,
    id: OneOrMany,
    account: Option<String>,
    region: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    // First, because a list of two texts would be taken for a `PartOfField` too.
    Many(Vec<Source>),
    One(Source),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    Field(String),
    Part(PartOfField),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartOfField {
    field: String,
    split: String,
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

#[derive(Debug, Clone)]
struct Place {
    path: Path,
    split: Option<String>,
}

/// What a hit of one rule is about.
#[derive(Debug, Clone)]
pub struct Response {
    /// Type of the resource, as CloudFormation names it.
    pub kind: String,
    /// Controls to check, in order.
    pub controls: Vec<ControlId>,
    /// Whether hits may be acted upon.
    pub stage: Stage,
    /// Length of the tumbling window whose hits are one incident.
    pub window_seconds: Option<u32>,
    ids: Vec<Place>,
    account: Option<Path>,
    region: Option<Path>,
}

impl Response {
    /// Reads the rule's section; `None` where it has none, as foreign rules do.
    ///
    /// # Errors
    /// Where the section does not have the documented form; names file and line.
    pub fn of(rule: &Rule) -> Result<Option<Self>, RuleError> {
        let Some(custom) = rule.meta.custom.get(SECTION) else {
            return Ok(None);
        };
        let error = |problem| RuleError { place: custom.place.clone(), problem };
        let section: Section = yaml_serde::from_value(custom.value.clone())
            .map_err(|e| error(Problem::Section(SECTION, e)))?;
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
        let sources = match section.resource.id {
            OneOrMany::One(source) => vec![source],
            OneOrMany::Many(sources) => sources,
        };
        if sources.is_empty() {
            return Err(wrong("resource", "resource.id", "a field or a list of fields"));
        }
        let place = |source| match source {
            Source::Field(field) => Place { path: Path::new(field), split: None },
            Source::Part(part) => Place { path: Path::new(part.field), split: Some(part.split) },
        };
        Ok(Some(Self {
            kind: section.resource.kind,
            controls: section.controls,
            stage: section.stage,
            window_seconds,
            ids: sources.into_iter().map(place).collect(),
            account: section.resource.account.map(Path::new),
            region: section.resource.region.map(Path::new),
        }))
    }

    /// The resources the event is about, each once; none where the event does not name any.
    ///
    /// # Errors
    /// Where the parts of the event that may name them cannot be read.
    pub fn resources(&self, event: &Event) -> Result<Vec<ResourceRef>, ScanError> {
        let paths = self.ids.iter().map(|p| &p.path).chain(&self.account).chain(&self.region);
        let names: BTreeSet<&str> = paths.flat_map(Path::top_level_names).collect();
        let record = Head::read(&event.raw)?.part(&names)?;
        let found = self.ids.iter().map(|place| place.texts(&record));
        let ids = found.into_iter().find(|ids| !ids.is_empty()).unwrap_or_default();
        let account = self.account.as_ref().and_then(|p| first_text(p, &record));
        let region = self.region.as_ref().and_then(|p| first_text(p, &record));
        let region = if self.kind.starts_with(GLOBAL_TYPES) {
            global_region(&event.region)
        } else {
            region.map_or_else(|| event.region.clone(), Region::new)
        };
        let account = account.map_or_else(|| event.account.clone(), AccountId::new);
        let resource = |id| ResourceRef {
            kind: self.kind.clone(),
            id,
            account: account.clone(),
            region: region.clone(),
        };
        let unique: BTreeSet<ResourceRef> = ids.into_iter().map(resource).collect();
        Ok(unique.into_iter().collect())
    }
}

impl Place {
    fn texts(&self, record: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.path.any(record, &mut |value| {
            let text = value.as_str().unwrap_or_default();
            let id = match &self.split {
                Some(separator) => text.rsplit(separator.as_str()).next().unwrap_or_default(),
                None => text,
            };
            if !id.is_empty() {
                found.push(id.to_owned());
            }
            false
        });
        found
    }
}

/// Where global services record and answer in the partition of this region.
fn global_region(region: &Region) -> Region {
    let region = region.as_str();
    Region::new(if region.starts_with("cn-") {
        "cn-north-1"
    } else if region.starts_with("us-gov-") {
        "us-gov-west-1"
    } else {
        "us-east-1"
    })
}

fn first_text(path: &Path, record: &Value) -> Option<String> {
    let mut found = None;
    path.any(record, &mut |value| {
        found = value.as_str().filter(|s| !s.is_empty()).map(str::to_owned);
        found.is_some()
    });
    found
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
