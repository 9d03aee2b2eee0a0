//! Reading the state, convicting it, planning the repair.

use std::sync::Arc;

use aisaws_controls::plan::{self, Outcome, PlanError};
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::{Decided, Found, Limit, Planning, Preparation, Prepared, Vote};
use aisaws_core::id::{ControlId, IncidentId};
use aisaws_core::ledger::{Appended, Entry, Link};
use aisaws_core::port::{Account, AccountError, Incidents, Snapshots, StoreError};
use aisaws_core::risk::Decision;
use aisaws_core::stage::{Cx, Stage};
use async_trait::async_trait;

use crate::baseline;

/// Plans an incident may have; a resource that changes more often needs a human.
const ROUNDS: u32 = 5;

/// Reads the state, keeps it, and plans.
pub struct Prepare {
    account: Arc<dyn Account>,
    incidents: Arc<dyn Incidents>,
    snapshots: Arc<dyn Snapshots>,
}

impl std::fmt::Debug for Prepare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepare").finish_non_exhaustive()
    }
}

impl Prepare {
    /// A stage over these ports.
    pub fn new(
        account: Arc<dyn Account>,
        incidents: Arc<dyn Incidents>,
        snapshots: Arc<dyn Snapshots>,
    ) -> Self {
        Self { account, incidents, snapshots }
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The resource could not be read.
    #[error("the state could not be read")]
    Account(#[from] AccountError),
    /// The store failed.
    #[error("the plan could not be recorded")]
    Store(#[from] StoreError),
    /// A control declined, or the state is not what its type allows.
    #[error("there is no safe plan")]
    Plan(#[from] PlanError),
    /// The resource changed each time before the plan could be written.
    #[error(
        "incident `{0}` was planned {ROUNDS} times and the resource changed each time; look who else writes to it"
    )]
    Unsteady(IncidentId),
}

impl Classify for PrepareError {
    fn fault(&self) -> Fault {
        match self {
            Self::Account(e) => e.fault(),
            Self::Store(e) => e.fault(),
            Self::Plan(e) => e.fault(),
            Self::Unsteady(_) => Fault::Permanent,
        }
    }
}

#[async_trait]
impl Stage for Prepare {
    const NAME: &'static str = "Prepare";
    type Input = Planning;
    type Output = Prepared;
    type Error = PrepareError;

    async fn run(&self, cx: Cx<'_>, planning: Planning) -> Result<Prepared, PrepareError> {
        let Planning { mut decided, failure } = planning;
        let detected = &decided.scored.detected;
        let incident = detected.incident;
        let key = format!("prepared:{}", cx.key);
        let links = self.incidents.ledger(incident).await?;
        // A step that died after its ledger entry finds it here and hands on the same.
        let mut earlier = recorded(&links, &key);
        // So does an execution in place of one that halted: what was begun is carried on, under the
        // same keys. A plan that could not be applied is no longer in question.
        if earlier.is_none() && failure.is_none() {
            earlier = begun(&links).and_then(|link| recorded(&links, &link.key));
        }
        if let Some((preparation, convicting)) = earlier {
            self.lower(cx, &mut decided, &convicting, preparation.round).await?;
            return Ok(Prepared { decided, preparation });
        }
        let round = rounds(&links).saturating_add(1);
        if round > ROUNDS {
            return Err(PrepareError::Unsteady(incident));
        }
        let resource = &detected.resource;
        let baselines = baseline::refresh(
            self.account.as_ref(),
            self.snapshots.as_ref(),
            resource,
            &detected.controls,
        )
        .await?;
        let state = self.account.read(resource).await?;
        let outcome =
            plan::prepare(resource, &detected.controls, &state, |id| baselines.get(id).cloned())?;
        let (entry, found, digest) = match outcome {
            Outcome::Clean => (Entry::FoundClean { state: Digest::of(&state) }, Found::Clean, None),
            Outcome::Gone => (Entry::FoundGone, Found::Gone, None),
            Outcome::Plan(plan) => {
                let snapshot = self.snapshots.keep(&plan.before).await?;
                let target = self.snapshots.keep(&plan.after).await?;
                let entry = Entry::Prepared {
                    round,
                    digest: plan.digest.clone(),
                    findings: plan.findings.clone(),
                    patch: as_json(&plan.patch),
                    inverse: as_json(&plan.inverse),
                    snapshot,
                    target,
                };
                (entry, Found::Convicted, Some(plan.digest))
            }
        };
        let mut preparation = Preparation { found, digest, round };
        let mut convicting = convicting(&entry);
        let appended = self.incidents.append(incident, &key, entry, cx.clock.now()).await?;
        if appended == Appended::Already {
            // The same step ran at once and was quicker; it may have read another state.
            let links = self.incidents.ledger(incident).await?;
            if let Some(earlier) = recorded(&links, &key) {
                (preparation, convicting) = earlier;
            }
        }
        self.lower(cx, &mut decided, &convicting, preparation.round).await?;
        Ok(Prepared { decided, preparation })
    }
}

impl Prepare {
    /// Raises how many people have to grant, and lowers the decision, to what the controls that convict allow; it is never raised.
    async fn lower(
        &self,
        cx: Cx<'_>,
        decided: &mut Decided,
        convicting: &[ControlId],
        round: u32,
    ) -> Result<(), StoreError> {
        let verdict = &mut decided.verdict;
        let convicts = |limit: &&Limit| convicting.contains(&limit.control);
        let asks = verdict.limits.iter().filter(convicts).map(|limit| limit.approvals);
        verdict.approvals = asks.fold(verdict.approvals, u8::max);
        let applies = |limit: &&Limit| convicts(limit) && limit.max < verdict.decision;
        let Some(limit) = verdict.limits.iter().filter(applies).min_by_key(|l| l.max).cloned()
        else {
            return Ok(());
        };
        verdict.decision = limit.max;
        verdict.reasons.push(limit.reason.clone());
        let entry = Entry::Decided {
            decision: limit.max,
            reasons: vec![limit.reason],
            is_budget_spent: false,
        };
        let incident = decided.scored.detected.incident;
        let key = format!("lowered:{round}");
        self.incidents.append(incident, &key, entry, cx.clock.now()).await?;
        Ok(())
    }
}

/// The controls that convict according to an entry.
fn convicting(entry: &Entry) -> Vec<ControlId> {
    match entry {
        Entry::Prepared { findings, .. } => findings.iter().map(|f| f.control.clone()).collect(),
        _ => Vec::new(),
    }
}

/// A JSON Patch is a list of texts and values; writing one cannot fail.
fn as_json(patch: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(patch).unwrap_or_default()
}

/// The last plan, where something may have been written under it: it was allowed by the policy, or
/// enough people granted it.
fn begun(links: &[Link]) -> Option<&Link> {
    let plan = links.iter().rev().find(|link| matches!(link.entry, Entry::Prepared { .. }))?;
    let Entry::Prepared { digest, .. } = &plan.entry else { return None };
    let decision = links.iter().rev().find_map(|link| match &link.entry {
        Entry::Decided { decision, .. } => Some(*decision),
        _ => None,
    });
    let is_granted = links.iter().any(|link| match &link.entry {
        Entry::Voted { vote: Vote::Grant, digest: of, .. } => of == digest,
        _ => false,
    });
    let is_allowed = match decision? {
        Decision::Act => true,
        Decision::AskHuman => is_granted,
        Decision::LogOnly => false,
    };
    is_allowed.then_some(plan)
}

fn rounds(links: &[Link]) -> u32 {
    let plans = links.iter().filter(|l| matches!(l.entry, Entry::Prepared { .. })).count();
    u32::try_from(plans).unwrap_or(u32::MAX)
}

/// What a step of that key recorded, and the controls that convicted then.
fn recorded(links: &[Link], key: &str) -> Option<(Preparation, Vec<ControlId>)> {
    let position = links.iter().position(|link| link.key == key)?;
    let link = links.get(position)?;
    let preparation = match &link.entry {
        Entry::Prepared { round, digest, .. } => {
            Preparation { found: Found::Convicted, digest: Some(digest.clone()), round: *round }
        }
        Entry::FoundClean { .. } | Entry::FoundGone => {
            let before = links.get(..position).map_or(0, rounds);
            let found = if link.entry == Entry::FoundGone { Found::Gone } else { Found::Clean };
            Preparation { found, digest: None, round: before.saturating_add(1) }
        }
        _ => return None,
    };
    Some((preparation, convicting(&link.entry)))
}
