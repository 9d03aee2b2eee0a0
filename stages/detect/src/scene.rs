//! An event as its resources are told by it, read no further and no oftener than that takes.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;

use aisaws_core::arn::Arn;
use aisaws_core::event::{Event, Report};
use aisaws_core::id::{AccountId, Region};
use aisaws_core::resource::{Owner, ResourceRef};
use aisaws_core::source::glance::{self, glance};

use crate::mapping::Mapping;
use crate::pointer::Pointed;
use crate::response::Located;
use crate::sigma::{Head, Path, ScanError};

/// What is pointed at where nothing else can be.
const ACCOUNT: &str = "AWS::::Account";

/// One event and what was found out about it so far.
pub(crate) struct Scene<'e> {
    service: Cow<'e, str>,
    name: Cow<'e, str>,
    /// Where it happened.
    here: Whereabouts<'e>,
    report: Option<&'e Report>,
    top: Top<'e>,
    by_mapping: OnceCell<Located>,
}

/// An account and a region, as the event has them.
#[derive(Clone)]
pub(crate) struct Whereabouts<'e> {
    pub(crate) account: Cow<'e, str>,
    pub(crate) region: Cow<'e, str>,
}

/// The event's top level.
enum Top<'e> {
    Read(&'e Head<'e>),
    Unread(&'e str, OnceCell<Head<'e>>),
}

impl<'e> Scene<'e> {
    pub(crate) fn of(event: &'e Event) -> Self {
        Self {
            service: Cow::Borrowed(&event.service),
            name: Cow::Borrowed(&event.name),
            here: Whereabouts {
                account: Cow::Borrowed(event.account.as_str()),
                region: Cow::Borrowed(event.region.as_str()),
            },
            report: event.report.as_ref(),
            top: Top::Unread(&event.raw, OnceCell::new()),
            by_mapping: OnceCell::new(),
        }
    }

    /// Of a record of CloudTrail whose top level was read; `None` where only a close reading
    /// tells, see [`glance`]. `account`: that of its envelope.
    pub(crate) fn at_a_glance(head: &'e Head<'e>, account: Option<&'e AccountId>) -> Option<Self> {
        let mut glance = glance(head.members())?;
        if let Some(account) = account.filter(|_| glance.account == "unknown") {
            glance.account = Cow::Borrowed(account.as_str());
        }
        Some(Self {
            service: Cow::Borrowed(glance.service),
            name: Cow::Borrowed(glance.name),
            here: Whereabouts { account: glance.account, region: Cow::Borrowed(glance.region) },
            report: None,
            top: Top::Read(head),
            by_mapping: OnceCell::new(),
        })
    }

    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The resources that a finding names.
    pub(crate) fn named_resources(&self) -> &[ResourceRef] {
        self.report.map_or(&[], |report| &report.resources)
    }

    /// The account, for hits that can name nothing smaller.
    pub(crate) fn account(&self) -> Pointed<'_> {
        let here = || Cow::Borrowed(&*self.here.account);
        let region = Cow::Borrowed(&*self.here.region);
        Pointed { kind: ACCOUNT, id: here(), account: here(), region }
    }

    /// What the mapping says; it is asked once, and is the same every time.
    pub(crate) fn by_mapping(&self, mapping: &Mapping) -> Result<&Located, ScanError> {
        if let Some(known) = self.by_mapping.get() {
            return Ok(known);
        }
        let located = mapping.located_in(self)?;
        Ok(self.by_mapping.get_or_init(|| located))
    }

    /// As [`Event::owner_of`].
    pub(crate) fn owner_of(&self, given: &str) -> Result<Whereabouts<'_>, ScanError> {
        let Whereabouts { account, region } = &self.here;
        let here =
            Whereabouts { account: Cow::Borrowed(&**account), region: Cow::Borrowed(&**region) };
        if let Some(arn) = Arn::parse(given) {
            let owner =
                Owner { account: AccountId::new(&**account), region: Region::new(&**region) };
            let owner = owner.or_as_named(&arn);
            return Ok(Whereabouts {
                account: Cow::Owned(owner.account.as_str().to_owned()),
                region: Cow::Owned(owner.region.as_str().to_owned()),
            });
        }
        let resources = self.head()?.raw("resources");
        let resources = resources.filter(|list| !glance::name_only(list, account));
        Ok(match resources.and_then(|resources| glance::owner(resources, given)) {
            Some(account) => {
                Whereabouts { account: Cow::Owned(account.as_str().to_owned()), ..here }
            }
            None => here,
        })
    }

    /// The texts of a field, lists walked through; in the order of the event where the field is
    /// written in one way only.
    pub(crate) fn texts(&self, path: &Path) -> Result<Vec<Cow<'_, str>>, ScanError> {
        let head = self.head()?;
        if let Some(texts) = head.texts(path) {
            return Ok(texts);
        }
        let names: BTreeSet<&str> = path.top_level_names().collect();
        let record = head.part(&names);
        let mut texts = Vec::new();
        path.any(&record, &mut |value| {
            texts.extend(value.as_str().map(|text| Cow::Owned(text.to_owned())));
            false
        });
        Ok(texts)
    }

    fn head(&self) -> Result<&Head<'e>, ScanError> {
        match &self.top {
            Top::Read(head) => Ok(head),
            Top::Unread(raw, cell) => {
                if let Some(head) = cell.get() {
                    return Ok(head);
                }
                let head = Head::read(raw)?;
                Ok(cell.get_or_init(|| head))
            }
        }
    }
}
