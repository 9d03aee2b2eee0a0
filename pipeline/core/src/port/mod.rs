//! What the pipeline needs from the outside, as traits. They speak domain types only; every
//! adapter runs the same conformance suite.

mod account;
mod approvals;
mod channel;
mod clock;
mod detector;
mod events;
mod incidents;
mod orchestrator;
mod ports;
mod snapshots;
mod surroundings;
mod trail;
mod windows;

pub use account::{Account, AccountError, WriteKey};
pub use approvals::{Answer, Approvals, Cast, Question, Standing};
pub use channel::{Channel, ChannelError, Told, tell};
pub use clock::Clock;
pub use detector::{Correlator, DetectError, Detector, Found};
pub use events::{
    Arrival, DeadLetter, Derived, Disposition, EventFilter, Events, Recorded, Stored,
};
pub use incidents::{Incidents, Mark, Opened, Pending};
pub use orchestrator::{Halted, Orchestrator, Restart};
pub use ports::Ports;
pub use snapshots::Snapshots;
pub use surroundings::{Enricher, Surroundings};
pub use trail::{LogFile, LogPlace, TrailLogs};
pub use windows::Windows;

use crate::fault::{Classify, Fault};

/// Why a storage port could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store is busy, full or out of reach; later the same call may succeed.
    #[error("the store could not {action} right now")]
    Unavailable {
        /// What was being done.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored cannot be read back.
    #[error(
        "the store holds a record it cannot read while trying to {action}; run `aisaws store verify`"
    )]
    Corrupt {
        /// What was being done.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store refuses: a right is missing, or a limit of it stands in the way.
    #[error("the store refused to {action}")]
    Refused {
        /// What was being done.
        action: &'static str,
        /// The class.
        fault: Fault,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is not there.
    #[error("{what} `{id}` is not in the store")]
    NotFound {
        /// Kind of record.
        what: &'static str,
        /// Its id.
        id: String,
    },
}

impl Classify for StoreError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unavailable { .. } => Fault::Transient,
            Self::Corrupt { .. } => Fault::Permanent,
            Self::Refused { fault, .. } => *fault,
            Self::NotFound { .. } => Fault::BadInput,
        }
    }
}
