//! One thing to respond to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::handoff::Detected;
use crate::id::EventId;

/// An incident's record: what opened it and every event that belongs to it. How it stands is
/// told by its ledger, not stored here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// What Detect handed on when it was opened.
    pub detected: Detected,
    /// Every event whose hit belongs to it.
    pub events: BTreeSet<EventId>,
}
