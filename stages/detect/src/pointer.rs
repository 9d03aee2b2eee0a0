//! Where in an event the resource stands that it is about.

use std::collections::BTreeSet;

use aisaws_core::event::Event;
use aisaws_core::id::{AccountId, Region};
use aisaws_core::resource::ResourceRef;
use serde::Deserialize;
use serde_json::Value;

use crate::sigma::{Head, Path, ScanError};

/// Types whose resources are in no region.
const GLOBAL_TYPES: &str = "AWS::IAM::";
/// What is pointed at where nothing else can be.
const ACCOUNT: &str = "AWS::::Account";

/// A resource section as it is written; [`crate::response`] documents it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
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

#[derive(Debug, Clone)]
struct Place {
    path: Path,
    split: Option<String>,
}

/// The type of a resource and the fields of an event that name one.
#[derive(Debug, Clone)]
pub(crate) struct Pointer {
    pub(crate) kind: String,
    ids: Vec<Place>,
    account: Option<Path>,
    region: Option<Path>,
}

impl Pointer {
    /// `None` where no field is given that could name a resource.
    pub(crate) fn new(written: Written) -> Option<Self> {
        let sources = match written.id {
            OneOrMany::One(source) => vec![source],
            OneOrMany::Many(sources) => sources,
        };
        let place = |source| match source {
            Source::Field(field) => Place { path: Path::new(field), split: None },
            Source::Part(part) => Place { path: Path::new(part.field), split: Some(part.split) },
        };
        let ids: Vec<Place> = sources.into_iter().map(place).collect();
        (!ids.is_empty()).then(|| Self {
            kind: written.kind,
            ids,
            account: written.account.map(Path::new),
            region: written.region.map(Path::new),
        })
    }

    /// The fields that may name a resource, as written.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let ids = self.ids.iter().map(|place| &place.path);
        ids.chain(&self.account).chain(&self.region).map(Path::as_str)
    }

    /// The resources the event names, each once; none where it names none.
    ///
    /// # Errors
    /// Where the parts of the event that may name them cannot be read.
    pub(crate) fn resources(&self, event: &Event) -> Result<Vec<ResourceRef>, ScanError> {
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

/// The account of the event, for hits that can name nothing smaller.
pub(crate) fn account(event: &Event) -> ResourceRef {
    ResourceRef {
        kind: ACCOUNT.to_owned(),
        id: event.account.as_str().to_owned(),
        account: event.account.clone(),
        region: event.region.clone(),
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
