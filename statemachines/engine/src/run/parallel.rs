//! Parallel: fork into branches, join their outputs.

use std::sync::Arc;

use serde_json::Value;

use super::step::Flow;
use super::{Dirty, Failure, Frame, Phase, Run};
use crate::definition::State;
use crate::history::{Payload, json_bytes};

impl Run {
    pub(super) fn fork(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        branches: &[u32],
    ) -> Result<Flow, Failure> {
        let input = self.work_input(frame, state, None)?;
        frame.previous = self.emit(frame, frame.previous, "ParallelStateStarted", None);
        let open = u32::try_from(branches.len()).unwrap_or(u32::MAX);
        frame.phase = Phase::Parallel { open, bytes: 0 };
        for (index, graph) in branches.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            self.start_child(id, frame, *graph, index, Arc::clone(&input), None);
        }
        if open == 0 {
            return Ok(self.complete(id, frame, state, Arc::new(Value::Array(Vec::new()))));
        }
        Ok(Flow::Parked)
    }

    /// Adds a frame below `parent` that starts at the first state of `graph`.
    pub(super) fn start_child(
        &mut self,
        parent_id: u64,
        parent: &Frame,
        graph: u32,
        index: u32,
        input: Payload,
        item: Option<Payload>,
    ) -> u64 {
        let start = self.machine.graph(graph).map_or(0, |g| g.start);
        let mut child = Frame::new(graph, start, input);
        child.parent = Some(parent_id);
        child.index = index;
        child.owner = if parent.child.is_some() { Some(parent_id) } else { parent.owner };
        child.variables = Arc::clone(&parent.variables);
        child.previous = parent.previous;
        child.item = item;
        let id = self.new_frame_id();
        self.frames.insert(id, child);
        self.mark(id, Dirty::Whole);
        self.ready.push_back(id);
        id
    }

    pub(super) fn branch_ended(
        &mut self,
        id: u64,
        parent: &mut Frame,
        state: &State,
        (open, bytes): (u32, usize),
        (child_id, mut child): (u64, Frame),
        outcome: Result<Payload, Failure>,
    ) -> Option<Flow> {
        match outcome {
            Ok(output) => {
                let last = child.previous;
                let bytes = bytes.saturating_add(json_bytes(&output) + 1);
                let is_too_much = bytes + 1 > self.limits.payload_bytes;
                // What cannot be passed on is not kept either.
                let output = if is_too_much { Arc::new(Value::Null) } else { output };
                child.phase = Phase::Done { output };
                self.frames.insert(child_id, child);
                self.mark(child_id, Dirty::Phase);
                parent.phase = Phase::Parallel { open: open.saturating_sub(1), bytes };
                if open > 1 {
                    return None;
                }
                let outputs = self.take_outputs(id);
                parent.previous = last;
                if is_too_much {
                    return Some(self.fail(id, parent, state, Self::too_big(&state.name)));
                }
                self.emit(parent, last, "ParallelStateSucceeded", None);
                Some(self.complete(id, parent, state, Arc::new(Value::Array(outputs))))
            }
            Err(failure) => {
                self.mark(child_id, Dirty::Gone);
                self.drop_children(id);
                parent.previous = child.previous;
                Some(self.fail(id, parent, state, failure))
            }
        }
    }
}
