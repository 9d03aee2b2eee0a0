//! Taking back what did not hold.

use std::sync::Arc;

use aisaws_controls::plan;
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::{Story, Undo};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Account, AccountError, Incidents, Snapshots, StoreError, WriteKey};
use aisaws_core::stage::{Cx, Stage};
use async_trait::async_trait;

use crate::load::{self, LoadError, ReadBack};

/// Restores what the plan touched, field by field, where it still holds what the plan wrote.
pub struct RollBack {
    account: Arc<dyn Account>,
    incidents: Arc<dyn Incidents>,
    snapshots: Arc<dyn Snapshots>,
}

impl std::fmt::Debug for RollBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RollBack").finish_non_exhaustive()
    }
}

impl RollBack {
    /// A stage over these ports.
    pub fn new(
        account: Arc<dyn Account>,
        incidents: Arc<dyn Incidents>,
        snapshots: Arc<dyn Snapshots>,
    ) -> Self {
        Self { account, incidents, snapshots }
    }
}

/// Why nothing (more) could be taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RollBackError {
    /// The payload holds no plan.
    #[error("incident `{0}` has no plan that could be taken back")]
    NoPlan(IncidentId),
    /// The read-back does not show what was restored.
    #[error("the read-back does not show what was restored: {}", .0.join(", "))]
    NotRestored(Vec<String>),
    /// The account refused.
    #[error("the repair could not be taken back")]
    Account(#[from] AccountError),
    /// The plan could not be loaded.
    #[error("the plan to take back could not be loaded")]
    Load(#[from] LoadError),
    /// The ledger did not take the result.
    #[error("the roll-back could not be recorded")]
    Store(#[from] StoreError),
}

impl Classify for RollBackError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoPlan(_) => Fault::BadInput,
            Self::NotRestored(_) => Fault::NotVerified,
            Self::Account(e) => e.fault(),
            Self::Load(e) => e.fault(),
            Self::Store(e) => e.fault(),
        }
    }
}

#[async_trait]
impl Stage for RollBack {
    const NAME: &'static str = "RollBack";
    type Input = Undo;
    type Output = Story;
    type Error = RollBackError;

    async fn run(&self, cx: Cx<'_>, undo: Undo) -> Result<Story, RollBackError> {
        let detected = &undo.prepared.decided.scored.detected;
        let incident = detected.incident;
        let round = undo.prepared.preparation.round;
        let digest =
            undo.prepared.preparation.digest.clone().ok_or(RollBackError::NoPlan(incident))?;
        let links = self.incidents.ledger(incident).await?;
        let (before, after) =
            load::states(self.snapshots.as_ref(), &links, incident, &digest).await?;
        let now = self.account.read(&detected.resource).await?;
        let was_written = links.iter().any(|link| link.key == format!("remediated:{round}"));
        let read_back =
            ReadBack { snapshots: self.snapshots.as_ref(), detected, states: (&before, &after) };
        let problems = read_back.problems(&now).await?;
        let mut story = Story::from(undo.prepared.clone());
        story.ballot = undo.ballot;
        story.failure = Some(undo.failure);
        // What stands is what was wanted, whoever wrote it: taking it back would open the wound
        // again. The incident still ends with the failure that led here.
        if problems.of_plan.is_empty() {
            return Ok(story);
        }
        if was_written {
            let entry = Entry::Verified {
                holds: false,
                reads: 1,
                problems: problems.all(),
                state: Digest::of(&now),
            };
            self.incidents
                .append(incident, &format!("unverified:{round}"), entry, cx.clock.now())
                .await?;
        }
        let back = plan::rollback(&before, &after, &now);
        let key = WriteKey { incident, digest: digest.clone(), step: format!("undo-{round}") };
        let calls = self.account.write(&detected.resource, &now, &back.target, &key).await?;
        let read_back = self.account.read(&detected.resource).await?;
        let not_back = plan::diff(&back.target, &read_back);
        if !not_back.is_empty() {
            let fields = not_back.iter().map(|field| field.path.to_string()).collect();
            return Err(RollBackError::NotRestored(fields));
        }
        // Without a call nothing was taken back, and nothing is said to have been: there was nothing
        // written, others took it back, or the read is older than the write.
        if !calls.is_empty() {
            let entry = Entry::RolledBack { digest, calls, left: back.left };
            self.incidents
                .append(incident, &format!("rolledback:{round}"), entry, cx.clock.now())
                .await?;
        }
        Ok(story)
    }
}
