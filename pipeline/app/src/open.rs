//! From stored hits to incidents. Ids come from causes, so the same events open the same
//! incidents whatever their order and however often this runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aisaws_core::event::{ActorKind, Event, Standing};
use aisaws_core::handoff::{Detected, Origin, Signals};
use aisaws_core::hit::Hit;
use aisaws_core::id::{ControlId, IncidentId, RuleId};
use aisaws_core::incident::Incident;
use aisaws_core::port::{
    Account, Clock, Events, Incidents, Mark, Opened, Orchestrator, Pending, StoreError,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::seen::Seen;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::bounded;
use crate::join::{Group, Joining, group};
use crate::limit::{Limits, within};
use crate::origin::Origins;
use crate::refused::{bare, close, is_refused};

/// Events looked at in one go, ...
const PAGE: u32 = 512;
/// ... and at most, where more of them are in one window of joining.
const LARGEST_PAGE: u32 = 8 * PAGE;
/// Incidents that are opened at a time, and after which their events are taken off the list: who is
/// stopped in the middle of many has done with the first.
const CONCURRENT: usize = 64;
/// How far back other hits of the same principal count.
const HOUR: Duration = Duration::from_hours(1);
/// How far back the store must reach before something counts as new.
const LEARNING: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What opening stands on.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Where incidents are kept.
    pub incidents: &'a dyn Incidents,
    /// Where events are kept.
    pub events: &'a dyn Events,
    /// The protected account.
    pub account: &'a dyn Account,
    /// Runs the state machine.
    pub orchestrator: &'a dyn Orchestrator,
    /// What is known of where calls come from.
    pub origins: &'a Origins,
    /// Which hits are one incident.
    pub joining: Joining,
    /// How many incidents a rule may open.
    pub limits: &'a Limits,
    /// Time.
    pub clock: &'a dyn Clock,
}

impl std::fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("joining", &self.joining).finish_non_exhaustive()
    }
}

/// Opens incidents for every stored hit that has none, and starts their executions.
/// Returns the incidents, repeated openings included, in no particular order.
///
/// An incident whose response is refused for what it is ([`Fault::BadInput`] of the state machine) is
/// closed as failed, and holds up no other.
///
/// # Errors
/// Where the store fails; hits not yet taken stay pending.
///
/// [`Fault::BadInput`]: aisaws_core::fault::Fault::BadInput
pub async fn open_pending(opening: Opening<'_>) -> Result<Vec<Detected>, StoreError> {
    let Opening { incidents, clock, joining, limits, .. } = opening;
    let mut opened = Vec::new();
    loop {
        let mut page = whole_windows(incidents, joining).await?;
        for pending in &mut page {
            pending.hits.retain(Hit::opens_incident);
        }
        // An event without a hit cannot be taken off the list; a damaged store must not hold us.
        if page.iter().all(|pending| pending.hits.is_empty()) {
            return Ok(opened);
        }
        let groups = group(incidents, joining, &page).await?;
        let groups = within(incidents, limits, &page, groups).await?;
        let mut listed = Listed::of(&page, groups.values());
        // Side by side, so that their commits share the disk; the earliest first.
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(id, group)| (group.events.first().copied(), *id));
        let page = &page;
        let open = groups.into_iter().map(|(id, found)| open_or_close(opening, page, id, found));
        let mut running = futures::stream::iter(open).buffer_unordered(CONCURRENT);
        let (mut last, mut unrecorded) = (None, None);
        while let Some(outcome) = running.next().await {
            match outcome? {
                Outcome::Open { places, found } => {
                    listed.done_with(&places);
                    if let Some((incident, standing)) = found.map(|found| *found) {
                        last = Some(incident);
                        opened.push(standing);
                    }
                }
                Outcome::Unrecorded(error) => unrecorded = Some(error),
            }
            if opened.len() % CONCURRENT == 0
                && let Some(incident) = last.take()
            {
                incidents.open(incident, listed.take(page), clock.now()).await?;
            }
        }
        if let Some(incident) = last {
            incidents.open(incident, listed.take(page), clock.now()).await?;
        }
        if let Some(error) = unrecorded {
            return Err(error);
        }
    }
}

/// The events of a page that stay on the list of pending ones.
///
/// One leaves it only when every incident that it belongs to is there: a process that dies before
/// meets it again. So does the next round with those that were hit meanwhile.
struct Listed {
    /// Incidents to come, by the event's place in the page; `None`: it has no hit, or left the list.
    to_come: Vec<Option<usize>>,
}

impl Listed {
    fn of<'g>(page: &[Pending], groups: impl Iterator<Item = &'g Group>) -> Self {
        let mut to_come: Vec<Option<usize>> =
            page.iter().map(|pending| (!pending.hits.is_empty()).then_some(0)).collect();
        for place in groups.flat_map(|group| &group.events) {
            if let Some(Some(count)) = to_come.get_mut(*place) {
                *count += 1;
            }
        }
        Self { to_come }
    }

    /// One incident of each of these events is there.
    fn done_with(&mut self, places: &[usize]) {
        for place in places {
            if let Some(Some(count)) = self.to_come.get_mut(*place) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Marks of the events that leave the list.
    fn take(&mut self, page: &[Pending]) -> Vec<Mark> {
        let places = self.to_come.iter_mut().zip(page);
        let done = places.filter(|(to_come, _)| **to_come == Some(0));
        done.map(|(to_come, pending)| {
            *to_come = None;
            pending.mark.clone()
        })
        .collect()
    }
}

/// What came of one group.
enum Outcome {
    /// Its incident is there, with its response or closed; none where a group has no event.
    Open { places: Vec<usize>, found: Option<Box<(Incident, Detected)>> },
    /// Not even that it was refused could be recorded: its events stay pending.
    Unrecorded(StoreError),
}

async fn open_or_close(
    opening: Opening<'_>,
    page: &[Pending],
    id: IncidentId,
    found: Group,
) -> Result<Outcome, StoreError> {
    let places = found.events.clone();
    let done = |found| Outcome::Open { places, found };
    let error = match open_one(opening, page, id, found.clone()).await {
        Ok(opened) => return Ok(done(opened.map(Box::new))),
        Err(error) if is_refused(&error) => error,
        Err(error) => return Err(error),
    };
    let events = events_of(page, &found);
    let bare = events.first().and_then(|first| detected(id, first, found, bare(first)));
    let Some(detected) = bare else { return Ok(done(None)) };
    let events = events.iter().map(|event| event.id.clone()).collect();
    let incident = Incident { detected, events };
    match close(opening.incidents, opening.clock, incident, &error).await {
        Ok(closed) => Ok(done(Some(Box::new(closed)))),
        Err(error) if is_refused(&error) => Ok(Outcome::Unrecorded(error)),
        Err(error) => Err(error),
    }
}

fn events_of<'p>(page: &'p [Pending], group: &Group) -> Vec<&'p Event> {
    group.events.iter().filter_map(|place| page.get(*place)).map(|p| &p.event).collect()
}

/// The earliest pending events, with all that are there of their windows: an incident knows the
/// rules it opened with, and which those are must not depend on where a page ends.
async fn whole_windows(
    incidents: &dyn Incidents,
    joining: Joining,
) -> Result<Vec<Pending>, StoreError> {
    let mut limit = PAGE;
    loop {
        let mut page = incidents.pending(limit).await?;
        let is_all = page.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        let Some(last) = page.last().filter(|_| !is_all) else { return Ok(page) };
        let Some(window) = joining.window(last.event.time) else { return Ok(page) };
        let whole = page.partition_point(|p| joining.window(p.event.time) < Some(window));
        if whole > 0 {
            page.truncate(whole);
            return Ok(page);
        }
        if limit >= LARGEST_PAGE {
            return Ok(page);
        }
        limit = LARGEST_PAGE;
    }
}

async fn open_one(
    opening: Opening<'_>,
    page: &[Pending],
    id: IncidentId,
    found: Group,
) -> Result<Option<(Incident, Detected)>, StoreError> {
    let Opening { incidents, orchestrator, clock, .. } = opening;
    let events = events_of(page, &found);
    let Some(first) = events.first() else { return Ok(None) };
    // What was recorded first stands: a later event of the same incident changes nothing, and is not
    // worth reading the account for.
    let detected = if let Some(standing) = incidents.get(id).await? {
        standing.detected
    } else {
        let signals = gravest(opening, &events, &found.hits).await?;
        let Some(detected) = detected(id, first, found, signals) else { return Ok(None) };
        detected
    };
    let events = events.iter().map(|event| event.id.clone()).collect();
    let incident = Incident { detected, events };
    let standing = match incidents.open(incident.clone(), Vec::new(), clock.now()).await? {
        Opened::New => incident.detected.clone(),
        // Perhaps by somebody else, who saw other signals.
        Opened::Already => match incidents.get(id).await? {
            Some(standing) => standing.detected,
            None => incident.detected.clone(),
        },
    };
    orchestrator.start(&standing).await?;
    Ok(Some((incident, standing)))
}

/// Callers and their ways that are told apart among the events of one incident.
const WAYS: usize = 16;

/// The signals of several events as one: of each the gravest.
async fn gravest(
    opening: Opening<'_>,
    events: &[&Event],
    hits: &[Hit],
) -> Result<Signals, StoreError> {
    let mut ways = Vec::new();
    let mut whole: Option<Signals> = None;
    for event in events {
        let way = (&event.actor, &event.source_address, &event.error_code);
        if ways.contains(&way) || ways.len() >= WAYS {
            continue;
        }
        ways.push(way);
        let next = signals(opening, event, hits).await?;
        whole = Some(match whole {
            None => next,
            Some(before) => graver(before, next),
        });
    }
    match (whole, events.first()) {
        (Some(whole), _) => Ok(whole),
        // INVARIANT: the first event makes a way, so there are signals where there are events.
        (None, first) => {
            let id = first.map(|event| event.id.as_str().to_owned()).unwrap_or_default();
            Err(StoreError::NotFound { what: "event", id })
        }
    }
}

fn graver(one: Signals, other: Signals) -> Signals {
    let any = |a: Option<bool>, b: Option<bool>, grave: bool| match (a, b) {
        (a, b) if a == Some(grave) || b == Some(grave) => Some(grave),
        (a, b) => a.or(b),
    };
    Signals {
        actor: if other.actor == ActorKind::Root { other.actor } else { one.actor },
        mfa: any(one.mfa, other.mfa, false),
        error_code: one.error_code.filter(|_| other.error_code.is_some()),
        is_unknown_network: any(one.is_unknown_network, other.is_unknown_network, true),
        invoked_by: one.invoked_by.filter(|_| other.invoked_by.is_some()),
        other_rules_by_actor: one.other_rules_by_actor.max(other.other_rules_by_actor),
        tags: one.tags.or(other.tags),
        is_trial: one.is_trial && other.is_trial,
        is_sample: one.is_sample && other.is_sample,
        origin: if gravity(&other.origin) > gravity(&one.origin) {
            other.origin
        } else {
            one.origin
        },
    }
}

/// How much of what is known of an origin speaks against it.
fn gravity(origin: &Origin) -> (bool, bool, bool, bool, bool) {
    (
        origin.listed_in.is_some(),
        origin.is_unexpected_country,
        origin.is_unused_region,
        origin.is_new_principal,
        origin.is_new_region,
    )
}

fn detected(id: IncidentId, event: &Event, found: Group, signals: Signals) -> Option<Detected> {
    let Group { hits, flood, .. } = found;
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
        resource: bounded::resource(&first.resource),
        event: bounded::event(&event.id),
        time: event.time,
        rules: rules.into_iter().collect(),
        controls,
        severity: counted().map(|hit| hit.severity).max()?,
        signals,
        flood,
        rerun: None,
    })
}

async fn signals(opening: Opening<'_>, event: &Event, hits: &[Hit]) -> Result<Signals, StoreError> {
    let Opening { incidents, events, account, origins, .. } = opening;
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
        error_code: event
            .error_code
            .as_deref()
            .filter(|_| !hits.iter().any(|h| h.is_correlation))
            .map(bounded::name),
        is_unknown_network: origins.known.is_unknown(event.source_address.as_deref()),
        invoked_by: event.actor.invoked_by.as_deref().map(bounded::name),
        other_rules_by_actor,
        tags,
        is_trial: hits.iter().all(|hit| hit.is_trial),
        is_sample: event.stands(Standing::Sample),
        origin: Box::new(novelty(events, event, origins.of(event)).await?),
    })
}

/// Adds whether the event is the first of its principal, and of its account in its region, among
/// those that are stored; by the events' time, so that the order of arrival does not matter.
async fn novelty(
    events: &dyn Events,
    event: &Event,
    mut origin: Origin,
) -> Result<Origin, StoreError> {
    // To a store that knows no past everything is new, and that tells nothing.
    let since = events.first_seen(Seen::Anything).await?;
    if since.is_none_or(|since| event.time.duration_since(since) < LEARNING) {
        return Ok(origin);
    }
    let is_first = |first: Option<Timestamp>| first.is_some_and(|first| event.time <= first);
    if let Some(principal) = event.actor.principal() {
        origin.is_new_principal = is_first(events.first_seen(Seen::Principal(principal)).await?);
    }
    let region = Seen::Region(event.account.as_str(), event.region.as_str());
    origin.is_new_region = is_first(events.first_seen(region).await?);
    Ok(origin)
}

/// The resource's tags; `None` where it could not be read, or they are more than travels. What does
/// not exist, or is of a type without a driver, has none.
async fn tags(account: &dyn Account, resource: &ResourceRef) -> Option<BTreeMap<String, String>> {
    let Some(face) = aisaws_controls::resource(&resource.kind) else {
        return Some(BTreeMap::new());
    };
    match account.read(resource).await {
        Ok(Value::Null) => Some(BTreeMap::new()),
        Ok(state) => face.tags(&state).ok().and_then(bounded::tags),
        Err(_) => None,
    }
}
