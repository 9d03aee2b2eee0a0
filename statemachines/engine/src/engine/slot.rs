//! What a process holds in memory of the executions it is working on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::definition::Machine;
use crate::run::{Run, Status};

/// Parsed definitions that are kept.
const MACHINES: usize = 64;

/// Executions that ended in their first step and whose end nobody asked for yet.
const ENDED: usize = 1_024;

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
    used: Mutex<HashMap<String, Arc<Slot>>>,
    machines: Mutex<HashMap<Arc<str>, Machine>>,
    ended: Mutex<HashMap<String, Status>>,
}

impl Slots {
    pub(super) fn get(&self, name: &str) -> Arc<Slot> {
        let mut slots = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name.to_owned()).or_default())
    }

    /// Drops the slot where `slot` is its last user.
    pub(super) fn release(&self, name: &str, slot: &Arc<Slot>) {
        let mut slots = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // One count is the map's, one is the caller's; new users come through this lock.
        if Arc::strong_count(slot) <= 2 {
            slots.remove(name);
        }
    }

    /// Remembers how an execution ended that needed no driver: nothing changes that any more,
    /// so that whoever drives it now need not read it back.
    pub(super) fn remember_end(&self, name: &str, status: Status) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= ENDED {
            ended.clear();
        }
        ended.insert(name.to_owned(), status);
    }

    /// The end that was remembered, once.
    pub(super) fn take_end(&self, name: &str) -> Option<Status> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).remove(name)
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
