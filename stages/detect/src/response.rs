//! The section of a rule that says what a hit is about.
//!
//! ```yaml
//! aisaws:
//!   resource:
//!     type: AWS::CloudTrail::Trail        # as CloudFormation names it
//!     id:                                 # where in the event; the first that is there counts
//!       - requestParameters.name          # a field, as in the detection section
//!       - { field: resources.ARN, split: '/' }   # of a text with `/`, what follows the last
//!     account: userIdentity.accountId     # optional; else the ARN's, else the event's
//!     region: requestParameters.region    # optional; else the ARN's, else the event's
//!   controls: [cloudtrail.trail-logging-stopped]   # checked in this order; may be empty
//!   stage: active                         # or `test`: recorded, never acted upon
//!   window: 24h                           # optional; hits of this rule on one resource within
//!                                         # a tumbling window are one incident
//! ```
//!
//! IAM is global and its resources are all in `us-east-1`, where its events are recorded.

use std::collections::BTreeSet;

use aisaws_core::event::Event;
use aisaws_core::id::{AccountId, ControlId, Region};
use aisaws_core::resource::ResourceRef;
use serde::Deserialize;
use serde_json::Value;

use crate::sigma::{Head, Path, Problem, Rule, RuleError, ScanError};

/// Name of the section.
pub const SECTION: &str = "aisaws";
/// The region that answers for global services.
const GLOBAL_REGION: &str = "us-east-1";

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
        let wrong = |attribute: &str, expected| {
            error(Problem::WrongType { attribute: format!("{SECTION}.{attribute}"), expected })
        };
        let window_seconds = match &section.window {
            Some(text) => Some(
                parse_window(text)
                    .ok_or_else(|| wrong("window", "a positive number and `s`, `m`, `h` or `d`"))?,
            ),
            None => None,
        };
        let sources = match section.resource.id {
            OneOrMany::One(source) => vec![source],
            OneOrMany::Many(sources) => sources,
        };
        if sources.is_empty() {
            return Err(wrong("resource.id", "a field or a list of fields"));
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
        let resource = |Named { id, arn_account, arn_region }| {
            let region = if self.kind.starts_with("AWS::IAM::") {
                Region::new(GLOBAL_REGION)
            } else {
                region.clone().or(arn_region).map_or_else(|| event.region.clone(), Region::new)
            };
            let account = account.clone().or(arn_account);
            ResourceRef {
                kind: self.kind.clone(),
                id,
                account: account.map_or_else(|| event.account.clone(), AccountId::new),
                region,
            }
        };
        let unique: BTreeSet<ResourceRef> = ids.into_iter().map(resource).collect();
        Ok(unique.into_iter().collect())
    }
}

struct Named {
    id: String,
    arn_account: Option<String>,
    arn_region: Option<String>,
}

impl Place {
    fn texts(&self, record: &Value) -> Vec<Named> {
        let mut found = Vec::new();
        self.path.any(record, &mut |value| {
            if let Some(text) = value.as_str() {
                found.extend(self.named(text));
            }
            false
        });
        found
    }

    fn named(&self, text: &str) -> Option<Named> {
        let id = match &self.split {
            Some(separator) => text.rsplit(separator.as_str()).next().unwrap_or_default(),
            None => text,
        };
        let parts: Vec<&str> =
            if text.starts_with("arn:") { text.split(':').collect() } else { Vec::new() };
        let part = |n: usize| parts.get(n).filter(|p| !p.is_empty()).map(|p| (*p).to_owned());
        (!id.is_empty()).then(|| Named {
            id: id.to_owned(),
            arn_account: part(4),
            arn_region: part(3),
        })
    }
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
