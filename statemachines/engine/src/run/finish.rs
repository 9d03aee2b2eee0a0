//! How executions and branches end, and what happens to those that were still going on.

use std::sync::Arc;

use super::step::Flow;
use super::{Dirty, Failure, Frame, Phase, Run, Status};
use crate::history::{EventKind, Payload};

impl Run {
    /// The machine's own frame has ended.
    pub(super) fn finish(&mut self, id: u64, mut frame: Frame, outcome: Result<Payload, Failure>) {
        let (kind, status) = match outcome {
            Ok(output) => {
                (EventKind::Succeeded { output: Arc::clone(&output) }, Status::Succeeded { output })
            }
            Err(failure) => (
                EventKind::Other { name: "ExecutionFailed", details: Some(failure.details()) },
                Status::Failed { error: failure.error, cause: failure.cause },
            ),
        };
        let previous = frame.previous;
        self.is_closing = true;
        self.record(&mut frame, previous, kind);
        self.mark(id, Dirty::Gone);
        self.close(status);
    }

    /// Ends the whole execution in `failure`, whatever its frames are doing.
    pub(super) fn fail_whole(&mut self, failure: &Failure) {
        let status = Status::Failed { error: failure.error.clone(), cause: failure.cause.clone() };
        self.end_now("ExecutionFailed", failure.details(), status);
    }

    /// Ends the execution from outside with an event that nothing led to.
    pub(super) fn end_now(
        &mut self,
        name: &'static str,
        details: serde_json::Value,
        status: Status,
    ) {
        let mut nobody = Frame::new(0, 0, Arc::new(serde_json::Value::Null));
        self.is_closing = true;
        self.emit(&mut nobody, 0, name, Some(details));
        self.close(status);
    }

    fn close(&mut self, status: Status) {
        self.head.status = status;
        self.head.ended_ms = Some(self.now_ms);
        self.ready.clear();
        self.scheduled.clear();
        let frames: Vec<u64> = self.frames.keys().copied().collect();
        for id in frames {
            self.drop_frame(id);
        }
    }

    fn drop_frame(&mut self, id: u64) {
        if let Some(frame) = self.frames.remove(&id)
            && let Phase::Task(task) = frame.phase
        {
            self.settled.push(task.key);
        }
        self.mark(id, Dirty::Gone);
    }

    /// Removes all frames below `parent`.
    pub(super) fn drop_children(&mut self, parent: u64) {
        let mut open = vec![parent];
        while let Some(parent) = open.pop() {
            let children: Vec<u64> = self
                .frames
                .iter()
                .filter(|(_, f)| f.parent == Some(parent))
                .map(|(id, _)| *id)
                .collect();
            for id in children {
                self.drop_frame(id);
                open.push(id);
            }
        }
    }

    /// The outputs of the children of `parent` that ended well, in the order of their index.
    pub(super) fn take_outputs(&mut self, parent: u64) -> Vec<serde_json::Value> {
        let mut outputs: Vec<(u32, Payload)> = Vec::new();
        for frame in self.frames.values().filter(|f| f.parent == Some(parent)) {
            if let Phase::Done { output } = &frame.phase {
                outputs.push((frame.index, Arc::clone(output)));
            }
        }
        outputs.sort_by_key(|(index, _)| *index);
        self.drop_children(parent);
        outputs.into_iter().map(|(_, output)| Arc::unwrap_or_clone(output)).collect()
    }

    /// A child has ended; gives the parent where that moves it.
    pub(super) fn child_ended(
        &mut self,
        parent_id: u64,
        child_id: u64,
        child: Frame,
        outcome: Result<Payload, Failure>,
    ) -> Option<(Frame, Flow)> {
        let mut parent = self.frames.remove(&parent_id)?;
        let machine = self.machine.clone();
        let state = machine.state(parent.graph, parent.state)?;
        let child = (child_id, child);
        let flow = match std::mem::take(&mut parent.phase) {
            Phase::Parallel { open, bytes } => {
                let left = (open, bytes);
                self.branch_ended(parent_id, &mut parent, state, left, child, outcome)
            }
            Phase::Map(phase) => {
                self.iteration_ended(parent_id, &mut parent, state, phase, child, outcome)
            }
            other => {
                parent.phase = other;
                self.mark(child_id, Dirty::Gone);
                None
            }
        };
        if let Some(flow) = flow {
            Some((parent, flow))
        } else {
            self.mark(parent_id, Dirty::Phase);
            self.frames.insert(parent_id, parent);
            None
        }
    }
}
