//! Where in an event the resource stands that it is about.

use std::borrow::Cow;

use aisaws_core::id::{AccountId, Region};
use aisaws_core::resource::{ResourceRef, region_of};
use serde::Deserialize;

use crate::scene::{Scene, Whereabouts};
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

/// A resource as an event names it: a [`ResourceRef`] that owns nothing it need not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pointed<'s> {
    pub(crate) kind: &'s str,
    pub(crate) id: Cow<'s, str>,
    pub(crate) account: Cow<'s, str>,
    pub(crate) region: Cow<'s, str>,
}

impl<'s> Pointed<'s> {
    pub(crate) fn of(resource: &'s ResourceRef) -> Self {
        Self {
            kind: &resource.kind,
            id: Cow::Borrowed(&resource.id),
            account: Cow::Borrowed(resource.account.as_str()),
            region: Cow::Borrowed(resource.region.as_str()),
        }
    }

    pub(crate) fn into_owned(self) -> ResourceRef {
        ResourceRef {
            kind: self.kind.to_owned(),
            id: self.id.into_owned(),
            account: AccountId::new(self.account),
            region: Region::new(self.region),
        }
    }
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
        Ok(self.pointed(scene)?.into_iter().map(Pointed::into_owned).collect())
    }

    /// As [`Self::resources`].
    pub(crate) fn pointed<'s>(
        &'s self,
        scene: &'s Scene<'_>,
    ) -> Result<Vec<Pointed<'s>>, ScanError> {
        if self.is_of_finding {
            let named = scene.named_resources().iter();
            return Ok(named.filter(|found| found.kind == self.kind).map(Pointed::of).collect());
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
            let owner = scene.owner_of(given.as_deref().unwrap_or(&id))?;
            let Whereabouts { account: of_account, region: in_region } = owner;
            let in_region = region.clone().unwrap_or(in_region);
            resources.push(Pointed {
                kind: &self.kind,
                id,
                account: account.clone().unwrap_or(of_account),
                region: match region_of(&self.kind, &in_region) {
                    same if same == in_region => in_region,
                    other => Cow::Owned(other.to_owned()),
                },
            });
        }
        resources.sort();
        resources.dedup();
        Ok(resources)
    }
}

/// A resource's id, and the text of the event it was taken from, where that is another.
struct Named<'e> {
    id: Cow<'e, str>,
    given: Option<Cow<'e, str>>,
}

impl Place {
    fn names<'s>(&self, scene: &'s Scene<'_>) -> Result<Vec<Named<'s>>, ScanError> {
        let name = |given: Cow<'s, str>| {
            let named = match &self.split {
                Some(separator) => {
                    let id = given.rsplit(separator.as_str()).next().unwrap_or_default();
                    Named { id: Cow::Owned(id.to_owned()), given: Some(given) }
                }
                None => Named { id: given, given: None },
            };
            (!named.id.is_empty()).then_some(named)
        };
        Ok(scene.texts(&self.path)?.into_iter().filter_map(name).collect())
    }
}

fn first_text<'s>(
    path: Option<&Path>,
    scene: &'s Scene<'_>,
) -> Result<Option<Cow<'s, str>>, ScanError> {
    let Some(path) = path else { return Ok(None) };
    let texts = scene.texts(path)?;
    Ok(texts.into_iter().find(|text| !text.is_empty()))
}
