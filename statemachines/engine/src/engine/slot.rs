//! What a process holds in memory of the executions it is working on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::definition::Machine;
use crate::run::Run;

/// Parsed definitions that are kept.
const MACHINES: usize = 64;

/// An execution in memory at a revision.
pub(super) struct Live {
    pub(super) run: Run,
    pub(super) revision: u64,
}

/// One execution that somebody works on.
#[derive(Default)]
pub(super) struct Slot {
    /// Held while the execution is loaded, stepped and committed.
    pub(super) live: tokio::sync::Mutex<Option<Live>>,
    /// Held while the execution is driven: one driver at a time.
    pub(super) driver: tokio::sync::Mutex<()>,
    /// Tells the driver that somebody else stepped the execution.
    pub(super) changed: Notify,
    /// Tells those who follow the execution that it can be driven on.
    pub(super) moved: Notify,
}

/// The slots in use; an execution that nobody works on has none.
#[derive(Default)]
pub(super) struct Slots {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    machines: Mutex<HashMap<Arc<str>, Machine>>,
}

impl Slots {
    pub(super) fn get(&self, name: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name.to_owned()).or_default())
    }

    /// Drops the slot where `slot` is its last user.
    pub(super) fn release(&self, name: &str, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // One count is the map's, one is the caller's; new users come through this lock.
        if Arc::strong_count(slot) <= 2 {
            slots.remove(name);
        }
    }

    /// Keeps a parsed definition for executions that will be loaded.
    pub(super) fn remember(&self, machine: &Machine) {
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        if machines.len() >= MACHINES && !machines.contains_key(&machine.compiled.text) {
            machines.clear();
        }
        machines.entry(Arc::clone(&machine.compiled.text)).or_insert_with(|| machine.clone());
    }

    /// The machine of a definition, parsed before or now.
    pub(super) fn machine(&self, definition: &str) -> Result<Machine, crate::DefinitionErrors> {
        let known =
            self.machines.lock().unwrap_or_else(PoisonError::into_inner).get(definition).cloned();
        if let Some(machine) = known {
            return Ok(machine);
        }
        let machine = Machine::parse(definition)?;
        self.remember(&machine);
        Ok(machine)
    }
}
