//! Replay: what the present rules and policy would decide about stored events, against what
//! was recorded. The caller runs the responder on a scratch store; nothing else is written.

use std::collections::BTreeMap;

use aisaws_core::canonical::Digest;
use aisaws_core::id::IncidentId;
use aisaws_core::incident::Incident;
use aisaws_core::ledger::{Entry, Link};
use aisaws_core::port::{EventFilter, Incidents, StoreError};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::{Decision, Risk};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Incidents read in one go.
const PAGE: u32 = 256;

/// What an incident came to, as far as rules and policy decide it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// 0..=1.
    pub score: Option<Risk>,
    /// What may be done.
    pub decision: Option<Decision>,
    /// The plan's digest; `null`: no plan was needed or made.
    pub plan: Option<Digest>,
    /// The plan itself, a JSON Patch.
    pub patch: Option<Value>,
    /// The policy's reasons.
    pub reasons: Vec<String>,
}

/// One incident, then and now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The incident.
    pub incident: IncidentId,
    /// Where.
    pub resource: ResourceRef,
    /// What was recorded; `null`: there was no such incident.
    pub recorded: Option<Outcome>,
    /// What it would be now; `null`: there would be none.
    pub replayed: Option<Outcome>,
    /// Whether decision or plan differ.
    pub differs: bool,
}

/// Which stored events are re-run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// By time, name and id.
    pub events: EventFilter,
    /// Only incidents that this rule belongs to, then or now.
    pub rule: Option<String>,
}

impl Selection {
    fn takes(&self, incident: &Incident) -> bool {
        let time = incident.detected.time;
        let filter = &self.events;
        filter.since.is_none_or(|since| time >= since)
            && filter.until.is_none_or(|until| time < until)
            && filter.id.as_ref().is_none_or(|id| incident.events.contains(id))
    }

    fn names_rule(&self, incident: &Incident) -> bool {
        let Some(rule) = &self.rule else { return true };
        incident.detected.rules.iter().any(|r| r.as_str() == rule)
    }
}

/// Compares recorded incidents with those of the scratch store. `of_name` holds the incidents
/// of events with the selected name where one was selected.
///
/// # Errors
/// [`StoreError`].
pub async fn compare(
    recorded: &dyn Incidents,
    replayed: &dyn Incidents,
    selection: &Selection,
    of_name: Option<&std::collections::BTreeSet<IncidentId>>,
) -> Result<Vec<Comparison>, StoreError> {
    let old = outcomes(recorded, selection).await?;
    let mut new = outcomes(replayed, selection).await?;
    let mut rows = Vec::new();
    for (id, (incident, old)) in old {
        let counterpart = new.remove(&id);
        let by_rule = selection.names_rule(&incident)
            || counterpart.as_ref().is_some_and(|(i, _)| selection.names_rule(i));
        if by_rule {
            rows.push((incident, Some(old), counterpart.map(|(_, outcome)| outcome)));
        }
    }
    for (incident, outcome) in new.into_values() {
        if selection.names_rule(&incident) {
            rows.push((incident, None, Some(outcome)));
        }
    }
    rows.sort_by_key(|(i, ..)| (i.detected.time, i.detected.incident));
    Ok(rows
        .into_iter()
        .filter(|(i, ..)| of_name.is_none_or(|ids| ids.contains(&i.detected.incident)))
        .map(|(incident, recorded, replayed)| Comparison {
            incident: incident.detected.incident,
            resource: incident.detected.resource,
            differs: differs(recorded.as_ref(), replayed.as_ref()),
            recorded,
            replayed,
        })
        .collect())
}

fn differs(recorded: Option<&Outcome>, replayed: Option<&Outcome>) -> bool {
    match (recorded, replayed) {
        (Some(a), Some(b)) => a.decision != b.decision || a.plan != b.plan,
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    }
}

async fn outcomes(
    incidents: &dyn Incidents,
    selection: &Selection,
) -> Result<BTreeMap<IncidentId, (Incident, Outcome)>, StoreError> {
    let mut found = BTreeMap::new();
    let mut after = None;
    loop {
        let page = incidents.list(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some((last.detected.time, last.detected.incident));
        for incident in page {
            if selection.takes(&incident) {
                let id = incident.detected.incident;
                let outcome = outcome(&incidents.ledger(id).await?);
                found.insert(id, (incident, outcome));
            }
        }
    }
}

/// The decision as it stood in the end and the first plan: what rules and policy made of the
/// event, before the resource changed again. Votes are not among it.
fn outcome(links: &[Link]) -> Outcome {
    let mut outcome =
        Outcome { score: None, decision: None, plan: None, patch: None, reasons: Vec::new() };
    for link in links {
        match &link.entry {
            Entry::Scored { risk, .. } => outcome.score = Some(*risk),
            Entry::Decided { decision, reasons, .. } => {
                outcome.decision = Some(*decision);
                outcome.reasons.clone_from(reasons);
            }
            Entry::Prepared { digest, patch, .. } if outcome.plan.is_none() => {
                outcome.plan = Some(digest.clone());
                outcome.patch = Some(patch.clone());
            }
            _ => {}
        }
    }
    outcome
}
