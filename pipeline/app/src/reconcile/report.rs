//! What a comparison found.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Lag;

/// An event that the trail has and we do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    /// When it happened.
    pub time: Timestamp,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The service (`s3.amazonaws.com`).
    pub source: String,
    /// The account whose log it is in.
    pub account: String,
    /// The region.
    pub region: String,
    /// The log file.
    pub file: String,
}

/// Counts of one account and region, and of all. Events are those of the window that a rule of
/// EventBridge of ours lets through, each once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Log files that were read.
    pub files: u64,
    /// Records of the window, repetitions and others' business included.
    pub records: u64,
    /// Events.
    pub events: u64,
    /// Records of these events beyond the first.
    pub repetitions: u64,
    /// Events that are here.
    pub arrived: u64,
    /// Events that are not.
    pub missing: u64,
    /// Events that are not here and may still be on their way.
    pub unsettled: u64,
    /// Missing events that were fed into intake.
    pub fed: u64,
}

impl Counts {
    pub(super) fn add(&mut self, more: Self) {
        let Self { files, records, events, repetitions, arrived, missing, unsettled, fed } = more;
        self.files += files;
        self.records += records;
        self.events += events;
        self.repetitions += repetitions;
        self.arrived += arrived;
        self.missing += missing;
        self.unsettled += unsettled;
        self.fed += fed;
    }
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// The window, with its first moment.
    pub since: Timestamp,
    /// The window, without this moment.
    pub until: Timestamp,
    /// Events from then on may still be on their way.
    pub settled_until: Timestamp,
    /// Over all.
    pub total: Counts,
    /// By `ACCOUNT REGION`.
    pub places: BTreeMap<String, Counts>,
    /// Missing events, the first ones where they are many; by time.
    pub gaps: Vec<Gap>,
    /// From an event to its arrival here, where that is known.
    pub arrival_lag: Option<Lag>,
    /// From an event to the delivery of its log file, which is known to the minute.
    pub trail_lag: Option<Lag>,
    /// Log files that could not be read, or not to their end, with the reason.
    pub unreadable: BTreeMap<String, String>,
}
