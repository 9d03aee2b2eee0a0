//! Score: the risk of a detection, 0..=1, as a sum of weighted facts, each with its reason.
//!
//! It knows no store but the ledger, no clock but the one it is handed, and no model: advice
//! of a language model would be one more fact. Start reading at [`Score`]; the weights and
//! their meaning stand in `weights.toml`.

mod contributions;
mod weights;

use std::sync::Arc;

use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::{self, Detected, Scored};
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Incidents, StoreError};
use aisaws_core::risk::Risk;
use aisaws_core::stage::{Cx, Stage};
use async_trait::async_trait;

pub use contributions::contributions;
pub use weights::{DEFAULT, Weights, WeightsError};

/// The Score stage.
pub struct Score {
    weights: Weights,
    incidents: Arc<dyn Incidents>,
}

impl std::fmt::Debug for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Score").field("weights", &self.weights).finish_non_exhaustive()
    }
}

impl Score {
    /// A stage with these weights that writes to this ledger.
    pub fn new(weights: Weights, incidents: Arc<dyn Incidents>) -> Self {
        Self { weights, incidents }
    }
}

/// Why a detection could not be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// The ledger did not take the score.
    #[error("the score could not be recorded")]
    Store(#[from] StoreError),
}

impl Classify for ScoreError {
    fn fault(&self) -> Fault {
        match self {
            Self::Store(e) => e.fault(),
        }
    }
}

#[async_trait]
impl Stage for Score {
    const NAME: &'static str = "Score";
    type Input = Detected;
    type Output = Scored;
    type Error = ScoreError;

    async fn run(&self, cx: Cx<'_>, detected: Detected) -> Result<Scored, ScoreError> {
        let contributions = contributions(&self.weights, detected.severity, &detected.signals);
        let risk = Risk::clamped(contributions.iter().map(|c| c.weight).sum());
        let entry = Entry::Scored { risk, contributions: contributions.clone() };
        self.incidents.append(detected.incident, "scored", entry, cx.clock.now()).await?;
        Ok(Scored { detected, score: handoff::Score { risk, contributions } })
    }
}
