//! Writing the plan.

use std::sync::Arc;

use aisaws_controls::plan;
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::{Cleared, Remediated, Remediation, Vote};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{Entry, Link, planned};
use aisaws_core::port::{
    Account, AccountError, Approvals, Incidents, Snapshots, StoreError, WriteKey,
};
use aisaws_core::risk::Decision;
use aisaws_core::stage::{Cx, Stage};
use async_trait::async_trait;

/// Applies exactly the plan that was decided or approved, or nothing.
pub struct Remediate {
    account: Arc<dyn Account>,
    incidents: Arc<dyn Incidents>,
    snapshots: Arc<dyn Snapshots>,
    approvals: Arc<dyn Approvals>,
}

impl std::fmt::Debug for Remediate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remediate").finish_non_exhaustive()
    }
}

impl Remediate {
    /// A stage over these ports.
    pub fn new(
        account: Arc<dyn Account>,
        incidents: Arc<dyn Incidents>,
        snapshots: Arc<dyn Snapshots>,
        approvals: Arc<dyn Approvals>,
    ) -> Self {
        Self { account, incidents, snapshots, approvals }
    }
}

/// Why nothing (more) was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemediateError {
    /// The payload holds no plan, or one the ledger does not know.
    #[error("incident `{0}` has no such plan in its ledger; nothing was written")]
    NoPlan(IncidentId),
    /// Neither policy nor a human allowed this plan.
    #[error(
        "incident `{incident}`: plan `{digest}` was not allowed by anyone; nothing was written"
    )]
    NotCleared {
        /// The incident.
        incident: IncidentId,
        /// The plan.
        digest: Digest,
    },
    /// The account refused.
    #[error("the plan could not be written")]
    Account(#[from] AccountError),
    /// The store failed.
    #[error("the repair could not be recorded")]
    Store(#[from] StoreError),
}

impl Classify for RemediateError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoPlan(_) => Fault::BadInput,
            Self::NotCleared { .. } => Fault::Refused,
            Self::Account(e) => e.fault(),
            Self::Store(e) => e.fault(),
        }
    }
}

#[async_trait]
impl Stage for Remediate {
    const NAME: &'static str = "Remediate";
    type Input = Cleared;
    type Output = Remediated;
    type Error = RemediateError;

    async fn run(&self, cx: Cx<'_>, cleared: Cleared) -> Result<Remediated, RemediateError> {
        let prepared = &cleared.prepared;
        let detected = &prepared.decided.scored.detected;
        let incident = detected.incident;
        let digest = prepared.preparation.digest.clone().ok_or(RemediateError::NoPlan(incident))?;
        let links = self.incidents.ledger(incident).await?;
        self.check_clearance(&cleared, &digest, &links).await?;
        let (before, after) = planned(&links, &digest).ok_or(RemediateError::NoPlan(incident))?;
        let before = self.snapshots.load(before).await?;
        let after = self.snapshots.load(after).await?;
        // What is applied is what was decided or approved: the plan is named by its content.
        if plan::digest_of(&detected.resource, &before, &after) != digest {
            return Err(RemediateError::NoPlan(incident));
        }
        let round = prepared.preparation.round;
        let key = WriteKey { incident, digest: digest.clone(), step: format!("apply-{round}") };
        let calls = self.account.write(&detected.resource, &before, &after, &key).await?;
        let count = u32::try_from(calls.len()).unwrap_or(u32::MAX);
        let entry = Entry::Remediated { digest: digest.clone(), calls };
        self.incidents
            .append(incident, &format!("remediated:{round}"), entry, cx.clock.now())
            .await?;
        Ok(Remediated {
            prepared: cleared.prepared,
            remediation: Remediation { digest, calls: count },
        })
    }
}

impl Remediate {
    /// The payload alone convinces nobody: the decision must stand in the ledger, and where a
    /// human was asked, their vote in the store, for this very plan.
    async fn check_clearance(
        &self,
        cleared: &Cleared,
        digest: &Digest,
        links: &[Link],
    ) -> Result<(), RemediateError> {
        let decided = &cleared.prepared.decided;
        let incident = decided.scored.detected.incident;
        // Who asked for a re-run asked for the plan they saw.
        let shown = links.first().and_then(|link| match &link.entry {
            Entry::Opened { detected } => detected.rerun.as_ref().map(|rerun| &rerun.digest),
            _ => None,
        });
        if shown.is_some_and(|shown| shown != digest) {
            return Err(RemediateError::NotCleared { incident, digest: digest.clone() });
        }
        let recorded = links.iter().rev().find_map(|link| match &link.entry {
            Entry::Decided { decision, .. } => Some(*decision),
            _ => None,
        });
        let is_cleared = match recorded.map(|r| r.min(decided.verdict.decision)) {
            Some(Decision::Act) => true,
            Some(Decision::LogOnly) | None => false,
            Some(Decision::AskHuman) => {
                let carried = cleared
                    .ballot
                    .as_ref()
                    .is_some_and(|b| b.vote == Vote::Grant && b.digest == *digest);
                let standing = self.approvals.standing(incident).await?;
                carried
                    && standing.is_some_and(|s| {
                        s.question.digest == *digest
                            && s.outcome() == Some(Vote::Grant)
                            && s.granted() >= usize::from(decided.verdict.approvals)
                    })
            }
        };
        if is_cleared {
            Ok(())
        } else {
            Err(RemediateError::NotCleared { incident, digest: digest.clone() })
        }
    }
}
