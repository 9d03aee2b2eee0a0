//! From stored hits to incidents. Ids come from causes, so the same events open the same
//! incidents whatever their order and however often this runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aisaws_core::event::Event;
use aisaws_core::handoff::{Detected, Signals};
use aisaws_core::hit::Hit;
use aisaws_core::id::{ControlId, IncidentId, RuleId};
use aisaws_core::incident::Incident;
use aisaws_core::port::{Account, Clock, Incidents, Orchestrator, Pending, StoreError};
use aisaws_core::resource::ResourceRef;
use jiff::Timestamp;
use serde_json::Value;

use crate::network::KnownNetworks;

/// Events looked at in one go.
const PAGE: u32 = 512;
/// How far back other hits of the same principal count.
const HOUR: Duration = Duration::from_secs(3600);

/// Opens incidents for every stored hit that has none, and starts their executions.
/// Returns the incidents in order of their events, repeated openings included.
///
/// # Errors
/// Where the store fails; hits not yet taken stay pending.
pub async fn open_pending(
    incidents: &dyn Incidents,
    account: &dyn Account,
    orchestrator: &dyn Orchestrator,
    networks: &KnownNetworks,
    clock: &dyn Clock,
) -> Result<Vec<Detected>, StoreError> {
    let mut opened = Vec::new();
    loop {
        let page = incidents.pending(PAGE).await?;
        if page.is_empty() {
            return Ok(opened);
        }
        for pending in page {
            opened.extend(
                open_one(incidents, account, orchestrator, networks, clock, pending).await?,
            );
        }
    }
}

async fn open_one(
    incidents: &dyn Incidents,
    account: &dyn Account,
    orchestrator: &dyn Orchestrator,
    networks: &KnownNetworks,
    clock: &dyn Clock,
    pending: Pending,
) -> Result<Vec<Detected>, StoreError> {
    let Pending { event, hits } = pending;
    let mut opened = Vec::new();
    let mut last = None;
    for (id, hits) in by_incident(&event, hits) {
        let signals = signals(incidents, account, networks, &event, &hits).await?;
        let Some(detected) = detected(id, &event, &hits, signals) else { continue };
        let incident =
            Incident { detected: detected.clone(), events: BTreeSet::from([event.id.clone()]) };
        incidents.open(incident.clone(), Vec::new(), clock.now()).await?;
        last = Some(incident);
        // What was recorded first stands: a second event of the same incident changes nothing.
        let standing = incidents.get(id).await?.map_or(detected, |incident| incident.detected);
        orchestrator.start(&standing).await?;
        opened.push(standing);
    }
    // Only now is the event done with: a process that dies before meets it again.
    if let Some(incident) = last {
        incidents.open(incident, vec![event.id], clock.now()).await?;
    }
    Ok(opened)
}

/// Groups an event's hits by the incident they belong to: one per resource, except for rules
/// with a window, whose hits on one resource within it are one incident.
fn by_incident(event: &Event, hits: Vec<Hit>) -> BTreeMap<IncidentId, Vec<Hit>> {
    let mut groups: BTreeMap<IncidentId, Vec<Hit>> = BTreeMap::new();
    for hit in hits {
        let resource = hit.resource.key();
        let id = match hit.window_seconds {
            Some(seconds) if seconds > 0 => {
                let window = event.time.as_second().div_euclid(i64::from(seconds));
                IncidentId::from_cause(&[
                    "window",
                    hit.rule.as_str(),
                    &resource,
                    &seconds.to_string(),
                    &window.to_string(),
                ])
            }
            Some(_) | None => IncidentId::from_cause(&["event", event.id.as_str(), &resource]),
        };
        groups.entry(id).or_default().push(hit);
    }
    groups
}

fn detected(id: IncidentId, event: &Event, hits: &[Hit], signals: Signals) -> Option<Detected> {
    let first = hits.first()?;
    let rules: BTreeSet<RuleId> = hits.iter().map(|hit| hit.rule.clone()).collect();
    let mut controls: Vec<ControlId> = Vec::new();
    for control in hits.iter().flat_map(|hit| &hit.controls) {
        if !controls.contains(control) {
            controls.push(control.clone());
        }
    }
    Some(Detected {
        incident: id,
        resource: first.resource.clone(),
        event: event.id.clone(),
        time: event.time,
        rules: rules.into_iter().collect(),
        controls,
        severity: hits.iter().map(|hit| hit.severity).max()?,
        signals,
    })
}

async fn signals(
    incidents: &dyn Incidents,
    account: &dyn Account,
    networks: &KnownNetworks,
    event: &Event,
    hits: &[Hit],
) -> Result<Signals, StoreError> {
    let other_rules_by_actor = match event.actor.principal() {
        Some(principal) => {
            let since = event.time.checked_sub(HOUR).unwrap_or(Timestamp::MIN);
            let rules = incidents.rules_of_principal(principal, since, event.time).await?;
            let others = rules.iter().filter(|rule| !hits.iter().any(|hit| hit.rule == **rule));
            u32::try_from(others.count()).unwrap_or(u32::MAX)
        }
        None => 0,
    };
    let tags = match hits.first() {
        Some(hit) => tags(account, &hit.resource).await,
        None => BTreeMap::new(),
    };
    Ok(Signals {
        actor: event.actor.kind,
        mfa: event.actor.mfa,
        error_code: event.error_code.clone(),
        is_unknown_network: networks.is_unknown(event.source_address.as_deref()),
        invoked_by: event.actor.invoked_by.clone(),
        other_rules_by_actor,
        tags,
        is_trial: hits.iter().all(|hit| hit.is_trial),
    })
}

/// The resource's tags; none where it cannot be read now (Prepare will say so properly).
async fn tags(account: &dyn Account, resource: &ResourceRef) -> BTreeMap<String, String> {
    match (account.read(resource).await, aisaws_controls::resource(&resource.kind)) {
        (Ok(state), Some(face)) if state != Value::Null => face.tags(&state).unwrap_or_default(),
        _ => BTreeMap::new(),
    }
}
