//! Port `Incidents`.

use std::collections::BTreeSet;

use aisaws_core::canonical::Digest;
use aisaws_core::id::{EventId, IncidentId, RuleId};
use aisaws_core::incident::Incident;
use aisaws_core::ledger::{Appended, Entry, Link, RawLink};
use aisaws_core::port::{Incidents, Mark, Opened, Pending, StoreError};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::call::{CONDITION, Range, TRANSACTION, Transacted, is_conflict};
use super::handle::{Store, Trouble, doing};
use super::intake::{self, ID, NEWEST};
use super::item::{Attributes, Item, Row, key_attributes};
use super::layout::{self, BY_TIME, Key};
use super::{admitted, events, ledger};
use crate::fault::failed;

/// Partitions that are read at a time.
const CONCURRENT: usize = 16;

#[async_trait]
impl Incidents for Store {
    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        pending(self, limit).await.map_err(doing("list pending hits"))
    }

    async fn open(
        &self,
        incident: Incident,
        taken: Vec<Mark>,
        at: Timestamp,
    ) -> Result<Opened, StoreError> {
        open(self, incident, &taken, at).await.map_err(doing("open an incident"))
    }

    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        let found = async {
            match self.get(&layout::record(id)).await? {
                Some(item) => incident(self, &item).await.map(Some),
                None => Ok(None),
            }
        };
        found.await.map_err(doing("read an incident"))
    }

    async fn list(
        &self,
        after: Option<(Timestamp, IncidentId)>,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError> {
        let after = after.map(|(time, id)| layout::incident_order(time, id));
        let range = Range::indexed(BY_TIME, layout::INCIDENTS).between(after, None);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        list(self, &range, limit).await.map_err(doing("list incidents"))
    }

    async fn of_events(&self, events: &[EventId]) -> Result<Vec<IncidentId>, StoreError> {
        of_events(self, events).await.map_err(doing("find the incidents of events"))
    }

    async fn rules_of_principal(
        &self,
        principal: &str,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RuleId>, StoreError> {
        let range = Range::of(layout::actor(principal))
            .between(Some(layout::time(since)), Some(layout::time(until)));
        let found = async {
            let mut rules = BTreeSet::new();
            for item in self.query(&range, usize::MAX).await? {
                rules.insert(intake::rule(&item)?);
            }
            Ok(rules.into_iter().collect())
        };
        found.await.map_err(doing("list the rules of a principal"))
    }

    async fn admit(&self, name: &str, id: IncidentId, limit: u32) -> Result<bool, StoreError> {
        admitted::admit(self, name, id, limit).await.map_err(doing("count an incident"))
    }

    async fn append(
        &self,
        id: IncidentId,
        key: &str,
        entry: Entry,
        at: Timestamp,
    ) -> Result<Appended, StoreError> {
        ledger::append(self, id, key, entry, at).await.map_err(doing("append to a ledger"))
    }

    async fn ledger(&self, id: IncidentId) -> Result<Vec<Link>, StoreError> {
        ledger::links(self, id).await.map_err(doing("read a ledger"))
    }

    async fn raw_ledger(
        &self,
        id: IncidentId,
    ) -> Result<(Vec<RawLink>, Option<(u32, Digest)>), StoreError> {
        ledger::raw(self, id).await.map_err(doing("read a ledger"))
    }

    async fn writes_since(&self, resource_key: &str, since: Timestamp) -> Result<u32, StoreError> {
        let range =
            Range::of(layout::writes(resource_key)).between(Some(layout::time(since)), None);
        let writes = self.query(&range, usize::MAX).await;
        let writes = writes.map_err(doing("count the writes to a resource"))?;
        Ok(u32::try_from(writes.len()).unwrap_or(u32::MAX))
    }
}

impl Store {
    /// Ids of all incidents of which the table has anything at all: a record, or links alone. The
    /// second part is what stands in an id's place and is none. Reads the whole table.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn audited_ids(&self) -> Result<(BTreeSet<IncidentId>, Vec<String>), StoreError> {
        audited_ids(self).await.map_err(doing("list incidents"))
    }
}

async fn audited_ids(store: &Store) -> Result<(BTreeSet<IncidentId>, Vec<String>), Trouble> {
    let prefix = layout::INCIDENT;
    let mut pages = store
        .client
        .scan()
        .table_name(&*store.table)
        .consistent_read(true)
        .projection_expression("pk")
        .filter_expression("begins_with(pk, :incident)")
        .expression_attribute_values(":incident", AttributeValue::S(prefix.to_owned()))
        .into_paginator()
        .send();
    let (mut ids, mut strange) = (BTreeSet::new(), BTreeSet::new());
    while let Some(page) = pages.next().await {
        for item in page.map_err(failed("dynamodb:Scan"))?.items.unwrap_or_default() {
            let pk = Row(&item).text(layout::PK)?;
            let text = pk.strip_prefix(prefix).unwrap_or(pk);
            match IncidentId::parse(text) {
                Ok(id) => drop(ids.insert(id)),
                Err(_) => drop(strange.insert(text.to_owned())),
            }
        }
    }
    Ok((ids, strange.into_iter().collect()))
}

async fn pending(store: &Store, limit: usize) -> Result<Vec<Pending>, Trouble> {
    let shards: Vec<Range> =
        (0..layout::SHARDS).map(|shard| Range::of(layout::pending(shard))).collect();
    let marks = store.query_together(&shards, limit).await?;
    let targets = events::targets(&marks)?;
    let contents = store.get_all(targets.clone()).await?;
    let pairs = marks.iter().zip(&targets);
    // A mark is written with its content; one without is left from somebody's own removal.
    let pairs = pairs.filter_map(|(mark, key)| Some((mark, contents.get(key)?)));
    let read = |(mark, content): (&Attributes, &Attributes)| {
        let (mark, content) = (mark.clone(), content.clone());
        async move {
            // After the mark: of hits that are added in between it names none.
            let hits = intake::hits(store, &mark).await?;
            let event = intake::event(store, &content).await?;
            let row = Row(&mark);
            let mark = Mark {
                event: event.id.clone(),
                content: row.key()?.sk,
                seen: row.text(NEWEST)?.to_owned(),
            };
            Ok(Pending { event, hits, mark })
        }
    };
    let reads: Vec<_> = pairs.map(read).collect();
    futures::stream::iter(reads).buffered(CONCURRENT).try_collect().await
}

/// What opening writes, in its order: the events belong before any of them is taken.
async fn open(
    store: &Store,
    incident: Incident,
    taken: &[Mark],
    at: Timestamp,
) -> Result<Opened, Trouble> {
    let Incident { detected, events } = incident;
    let id = detected.incident;
    let mut belong = Vec::new();
    for event in &events {
        let text = event.as_str();
        belong.push(Item::new(layout::event_of_incident(id, event)).with(ID, text));
        belong.push(Item::new(layout::incident_of_event(event, id)).with(ID, id.to_string()));
    }
    let mut opened = Opened::Already;
    if store.get(&layout::record(id)).await?.is_none() {
        let resource = detected.resource.key();
        let order = layout::incident_order(detected.time, id);
        let body = store.body("incident", serde_json::to_string(&detected)?).await?;
        let first = aisaws_core::ledger::link(id, None, "opened", at, Entry::Opened { detected })?;
        let record = ledger::with_head(Item::new(layout::record(id)), &first)
            .in_index(BY_TIME, layout::INCIDENTS, order)
            .with(ID, id.to_string())
            .with(ledger::RESOURCE, resource)
            .with_body(&body);
        let mut items = vec![store.put_if_new(record)?];
        for item in ledger::items(store, &first).await? {
            items.push(store.put_if_new(item)?);
        }
        let is_whole = items.len() + belong.len() <= TRANSACTION;
        if is_whole {
            for item in &belong {
                items.push(store.put_anyway(item.clone())?);
            }
        }
        // Refused: somebody else opened it meanwhile.
        if store.transact(items).await? == Transacted::Done {
            opened = Opened::New;
            if is_whole {
                belong.clear();
            }
        }
    }
    store.write_all(belong).await?;
    let takes: Vec<_> = taken.iter().map(|mark| take(store, mark)).collect();
    futures::stream::iter(takes).buffer_unordered(CONCURRENT).try_collect::<()>().await?;
    Ok(opened)
}

/// Takes a mark off, unless its event was hit since.
async fn take(store: &Store, mark: &Mark) -> Result<(), Trouble> {
    let key = Key { pk: layout::pending(layout::shard(&mark.event)), sk: mark.content.clone() };
    let taken = store
        .client
        .delete_item()
        .table_name(&*store.table)
        .set_key(Some(key_attributes(&key)))
        .condition_expression("newest = :seen")
        .expression_attribute_values(":seen", AttributeValue::S(mark.seen.clone()));
    match taken.send().await.map_err(failed("dynamodb:DeleteItem")) {
        Ok(_) => Ok(()),
        // It is gone, or names another hit, or is just being written: the list tells which.
        Err(e) if e.code.as_deref() == Some(CONDITION) || is_conflict(&e) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

async fn incident(store: &Store, record: &Attributes) -> Result<Incident, Trouble> {
    let row = Row(record);
    let id = row.parsed(ID, IncidentId::parse)?;
    let text = store.text(row.body()?).await?;
    let detected =
        serde_json::from_str(&text).map_err(|e| row.unreadable("body", Some(Box::new(e))))?;
    let range = Range::of(layout::incident(id)).begins(layout::EVENT);
    let mut events = BTreeSet::new();
    for item in store.query(&range, usize::MAX).await? {
        events.insert(EventId::new(Row(&item).text(ID)?));
    }
    Ok(Incident { detected, events })
}

async fn list(store: &Store, range: &Range, limit: usize) -> Result<Vec<Incident>, Trouble> {
    let keys = store.query(range, limit).await?;
    let keys = keys.iter().map(|item| Row(item).key()).collect::<Result<Vec<_>, _>>()?;
    let records = events::items(store, keys).await?;
    futures::stream::iter(records)
        .map(|record| async move { incident(store, &record).await })
        .buffered(CONCURRENT)
        .try_collect()
        .await
}

async fn of_events(store: &Store, events: &[EventId]) -> Result<Vec<IncidentId>, Trouble> {
    let ranges: Vec<Range> = events
        .iter()
        .map(|event| Range::of(layout::event(event)).begins(layout::INCIDENT))
        .collect();
    let mut found = BTreeSet::new();
    for item in store.query_together(&ranges, usize::MAX).await? {
        found.insert(Row(&item).parsed(ID, IncidentId::parse)?);
    }
    Ok(found.into_iter().collect())
}
