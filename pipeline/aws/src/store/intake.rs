//! Writing events: each with its hits and what it touches in one transaction, or not at all.
//!
//! Most events have neither and are one conditional put. Every event is in the archive before it
//! is in the table, so a large one needs no second copy.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_core::canonical::{self, Digest};
use aisaws_core::event::Event;
use aisaws_core::hit::Hit;
use aisaws_core::id::{AccountId, EventId, RuleId};
use aisaws_core::port::{Derived, Disposition, Recorded, Stored};
use aisaws_core::source;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::call::{ATTEMPTS, Range, TRANSACTION, Transacted, pause};
use super::expiry::EXPIRES_AT;
use super::handle::{Store, Trouble};
use super::item::{Attributes, Body, Item, Row};
use super::layout::{self, BY_NAME, BY_TIME, INLINE_BYTES, Key, Place};
use super::seen;
use crate::archive::{self, ArchiveError};

/// Events that are written at a time.
const CONCURRENT: usize = 32;

/// Attribute names of contents and of what points at them.
pub(super) const ID: &str = "id";
pub(super) const CONTENT_PK: &str = "content_pk";
pub(super) const CONTENT_SK: &str = "content_sk";
const TIME: &str = "time";
const SOURCE: &str = "source";
const ACCOUNT: &str = "account";
const DIGEST: &str = "digest";
/// When the content was kept; of contents from before it was noted, nobody knows.
pub(super) const ARRIVED: &str = "arrived";
const PRINCIPAL: &str = "principal";
const RULE: &str = "rule";
/// The hit that was added last; of pending marks.
pub(super) const NEWEST: &str = "newest";

/// Keeps the records; see [`aisaws_core::port::Events::append`].
pub(super) async fn append(store: &Store, records: Vec<Recorded>) -> Result<Vec<Stored>, Trouble> {
    let days: BTreeSet<String> = records.iter().map(|r| layout::date(r.event.time)).collect();
    keep_days(store, days).await?;
    seen::keep(store, &records).await?;
    let mut answers = vec![Stored::Duplicate; records.len()];
    // Contents under one id are written in their order, different ids side by side.
    let mut by_id: BTreeMap<String, Vec<(usize, Recorded)>> = BTreeMap::new();
    for (n, record) in records.into_iter().enumerate() {
        by_id.entry(record.event.id.to_string()).or_default().push((n, record));
    }
    let firsts = by_id.values().flatten().map(|(_, record)| first(&record.event).key());
    let firsts: BTreeSet<Key> = firsts.collect();
    let there = &store.get_all(firsts.into_iter().collect()).await?;
    let kept: Vec<Vec<(usize, Stored)>> = futures::stream::iter(by_id.into_values())
        .map(|records| keep_in_order(store, records, there))
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    for (n, stored) in kept.into_iter().flatten() {
        if let Some(answer) = answers.get_mut(n) {
            *answer = stored;
        }
    }
    Ok(answers)
}

/// Days are kept before their events, so that whoever lists by days misses none.
async fn keep_days(store: &Store, days: BTreeSet<String>) -> Result<(), Trouble> {
    let new: Vec<String> = {
        let known = store.days.lock().await;
        days.into_iter().filter(|day| !known.contains(day)).collect()
    };
    let items = new.iter().map(|day| Item::new(layout::has_events(day))).collect();
    store.write_all(items).await?;
    store.days.lock().await.extend(new);
    Ok(())
}

async fn keep_in_order(
    store: &Store,
    records: Vec<(usize, Recorded)>,
    there: &BTreeMap<Key, Attributes>,
) -> Result<Vec<(usize, Stored)>, Trouble> {
    let mut kept = Vec::new();
    for (nth, (n, record)) in records.into_iter().enumerate() {
        // What was read before the batch tells nothing about a second content of it.
        let known = match there.get(&first(&record.event).key()) {
            _ if nth > 0 => Known::Nothing,
            Some(item) => Known::There(item.clone()),
            None => Known::Absent,
        };
        kept.push((n, keep(store, &record, known).await?));
    }
    Ok(kept)
}

fn first(event: &Event) -> Place {
    Place::first(&event.id, event.time)
}

/// What is known of the first content under an id.
enum Known {
    Nothing,
    Absent,
    There(Attributes),
}

/// Keeps one record.
async fn keep(store: &Store, record: &Recorded, mut known: Known) -> Result<Stored, Trouble> {
    let event = &record.event;
    let digest = Digest::of_bytes(canonical_or_as_is(&event.raw).as_bytes());
    let mut body = None;
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let there = match std::mem::replace(&mut known, Known::Nothing) {
            Known::Nothing => store.get(&first(event).key()).await?,
            Known::Absent => None,
            Known::There(item) => Some(item),
        };
        let (place, stored, hits) = match there {
            None => (first(event), Stored::New, record.hits.clone()),
            Some(there) if Row(&there).text(DIGEST)? == digest.as_str() => {
                return Ok(Stored::Duplicate);
            }
            Some(_) => {
                let place = Place::variant(&event.id, event.time, &digest);
                if store.get(&place.key()).await?.is_some() {
                    return Ok(Stored::Duplicate);
                }
                let hits = unsaid(store, record, &place).await?;
                (place, Stored::Variant, hits)
            }
        };
        let body = match &body {
            Some(body) => body,
            None => body.insert(archived(store, event).await?),
        };
        if write(store, record, &place, &digest, body, hits).await? == Transacted::Done {
            return Ok(stored);
        }
    }
    Err(Trouble::Contended(first(event).key().pk))
}

/// The event is in the archive, whatever its size; a small one stands in its item too.
async fn archived(store: &Store, event: &Event) -> Result<Body, Trouble> {
    let reference = store.archive.keep_event(event).await?;
    if event.raw.len() <= INLINE_BYTES {
        Ok(Body::Inline(event.raw.clone()))
    } else {
        Ok(Body::Archived(reference))
    }
}

/// Hits of a correction that no earlier content under the id had. The correction itself is not
/// there yet: hits that point at it are left from an attempt that did not come to its end.
async fn unsaid(store: &Store, record: &Recorded, own: &Place) -> Result<Vec<Hit>, Trouble> {
    let range = Range::of(layout::event(&record.event.id)).begins(layout::HIT);
    let mut said = BTreeSet::new();
    for item in store.query(&range, usize::MAX).await? {
        if Row(&item).get(CONTENT_SK) != Some(own.key().sk.as_str()) {
            said.insert(Row(&item).key()?);
        }
    }
    Ok(record.hits.iter().filter(|hit| !said.contains(&hit_key(hit))).cloned().collect())
}

/// Writes the content with all that points at it. `Refused`: somebody wrote under the same id.
async fn write(
    store: &Store,
    record: &Recorded,
    place: &Place,
    digest: &Digest,
    body: &Body,
    hits: Vec<Hit>,
) -> Result<Transacted, Trouble> {
    let arrived = store.clock.now().to_string();
    let content = content(record, place, digest, body)?.with(ARRIVED, arrived);
    let pointers = pointers(store, record, place, hits).await?;
    // What no rule hit is no incident's, and goes with what points at it.
    let (content, mut pointers) = if record.hits.is_empty() {
        let passing = |item| store.passing(item);
        (passing(content), pointers.into_iter().map(passing).collect())
    } else {
        let first = first(&record.event).key();
        if place.key() != first {
            store.keep_for_good(&first).await?;
        }
        (content, pointers)
    };
    if pointers.is_empty() {
        let there = store.put_new(content).await?;
        return Ok(if there.is_none() { Transacted::Done } else { Transacted::Refused });
    }
    // What does not fit into one transaction goes before it: pointers at a content that is not
    // there are nothing to those who read.
    let early = pointers.split_off(pointers.len().min(TRANSACTION - 1));
    store.write_all(early).await?;
    let mut items = vec![store.put_if_new(content)?];
    for pointer in pointers {
        items.push(store.put_anyway(pointer)?);
    }
    store.transact(items).await
}

fn content(
    record: &Recorded,
    place: &Place,
    digest: &Digest,
    body: &Body,
) -> Result<Item, Trouble> {
    let event = &record.event;
    let disposition = match record.disposition {
        Disposition::Examined => "examined",
        Disposition::Own => "own",
    };
    Ok(Item::new(place.key())
        .in_index(BY_TIME, place.day(), place.order())
        .in_index(BY_NAME, place.name(&event.name), place.order())
        .with(ID, event.id.as_str())
        .with(TIME, event.time.to_string())
        .with_json(SOURCE, &event.source)?
        .with(DIGEST, digest.as_str())
        .with("disposition", disposition)
        .with("name", event.name.as_str())
        .with("service", event.service.as_str())
        .with(ACCOUNT, event.account.as_str())
        .with("region", event.region.as_str())
        .with_some(PRINCIPAL, event.actor.principal())
        .with_some("error", event.error_code.as_deref())
        .with_body(body))
}

/// Items that point at the content, the pending mark first, each once.
async fn pointers(
    store: &Store,
    record: &Recorded,
    place: &Place,
    hits: Vec<Hit>,
) -> Result<Vec<Item>, Trouble> {
    let mut pointers = Vec::new();
    // Some hits are on record and ask for nothing.
    if let Some(newest) = hits.iter().rfind(|hit| hit.opens_incident()) {
        pointers.push(mark(place, newest));
    }
    let principal = record.event.actor.principal();
    for hit in &hits {
        pointers.extend(hit_items(store, place, principal, hit).await?);
    }
    for resource in &record.touches {
        pointers.push(point(place, place.touched(&resource.key())));
    }
    let mut keys = BTreeSet::new();
    pointers.retain(|item| keys.insert(item.key()));
    Ok(pointers)
}

fn point(place: &Place, key: Key) -> Item {
    let content = place.key();
    Item::new(key).with(CONTENT_PK, content.pk).with(CONTENT_SK, content.sk)
}

/// What a hit is found by: the event, the rule, and the principal, where it is known and the hit
/// weighs.
async fn hit_items(
    store: &Store,
    place: &Place,
    principal: Option<&str>,
    hit: &Hit,
) -> Result<Vec<Item>, Trouble> {
    let key = hit_key(hit);
    let body = store.body("hit", serde_json::to_string(hit)?).await?;
    let by_rule = place.hit_order(&hit.resource.key());
    let mut items = vec![
        point(place, key).in_index(BY_TIME, layout::rule(&hit.rule), by_rule).with_body(&body),
    ];
    if let Some(principal) = principal.filter(|_| hit.weighs()) {
        let item = point(place, place.actor(principal, &hit.rule)).with(RULE, hit.rule.as_str());
        // Asked for the hour before an event.
        items.push(store.passing(item));
    }
    Ok(items)
}

/// The pending mark of a content. A hit is added once, in the transaction that marks its content,
/// so a mark that still names the hit it named tells of no other, even if it was gone meanwhile.
fn mark(place: &Place, newest: &Hit) -> Item {
    point(place, place.pending()).with(NEWEST, hit_key(newest).sk)
}

fn hit_key(hit: &Hit) -> Key {
    layout::hit(&hit.event, &hit.rule, &hit.resource.key())
}

/// Keeps hits at events that are stored; see [`aisaws_core::port::Events::derive`].
pub(super) async fn derive(store: &Store, hits: Vec<Hit>) -> Result<Derived, Trouble> {
    let mut by_event: BTreeMap<EventId, Vec<Hit>> = BTreeMap::new();
    for hit in hits {
        by_event.entry(hit.event.clone()).or_default().push(hit);
    }
    let kept: Vec<(EventId, Option<New>)> = futures::stream::iter(by_event)
        .map(|(event, hits)| async move {
            let new = derive_one(store, &event, &hits).await?;
            Ok::<_, Trouble>((event, new))
        })
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    let mut derived = Derived::default();
    for (event, new) in kept {
        match new {
            None => _ = derived.missing.insert(event),
            Some(New { hits: 0, .. }) => {}
            Some(new) => {
                let New { hits, suppressed } = new;
                derived.hits = derived.hits.saturating_add(hits);
                derived.suppressed = derived.suppressed.saturating_add(suppressed);
                derived.events.insert(event);
            }
        }
    }
    Ok(derived)
}

/// How many hits are new, and of these suppressed.
#[derive(Default)]
struct New {
    hits: u64,
    suppressed: u64,
}

/// Keeps hits at one event, each with its pending mark; says how many are new, where the event
/// is there.
async fn derive_one(store: &Store, event: &EventId, hits: &[Hit]) -> Result<Option<New>, Trouble> {
    let key = Place::first(event, jiff::Timestamp::UNIX_EPOCH).key();
    let Some(content) = store.get(&key).await? else { return Ok(None) };
    let row = Row(&content);
    let place = Place::first(event, row.parsed(TIME, str::parse)?);
    if content.contains_key(EXPIRES_AT) && !hits.is_empty() {
        store.keep_for_good(&key).await?;
    }
    let mut new = New::default();
    for hit in hits {
        let mut items = hit_items(store, &place, row.get(PRINCIPAL), hit).await?.into_iter();
        let mut writes = Vec::new();
        if let Some(hit) = items.next() {
            writes.push(store.put_if_new(hit)?);
        }
        for item in items {
            writes.push(store.put_anyway(item)?);
        }
        if hit.opens_incident() {
            writes.push(store.put_anyway(mark(&place, hit))?);
        }
        // Refused: the hit was there before, and stays as it is.
        match store.transact(writes).await? {
            Transacted::Done => {
                new.hits = new.hits.saturating_add(1);
                let suppressed = u64::from(hit.suppressed_by.is_some());
                new.suppressed = new.suppressed.saturating_add(suppressed);
            }
            Transacted::Refused => {}
        }
    }
    Ok(Some(new))
}

/// The rule that an item of a principal names.
pub(super) fn rule(item: &Attributes) -> Result<RuleId, Trouble> {
    Ok(RuleId::new(Row(item).text(RULE)?))
}

/// The hits of a content that a pointer points at, by rule and resource.
pub(super) async fn hits(store: &Store, pointer: &Attributes) -> Result<Vec<Hit>, Trouble> {
    let row = Row(pointer);
    let (pk, content) = (row.text(CONTENT_PK)?, row.text(CONTENT_SK)?);
    let mut hits: Vec<Hit> = Vec::new();
    for item in store.query(&Range::of(pk).begins(layout::HIT), usize::MAX).await? {
        let row = Row(&item);
        if row.get(CONTENT_SK) == Some(content) {
            let text = store.text(row.body()?).await?;
            let hit = serde_json::from_str(&text);
            hits.push(hit.map_err(|e| row.unreadable("body", Some(Box::new(e))))?);
        }
    }
    hits.sort_by_cached_key(|hit| (hit.rule.clone(), hit.resource.key()));
    Ok(hits)
}

/// The event of a content.
pub(super) async fn event(store: &Store, item: &Attributes) -> Result<Event, Trouble> {
    let row = Row(item);
    let raw = match store.text(row.body()?).await {
        Err(Trouble::Archive(ArchiveError::Missing(key))) if archive::expires(&key) => {
            return Err(Trouble::Expired(row.text(ID)?.to_owned()));
        }
        other => other?,
    };
    let source = row.json(SOURCE)?;
    let mut event =
        source::parse(source, &raw).map_err(|e| row.unreadable("body", Some(Box::new(e))))?;
    let (id, account) = (row.text(ID)?, row.text(ACCOUNT)?);
    if event.id.as_str() != id {
        event.id = EventId::new(id);
    }
    // The account may have stood in an envelope that is not kept.
    if event.account.as_str() != account {
        event.account = AccountId::new(account);
    }
    Ok(event)
}

fn canonical_or_as_is(raw: &str) -> String {
    serde_json::from_str::<Value>(raw)
        .map_or_else(|_| raw.to_owned(), |value| canonical::to_string(&value))
}
