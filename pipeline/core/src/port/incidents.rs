//! Incidents and their ledgers.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::canonical::Digest;
use crate::event::Event;
use crate::hit::Hit;
use crate::id::{EventId, IncidentId, RuleId};
use crate::incident::Incident;
use crate::ledger::{Appended, Entry, Link, RawLink};

/// A hit that was stored with its event and belongs to no incident yet.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The event.
    pub event: Event,
    /// What it hit, by rule id.
    pub hits: Vec<Hit>,
    /// What [`Incidents::open`] takes off the list when the hits have their incidents.
    pub mark: Mark,
}

/// One content of an event with hits nobody took, as far as it was seen: rules may hit an event
/// again while its incident is being opened. It is the store's own word, handed back as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The event.
    pub event: EventId,
    /// Which of the contents under the event's id.
    pub content: String,
    /// Tells the hits that were there from those that were added since.
    pub seen: String,
}

/// Whether opening met an incident that was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Opened now.
    New,
    /// It was there; new events were added to it.
    Already,
}

/// Keeps incidents and the ledger.
#[async_trait]
pub trait Incidents: Send + Sync {
    /// Events with hits that no incident took yet, in order of time then id, at most `limit`.
    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError>;
    /// Opens the incident (first ledger entry `Opened`, key `opened`, in the same step) or adds its
    /// events to the one that is there, and takes the marks off the pending list, which happens
    /// last: no event is taken before its incident is there. An event that was hit since its mark
    /// was read stays on the list, with all its hits. After an error the same call completes what
    /// was begun.
    async fn open(
        &self,
        incident: Incident,
        taken: Vec<Mark>,
        at: Timestamp,
    ) -> Result<Opened, StoreError>;
    /// The incident.
    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, StoreError>;
    /// Incidents in order of their event's time then id, those after `after`, at most `limit`.
    async fn list(
        &self,
        after: Option<(Timestamp, IncidentId)>,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError>;
    /// Incidents that any of the events belongs to.
    async fn of_events(&self, events: &[EventId]) -> Result<Vec<IncidentId>, StoreError>;
    /// Distinct rules hit by events of that principal in `[since, until)`, sorted; of hits that
    /// weigh ([`crate::hit::Hit::weighs`]).
    async fn rules_of_principal(
        &self,
        principal: &str,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RuleId>, StoreError>;
    /// Whether the incident is one of at most `limit` under that name: it becomes one where there
    /// is room. One that is among them is told so ever after, whatever the limit.
    async fn admit(&self, name: &str, id: IncidentId, limit: u32) -> Result<bool, StoreError>;
    /// Appends to the incident's ledger unless an entry with that key is there.
    async fn append(
        &self,
        id: IncidentId,
        key: &str,
        entry: Entry,
        at: Timestamp,
    ) -> Result<Appended, StoreError>;
    /// The ledger, oldest first; empty where there is no such incident.
    async fn ledger(&self, id: IncidentId) -> Result<Vec<Link>, StoreError>;
    /// The ledger as stored and the head the incident's record keeps, for verification.
    async fn raw_ledger(
        &self,
        id: IncidentId,
    ) -> Result<(Vec<RawLink>, Option<(u32, Digest)>), StoreError>;
    /// `Remediated` entries for the resource of that key since a time, over all incidents.
    async fn writes_since(&self, resource_key: &str, since: Timestamp) -> Result<u32, StoreError>;
}
