//! Between the core's memory and the journal's records.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::slot::Live;
use super::{Engine, EngineError};
use crate::journal::{Commit, FrameChange, JournalError};
use crate::run::{Dirty, Frame, Head, Moving, Phase, Run};

/// Transitions between two commits at most.
pub(super) const STEP: u32 = 1_000;
/// Attempts to commit a change against other drivers.
const ATTEMPTS: usize = 32;

/// Takes what `run` has not yet committed.
pub(super) fn commit_of(
    run: &mut Run,
    expected_revision: u64,
    effects: Vec<Box<dyn Any + Send>>,
) -> Commit {
    let dirty = std::mem::take(&mut run.dirty);
    run.first_unstored = run.head.next_frame;
    let frames =
        dirty.into_iter().map(|(id, dirty)| frame_change(id, dirty, run.frames.get(&id))).collect();
    let scheduled = std::mem::take(&mut run.scheduled);
    let scheduled = scheduled
        .into_iter()
        .filter_map(|id| run.call(id))
        .map(|call| (call.key, call.resource))
        .collect();
    let is_running = !run.is_finished();
    Commit {
        execution: run.head.name.clone(),
        expected_revision,
        status: run.head.status.name(),
        is_runnable: is_running && (run.has_ready() || run.has_calls()),
        deadline_ms: run.head.deadline_ms.filter(|_| is_running),
        head: serde_json::to_string(&run.head).unwrap_or_default(),
        frames,
        events: std::mem::take(&mut run.events),
        scheduled,
        settled: std::mem::take(&mut run.settled),
        effects,
    }
}

fn frame_change(id: u64, dirty: Dirty, frame: Option<&Frame>) -> FrameChange {
    let Some(frame) = frame.filter(|_| dirty != Dirty::Gone) else {
        return FrameChange { id, body: None, phase: None, wake_ms: None };
    };
    let body = (dirty == Dirty::Whole).then(|| serde_json::to_string(frame).unwrap_or_default());
    FrameChange {
        id,
        body,
        phase: Some(serde_json::to_string(&frame.moving()).unwrap_or_default()),
        wake_ms: frame.wake_ms(),
    }
}

impl Engine {
    /// The execution as it was committed last.
    pub(super) async fn load(&self, name: &str) -> Result<(Run, u64), EngineError> {
        let stored = self
            .inner
            .journal
            .get(name)
            .await?
            .ok_or_else(|| EngineError::Unknown(name.to_owned()))?;
        let corrupt = |source| JournalError::Corrupt { name: name.to_owned(), source };
        let machine = self
            .inner
            .slots
            .machine(&stored.definition)
            .map_err(|e| EngineError::Definition(name.to_owned(), e))?;
        if machine.compiled.digest != stored.digest {
            let what = "its definition";
            return Err(JournalError::Damaged { name: name.to_owned(), what }.into());
        }
        let mut head: Head = serde_json::from_str(&stored.head).map_err(corrupt)?;
        head.input = stored.input;
        let mut frames = BTreeMap::new();
        for record in &stored.frames {
            let frame: Frame = serde_json::from_str(&record.body).map_err(corrupt)?;
            let moving: Moving = serde_json::from_str(&record.phase).map_err(corrupt)?;
            frames.insert(record.id, frame.with_moving(moving));
        }
        Ok((Run::restore(machine, head, frames, self.inner.limits), stored.revision))
    }

    /// Whether the task `key` of an execution is still wanted, as it was committed last.
    pub(crate) async fn waits_for(&self, name: &str, key: &str) -> Result<bool, EngineError> {
        let (run, _) = self.load(name).await?;
        Ok(run.frames.values().any(|f| matches!(&f.phase, Phase::Task(task) if task.key == key)))
    }

    /// The execution in memory, loaded where it is not.
    pub(super) async fn live<'s>(
        &self,
        name: &str,
        slot: &'s mut Option<Live>,
    ) -> Result<&'s mut Live, EngineError> {
        if slot.is_none() {
            let (run, revision) = self.load(name).await?;
            *slot = Some(Live { run, revision });
        }
        slot.as_mut().ok_or_else(|| EngineError::Unknown(name.to_owned()))
    }

    /// Commits what changed, steps on while frames are ready, and commits again.
    pub(super) async fn settle(
        &self,
        live: &mut Live,
        effects: Vec<Box<dyn Any + Send>>,
    ) -> Result<(), EngineError> {
        let mut effects = effects;
        loop {
            if live.run.has_ready() {
                live.run.at(self.inner.clock.now_ms(), rand::random());
                live.run.advance(STEP);
            }
            if live.run.is_changed() || !effects.is_empty() {
                let commit = commit_of(&mut live.run, live.revision, std::mem::take(&mut effects));
                self.inner.journal.commit(commit).await?;
                live.revision += 1;
            }
            if !live.run.has_ready() {
                return Ok(());
            }
        }
    }

    /// Applies `change` to an execution and commits it, whoever else is driving it.
    pub(super) async fn change<R>(
        &self,
        name: &str,
        mut change: impl FnMut(&mut Run, i64) -> R,
    ) -> Result<R, EngineError> {
        let slot = self.inner.slots.get(name);
        let result = self.change_in(name, &slot.live, &mut change).await;
        slot.changed.notify_one();
        slot.moved.notify_waiters();
        // Without a driver nobody else needs it in memory.
        if slot.driver.try_lock().is_ok() {
            *slot.live.lock().await = None;
        }
        self.inner.slots.release(name, &slot);
        result
    }

    async fn change_in<R>(
        &self,
        name: &str,
        slot: &tokio::sync::Mutex<Option<Live>>,
        change: &mut impl FnMut(&mut Run, i64) -> R,
    ) -> Result<R, EngineError> {
        let mut guard = slot.lock().await;
        for _ in 0..ATTEMPTS {
            let live = self.live(name, &mut guard).await?;
            let now_ms = self.inner.clock.now_ms();
            live.run.at(now_ms, rand::random());
            let result = change(&mut live.run, now_ms);
            match self.settle(live, Vec::new()).await {
                Ok(()) => return Ok(result),
                Err(EngineError::Journal(JournalError::Conflict(_))) => *guard = None,
                Err(error) => {
                    // Memory is ahead of the journal; only the journal is true.
                    *guard = None;
                    return Err(error);
                }
            }
        }
        Err(JournalError::Conflict(name.to_owned()).into())
    }

    pub(super) fn tasks(&self) -> Arc<dyn crate::Tasks> {
        Arc::clone(&self.inner.tasks)
    }
}
