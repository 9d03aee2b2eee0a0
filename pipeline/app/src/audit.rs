//! Whether the store still says what was written: the chains of all incidents, the records
//! that stand beside them, and the states that they name.

use std::collections::BTreeSet;

use aisaws_core::canonical::Digest;
use aisaws_core::fault::chain;
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{Entry, RawLink, verify_chain};
use aisaws_core::port::{Incidents, Snapshots, StoreError};
use serde::Serialize;
use serde_json::Value;

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Incidents looked at.
    pub chains: u64,
    /// Ledger links looked at.
    pub links: u64,
    /// What does not hold, in words, by incident; empty: everything holds.
    pub broken: Vec<String>,
}

/// Audits the incidents of these ids: give every id that the ledger or the records name, so
/// that one without the other is seen.
///
/// # Errors
/// Where the store cannot be read at all. A record that cannot be read is a finding.
pub async fn audit(
    incidents: &dyn Incidents,
    snapshots: &dyn Snapshots,
    ids: &BTreeSet<IncidentId>,
) -> Result<Audit, StoreError> {
    let mut audit = Audit::default();
    for id in ids {
        audit.chains += 1;
        if let Err(problem) = one(incidents, snapshots, *id, &mut audit.links).await {
            audit.broken.push(problem);
        }
    }
    Ok(audit)
}

async fn one(
    incidents: &dyn Incidents,
    snapshots: &dyn Snapshots,
    id: IncidentId,
    count: &mut u64,
) -> Result<(), String> {
    let unreadable = |e: StoreError| format!("incident `{id}`: {}", chain(&e));
    let (links, head) = incidents.raw_ledger(id).await.map_err(unreadable)?;
    *count += links.len() as u64;
    verify_chain(id, &links, head.as_ref()).map_err(|e| e.to_string())?;
    let record = incidents.get(id).await.map_err(unreadable)?;
    let Some(record) = record else {
        return Err(format!(
            "incident `{id}`: the ledger has {} links and the record is gone",
            links.len()
        ));
    };
    let opened = links.first().and_then(|link| link.entry.get("detected"));
    let recorded = serde_json::to_value(&record.detected).unwrap_or_default();
    if opened != Some(&recorded) {
        return Err(format!("incident `{id}`: the record is not what its first link says"));
    }
    for link in &links {
        for digest in states(link) {
            snapshots.load(&digest).await.map_err(|e| {
                format!("incident `{id}` link {}: a state it names: {}", link.seq, chain(&e))
            })?;
        }
    }
    Ok(())
}

/// The states that a link names, kept as snapshots.
fn states(link: &RawLink) -> Vec<Digest> {
    match serde_json::from_value::<Entry>(Value::clone(&link.entry)) {
        Ok(Entry::Prepared { snapshot, target, .. }) => vec![snapshot, target],
        _ => Vec::new(),
    }
}
