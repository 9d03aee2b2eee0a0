//! The end of an incident, with its evidence.

use aisaws_alert::{Alert, AlertError};
use aisaws_aws::store::Store;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::{Alerted, Story};
use aisaws_core::port::StoreError;
use aisaws_core::stage::{Cx, Stage};
use async_trait::async_trait;

/// Stage Alert, after which what the incident stands on is in the archive too. An attempt that dies
/// between the two is made again, and tells nobody twice. What ends without this function (an
/// incident whose response never started, or that the sweep gave up) has its story in the table alone.
#[derive(Debug)]
pub struct WithEvidence {
    alert: Alert,
    store: Store,
}

impl WithEvidence {
    /// The stage, and the store that has the ledger.
    pub fn new(alert: Alert, store: Store) -> Self {
        Self { alert, store }
    }
}

/// Why an incident did not end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// It could not be closed.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// Its evidence could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for EvidenceError {
    fn fault(&self) -> Fault {
        match self {
            Self::Alert(e) => e.fault(),
            Self::Store(e) => e.fault(),
        }
    }
}

#[async_trait]
impl Stage for WithEvidence {
    const NAME: &'static str = Alert::NAME;
    type Input = Story;
    type Output = Alerted;
    type Error = EvidenceError;

    async fn run(&self, cx: Cx<'_>, story: Story) -> Result<Alerted, EvidenceError> {
        let alerted = self.alert.run(cx, story).await?;
        self.store.keep_evidence(alerted.incident).await?;
        Ok(alerted)
    }
}
