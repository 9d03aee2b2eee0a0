//! From stored hits to incidents. Ids come from causes, so the same events open the same
//! incidents whatever their order and however often this runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aisaws_core::event::{Event, Standing};
use aisaws_core::handoff::{Detected, Signals};
use aisaws_core::hit::Hit;
use aisaws_core::id::{ControlId, IncidentId, RuleId};
use aisaws_core::incident::Incident;
use aisaws_core::port::{Account, Clock, Incidents, Orchestrator, Pending, StoreError};
use aisaws_core::resource::ResourceRef;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::Value;

use crate::network::KnownNetworks;

/// Events looked at in one go.
const PAGE: u32 = 512;
/// Events whose incidents are opened at a time.
const CONCURRENT: usize = 64;
/// How far back other hits of the same principal count.
const HOUR: Duration = Duration::from_hours(1);

/// Opens incidents for every stored hit that has none, and starts their executions.
/// Returns the incidents, repeated openings included, in no particular order.
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
    let open = |pending| open_one(incidents, account, orchestrator, networks, clock, pending);
    let mut opened = Vec::new();
    loop {
        let page = incidents.pending(PAGE).await?;
        // An event without a hit cannot be taken off the list; a damaged store must not hold us.
        if page.iter().all(|pending| pending.hits.is_empty()) {
            return Ok(opened);
        }
        // Events that are incidents of their own are opened side by side, so that their commits
        // share the disk. Those that may join one incident come in order: the first one opens it.
        let (joining, single): (Vec<_>, Vec<_>) = page.into_iter().partition(|p| {
            p.event.cause.is_some() || p.hits.iter().any(|hit| hit.window_seconds.is_some())
        });
        let mut running =
            futures::stream::iter(single.into_iter().map(open)).buffer_unordered(CONCURRENT);
        while let Some(detected) = running.next().await {
            opened.extend(detected?);
        }
        for pending in joining {
            opened.extend(open(pending).await?);
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

/// Groups an event's hits by the incident they belong to: one per resource and what the event
/// tells of, so that updates and copies of a finding, and the copies of a call that several
/// accounts saw, are one. For rules with a window, hits on one resource within it are one
/// incident.
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
                    // A refused call is only logged; it must not stand for those that follow.
                    if event.has_failed() && !hit.is_correlation { "refused" } else { "made" },
                ])
            }
            Some(_) | None => match &event.cause {
                Some(cause) => {
                    IncidentId::from_cause(&["cause", &event.source.to_string(), cause, &resource])
                }
                None => IncidentId::from_cause(&["event", event.id.as_str(), &resource]),
            },
        };
        groups.entry(id).or_default().push(hit);
    }
    groups
}

fn detected(id: IncidentId, event: &Event, hits: &[Hit], signals: Signals) -> Option<Detected> {
    let first = hits.first()?;
    // A rule on probation is recorded and moves nothing where another one fired too.
    let is_trial = hits.iter().all(|hit| hit.is_trial);
    let counted = || hits.iter().filter(|hit| is_trial || !hit.is_trial);
    let rules: BTreeSet<RuleId> = hits.iter().map(|hit| hit.rule.clone()).collect();
    let mut controls: Vec<ControlId> = Vec::new();
    for control in counted().flat_map(|hit| &hit.controls) {
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
        severity: counted().map(|hit| hit.severity).max()?,
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
        None => None,
    };
    Ok(Signals {
        actor: event.actor.kind,
        mfa: event.actor.mfa,
        // That many calls were refused is what a correlation may be about.
        error_code: event.error_code.clone().filter(|_| !hits.iter().any(|h| h.is_correlation)),
        is_unknown_network: networks.is_unknown(event.source_address.as_deref()),
        invoked_by: event.actor.invoked_by.clone(),
        other_rules_by_actor,
        tags,
        is_trial: hits.iter().all(|hit| hit.is_trial),
        is_sample: event.stands(Standing::Sample),
    })
}

/// The resource's tags; `None` where it could not be read. What does not exist, or is of a type
/// without a driver, has none.
async fn tags(account: &dyn Account, resource: &ResourceRef) -> Option<BTreeMap<String, String>> {
    let Some(face) = aisaws_controls::resource(&resource.kind) else {
        return Some(BTreeMap::new());
    };
    match account.read(resource).await {
        Ok(Value::Null) => Some(BTreeMap::new()),
        Ok(state) => face.tags(&state).ok(),
        Err(_) => None,
    }
}
