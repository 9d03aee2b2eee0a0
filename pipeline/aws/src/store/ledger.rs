//! The chain of one incident. Every append reads the head that the incident's record keeps, and one
//! transaction writes the link, its key and the new head, provided that the head is still the same.

use aisaws_core::canonical::Digest;
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{self, Appended, Entry, Link, RawLink};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde_json::Value;

use super::call::{Range, Transacted, pause};
use super::handle::{Store, Trouble};
use super::item::{Attributes, Item, Row, key_attributes};
use super::{approvals, layout};

/// Attributes of an incident's record.
const LINKS: &str = "links";
const HEAD: &str = "head";
pub(super) const RESOURCE: &str = "resource";
/// Attributes of a link.
const SEQ: &str = "seq";
const STEP: &str = "step";
const AT: &str = "at";
const PREV: &str = "prev";
const HASH: &str = "hash";

/// How often a head may have moved before an append gives up: as many processes may write to one
/// incident at a time.
const ATTEMPTS: u32 = 64;
/// Bodies of links that are read at a time.
const CONCURRENT: usize = 16;

/// Appends unless an entry of that key is there.
pub(super) async fn append(
    store: &Store,
    id: IncidentId,
    key: &str,
    entry: Entry,
    at: Timestamp,
) -> Result<Appended, Trouble> {
    let _lane = store.lane(id).await;
    if matches!(entry, Entry::Closed { .. }) {
        // First, so that a step that dies here does it again.
        approvals::end(store, id).await?;
    }
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let record = store.get(&layout::record(id)).await?;
        let record =
            record.ok_or_else(|| Trouble::NotFound { what: "incident", id: id.to_string() })?;
        let (row, head) = (Row(&record), head(Row(&record))?);
        if store.get(&layout::link_key(id, key)).await?.is_some() {
            return Ok(Appended::Already);
        }
        let link = ledger::link(id, Some(head.clone()), key, at, entry.clone())?;
        let mut writes = vec![move_head(store, &head, &link)?];
        for item in items(store, &link).await? {
            writes.push(store.put_if_new(item)?);
        }
        if matches!(link.entry, Entry::Remediated { .. }) {
            let write = layout::write_made(row.text(RESOURCE)?, at, id, link.seq);
            writes.push(store.put_anyway(Item::new(write))?);
        }
        if store.transact(writes).await? == Transacted::Done {
            return Ok(Appended::New);
        }
    }
    Err(Trouble::Contended(layout::incident(id)))
}

/// The record's head, as the link makes it.
pub(super) fn with_head(record: Item, link: &Link) -> Item {
    record.with_number(LINKS, link.seq).with(HEAD, link.hash.as_str())
}

fn head(record: Row<'_>) -> Result<(u32, Digest), Trouble> {
    Ok((record.number(LINKS)?, record.digest(HEAD)?))
}

/// Moves the head on, if it is where it was.
fn move_head(
    store: &Store,
    (links, hash): &(u32, Digest),
    link: &Link,
) -> Result<TransactWriteItem, Trouble> {
    let number = |n: u32| AttributeValue::N(n.to_string());
    let text = |digest: &Digest| AttributeValue::S(digest.to_string());
    let update = Update::builder()
        .table_name(&*store.table)
        .set_key(Some(key_attributes(&layout::record(link.incident))))
        .update_expression("set links = :links, head = :head")
        .condition_expression("links = :was_links and head = :was_head")
        .expression_attribute_values(":links", number(link.seq))
        .expression_attribute_values(":head", text(&link.hash))
        .expression_attribute_values(":was_links", number(*links))
        .expression_attribute_values(":was_head", text(hash))
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// The items of a link: itself and its key.
pub(super) async fn items(store: &Store, link: &Link) -> Result<[Item; 2], Trouble> {
    let body = store.body("entry", serde_json::to_string(&link.entry)?).await?;
    let item = Item::new(layout::link(link.incident, link.seq))
        .with_number(SEQ, link.seq)
        .with(STEP, link.key.as_str())
        .with(AT, link.at.to_string())
        .with(PREV, link.prev.as_str())
        .with(HASH, link.hash.as_str())
        .with_body(&body);
    let key = Item::new(layout::link_key(link.incident, &link.key)).with_number(SEQ, link.seq);
    Ok([item, key])
}

/// The chain as entries of this version.
pub(super) async fn links(store: &Store, id: IncidentId) -> Result<Vec<Link>, Trouble> {
    let stored = stored(store, id).await?;
    futures::stream::iter(stored)
        .map(|item| async move {
            let row = Row(&item);
            let text = store.text(row.body()?).await?;
            let entry = serde_json::from_str(&text)
                .map_err(|e| row.unreadable("body", Some(Box::new(e))))?;
            Ok(Link {
                incident: id,
                seq: row.number(SEQ)?,
                key: row.text(STEP)?.to_owned(),
                at: row.parsed(AT, str::parse)?,
                entry,
                prev: row.digest(PREV)?,
                hash: row.digest(HASH)?,
            })
        })
        .buffered(CONCURRENT)
        .try_collect()
        .await
}

async fn stored(store: &Store, id: IncidentId) -> Result<Vec<Attributes>, Trouble> {
    store.query(&Range::of(layout::incident(id)).begins(layout::LINK), usize::MAX).await
}

/// The chain as it is stored, and the head of its record, both of one moment.
pub(super) async fn raw(
    store: &Store,
    id: IncidentId,
) -> Result<(Vec<RawLink>, Option<(u32, Digest)>), Trouble> {
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let before = record_head(store, id).await?;
        let stored = stored(store, id).await?;
        // A chain only grows: with the same head on both sides, nobody appended meanwhile.
        if record_head(store, id).await? == before {
            let links = futures::stream::iter(stored)
                .map(|item| async move { raw_link(store, Row(&item)).await })
                .buffered(CONCURRENT)
                .try_collect()
                .await?;
            return Ok((links, before));
        }
    }
    Err(Trouble::Contended(layout::incident(id)))
}

async fn record_head(store: &Store, id: IncidentId) -> Result<Option<(u32, Digest)>, Trouble> {
    let record = store.get(&layout::record(id)).await?;
    record.as_ref().map(|record| head(Row(record))).transpose()
}

/// What somebody made unreadable must not hide behind an error: it becomes a value that cannot
/// match its hash, and the check of the chain names the link.
async fn raw_link(store: &Store, row: Row<'_>) -> Result<RawLink, Trouble> {
    let text = match row.body() {
        Ok(body) => store.text(body).await,
        Err(e) => Err(e.into()),
    };
    let entry = match text {
        Ok(text) => serde_json::from_str(&text).ok(),
        // The archive did not answer: that says nothing about the link.
        Err(e @ (Trouble::Call(_) | Trouble::Archive(crate::archive::ArchiveError::Call(_)))) => {
            return Err(e);
        }
        Err(_) => None,
    };
    Ok(RawLink {
        seq: row.number(SEQ)?,
        key: row.text(STEP)?.to_owned(),
        at: row.parsed(AT, str::parse).unwrap_or(Timestamp::MIN),
        entry: entry.unwrap_or_else(|| Value::String("unreadable".to_owned())),
        prev: row.digest(PREV)?,
        hash: row.digest(HASH)?,
    })
}
