//! Metrics of incidents, from what is written to their ledgers.
//!
//! A step may run twice, at once, and die half-way; its ledger entry is written once. Whoever wrote
//! it emits its metrics, so that nothing is counted twice. A process that dies between the two
//! leaves a count out: the ledger is the record, a metric is not.
//!
//! What somebody else may have written too (a vote from the command line) is told when the incident
//! ends, from its whole ledger.

use std::sync::Arc;

use aisaws_core::canonical::Digest;
use aisaws_core::handoff::Vote;
use aisaws_core::id::{EventId, IncidentId, RuleId};
use aisaws_core::incident::Incident;
use aisaws_core::ledger::{Appended, Entry, Link, RawLink};
use aisaws_core::port::{Incidents, Mark, Opened, Pending, StoreError};
use aisaws_core::status::Status;
use async_trait::async_trait;
use jiff::Timestamp;

use crate::metrics::{Metric, Metrics, Name};

/// Port `Incidents`, with metrics of what is new.
pub struct Measured {
    inner: Arc<dyn Incidents>,
    metrics: Metrics,
}

impl std::fmt::Debug for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measured").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

impl Measured {
    /// Tells what happens at `inner`.
    pub fn new(inner: Arc<dyn Incidents>, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }
}

#[async_trait]
impl Incidents for Measured {
    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        self.inner.pending(limit).await
    }

    async fn open(
        &self,
        incident: Incident,
        taken: Vec<Mark>,
        at: Timestamp,
    ) -> Result<Opened, StoreError> {
        let happened = incident.detected.time;
        let opened = self.inner.open(incident, taken, at).await?;
        match opened {
            Opened::New => self.metrics.emit(at, &opening(happened, at)),
            Opened::Already => {}
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
        let at_once = step(&entry);
        let end = match entry {
            // Read before it is written: after an error the step is made again, and tells then.
            Entry::Closed { status } => Some((status, self.inner.ledger(id).await?)),
            _ => None,
        };
        let appended = self.inner.append(id, key, entry, at).await?;
        if appended == Appended::New {
            self.metrics.emit(at, &at_once);
            if let Some((status, links)) = end {
                self.metrics.emit_end(at, &story(&links, status), status);
            }
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

/// Of an incident that was opened for what happened then.
fn opening(happened: Timestamp, at: Timestamp) -> [Metric; 2] {
    [Metric::count(Name::IncidentsOpened, 1), Metric::time(Name::SecondsToDetect, happened, at)]
}

/// Of one step, as soon as it is written: what alarms wait for.
fn step(entry: &Entry) -> Vec<Metric> {
    let one = |name| vec![Metric::count(name, 1)];
    match entry {
        Entry::Decided { is_budget_spent: true, .. } => one(Name::WriteBudgetTripped),
        Entry::ApprovalAsked { .. } => one(Name::ApprovalsAsked),
        Entry::Verified { holds: false, .. } => one(Name::VerificationsFailed),
        Entry::RolledBack { .. } => one(Name::RolledBack),
        Entry::Alerted { channels } => {
            let all = channels.len() as u64;
            let failed = channels.iter().filter(|(_, failure)| failure.is_some()).count() as u64;
            let counts = [(Name::AlertsSent, all - failed), (Name::AlertsFailed, failed)];
            let told = counts.into_iter().filter(|(_, number)| *number > 0);
            told.map(|(name, number)| Metric::count(name, number)).collect()
        }
        Entry::Opened { .. }
        | Entry::Scored { .. }
        | Entry::Decided { .. }
        | Entry::FoundClean { .. }
        | Entry::FoundGone
        | Entry::Prepared { .. }
        | Entry::Voted { .. }
        | Entry::Expired { .. }
        | Entry::Remediated { .. }
        | Entry::Verified { .. }
        | Entry::Faulted { .. }
        | Entry::Closed { .. } => Vec::new(),
    }
}

/// Of a whole incident that ends so; `links` is its ledger before its end.
fn story(links: &[Link], status: Status) -> Vec<Metric> {
    let mut metrics = vec![Metric::count(Name::IncidentsClosed, 1)];
    let (mut opened, mut happened, mut decided, mut proven) = (None, None, None, None);
    let (mut answer, mut is_told) = (None, false);
    for link in links {
        match &link.entry {
            Entry::Opened { detected } => {
                (opened, happened) = (Some(link.at), Some(detected.time));
            }
            Entry::Decided { .. } => decided = decided.or(Some(link.at)),
            Entry::Verified { holds: true, .. } => proven = Some(link.at),
            Entry::Voted { vote: Vote::Grant, .. } => answer = Some(Name::ApprovalsGranted),
            Entry::Voted { vote: Vote::Deny, .. } => answer = Some(Name::ApprovalsDenied),
            Entry::Expired { .. } => answer = Some(Name::ApprovalsExpired),
            Entry::Alerted { .. } => is_told = true,
            Entry::Scored { .. }
            | Entry::FoundClean { .. }
            | Entry::FoundGone
            | Entry::Prepared { .. }
            | Entry::ApprovalAsked { .. }
            | Entry::Remediated { .. }
            | Entry::Verified { .. }
            | Entry::RolledBack { .. }
            | Entry::Faulted { .. }
            | Entry::Closed { .. } => {}
        }
    }
    let one = |name| Metric::count(name, 1);
    metrics.extend(answer.map(one));
    if !is_told {
        metrics.push(one(Name::AlertsSuppressed));
    }
    if let (Some(from), Some(until)) = (opened, decided) {
        metrics.push(Metric::time(Name::SecondsToDecide, from, until));
    }
    match status {
        Status::Remediated => {
            metrics.push(one(Name::IncidentsActionable));
            let time = |name| Some(Metric::time(name, happened?, proven?));
            metrics.extend(time(Name::SecondsToRepair));
            if answer.is_none() {
                metrics.push(one(Name::IncidentsAutomated));
                metrics.extend(time(Name::SecondsToRepairAlone));
            }
        }
        Status::Failed => {
            metrics.extend([one(Name::IncidentsActionable), one(Name::IncidentsFailed)]);
        }
        Status::RolledBack | Status::Denied | Status::Expired => {
            metrics.push(one(Name::IncidentsActionable));
        }
        // Nothing was to be repaired, or policy did not want it looked at.
        Status::Logged
        | Status::AlreadyClean
        | Status::Gone
        | Status::Open
        | Status::WaitingApproval => {}
    }
    metrics
}

#[cfg(test)]
mod tests;
