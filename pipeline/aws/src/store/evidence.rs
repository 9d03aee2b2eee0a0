//! What an incident stands on, in the archive too: whoever has the bucket needs no table to read it.

use std::collections::BTreeSet;

use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::port::StoreError;

use super::handle::{Store, Trouble, doing};
use super::{ledger, snapshots};

impl Store {
    /// Keeps the ledger of an incident, one link a line, and the states before and after each of its
    /// plans under `evidence/INCIDENT/`. What is there already is not written again; a ledger that
    /// has grown is another object. A state that is not in the table is left out: the check of the
    /// store tells of it.
    ///
    /// # Errors
    /// Where the table cannot be read, or the archive not be written.
    pub async fn keep_evidence(&self, id: IncidentId) -> Result<(), StoreError> {
        keep(self, id).await.map_err(doing("keep evidence"))
    }
}

async fn keep(store: &Store, id: IncidentId) -> Result<(), Trouble> {
    let links = ledger::links(store, id).await?;
    let mut story = String::new();
    let mut states = BTreeSet::new();
    for link in &links {
        story.push_str(&serde_json::to_string(link)?);
        story.push('\n');
        if let Entry::Prepared { snapshot, target, .. } = &link.entry {
            states.extend([snapshot, target]);
        }
    }
    for digest in states {
        match snapshots::load(store, digest).await {
            Ok(state) => {
                let state = state.to_string();
                store.archive.keep_evidence(id, "state", state.as_bytes()).await?;
            }
            Err(Trouble::NotFound { .. }) => {}
            Err(e) => return Err(e),
        }
    }
    store.archive.keep_evidence(id, "ledger", story.as_bytes()).await?;
    Ok(())
}
