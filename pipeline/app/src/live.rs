//! Responding to an incident once more, for real, because somebody asks for it.
//!
//! The re-run is an incident of its own: its id follows from the first one's and the run's number,
//! and its ledger begins with who asked and which plan they were shown. Everything else is as for
//! any incident: it is scored and decided by the policy and budget in force, nothing is written
//! unless the state still convicts, and then only the plan that was shown.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_controls::plan::{self, Outcome, PlanError};
use aisaws_core::canonical::Digest;
use aisaws_core::handoff::{Detected, Rerun};
use aisaws_core::id::IncidentId;
use aisaws_core::incident::Incident;
use aisaws_core::port::{AccountError, Ports, StoreError};
use aisaws_core::status::{Status, proven};

/// Re-runs of one incident, at most.
const RUNS: u32 = 1000;

/// Why an incident could not be looked at or re-run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// There is none of that id.
    #[error("there is no incident `{0}`")]
    NoIncident(IncidentId),
    /// It, or a re-run of it, is not at its end.
    #[error("incident `{0}` is still under way ({1}); see `aisaws incident show {0}`")]
    UnderWay(IncidentId, Status),
    /// It was re-run too often.
    #[error("incident `{0}` was re-run {RUNS} times; something else is wrong")]
    TooOften(IncidentId),
    /// The resource could not be read.
    #[error("the resource could not be read")]
    Account(#[from] AccountError),
    /// There is no plan for what was read.
    #[error("there is no plan for the resource as it is")]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error("the re-run could not be recorded; run the same command again")]
    Store(#[from] StoreError),
}

/// What the controls of an incident say about its resource now. Only reads.
///
/// # Errors
/// [`LiveError`].
pub async fn present(ports: &Ports, incident: IncidentId) -> Result<Outcome, LiveError> {
    let detected = load(ports, incident).await?.detected;
    let Detected { resource, controls, .. } = &detected;
    let states = ports.account.past_states(resource).await?;
    let mut baselines = BTreeMap::new();
    for id in controls {
        let Some(control) = aisaws_controls::get(id) else { continue };
        let mut best = ports.snapshots.baseline(resource, id).await?;
        for state in &states {
            let is_clean = aisaws_controls::is_clean_for_baseline(control, state, best.as_ref());
            if is_clean.map_err(PlanError::from)? {
                best = Some(state.clone());
            }
        }
        baselines.extend(best.map(|state| (id.clone(), state)));
    }
    let state = ports.account.read(resource).await?;
    Ok(plan::prepare(resource, controls, &state, |id| baselines.get(id).cloned())?)
}

/// The re-runs of an incident so far, in their order.
///
/// # Errors
/// [`LiveError`].
pub async fn reruns(ports: &Ports, incident: IncidentId) -> Result<Vec<IncidentId>, LiveError> {
    let mut found = Vec::new();
    for run in 1..=RUNS {
        let id = id_of(incident, run);
        if ports.incidents.get(id).await?.is_none() {
            return Ok(found);
        }
        found.push(id);
    }
    Err(LiveError::TooOften(incident))
}

/// Opens the next re-run and starts it; where two ask at once, both get the same one. `digest` is of
/// the plan that `by` was shown.
///
/// # Errors
/// [`LiveError`]; [`LiveError::UnderWay`] where the incident or its last re-run goes on.
pub async fn start(
    ports: &Ports,
    incident: IncidentId,
    by: &str,
    digest: &Digest,
) -> Result<IncidentId, LiveError> {
    // A re-run is of what was found first.
    let asked = load(ports, incident).await?.detected;
    let of = asked.rerun.as_ref().map_or(incident, |rerun| rerun.of);
    let first = load(ports, of).await?.detected;
    let runs = reruns(ports, of).await?;
    let last = runs.last().copied().unwrap_or(of);
    let links = ports.incidents.ledger(last).await?;
    let status = proven(links.iter().map(|link| &link.entry));
    if !status.is_final() {
        return Err(LiveError::UnderWay(last, status));
    }
    let run = u32::try_from(runs.len()).unwrap_or(RUNS).saturating_add(1);
    let rerun = Rerun { of, run, by: by.to_owned(), digest: digest.clone() };
    let now = ports.clock.now();
    let detected =
        Detected { incident: id_of(of, run), time: now, rerun: Some(Box::new(rerun)), ..first };
    let opened = Incident { events: BTreeSet::from([detected.event.clone()]), detected };
    let id = opened.detected.incident;
    ports.incidents.open(opened, Vec::new(), now).await?;
    // Whoever was first says how it begins.
    let detected = load(ports, id).await?.detected;
    ports.orchestrator.start(&detected).await?;
    Ok(id)
}

fn id_of(incident: IncidentId, run: u32) -> IncidentId {
    IncidentId::from_cause(&["live", &incident.to_string(), &run.to_string()])
}

async fn load(ports: &Ports, id: IncidentId) -> Result<Incident, LiveError> {
    ports.incidents.get(id).await?.ok_or(LiveError::NoIncident(id))
}
