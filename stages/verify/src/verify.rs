//! The Verify stage.
//!
//! What changed beside the plan is told and takes nothing back: a repair taken back because somebody
//! set a tag meanwhile would open the wound again, and whoever may set tags could see to it.

use std::sync::Arc;
use std::time::Duration;

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::{Remediated, Verification, Verified};
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Account, AccountError, Incidents, Snapshots, StoreError};
use aisaws_core::stage::{Cx, Stage};
use async_trait::async_trait;

use crate::load::{self, LoadError, ReadBack};

/// Reads that must agree before a repair counts: AWS reads are eventually consistent.
const AGREEING_READS: u32 = 2;

/// Reads back and compares.
pub struct Verify {
    account: Arc<dyn Account>,
    incidents: Arc<dyn Incidents>,
    snapshots: Arc<dyn Snapshots>,
    pause: Duration,
}

impl std::fmt::Debug for Verify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verify").field("pause", &self.pause).finish_non_exhaustive()
    }
}

impl Verify {
    /// A stage over these ports that lets `pause` pass between two reads; a twin needs none.
    pub fn new(
        account: Arc<dyn Account>,
        incidents: Arc<dyn Incidents>,
        snapshots: Arc<dyn Snapshots>,
        pause: Duration,
    ) -> Self {
        Self { account, incidents, snapshots, pause }
    }
}

/// Why a repair is not (yet) verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The read-back does not show the repair.
    #[error("the read-back does not show the repair: {}", .0.join("; "))]
    NotVerified(Vec<String>),
    /// The resource could not be read.
    #[error("the resource could not be read back")]
    Account(#[from] AccountError),
    /// The plan could not be loaded.
    #[error("the repair could not be compared with its plan")]
    Load(#[from] LoadError),
    /// The ledger did not take the result.
    #[error("the verification could not be recorded")]
    Store(#[from] StoreError),
}

impl Classify for VerifyError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotVerified(_) => Fault::NotVerified,
            Self::Account(e) => e.fault(),
            Self::Load(e) => e.fault(),
            Self::Store(e) => e.fault(),
        }
    }
}

#[async_trait]
impl Stage for Verify {
    const NAME: &'static str = "Verify";
    type Input = Remediated;
    type Output = Verified;
    type Error = VerifyError;

    async fn run(&self, cx: Cx<'_>, remediated: Remediated) -> Result<Verified, VerifyError> {
        let prepared = &remediated.prepared;
        let detected = &prepared.decided.scored.detected;
        let incident = detected.incident;
        let digest = &remediated.remediation.digest;
        let links = self.incidents.ledger(incident).await?;
        let (before, after) =
            load::states(self.snapshots.as_ref(), &links, incident, digest).await?;
        let read_back =
            ReadBack { snapshots: self.snapshots.as_ref(), detected, states: (&before, &after) };
        let mut last = None;
        for read in 1..=AGREEING_READS {
            if read > 1 && !self.pause.is_zero() {
                cx.clock.sleep(self.pause).await;
            }
            let now = self.account.read(&detected.resource).await?;
            let problems = read_back.problems(&now).await?;
            if !problems.of_plan.is_empty() {
                return Err(VerifyError::NotVerified(problems.all()));
            }
            last = Some((now, problems.beside));
        }
        let (now, beside) = last.unwrap_or_default();
        let entry = Entry::Verified {
            holds: true,
            reads: AGREEING_READS,
            problems: beside,
            state: Digest::of(&now),
        };
        let key = format!("verified:{}", prepared.preparation.round);
        self.incidents.append(incident, &key, entry, cx.clock.now()).await?;
        Ok(Verified {
            remediated,
            verification: Verification { holds: true, reads: AGREEING_READS },
        })
    }
}
