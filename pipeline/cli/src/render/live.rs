//! Incidents moving through the stages, as it happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aisaws_app::watch::Observer;
use aisaws_core::handoff::Vote;
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;

use crate::output::{bold, data, dim, note};
use crate::render::incident::{decision_word, status_word};

/// Prints one line for each step of an incident to standard error.
#[derive(Debug, Default)]
pub(crate) struct Live {
    names: Mutex<BTreeMap<IncidentId, String>>,
}

impl Observer for Live {
    fn entry(&self, incident: IncidentId, entry: &Entry) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Opened { detected } = entry {
            names.insert(incident, data(&detected.resource.to_string()));
        }
        let name = names.get(&incident).cloned().unwrap_or_else(|| incident.to_string());
        let (stage, what) = step(entry);
        let id = incident.to_string();
        let short = id.get(..8).unwrap_or(&id);
        note(&format!("{} {} {name} {what}", dim(short), bold(&format!("{stage:<9}"))));
    }
}

fn step(entry: &Entry) -> (&'static str, String) {
    match entry {
        Entry::Opened { detected } => {
            let rules: Vec<_> = detected.rules.iter().map(|r| data(r.as_str())).collect();
            ("Detect", dim(&rules.join(", ")))
        }
        Entry::Scored { risk, .. } => ("Score", risk.to_string()),
        Entry::Decided { decision, reasons, .. } => {
            let why = reasons.last().map(|r| data(r)).unwrap_or_default();
            ("Decide", format!("{} {}", decision_word(*decision), dim(&why)))
        }
        Entry::FoundClean { .. } => ("Prepare", "already clean".to_owned()),
        Entry::FoundGone => ("Prepare", "gone".to_owned()),
        Entry::Prepared { digest, findings, .. } => {
            let findings: Vec<_> = findings.iter().map(|f| data(&f.message)).collect();
            ("Prepare", format!("plan {} {}", digest.short(), dim(&findings.join("; "))))
        }
        Entry::ApprovalAsked { .. } => ("AskHuman", "waits for a human".to_owned()),
        Entry::Voted { vote: Vote::Grant, by, .. } => {
            ("AskHuman", format!("granted by {}", data(by)))
        }
        Entry::Voted { vote: Vote::Deny, by, .. } => {
            ("AskHuman", format!("denied by {}", data(by)))
        }
        Entry::Expired { .. } => ("AskHuman", "nobody answered in time".to_owned()),
        Entry::Remediated { calls, .. } => {
            let calls: Vec<_> = calls.iter().map(|c| data(&c.action)).collect();
            ("Remediate", dim(&calls.join(", ")))
        }
        Entry::Verified { holds: true, .. } => ("Verify", "holds".to_owned()),
        Entry::Verified { problems, .. } => ("Verify", data(&problems.join("; "))),
        Entry::RolledBack { .. } => ("RollBack", "taken back".to_owned()),
        Entry::Faulted { error, cause } => ("Failed", data(&format!("{error}: {cause}"))),
        Entry::Alerted { channels } => {
            let channels: Vec<_> = channels.iter().map(|(c, _)| data(c)).collect();
            ("Alert", channels.join(", "))
        }
        Entry::Closed { status } => ("Closed", status_word(*status)),
    }
}
