//! Port `Events`.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_core::canonical::Digest;
use aisaws_core::event::Event;
use aisaws_core::hit::Hit;
use aisaws_core::id::{EventId, RuleId};
use aisaws_core::port::{
    Arrival, DeadLetter, Derived, EventFilter, Events, Recorded, StoreError, Stored,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::seen::Seen;
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde_json::json;

use super::call::Range;
use super::handle::{Store, Trouble, doing};
use super::intake::{self, ARRIVED, CONTENT_PK, CONTENT_SK};
use super::item::{Attributes, Item, Row};
use super::layout::{self, BY_NAME, BY_TIME, Key, Place};
use super::seen;

/// Bodies that are read at a time.
const CONCURRENT: usize = 16;

#[async_trait]
impl Events for Store {
    async fn append(&self, records: Vec<Recorded>) -> Result<Vec<Stored>, StoreError> {
        intake::append(self, records).await.map_err(doing("keep events"))
    }

    async fn derive(&self, hits: Vec<Hit>) -> Result<Derived, StoreError> {
        intake::derive(self, hits).await.map_err(doing("keep hits of correlations"))
    }

    async fn bury(&self, letters: Vec<DeadLetter>) -> Result<(), StoreError> {
        bury(self, letters).await.map_err(doing("keep dead letters"))
    }

    async fn get(&self, id: &EventId) -> Result<Option<Event>, StoreError> {
        let first = Place::first(id, Timestamp::UNIX_EPOCH).key();
        let found = async {
            match self.get(&first).await? {
                Some(item) => intake::event(self, &item).await.map(Some),
                None => Ok(None),
            }
        };
        found.await.map_err(doing("read an event"))
    }

    async fn arrivals(&self, ids: &[EventId]) -> Result<Vec<Arrival>, StoreError> {
        arrivals(self, ids).await.map_err(doing("tell which events are stored"))
    }

    async fn list(
        &self,
        filter: &EventFilter,
        after: Option<(Timestamp, EventId)>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        list(self, filter, after.as_ref(), limit).await.map_err(doing("list events"))
    }

    async fn touching(&self, resource: &ResourceRef) -> Result<Vec<Event>, StoreError> {
        let range = Range::of(layout::touched(&resource.key()));
        let found = async {
            let pointers = self.query(&range, usize::MAX).await?;
            events(self, targets(&pointers)?).await
        };
        found.await.map_err(doing("list the events of a resource"))
    }

    async fn first_seen(&self, what: Seen<'_>) -> Result<Option<Timestamp>, StoreError> {
        seen::first(self, what).await.map_err(doing("tell what was seen first"))
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        dead_letters(self, limit).await.map_err(doing("list dead letters"))
    }
}

impl Store {
    /// Events that the rule hit in `[since, until)`, in order of time then id, at most `limit`; what
    /// happened in the last moments may be missing.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn hit_by(
        &self,
        rule: &RuleId,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let range = Range::indexed(BY_TIME, layout::rule(rule))
            .between(Some(layout::time(since)), Some(layout::time(until)));
        let found = async {
            let hits = self.query(&range, limit).await?;
            let keys = hits.iter().map(|hit| Row(hit).key()).collect::<Result<Vec<_>, _>>()?;
            let hits = self.get_all(keys.clone()).await?;
            let hits: Vec<Attributes> =
                keys.iter().filter_map(|key| hits.get(key).cloned()).collect();
            let mut contents = targets(&hits)?;
            contents.dedup();
            events(self, contents).await
        };
        found.await.map_err(doing("list the events of a rule"))
    }
}

async fn arrivals(store: &Store, ids: &[EventId]) -> Result<Vec<Arrival>, Trouble> {
    let key = |id| Place::first(id, Timestamp::UNIX_EPOCH).key();
    let keys: Vec<Key> = ids.iter().map(key).collect();
    let unique: BTreeSet<Key> = keys.iter().cloned().collect();
    let found = store.get_all(unique.into_iter().collect()).await?;
    let arrival = |key| match found.get(key) {
        None => Ok(Arrival::Missing),
        Some(item) => {
            let row = Row(item);
            let is_noted = row.get(ARRIVED).is_some();
            let at = is_noted.then(|| row.parsed(ARRIVED, str::parse)).transpose()?;
            Ok(Arrival::Stored(at))
        }
    };
    keys.iter().map(arrival).collect()
}

/// The contents that pointers point at.
pub(super) fn targets(pointers: &[Attributes]) -> Result<Vec<Key>, Trouble> {
    let target = |item| {
        let row = Row(item);
        Ok(Key { pk: row.text(CONTENT_PK)?.to_owned(), sk: row.text(CONTENT_SK)?.to_owned() })
    };
    pointers.iter().map(target).collect()
}

/// The events of contents, in that order; those that are there and have not expired.
pub(super) async fn events(store: &Store, contents: Vec<Key>) -> Result<Vec<Event>, Trouble> {
    let items = items(store, contents).await?;
    let events: Vec<Option<Event>> = futures::stream::iter(items)
        .map(|item| async move {
            match intake::event(store, &item).await {
                Err(Trouble::Expired(id)) => {
                    store.left_out(id).await;
                    Ok(None)
                }
                other => other.map(Some),
            }
        })
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    Ok(events.into_iter().flatten().collect())
}

/// Items of keys, in that order; those that are there.
pub(super) async fn items(store: &Store, keys: Vec<Key>) -> Result<Vec<Attributes>, Trouble> {
    let unique: Vec<Key> = keys.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let found = store.get_all(unique).await?;
    Ok(keys.iter().filter_map(|key| found.get(key).cloned()).collect())
}

/// A content in the order of a list.
#[derive(Debug, Clone)]
struct Listed {
    order: String,
    key: Key,
}

impl Listed {
    /// Time and id, which different contents under one id share.
    fn position(&self) -> &str {
        self.order.rsplit_once(" content").map_or(self.order.as_str(), |(position, _)| position)
    }

    /// A bound behind every content of that id.
    fn behind(&self) -> String {
        behind(self.position())
    }
}

/// One page; what has expired is left out of it, and others take its place.
async fn list(
    store: &Store,
    filter: &EventFilter,
    after: Option<&(Timestamp, EventId)>,
    limit: usize,
) -> Result<Vec<Event>, Trouble> {
    let mut window = Window::new(filter, after);
    let mut found = Vec::new();
    while found.len() < limit {
        let page = page(store, filter, &window, limit - found.len()).await?;
        let Some(last) = page.last().map(Listed::behind) else { break };
        let listed = page.len();
        let before = found.len();
        found.extend(events(store, page.into_iter().map(|listed| listed.key).collect()).await?);
        if found.len() - before == listed {
            break;
        }
        window.after = Some(last);
    }
    Ok(found)
}

/// Different contents under one id share their place in the order, which is all that the next page
/// knows: they stay on one page, and where they alone are more than the limit, the page is longer.
async fn page(
    store: &Store,
    filter: &EventFilter,
    window: &Window,
    limit: usize,
) -> Result<Vec<Listed>, Trouble> {
    let mut wanted = limit.saturating_add(1);
    loop {
        let mut found = match &filter.id {
            Some(id) => of_id(store, id, filter.name.as_deref(), window).await?,
            None => in_order(store, filter.name.as_deref(), window, wanted).await?,
        };
        if found.len() <= limit {
            return Ok(found);
        }
        let ends_with = found.get(limit).map(|next| next.position().to_owned());
        let is_cut = |listed: &Listed| Some(listed.position()) == ends_with.as_deref();
        if !found.first().is_some_and(is_cut) {
            found.truncate(limit);
            while found.last().is_some_and(is_cut) {
                found.pop();
            }
            return Ok(found);
        }
        // One id alone fills the page: it is there whole once another one follows, or nothing.
        if found.len() < wanted || !found.iter().all(is_cut) {
            found.retain(is_cut);
            return Ok(found);
        }
        wanted = wanted.saturating_mul(2);
    }
}

fn behind(position: &str) -> String {
    format!("{position} content~")
}

/// Bounds of a list, neither of which an event's order equals.
struct Window {
    after: Option<String>,
    before: Option<String>,
}

impl Window {
    fn new(filter: &EventFilter, after: Option<&(Timestamp, EventId)>) -> Self {
        let since = filter.since.map(layout::time);
        let after = after.map(|(time, id)| behind(&layout::position(*time, id)));
        Self { after: since.max(after), before: filter.until.map(layout::time) }
    }

    fn holds(&self, order: &str) -> bool {
        self.after.as_deref().is_none_or(|after| after < order)
            && self.before.as_deref().is_none_or(|before| order < before)
    }

    fn cut(&self, range: Range) -> Range {
        range.between(self.after.clone(), self.before.clone())
    }
}

/// Contents under one id, as they are now.
async fn of_id(
    store: &Store,
    id: &EventId,
    name: Option<&str>,
    window: &Window,
) -> Result<Vec<Listed>, Trouble> {
    let range = Range::of(layout::event(id)).begins(layout::CONTENT);
    let mut found = Vec::new();
    for item in store.query(&range, usize::MAX).await? {
        let row = Row(&item);
        let listed = Listed { order: row.text(BY_TIME.sk)?.to_owned(), key: row.key()? };
        if window.holds(&listed.order) && name.is_none_or(|name| row.get("name") == Some(name)) {
            found.push(listed);
        }
    }
    found.sort_by(|a, b| a.order.cmp(&b.order));
    Ok(found)
}

/// The first contents of a window, from the index of their day or of their name and month.
async fn in_order(
    store: &Store,
    name: Option<&str>,
    window: &Window,
    wanted: usize,
) -> Result<Vec<Listed>, Trouble> {
    let index = if name.is_some() { BY_NAME } else { BY_TIME };
    let days = days(store, window).await?;
    let parts: Vec<Vec<String>> = match name {
        Some(name) => {
            let mut months: Vec<&str> = days.iter().map(|day| layout::month(day)).collect();
            months.dedup();
            months.into_iter().map(|month| vec![layout::named(name, month)]).collect()
        }
        None => days
            .iter()
            .map(|day| (0..layout::SHARDS).map(|shard| layout::day(day, shard)).collect())
            .collect(),
    };
    let mut found = Vec::new();
    for partitions in parts {
        if found.len() >= wanted {
            break;
        }
        let ranges: Vec<Range> =
            partitions.into_iter().map(|pk| window.cut(Range::indexed(index, pk))).collect();
        for item in store.query_together(&ranges, wanted - found.len()).await? {
            let row = Row(&item);
            found.push(Listed { order: row.text(index.sk)?.to_owned(), key: row.key()? });
        }
    }
    Ok(found)
}

/// Days of the window that have events, in order.
async fn days(store: &Store, window: &Window) -> Result<Vec<String>, Trouble> {
    let day = |bound: &Option<String>| {
        bound.as_ref().and_then(|bound| bound.get(.."yyyy-mm-dd".len()).map(str::to_owned))
    };
    let (first, last) = (day(&window.after), day(&window.before));
    let from = first.as_deref().map(|day| layout::month(day).to_owned());
    let range = Range::of(layout::DAYS).between(from, last.map(|day| format!("{day}~")));
    let mut days = Vec::new();
    for item in store.query(&range, usize::MAX).await? {
        let day = Row(&item).key()?.sk;
        if first.as_ref().is_none_or(|first| day >= *first) {
            days.push(day);
        }
    }
    Ok(days)
}

async fn bury(store: &Store, letters: Vec<DeadLetter>) -> Result<(), Trouble> {
    let arrived = store.clock.now();
    let mut new: BTreeMap<Digest, (usize, DeadLetter)> = BTreeMap::new();
    for (place, letter) in letters.into_iter().enumerate() {
        let fingerprint = Digest::of(&json!([letter.origin, letter.line, letter.content]));
        new.entry(fingerprint).or_insert((place, letter));
    }
    let puts = new.into_iter().map(|(fingerprint, (place, letter))| async move {
        let body = store.body("letter", serde_json::to_string(&letter)?).await?;
        let item = Item::new(layout::letter(&fingerprint))
            .in_index(BY_TIME, layout::LETTERS, layout::arrival(arrived, place))
            .with_body(&body);
        // One that is there stays where it first stood.
        store.put_new(item).await.map(drop)
    });
    futures::stream::iter(puts).buffer_unordered(CONCURRENT).try_collect().await
}

async fn dead_letters(store: &Store, limit: usize) -> Result<Vec<DeadLetter>, Trouble> {
    let range = Range::indexed(BY_TIME, layout::LETTERS);
    let keys = store.query(&range, limit).await?;
    let keys = keys.iter().map(|item| Row(item).key()).collect::<Result<Vec<_>, _>>()?;
    let items = items(store, keys).await?;
    futures::stream::iter(items)
        .map(|item| async move {
            let row = Row(&item);
            let text = store.text(row.body()?).await?;
            Ok(serde_json::from_str(&text)
                .map_err(|e| row.unreadable("body", Some(Box::new(e))))?)
        })
        .buffered(CONCURRENT)
        .try_collect()
        .await
}
