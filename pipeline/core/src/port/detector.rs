//! Detection.

use crate::event::Event;
use crate::fault::{Classify, Fault};
use crate::hit::Hit;
use crate::id::EventId;
use crate::window::{Entry, Match, WindowKey};
use jiff::{SignedDuration, Timestamp};

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

/// What an event was found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Rules that fired, by id.
    pub hits: Vec<Hit>,
    /// Where the event counts for correlations.
    pub matches: Vec<Match>,
}

/// Says which rules an event hits. Pure: the same event gives the same hits in the same order.
pub trait Detector: Send + Sync {
    /// The hits, by rule id; none for most events, at little cost.
    ///
    /// # Errors
    /// [`DetectError`] where the event's JSON is not what its source writes.
    fn detect(&self, event: &Event) -> Result<Vec<Hit>, DetectError>;

    /// The hits, and where the event counts for correlations.
    ///
    /// # Errors
    /// As [`Self::detect`].
    fn find(&self, event: &Event) -> Result<Found, DetectError> {
        Ok(Found { hits: self.detect(event)?, matches: Vec::new() })
    }

    /// What evaluates correlations; `None`: there are none.
    fn correlator(&self) -> Option<&dyn Correlator> {
        None
    }
}

/// Evaluates correlation rules over windows. Pure: the same entries give the same firings.
pub trait Correlator: Send + Sync {
    /// The times of the entries that decide about a bucket, both included; `None` where there
    /// is no such correlation (any more).
    fn reach(&self, key: &WindowKey, bucket: i64) -> Option<(Timestamp, Timestamp)>;

    /// When the bucket is over, where the correlation asks for what more events may undo: it is
    /// looked at only then. `None`: it fires at once, and more events take nothing back.
    fn ends(&self, key: &WindowKey, bucket: i64) -> Option<Timestamp>;

    /// How many correlations stand one upon the other below this one: those that others count
    /// are evaluated before them. 0 where only rules do.
    fn level(&self, key: &WindowKey) -> u32;

    /// Events at which the correlation fires because of what is in the bucket, in order of
    /// time. `entries` are those within [`Self::reach`], sorted.
    fn firings(&self, key: &WindowKey, bucket: i64, entries: &[Entry]) -> Vec<EventId>;

    /// The longest span that any correlation looks over.
    fn longest_span(&self) -> SignedDuration;

    /// What follows from the correlation's firing at that event: its hits, and where it counts
    /// for correlations of correlations.
    ///
    /// # Errors
    /// [`DetectError`] where the event's JSON is not what its source writes.
    fn fire(&self, key: &WindowKey, event: &Event) -> Result<Found, DetectError>;
}
