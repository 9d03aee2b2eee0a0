//! What is known of where events come from, beside what they say.

use crate::event::Event;

/// What the user's files and settings say of one event; `None`: they say nothing of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// ISO 3166-1 code of the source address' country, `DE`.
    pub country: Option<String>,
    /// Number of the autonomous system the source address is in.
    pub asn: Option<u32>,
    /// Whether a list of bad addresses holds the source address at the time of the event.
    pub is_known_bad: Option<bool>,
    /// Whether the event's region is one of those in use.
    pub is_region_expected: Option<bool>,
}

/// Says it. Pure: the same event has the same surroundings, whenever and in whatever order it is
/// asked about.
pub trait Enricher: std::fmt::Debug + Send + Sync {
    /// What is known of the event.
    fn surroundings(&self, event: &Event) -> Surroundings;
}
