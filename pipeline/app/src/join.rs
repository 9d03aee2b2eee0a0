//! Which hits are one incident.
//!
//! Repeats of a hit, and hits of several rules on one resource, are one thing to respond to: they
//! join one incident for each window of event time. A hit never joins an incident that would
//! not look at what it points at any more: one whose resource was read already, or that does not
//! know its rule. It opens the next one then, whose id is derived from that one's.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use aisaws_core::event::{Event, Source};
use aisaws_core::handoff::Flood;
use aisaws_core::hit::Hit;
use aisaws_core::id::{EventId, IncidentId, RuleId};
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Incidents, Pending, StoreError};
use jiff::Timestamp;

/// How hits are joined that do not say so themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Joining {
    /// Length of the tumbling window of event time in which hits on one resource are one
    /// incident; 0: each event is an incident of its own.
    pub window_seconds: u32,
}

impl Joining {
    /// Number of the window of a time; `None`: nothing is joined.
    pub(crate) fn window(self, time: Timestamp) -> Option<i64> {
        (self.window_seconds > 0).then(|| number(time, self.window_seconds))
    }
}

fn number(time: Timestamp, seconds: u32) -> i64 {
    time.as_second().div_euclid(i64::from(seconds))
}

/// What one incident takes of a page of pending events: places in the page, with the hits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    pub(crate) events: Vec<usize>,
    pub(crate) hits: Vec<Hit>,
    /// What it collects, where its rule is over the limit.
    pub(crate) flood: Option<Flood>,
}

/// An incident that is there.
struct There {
    rules: BTreeSet<RuleId>,
    events: BTreeSet<EventId>,
    /// Whether its resource was not read yet, so that it will see what came meanwhile.
    looks_yet: bool,
}

/// Where a hit belongs by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    id: IncidentId,
    /// Whether a next incident follows where this one takes no more.
    goes_on: bool,
}

/// Groups the hits of a page, which is in order of time, by the incident they belong to.
pub(crate) async fn group(
    incidents: &dyn Incidents,
    joining: Joining,
    page: &[Pending],
) -> Result<BTreeMap<IncidentId, Group>, StoreError> {
    let mut known: BTreeMap<IncidentId, Option<There>> = BTreeMap::new();
    let mut groups: BTreeMap<IncidentId, Group> = BTreeMap::new();
    for (place, Pending { event, hits, .. }) in page.iter().enumerate() {
        let mut by_cause: BTreeMap<Cause, Vec<&Hit>> = BTreeMap::new();
        for hit in hits {
            by_cause.entry(cause(event, hit, joining)).or_default().push(hit);
        }
        for (Cause { mut id, goes_on }, hits) in by_cause {
            if goes_on {
                id = next_that_takes(incidents, &mut known, id, event, &hits).await?;
            }
            let group = groups.entry(id).or_default();
            group.events.push(place);
            group.hits.extend(hits.into_iter().cloned());
        }
    }
    Ok(groups)
}

/// The first of the incidents that follow each other from `id` on that stands for the hits, or is
/// not there yet.
async fn next_that_takes(
    incidents: &dyn Incidents,
    known: &mut BTreeMap<IncidentId, Option<There>>,
    mut id: IncidentId,
    event: &Event,
    hits: &[&Hit],
) -> Result<IncidentId, StoreError> {
    loop {
        let found = match known.entry(id) {
            btree_map::Entry::Occupied(found) => found.into_mut(),
            btree_map::Entry::Vacant(empty) => empty.insert(there(incidents, id).await?),
        };
        match found {
            Some(there) if !there.takes(event, hits) => {
                id = IncidentId::from_cause(&["again", &id.to_string()]);
            }
            Some(_) | None => return Ok(id),
        }
    }
}

async fn there(incidents: &dyn Incidents, id: IncidentId) -> Result<Option<There>, StoreError> {
    let Some(incident) = incidents.get(id).await? else { return Ok(None) };
    let links = incidents.ledger(id).await?;
    let looks_yet = links.iter().all(|link| match link.entry {
        Entry::Opened { .. }
        | Entry::Scored { .. }
        | Entry::Decided { .. }
        | Entry::Prepared { .. }
        | Entry::ApprovalAsked { .. } => true,
        Entry::FoundClean { .. }
        | Entry::FoundGone
        | Entry::Voted { .. }
        | Entry::Expired { .. }
        | Entry::Remediated { .. }
        | Entry::Verified { .. }
        | Entry::RolledBack { .. }
        | Entry::Faulted { .. }
        | Entry::Alerted { .. }
        | Entry::Closed { .. } => false,
    });
    let rules = incident.detected.rules.into_iter().collect();
    Ok(Some(There { rules, events: incident.events, looks_yet }))
}

impl There {
    /// Whether it stands for these hits of the event too.
    fn takes(&self, event: &Event, hits: &[&Hit]) -> bool {
        let has_nothing_to_look_at =
            event.has_failed() || hits.iter().all(|hit| hit.controls.is_empty());
        self.events.contains(&event.id)
            || (hits.iter().all(|hit| self.rules.contains(&hit.rule))
                && (self.looks_yet || has_nothing_to_look_at))
    }
}

/// Seconds within which reports of one finding are one incident, where one finding may be told
/// of for months: closed, and open again. `None`: each is told of once, or has a new id then.
fn recurs_within(source: Source) -> Option<u32> {
    const DAY: u32 = 86_400;
    match source {
        // They keep a finding's id over passing and failing again.
        Source::SecurityHub | Source::AccessAnalyzer => Some(DAY),
        // It adds to a finding as long as nobody archives it.
        Source::GuardDuty => Some(30 * DAY),
        Source::CloudTrail | Source::Config | Source::Posture => None,
    }
}

/// The incident a hit belongs to by its causes.
///
/// A rule with a window of its own has one incident for each window and resource. Reports of one
/// finding are one, for a while ([`recurs_within`]). Else hits on one resource within a window are. Copies of one call that
/// several accounts saw have one time, so they are together there; where nothing is joined, they
/// are one by what they have in common. That must not keep a call from joining others: every call
/// may have such an id.
fn cause(event: &Event, hit: &Hit, joining: Joining) -> Cause {
    let resource = hit.resource.key();
    let window = |seconds: u32| number(event.time, seconds).to_string();
    // A refused call is only logged; it must not stand for those that follow.
    let made = if event.has_failed() && !hit.is_correlation { "refused" } else { "made" };
    let (parts, goes_on) = match (hit.window_seconds, &event.cause, joining.window_seconds) {
        (Some(seconds), _, _) if seconds > 0 => {
            let (length, window) = (seconds.to_string(), window(seconds));
            let rule = hit.rule.as_str().to_owned();
            (vec!["window".to_owned(), rule, resource, length, window, made.to_owned()], false)
        }
        (_, Some(cause), seconds) if seconds == 0 || event.source != Source::CloudTrail => {
            let mut parts =
                vec!["cause".to_owned(), event.source.to_string(), cause.clone(), resource];
            parts.extend(recurs_within(event.source).map(window));
            (parts, false)
        }
        (_, _, seconds) if seconds > 0 => {
            let (length, window) = (seconds.to_string(), window(seconds));
            (vec!["resource".to_owned(), resource, length, window, made.to_owned()], true)
        }
        (_, _, _) => (vec!["event".to_owned(), event.id.as_str().to_owned(), resource], false),
    };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Cause { id: IncidentId::from_cause(&parts), goes_on }
}
