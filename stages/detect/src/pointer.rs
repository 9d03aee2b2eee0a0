//! Where in an event the resource stands that it is about.

use std::collections::BTreeSet;

use aisaws_core::event::Event;
use aisaws_core::id::{AccountId, Region};
use aisaws_core::resource::ResourceRef;
use serde::Deserialize;
use serde_json::Value;

use crate::sigma::{Head, Path, ScanError};

/// What is pointed at where nothing else can be.
const ACCOUNT: &str = "AWS::::Account";

/// A resource section as it is written; [`crate::response`] documents it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    #[serde(rename = "type")]
    kind: String,
    id: Option<OneOrMany>,
    from: Option<From>,
    account: Option<String>,
    region: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum From {
    Finding,
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
    is_of_finding: bool,
    ids: Vec<Place>,
    account: Option<Path>,
    region: Option<Path>,
}

impl Pointer {
    /// `None` where not one of fields and `from` is given that could name a resource.
    pub(crate) fn new(written: Written) -> Option<Self> {
        let is_of_finding = written.from.is_some();
        let sources = match written.id {
            Some(OneOrMany::One(source)) => vec![source],
            Some(OneOrMany::Many(sources)) => sources,
            None => Vec::new(),
        };
        let place = |source| match source {
            Source::Field(field) => Place { path: Path::new(field), split: None },
            Source::Part(part) => Place { path: Path::new(part.field), split: Some(part.split) },
        };
        let ids: Vec<Place> = sources.into_iter().map(place).collect();
        (ids.is_empty() == is_of_finding).then(|| Self {
            kind: written.kind,
            is_of_finding,
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
        if self.is_of_finding {
            let named = event.report.iter().flat_map(|report| &report.resources);
            return Ok(named.filter(|resource| resource.kind == self.kind).cloned().collect());
        }
        let paths = self.ids.iter().map(|p| &p.path).chain(&self.account).chain(&self.region);
        let names: BTreeSet<&str> = paths.flat_map(Path::top_level_names).collect();
        let record = Head::read(&event.raw)?.part(&names)?;
        let found = self.ids.iter().map(|place| place.texts(&record));
        let found = found.into_iter().find(|ids| !ids.is_empty()).unwrap_or_default();
        let account = self.account.as_ref().and_then(|p| first_text(p, &record));
        let region = self.region.as_ref().and_then(|p| first_text(p, &record));
        let resource = |Named { id, given }| {
            let mut owner = event.owner_of(&given);
            if let Some(account) = &account {
                owner.account = AccountId::new(account);
            }
            if let Some(region) = &region {
                owner.region = Region::new(region);
            }
            ResourceRef::new(&self.kind, id, &owner)
        };
        let unique: BTreeSet<ResourceRef> = found.into_iter().map(resource).collect();
        Ok(unique.into_iter().collect())
    }
}

/// A resource's id, and the text of the event it was taken from.
struct Named {
    id: String,
    given: String,
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
    fn texts(&self, record: &Value) -> Vec<Named> {
        let mut found = Vec::new();
        self.path.any(record, &mut |value| {
            let text = value.as_str().unwrap_or_default();
            let id = match &self.split {
                Some(separator) => text.rsplit(separator.as_str()).next().unwrap_or_default(),
                None => text,
            };
            if !id.is_empty() {
                found.push(Named { id: id.to_owned(), given: text.to_owned() });
            }
            false
        });
        found
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
