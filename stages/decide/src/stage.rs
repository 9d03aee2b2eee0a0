//! The Decide stage.

use std::sync::Arc;
use std::time::Duration;

use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::{Decided, Scored, Verdict};
use aisaws_core::ledger::{Entry, Link};
use aisaws_core::port::{Incidents, StoreError};
use aisaws_core::risk::Decision;
use aisaws_core::stage::{Cx, Stage};
use async_trait::async_trait;
use jiff::Timestamp;

use crate::guardrails::{approvals, limits, restrictions};
use crate::policy::Policy;

const HOUR: Duration = Duration::from_hours(1);
/// Key of the first decision; of later ones it is the beginning.
const DECIDED: &str = "decided";

/// Decides by the policy, then lets guardrails lower autonomy.
pub struct Decide {
    policy: Policy,
    incidents: Arc<dyn Incidents>,
}

impl std::fmt::Debug for Decide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decide").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Decide {
    /// A stage with this policy that writes to this ledger.
    pub fn new(policy: Policy, incidents: Arc<dyn Incidents>) -> Self {
        Self { policy, incidents }
    }
}

/// Why nothing could be decided. The state machine then does nothing: it fails closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// The ledger could not be read or written.
    #[error("the decision could not be recorded")]
    Store(#[from] StoreError),
}

impl Classify for DecideError {
    fn fault(&self) -> Fault {
        match self {
            Self::Store(e) => e.fault(),
        }
    }
}

#[async_trait]
impl Stage for Decide {
    const NAME: &'static str = "Decide";
    type Input = Scored;
    type Output = Decided;
    type Error = DecideError;

    async fn run(&self, cx: Cx<'_>, scored: Scored) -> Result<Decided, DecideError> {
        let detected = &scored.detected;
        let now = cx.clock.now();
        let hour_ago = now.checked_sub(HOUR).unwrap_or(Timestamp::MIN);
        let links = self.incidents.ledger(detected.incident).await?;
        let writes = self.incidents.writes_since(&detected.resource.key(), hour_ago).await?;
        // An execution in place of one that halted meets the writes of its own incident.
        let own = links.iter().filter(|link| matches!(link.entry, Entry::Remediated { .. }));
        let own_since = own.clone().filter(|link| link.at >= hour_ago).count();
        let writes = writes.saturating_sub(u32::try_from(own_since).unwrap_or(u32::MAX));
        let was_written = own.count() > 0;
        let (by_risk, reason) = self.policy.by_risk(scored.score.risk);
        let mut decision = by_risk;
        let mut reasons = vec![reason];
        for restriction in restrictions(&self.policy, detected, writes) {
            decision = decision.min(restriction.max);
            reasons.push(restriction.reason);
        }
        // What was decided before is not raised, nor lowered once it is done.
        let earlier = decided(&links);
        if let Some(earlier) = earlier.filter(|earlier| *earlier < decision || was_written) {
            decision = earlier;
            reasons.push(format!("it was decided before: {earlier}"));
        }
        let limits = limits(&self.policy, detected);
        let approvals = approvals(&self.policy, detected);
        let is_budget_spent = writes >= self.policy.writes_per_resource_per_hour();
        let entry = Entry::Decided { decision, reasons: reasons.clone(), is_budget_spent };
        // The policy may have become stricter since: what counts is the last decision.
        let key = match earlier {
            Some(earlier) if earlier > decision => format!("decided:{decision}"),
            Some(_) | None => DECIDED.to_owned(),
        };
        self.incidents.append(detected.incident, &key, entry, now).await?;
        let approval_timeout_seconds = self.policy.approval_timeout_seconds();
        Ok(Decided {
            scored,
            verdict: Verdict {
                decision,
                by_risk: Some(by_risk),
                reasons,
                limits,
                approval_timeout_seconds,
                approvals,
            },
        })
    }
}

/// What was decided last, before Prepare could lower it.
fn decided(links: &[Link]) -> Option<Decision> {
    links.iter().rev().filter(|link| link.key.starts_with(DECIDED)).find_map(|link| {
        let Entry::Decided { decision, .. } = &link.entry else { return None };
        Some(*decision)
    })
}
