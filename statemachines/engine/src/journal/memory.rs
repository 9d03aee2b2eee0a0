//! Executions in memory: as fast as it gets, gone with the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::{Commit, Created, Journal, JournalError, NewExecution, Stored, StoredFrame};
use crate::history::Event;

/// A [`Journal`] in memory, for tests and for runs that need not outlive the process.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    executions: BTreeMap<String, Execution>,
    timers: BTreeSet<(i64, String, Option<u64>)>,
    keys: BTreeSet<String>,
}

#[derive(Debug)]
struct Execution {
    definition: Arc<str>,
    digest: Arc<str>,
    input: Arc<Value>,
    revision: u64,
    status: &'static str,
    is_runnable: bool,
    deadline_ms: Option<i64>,
    head: String,
    frames: BTreeMap<u64, Frame>,
    events: Vec<Event>,
}

#[derive(Debug, Default)]
struct Frame {
    body: String,
    phase: String,
    wake_ms: Option<i64>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, step: Commit) -> Result<(), JournalError> {
        let name = step.execution;
        let conflict = || JournalError::Conflict(name.clone());
        let execution = self.executions.get_mut(&name).ok_or_else(conflict)?;
        if execution.revision != step.expected_revision {
            return Err(conflict());
        }
        // A key that was recorded before would mean a task run twice under another event.
        if step.scheduled.iter().any(|(key, _)| self.keys.contains(key)) {
            return Err(conflict());
        }
        self.keys.extend(step.scheduled.into_iter().map(|(key, _)| key));
        execution.revision += 1;
        execution.status = step.status;
        execution.is_runnable = step.is_runnable;
        execution.head = step.head;
        execution.events.extend(step.events);
        for change in step.frames {
            let old = execution.frames.get(&change.id).and_then(|f| f.wake_ms);
            if let Some(at) = old {
                self.timers.remove(&(at, name.clone(), Some(change.id)));
            }
            let Some(phase) = change.phase else {
                execution.frames.remove(&change.id);
                continue;
            };
            let frame = execution.frames.entry(change.id).or_default();
            frame.phase = phase;
            frame.wake_ms = change.wake_ms;
            if let Some(body) = change.body {
                frame.body = body;
            }
            if let Some(at) = change.wake_ms {
                self.timers.insert((at, name.clone(), Some(change.id)));
            }
        }
        if execution.deadline_ms != step.deadline_ms {
            if let Some(at) = execution.deadline_ms {
                self.timers.remove(&(at, name.clone(), None));
            }
            if let Some(at) = step.deadline_ms {
                self.timers.insert((at, name.clone(), None));
            }
            execution.deadline_ms = step.deadline_ms;
        }
        Ok(())
    }

    fn names(
        &self,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&Execution) -> bool,
    ) -> Vec<String> {
        let after = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = self.executions.range::<str, _>((after, std::ops::Bound::Unbounded));
        range.filter(|(_, e)| wanted(e)).take(limit).map(|(name, _)| name.clone()).collect()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn create(&self, new: NewExecution) -> Result<Created, JournalError> {
        let mut state = self.lock();
        if state.executions.contains_key(&new.step.execution) {
            return Ok(Created::Already);
        }
        let execution = Execution {
            definition: new.definition,
            digest: new.digest,
            input: new.input,
            revision: 0,
            status: new.step.status,
            is_runnable: new.step.is_runnable,
            deadline_ms: None,
            head: String::new(),
            frames: BTreeMap::new(),
            events: Vec::new(),
        };
        state.executions.insert(new.step.execution.clone(), execution);
        state.apply(new.step)?;
        Ok(Created::New)
    }

    async fn commit(&self, step: Commit) -> Result<(), JournalError> {
        self.lock().apply(step)
    }

    async fn get(&self, name: &str) -> Result<Option<Stored>, JournalError> {
        let state = self.lock();
        Ok(state.executions.get(name).map(|e| Stored {
            definition: Arc::clone(&e.definition),
            digest: Arc::clone(&e.digest),
            revision: e.revision,
            head: e.head.clone(),
            input: Arc::clone(&e.input),
            frames: e
                .frames
                .iter()
                .map(|(id, f)| StoredFrame {
                    id: *id,
                    body: f.body.clone(),
                    phase: f.phase.clone(),
                })
                .collect(),
        }))
    }

    async fn list_runnable(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        Ok(self.lock().names(after, limit, |e| e.status == "RUNNING" && e.is_runnable))
    }

    async fn list_unfinished(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        Ok(self.lock().names(after, limit, |e| e.status == "RUNNING"))
    }

    async fn list_due(&self, now_ms: i64, limit: usize) -> Result<Vec<String>, JournalError> {
        let state = self.lock();
        let mut names: Vec<String> = Vec::new();
        for (_, name, _) in state.timers.iter().take_while(|(at, ..)| *at <= now_ms) {
            if !names.contains(name) {
                names.push(name.clone());
            }
            if names.len() >= limit {
                break;
            }
        }
        Ok(names)
    }

    async fn next_timer(&self) -> Result<Option<i64>, JournalError> {
        Ok(self.lock().timers.first().map(|(at, ..)| *at))
    }

    async fn history(
        &self,
        name: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Value>, JournalError> {
        let state = self.lock();
        let events = state.executions.get(name).into_iter().flat_map(|e| &e.events);
        Ok(events.filter(|e| e.id > after).take(limit).map(Event::to_json).collect())
    }
}
