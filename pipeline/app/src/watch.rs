//! Following ledgers as they grow: a door before the incidents' store that tells an observer
//! of every new entry.

use std::sync::Arc;

use aisaws_core::canonical::Digest;
use aisaws_core::id::{EventId, IncidentId, RuleId};
use aisaws_core::incident::Incident;
use aisaws_core::ledger::{Appended, Entry, Link, RawLink};
use aisaws_core::port::{Incidents, Mark, Opened, Pending, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;

/// Told of what happens, after it is durable. Must return quickly.
pub trait Observer: Send + Sync {
    /// A new ledger entry of an incident.
    fn entry(&self, incident: IncidentId, entry: &Entry);
}

/// The incidents' store with an observer.
pub struct Watched {
    inner: Arc<dyn Incidents>,
    observer: Arc<dyn Observer>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl Watched {
    /// Puts the observer before the store.
    pub fn new(inner: Arc<dyn Incidents>, observer: Arc<dyn Observer>) -> Self {
        Self { inner, observer }
    }
}

#[async_trait]
impl Incidents for Watched {
    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        self.inner.pending(limit).await
    }

    async fn open(
        &self,
        incident: Incident,
        taken: Vec<Mark>,
        at: Timestamp,
    ) -> Result<Opened, StoreError> {
        let detected = incident.detected.clone();
        let opened = self.inner.open(incident, taken, at).await?;
        if opened == Opened::New {
            self.observer.entry(detected.incident, &Entry::Opened { detected });
        }
        Ok(opened)
    }

    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        self.inner.get(id).await
    }

    async fn list(
        &self,
        after: Option<(Timestamp, IncidentId)>,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError> {
        self.inner.list(after, limit).await
    }

    async fn of_events(&self, events: &[EventId]) -> Result<Vec<IncidentId>, StoreError> {
        self.inner.of_events(events).await
    }

    async fn rules_of_principal(
        &self,
        principal: &str,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RuleId>, StoreError> {
        self.inner.rules_of_principal(principal, since, until).await
    }

    async fn admit(&self, name: &str, id: IncidentId, limit: u32) -> Result<bool, StoreError> {
        self.inner.admit(name, id, limit).await
    }

    async fn append(
        &self,
        id: IncidentId,
        key: &str,
        entry: Entry,
        at: Timestamp,
    ) -> Result<Appended, StoreError> {
        let told = entry.clone();
        let appended = self.inner.append(id, key, entry, at).await?;
        if appended == Appended::New {
            self.observer.entry(id, &told);
        }
        Ok(appended)
    }

    async fn ledger(&self, id: IncidentId) -> Result<Vec<Link>, StoreError> {
        self.inner.ledger(id).await
    }

    async fn raw_ledger(
        &self,
        id: IncidentId,
    ) -> Result<(Vec<RawLink>, Option<(u32, Digest)>), StoreError> {
        self.inner.raw_ledger(id).await
    }

    async fn writes_since(&self, resource_key: &str, since: Timestamp) -> Result<u32, StoreError> {
        self.inner.writes_since(resource_key, since).await
    }
}
