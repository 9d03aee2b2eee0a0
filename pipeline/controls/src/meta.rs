//! What a control tells people about itself.

use aisaws_core::id::ControlId;
use aisaws_core::ledger::Finding;
use aisaws_core::risk::{Decision, Severity};

/// What a control is about, for people and for policy. The texts are printed by
/// `aisaws explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// The control's id, never renamed.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// CloudFormation type it looks at.
    pub resource_type: &'static str,
    /// How bad it is when it convicts.
    pub severity: Severity,
    /// The most the system may ever do by itself here; policy can only lower it.
    pub max_autonomy: Decision,
    /// What it finds.
    pub what: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// How it is repaired, and what is left alone.
    pub repair: &'static str,
    /// What can go wrong.
    pub pitfalls: &'static [&'static str],
    /// Framework and id within it.
    pub compliance: &'static [(&'static str, &'static str)],
    /// Where this is written down.
    pub references: &'static [&'static str],
    /// Rows of the catalogue of remediations that it covers.
    pub catalogue: &'static [&'static str],
}

impl Meta {
    /// The id as a type.
    pub fn control_id(&self) -> ControlId {
        ControlId::new(self.id)
    }

    /// A finding of this control.
    pub fn finding(&self, message: impl Into<String>) -> Finding {
        Finding { control: self.control_id(), message: message.into() }
    }
}
