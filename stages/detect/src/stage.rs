//! Detect as a step that takes one record and gives its hits.

use aisaws_core::fault::{Classify, Fault};
use aisaws_core::hit::Hit;
use aisaws_core::port::{DetectError, Detector as _};
use aisaws_core::source::{Malformed, read_one};
use aisaws_core::stage::{Cx, Stage};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::detect::Detect;

/// One record of any source as it came, in its envelope or without.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Record(Box<RawValue>);

/// Why a record could not be examined.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// It is no record of a source that is read.
    #[error("the record is none that can be examined")]
    Malformed(#[from] Malformed),
    /// A part that a rule looks at cannot be read.
    #[error(transparent)]
    Detect(#[from] DetectError),
}

impl Classify for StageError {
    fn fault(&self) -> Fault {
        match self {
            Self::Malformed(_) => Fault::BadInput,
            Self::Detect(error) => error.fault(),
        }
    }
}

#[async_trait]
impl Stage for Detect {
    const NAME: &'static str = "Detect";
    type Input = Record;
    type Output = Vec<Hit>;
    type Error = StageError;

    async fn run(&self, _: Cx<'_>, Record(raw): Record) -> Result<Vec<Hit>, StageError> {
        let event = read_one(raw.get())?;
        Ok(self.detect(&event)?)
    }
}
