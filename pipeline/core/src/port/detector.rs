//! Detection.

use crate::event::Event;
use crate::fault::{Classify, Fault};
use crate::hit::Hit;

/// Why an event could not be examined.
#[derive(Debug, thiserror::Error)]
#[error("event `{event}` could not be examined: {reason}")]
pub struct DetectError {
    /// The event's id.
    pub event: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Classify for DetectError {
    fn fault(&self) -> Fault {
        Fault::BadInput
    }
}

/// Says which rules an event hits. Pure: the same event gives the same hits in the same order.
pub trait Detector: Send + Sync {
    /// The hits, by rule id; none for most events, at little cost.
    ///
    /// # Errors
    /// [`DetectError`] where the event's JSON is not what its source writes.
    fn detect(&self, event: &Event) -> Result<Vec<Hit>, DetectError>;
}
