//! Then and now, incident by incident.

use std::collections::VecDeque;

use aisaws_core::canonical::Digest;
use aisaws_core::id::IncidentId;
use aisaws_core::incident::Incident;
use aisaws_core::ledger::{Entry, Link};
use aisaws_core::port::{Events, Incidents, StoreError};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::{Decision, Risk};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::selection::Selection;

/// Incidents read in one go.
const PAGE: u32 = 64;
const NANOSECOND: std::time::Duration = std::time::Duration::from_nanos(1);
/// The last id of all.
const LAST: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

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

/// How many were compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Incidents, recorded ones and new ones.
    pub incidents: u64,
    /// Of these, those that differ.
    pub differing: u64,
}

/// Compares recorded incidents with those of the scratch store, in order of time, one at a time:
/// each row is handed to `each` and not kept. `events` are those that were run again.
///
/// # Errors
/// [`StoreError`].
pub async fn compare(
    recorded: &dyn Incidents,
    replayed: &dyn Incidents,
    events: &dyn Events,
    selection: &Selection,
    mut each: impl FnMut(Comparison) + Send,
) -> Result<Compared, StoreError> {
    let mut old = Cursor::new(recorded, selection);
    let mut new = Cursor::new(replayed, selection);
    let mut compared = Compared::default();
    loop {
        let incident = match (old.head().await?, new.head().await?) {
            (None, None) => return Ok(compared),
            (Some(before), Some(now)) if now < before => None,
            (None, Some(_)) => None,
            (Some(_), _) => old.next(),
        };
        let (incident, before, now) = match incident {
            Some(incident) => {
                let now = replayed.get(incident.detected.incident).await?;
                (incident, true, now)
            }
            None => match new.next() {
                // Else it comes, or came, with the recorded one.
                Some(incident) if recorded.get(incident.detected.incident).await?.is_none() => {
                    (incident.clone(), false, Some(incident))
                }
                _ => continue,
            },
        };
        let by_rule = (before && selection.names_rule(&incident))
            || now.as_ref().is_some_and(|now| selection.names_rule(now));
        if !by_rule || !selection.takes_events(&incident.events, events).await? {
            continue;
        }
        let id = incident.detected.incident;
        let before = if before { Some(outcome(&recorded.ledger(id).await?)) } else { None };
        let now = if now.is_some() { Some(outcome(&replayed.ledger(id).await?)) } else { None };
        let row = Comparison {
            incident: id,
            resource: incident.detected.resource,
            differs: differs(before.as_ref(), now.as_ref()),
            recorded: before,
            replayed: now,
        };
        compared.incidents += 1;
        compared.differing += u64::from(row.differs);
        each(row);
    }
}

/// Selected incidents of one store, in order of time then id, page by page.
struct Cursor<'a> {
    incidents: &'a dyn Incidents,
    selection: &'a Selection,
    after: Option<(Timestamp, IncidentId)>,
    page: VecDeque<Incident>,
    is_over: bool,
}

impl<'a> Cursor<'a> {
    fn new(incidents: &'a dyn Incidents, selection: &'a Selection) -> Self {
        // Behind every incident before that time: ids stand in order within one.
        let before = selection.since.and_then(|since| since.checked_sub(NANOSECOND).ok());
        let after = before.and_then(|time| Some((time, IncidentId::parse(LAST).ok()?)));
        Self { incidents, selection, after, page: VecDeque::new(), is_over: false }
    }

    /// The place of the next one.
    async fn head(&mut self) -> Result<Option<(Timestamp, IncidentId)>, StoreError> {
        while self.page.is_empty() && !self.is_over {
            let page = self.incidents.list(self.after, PAGE).await?;
            let Some(last) = page.last() else {
                self.is_over = true;
                break;
            };
            self.after = Some((last.detected.time, last.detected.incident));
            let until = self.selection.until;
            self.is_over = until.is_some_and(|until| last.detected.time >= until);
            self.page.extend(page.into_iter().filter(|incident| self.selection.takes(incident)));
        }
        Ok(self.page.front().map(|next| (next.detected.time, next.detected.incident)))
    }

    fn next(&mut self) -> Option<Incident> {
        self.page.pop_front()
    }
}

fn differs(recorded: Option<&Outcome>, replayed: Option<&Outcome>) -> bool {
    match (recorded, replayed) {
        (Some(a), Some(b)) => a.decision != b.decision || a.plan != b.plan,
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
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
