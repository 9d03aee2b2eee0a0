//! How many incidents a rule may open, and what becomes of its other hits.
//!
//! Hits beyond the limit of an hour are collected in one incident of the rule and that hour. Nothing
//! is lost: it names their events. It has no control and no resource but the account, so it repairs
//! nothing by itself, and people are told of it.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_core::event::Event;
use aisaws_core::handoff::Flood;
use aisaws_core::hit::Hit;
use aisaws_core::id::{IncidentId, RuleId};
use aisaws_core::port::{Incidents, Pending, StoreError};
use aisaws_core::resource::ResourceRef;
use jiff::Timestamp;

use crate::join::Group;

const HOUR: i64 = 3600;
/// What a hit is about that names nothing smaller.
const ACCOUNT: &str = "AWS::::Account";

/// Incidents that a rule may open in an hour of event time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    of_all: u32,
    by_rule: BTreeMap<String, u32>,
}

impl Limits {
    /// The limit of every rule, and those of single rules by id; 0: none.
    pub fn new(of_all: u32, by_rule: BTreeMap<String, u32>) -> Self {
        Self { of_all, by_rule }
    }

    fn of(&self, rule: &RuleId) -> Option<u32> {
        let limit = self.by_rule.get(rule.as_str()).copied().unwrap_or(self.of_all);
        (limit > 0).then_some(limit)
    }

    fn are_none(&self) -> bool {
        self.of_all == 0 && self.by_rule.values().all(|limit| *limit == 0)
    }
}

/// Turns what may not open by the limits into floods; the first of a page, which is in order of
/// time, open.
///
/// An incident takes a place of the first of its rules that has one. One of a rule without a limit
/// needs none, and what is there already stays. Places are kept, so that a repeated step comes to
/// the same.
pub(crate) async fn within(
    incidents: &dyn Incidents,
    limits: &Limits,
    page: &[Pending],
    groups: BTreeMap<IncidentId, Group>,
) -> Result<BTreeMap<IncidentId, Group>, StoreError> {
    if limits.are_none() {
        return Ok(groups);
    }
    let mut in_order: Vec<(IncidentId, Group)> = groups.into_iter().collect();
    in_order.sort_by_key(|(id, group)| (group.events.first().copied(), *id));
    let mut kept = BTreeMap::new();
    let mut over: BTreeMap<(usize, RuleId), Vec<Hit>> = BTreeMap::new();
    for (id, group) in in_order {
        if may_open(incidents, limits, page, id, &group).await? {
            kept.insert(id, group);
            continue;
        }
        for hit in group.hits {
            let of_hit = |place: &usize| page.get(*place).is_some_and(|p| p.event.id == hit.event);
            let Some(place) = group.events.iter().copied().find(of_hit) else { continue };
            over.entry((place, hit.rule.clone())).or_default().push(hit);
        }
    }
    for ((place, rule), hits) in over {
        let (Some(pending), Some(limit)) = (page.get(place), limits.of(&rule)) else { continue };
        let hour = hour(&pending.event);
        let id = IncidentId::from_cause(&["flood", rule.as_str(), &hour.to_string()]);
        let flood: &mut Group = kept.entry(id).or_default();
        flood.events.push(place);
        flood.hits.extend(hits.into_iter().map(|hit| recorded(&pending.event, hit)));
        let hour = Timestamp::from_second(hour * HOUR).unwrap_or(pending.event.time);
        let hits = u32::try_from(flood.hits.len()).unwrap_or(u32::MAX);
        flood.flood = Some(Flood { rule, hour, limit, hits });
    }
    Ok(kept)
}

/// The hit as a flood has it: of the account, with nothing to look at there.
fn recorded(event: &Event, hit: Hit) -> Hit {
    let resource = ResourceRef {
        kind: ACCOUNT.to_owned(),
        id: event.account.as_str().to_owned(),
        account: event.account.clone(),
        region: event.region.clone(),
    };
    Hit { resource, controls: Vec::new(), ..hit }
}

/// Number of the event's hour since 1970.
fn hour(event: &Event) -> i64 {
    event.time.as_second().div_euclid(HOUR)
}

async fn may_open(
    incidents: &dyn Incidents,
    limits: &Limits,
    page: &[Pending],
    id: IncidentId,
    group: &Group,
) -> Result<bool, StoreError> {
    let rules: BTreeSet<&RuleId> = group.hits.iter().map(|hit| &hit.rule).collect();
    let mut limited = Vec::new();
    for rule in rules {
        match limits.of(rule) {
            Some(limit) => limited.push((rule, limit)),
            None => return Ok(true),
        }
    }
    let first = group.events.first().and_then(|place| page.get(*place));
    let Some(Pending { event, .. }) = first else { return Ok(true) };
    if incidents.get(id).await?.is_some() {
        return Ok(true);
    }
    for (rule, limit) in limited {
        let name = format!("{} {rule}", hour(event));
        if incidents.admit(&name, id, limit).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
