//! An account of one resource, in memory, that does as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use aisaws_controls::plan;
use aisaws_core::fault::Fault;
use aisaws_core::ledger::Call;
use aisaws_core::port::{Account, AccountError, WriteKey};
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Barrier;

/// What becomes of a write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Writing {
    /// It has its effect.
    #[default]
    Works,
    /// It is answered as made and has no effect.
    IsLost,
    /// It fails before its first call.
    Fails(Fault),
    /// It fails after the first of its fields.
    FailsHalfWay(Fault),
}

#[derive(Debug, Default)]
struct Inner {
    state: Value,
    next_reads: VecDeque<Value>,
    read_fault: Option<Fault>,
    writing: Writing,
    made: BTreeMap<String, Vec<Call>>,
    reads: u32,
    writes: u32,
}

#[derive(Debug, Default)]
pub(super) struct FakeAccount {
    inner: Mutex<Inner>,
    meeting: Option<Barrier>,
}

impl FakeAccount {
    pub(super) fn new(state: Value) -> Self {
        Self { inner: Mutex::new(Inner { state, ..Inner::default() }), meeting: None }
    }

    /// Every read waits until two are under way.
    pub(super) fn where_readers_meet(state: Value) -> Self {
        Self { meeting: Some(Barrier::new(2)), ..Self::new(state) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(super) fn state(&self) -> Value {
        self.inner().state.clone()
    }

    /// Somebody else changes the resource.
    pub(super) fn set(&self, state: Value) {
        self.inner().state = state;
    }

    /// What the next reads answer before they tell the state again.
    pub(super) fn will_read(&self, states: impl IntoIterator<Item = Value>) {
        self.inner().next_reads = states.into_iter().collect();
    }

    pub(super) fn refuse_reads(&self, fault: Fault) {
        self.inner().read_fault = Some(fault);
    }

    pub(super) fn let_writing(&self, writing: Writing) {
        self.inner().writing = writing;
    }

    pub(super) fn reads(&self) -> u32 {
        self.inner().reads
    }

    /// Writes that had an effect or were said to have one.
    pub(super) fn writes(&self) -> u32 {
        self.inner().writes
    }
}

fn failed(resource: &ResourceRef, action: &'static str, fault: Fault) -> AccountError {
    AccountError::Call { subject: resource.to_string(), action, fault, source: "as told".into() }
}

#[async_trait]
impl Account for FakeAccount {
    async fn read(&self, resource: &ResourceRef) -> Result<Value, AccountError> {
        if let Some(meeting) = &self.meeting {
            meeting.wait().await;
        }
        let mut inner = self.inner();
        inner.reads += 1;
        if let Some(fault) = inner.read_fault {
            return Err(failed(resource, "read", fault));
        }
        let told = inner.next_reads.pop_front();
        Ok(told.unwrap_or_else(|| inner.state.clone()))
    }

    async fn write(
        &self,
        resource: &ResourceRef,
        before: &Value,
        after: &Value,
        key: &WriteKey,
    ) -> Result<Vec<Call>, AccountError> {
        let mut inner = self.inner();
        if let Some(calls) = inner.made.get(&key.as_text()) {
            return Ok(calls.clone());
        }
        if let Writing::Fails(fault) = inner.writing {
            return Err(failed(resource, "written", fault));
        }
        let next = plan::apply_guarded(before, after, &inner.state)
            .map_err(|_| AccountError::Changed(resource.to_string()))?;
        let fields = plan::diff(&inner.state, &next);
        if let Writing::FailsHalfWay(fault) = inner.writing {
            let first = fields.first().expect("half of a write needs a field");
            *inner.state.pointer_mut(first.path.as_str()).unwrap() = first.after.clone().unwrap();
            inner.writes += 1;
            return Err(failed(resource, "written", fault));
        }
        let face = aisaws_controls::resource(&resource.kind).unwrap();
        let calls = face.calls(resource, &inner.state, &next).unwrap();
        if !calls.is_empty() {
            inner.writes += 1;
        }
        if inner.writing != Writing::IsLost {
            inner.state = next;
        }
        inner.made.insert(key.as_text(), calls.clone());
        Ok(calls)
    }

    async fn past_states(&self, _: &ResourceRef) -> Result<Vec<Value>, AccountError> {
        Ok(Vec::new())
    }
}
