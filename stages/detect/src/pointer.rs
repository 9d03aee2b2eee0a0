//! Where in an event the resource stands that it is about.

use std::borrow::Cow;

use aisaws_core::id::{AccountId, Region};
use aisaws_core::resource::ResourceRef;
use serde::Deserialize;

use crate::scene::Scene;
use crate::sigma::{Path, ScanError};

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
    pub(crate) fn resources(&self, scene: &Scene<'_>) -> Result<Vec<ResourceRef>, ScanError> {
        if self.is_of_finding {
            let named = scene.named_resources().iter();
            return Ok(named.filter(|resource| resource.kind == self.kind).cloned().collect());
        }
        let mut found = Vec::new();
        for place in &self.ids {
            found = place.names(scene)?;
            if !found.is_empty() {
                break;
            }
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let account = first_text(self.account.as_ref(), scene)?;
        let region = first_text(self.region.as_ref(), scene)?;
        let mut resources = Vec::with_capacity(found.len());
        for Named { id, given } in found {
            let mut owner = scene.owner_of(&given)?;
            if let Some(account) = &account {
                owner.account = AccountId::new(account);
            }
            if let Some(region) = &region {
                owner.region = Region::new(region);
            }
            resources.push(ResourceRef::new(&self.kind, id, &owner));
        }
        resources.sort();
        resources.dedup();
        Ok(resources)
    }
}

/// A resource's id, and the text of the event it was taken from.
struct Named<'e> {
    id: String,
    given: Cow<'e, str>,
}

impl Place {
    fn names<'s>(&self, scene: &'s Scene<'_>) -> Result<Vec<Named<'s>>, ScanError> {
        let name = |given: Cow<'s, str>| {
            let id = match &self.split {
                Some(separator) => given.rsplit(separator.as_str()).next().unwrap_or_default(),
                None => &given,
            };
            let id = id.to_owned();
            (!id.is_empty()).then_some(Named { id, given })
        };
        Ok(scene.texts(&self.path)?.into_iter().filter_map(name).collect())
    }
}

fn first_text(path: Option<&Path>, scene: &Scene<'_>) -> Result<Option<String>, ScanError> {
    let Some(path) = path else { return Ok(None) };
    let texts = scene.texts(path)?;
    Ok(texts.into_iter().find(|text| !text.is_empty()).map(Cow::into_owned))
}
