//! Events as they are kept.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::event::Event;
use crate::hit::Hit;
use crate::id::EventId;
use crate::resource::ResourceRef;
use crate::seen::Seen;

/// Why an event is kept as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Examined like any other.
    Examined,
    /// Caused by our own role: recorded, not acted upon.
    Own,
}

/// An event with what Detect made of it, to be kept in one step.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The event.
    pub event: Event,
    /// What it hit; empty for own events.
    pub hits: Vec<Hit>,
    /// Whether it was examined.
    pub disposition: Disposition,
    /// Resources whose state the event changes, for the twin; empty for reads and failures.
    pub touches: Vec<ResourceRef>,
}

/// What became of a record handed to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was new.
    New,
    /// The same event was there.
    Duplicate,
    /// The same id was there with other content (a correction); both are kept.
    Variant,
}

/// What became of hits that correlations found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Derived {
    /// Hits that are new.
    pub hits: u64,
    /// Of these, suppressed.
    pub suppressed: u64,
    /// Events that have a new hit.
    pub events: BTreeSet<EventId>,
    /// Events that are not stored; their hits are not kept.
    pub missing: BTreeSet<EventId>,
}

/// Something that could not be read as an event, kept with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// File name, `-` for standard input.
    pub origin: String,
    /// Line in that file, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
    /// The bytes as text, cut to 64 KiB.
    pub content: String,
}

/// Whether an event is stored, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is not.
    Missing,
    /// It is, since then, as far as the store knows.
    Stored(Option<Timestamp>),
}

/// Which stored events are meant; an empty filter means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// With that `eventName`.
    pub name: Option<String>,
    /// With that id.
    pub id: Option<EventId>,
}

/// Keeps events. Appending is idempotent by event id.
#[async_trait]
pub trait Events: Send + Sync {
    /// Keeps the records; durable on return. The answers are in the order of the records.
    ///
    /// Each record is kept whole, with its hits and what it touches, or not at all. After an error
    /// some of the records may be kept: appending the same batch again keeps the others and changes
    /// nothing about those (they are then [`Stored::Duplicate`], their hits pending as before).
    async fn append(&self, records: Vec<Recorded>) -> Result<Vec<Stored>, StoreError>;
    /// Keeps hits that correlations found at events that are stored; what is new becomes pending,
    /// what was there changes nothing. Each hit is kept whole or not at all; after an error the same
    /// call keeps the others.
    async fn derive(&self, hits: Vec<Hit>) -> Result<Derived, StoreError>;
    /// Keeps dead letters; the same letter (origin, line, content) is kept once.
    async fn bury(&self, letters: Vec<DeadLetter>) -> Result<(), StoreError>;
    /// The event of that id.
    async fn get(&self, id: &EventId) -> Result<Option<Event>, StoreError>;
    /// Whether each of the events is stored, and since when; in their order.
    async fn arrivals(&self, ids: &[EventId]) -> Result<Vec<Arrival>, StoreError> {
        let mut arrivals = Vec::new();
        for id in ids {
            let is_stored = self.get(id).await?.is_some();
            arrivals.push(if is_stored { Arrival::Stored(None) } else { Arrival::Missing });
        }
        Ok(arrivals)
    }
    /// Matching events in order of time then id, at most `limit`, those after `after`.
    async fn list(
        &self,
        filter: &EventFilter,
        after: Option<(Timestamp, EventId)>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError>;
    /// Events that changed a resource, in order of time then id.
    async fn touching(&self, resource: &ResourceRef) -> Result<Vec<Event>, StoreError>;
    /// The time of the earliest stored event that shows it; `None`: none does. Of events whose
    /// append failed it may tell too.
    async fn first_seen(&self, what: Seen<'_>) -> Result<Option<Timestamp>, StoreError>;
    /// Dead letters in order of arrival, at most `limit`.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError>;
}
