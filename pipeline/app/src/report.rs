//! What a run came to, in the stable shape of `respond --output json`
//! (`pipeline/app/schema/respond.schema.json`).

use std::collections::{BTreeMap, BTreeSet};

use aisaws_core::id::{ControlId, EventId, IncidentId, RuleId};
use aisaws_core::ledger::{Entry, Link};
use aisaws_core::port::{Incidents, StoreError};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::{Decision, Risk};
use aisaws_core::status::{Status, is_verified, proven};
use serde::{Deserialize, Serialize};

use crate::respond::Run;

/// One incident, as its ledger proves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentReport {
    /// Its id.
    pub id: IncidentId,
    /// Ids of the events that belong to it.
    pub events: BTreeSet<EventId>,
    /// The rules that fired.
    pub rules: Vec<RuleId>,
    /// The controls that were checked.
    pub controls: Vec<ControlId>,
    /// Where.
    pub resource: ResourceRef,
    /// 0..=1; `null` before it was scored.
    pub score: Option<Risk>,
    /// What may be done; `null` before it was decided.
    pub decision: Option<Decision>,
    /// How it stands.
    pub status: Status,
    /// A write was read back and held.
    pub verified: bool,
    /// Why it was scored, decided and ended so.
    pub reasons: Vec<String>,
}

/// Counts over a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Events read, repetitions included.
    pub events: u64,
    /// Of these, repetitions.
    pub duplicates: u64,
    /// Of these, caused by ourselves.
    pub own: u64,
    /// Records that could not be read.
    pub dead_letters: u64,
    /// Rules that fired on new events.
    pub hits: u64,
    /// Of these, suppressed.
    #[serde(default, skip_serializing_if = "is_none")]
    pub suppressed: u64,
    /// Incidents.
    pub incidents: Incidence,
}

/// Incidents by what was decided and how they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incidence {
    /// All.
    pub total: u64,
    /// By decision; every decision is listed.
    pub by_decision: BTreeMap<String, u64>,
    /// By status; every status is listed.
    pub by_status: BTreeMap<String, u64>,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Incidents in order of their events' time, then id.
    pub incidents: Vec<IncidentReport>,
    /// Counts.
    pub totals: Totals,
}

impl Report {
    /// Whether something waits for a human or could not be done.
    pub fn needs_attention(&self) -> bool {
        self.incidents.iter().any(|incident| match incident.status {
            Status::WaitingApproval
            | Status::Failed
            | Status::RolledBack
            | Status::Open
            | Status::Expired => true,
            Status::Logged
            | Status::Remediated
            | Status::AlreadyClean
            | Status::Gone
            | Status::Denied => false,
        })
    }
}

/// Reports one incident from its ledger; `None` where there is no such incident.
///
/// # Errors
/// [`StoreError`].
pub async fn incident(
    incidents: &dyn Incidents,
    id: IncidentId,
) -> Result<Option<IncidentReport>, StoreError> {
    let Some(incident) = incidents.get(id).await? else { return Ok(None) };
    let links = incidents.ledger(id).await?;
    let detected = incident.detected;
    Ok(Some(IncidentReport {
        id,
        events: incident.events,
        rules: detected.rules,
        controls: detected.controls,
        resource: detected.resource,
        score: links.iter().find_map(|link| match &link.entry {
            Entry::Scored { risk, .. } => Some(*risk),
            _ => None,
        }),
        decision: links.iter().rev().find_map(|link| match &link.entry {
            Entry::Decided { decision, .. } => Some(*decision),
            _ => None,
        }),
        status: proven(links.iter().map(|link| &link.entry)),
        verified: is_verified(links.iter().map(|link| &link.entry)),
        reasons: reasons(&links),
    }))
}

/// Reports a run.
///
/// # Errors
/// [`StoreError`].
pub async fn run(incidents: &dyn Incidents, run: &Run) -> Result<Report, StoreError> {
    let mut reports = Vec::new();
    for id in &run.incidents {
        if let Some(incident_record) = incidents.get(*id).await?
            && let Some(report) = incident(incidents, *id).await?
        {
            reports.push((incident_record.detected.time, report));
        }
    }
    reports.sort_by_key(|(time, report)| (*time, report.id));
    let reports: Vec<IncidentReport> = reports.into_iter().map(|(_, report)| report).collect();
    let totals = Totals {
        events: run.tally.events,
        duplicates: run.tally.duplicates,
        own: run.tally.own,
        dead_letters: run.tally.dead_letters,
        hits: run.tally.hits,
        suppressed: run.tally.suppressed,
        incidents: incidence(&reports),
    };
    Ok(Report { incidents: reports, totals })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

fn incidence(reports: &[IncidentReport]) -> Incidence {
    let mut by_decision: BTreeMap<String, u64> =
        [Decision::LogOnly, Decision::AskHuman, Decision::Act]
            .into_iter()
            .map(|d| (d.to_string(), 0))
            .collect();
    // `open` is listed only where a run was cut short.
    let mut by_status: BTreeMap<String, u64> = Status::ALL
        .into_iter()
        .filter(|status| *status != Status::Open)
        .map(|status| (status.to_string(), 0))
        .collect();
    for report in reports {
        if let Some(decision) = report.decision {
            *by_decision.entry(decision.to_string()).or_default() += 1;
        }
        *by_status.entry(report.status.to_string()).or_default() += 1;
    }
    Incidence { total: reports.len() as u64, by_decision, by_status }
}

/// The reasons of score, decision, findings and failures, in the order of the ledger.
pub fn reasons(links: &[Link]) -> Vec<String> {
    let mut list = Vec::new();
    for link in links {
        match &link.entry {
            Entry::Scored { contributions, .. } => list.extend(
                contributions.iter().map(|c| format!("{:+.2} {}: {}", c.weight, c.name, c.reason)),
            ),
            Entry::Decided { reasons, .. } => list.extend(reasons.iter().cloned()),
            Entry::FoundClean { .. } => list.push("the state was read: already clean".to_owned()),
            Entry::FoundGone => list.push("the state was read: the resource is gone".to_owned()),
            Entry::Prepared { findings, .. } => {
                list.extend(findings.iter().map(|f| format!("{}: {}", f.control, f.message)));
            }
            Entry::Voted { vote, by, .. } => list.push(format!("{by} voted: {vote}")),
            Entry::Expired { .. } => list.push("nobody answered in time".to_owned()),
            Entry::Verified { problems, .. } => list.extend(problems.iter().cloned()),
            Entry::Faulted { error, cause } => list.push(format!("{error}: {cause}")),
            Entry::Opened { .. }
            | Entry::ApprovalAsked { .. }
            | Entry::Remediated { .. }
            | Entry::RolledBack { .. }
            | Entry::Alerted { .. }
            | Entry::Closed { .. } => {}
        }
    }
    list
}
