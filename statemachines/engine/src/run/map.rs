//! Map: iterations in this history, or a map run with children of their own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::evaluate::Seen;
use super::frame::{Child, MapPhase};
use super::step::Flow;
use super::{Dirty, Failure, Frame, Phase, Run};
use crate::definition::{Items, Kind, Language, MapSpec, State};
use crate::history::{EventKind, Payload, Payloads, is_too_deep, json_bytes, weight};

/// Iterations at once where the definition sets no bound.
const INLINE_CONCURRENCY: u32 = 40;
/// Bytes in memory that the items of one Map may take.
const MAX_SELECTED_BYTES: usize = 256 * 1024 * 1024;
const DISTRIBUTED_CONCURRENCY: u32 = 10_000;

impl Run {
    pub(super) fn begin_map(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        map: &MapSpec,
    ) -> Result<Flow, Failure> {
        let data = self.effective_input(frame, state)?;
        frame.effective = Some(Arc::clone(&data));
        let mut phase = MapPhase {
            concurrency: self.concurrency(frame, state, map, &data)?,
            ..MapPhase::default()
        };
        let items = match &map.reader {
            Some(_) => None,
            None => Some(self.map_items(frame, state, map, &data)?),
        };
        if let Err(failure) = self.tolerance(frame, state, map, &data, &mut phase) {
            let length = items.as_ref().map_or(0, |items| items.len());
            let details = json!({"length": length});
            frame.previous = self.emit(frame, frame.previous, "MapStateStarted", Some(details));
            return Err(failure);
        }
        let items = match (&map.reader, items) {
            (Some(reader), _) => return self.read_items(id, frame, state, reader, phase),
            (None, items) => items.unwrap_or_default(),
        };
        self.start_map(id, frame, state, map, items, phase)
    }

    fn map_items(
        &self,
        frame: &Frame,
        state: &State,
        map: &MapSpec,
        data: &Payload,
    ) -> Result<Payloads, Failure> {
        let (value, path) = match &map.items {
            None => (Arc::clone(data), None),
            Some(Items::Path(expr)) => {
                let found = self.scoped(frame, state, data, Seen::default(), |scope| {
                    expr.evaluate("ItemsPath", scope)
                });
                let text = match expr {
                    crate::lang::Expr::Path(path) => path.text().to_owned(),
                    crate::lang::Expr::Call(_) => "ItemsPath".to_owned(),
                };
                let value = found.map_err(|e| match (e, expr) {
                    (crate::lang::EvalError::NotFound { .. }, crate::lang::Expr::Path(path)) => {
                        let reason = self.find(frame, state, path, data).err().unwrap_or_default();
                        Self::runtime(state, frame, &format!("Invalid path '{text}' : {reason}"))
                    }
                    (e, _) => Self::eval_failure(state, frame, e, data),
                })?;
                (Arc::new(value), Some(text))
            }
            Some(Items::Jsonata(template)) => {
                let value = self.fill(frame, state, template, "Items", data, Seen::default())?;
                if !value.is_array() {
                    return Err(Self::unexpected_type(
                        state, frame, "Items", template, "array", &value,
                    ));
                }
                (Arc::new(value), None)
            }
        };
        let value = match Arc::unwrap_or_clone(value) {
            Value::Array(items) => return Ok(shared(items)),
            other => other,
        };
        Err(match state.language {
            Language::Jsonata => Self::query_failure(
                state,
                frame,
                None,
                &format!("Map state input must be an array but was: {value}"),
            ),
            Language::JsonPath => {
                let path = path.unwrap_or_else(|| "$".to_owned());
                Self::runtime(
                    state,
                    frame,
                    &format!("Reference path \"{path}\" must point to array."),
                )
            }
        })
    }

    /// How many iterations run at once: the first thing a Map looks at.
    fn concurrency(
        &self,
        frame: &Frame,
        state: &State,
        map: &MapSpec,
        data: &Value,
    ) -> Result<u32, Failure> {
        const FIELD: &str = "MaxConcurrency";
        let most = if map.is_distributed { DISTRIBUTED_CONCURRENCY } else { INLINE_CONCURRENCY };
        let Some(amount) = &map.max_concurrency else { return Ok(most) };
        let wanted = self
            .amount(frame, state, FIELD, amount, data)
            .map_err(|e| Self::number_failure(state, frame, FIELD, "integer", e))?;
        if wanted < 0 {
            let detail = format!(
                "Expected non-negative integer for MaxConcurrency, got '{wanted}' instead."
            );
            return Err(Self::out_of_bounds(state, frame, FIELD, amount, &detail));
        }
        Ok(match u32::try_from(wanted).unwrap_or(u32::MAX) {
            0 => most,
            wanted => wanted.min(most),
        })
    }

    /// The tolerated failures, which AWS looks at once the Map has started.
    fn tolerance(
        &self,
        frame: &Frame,
        state: &State,
        map: &MapSpec,
        data: &Value,
        phase: &mut MapPhase,
    ) -> Result<(), Failure> {
        if let Some(amount) = &map.tolerated_count {
            const FIELD: &str = "ToleratedFailureCount";
            let count = self
                .amount(frame, state, FIELD, amount, data)
                .map_err(|e| Self::number_failure(state, frame, FIELD, "integer", e))?;
            if count < 0 {
                let detail = "ToleratedFailureCount cannot be negative.";
                return Err(Self::out_of_bounds(state, frame, FIELD, amount, detail));
            }
            phase.tolerated_count = Some(u32::try_from(count).unwrap_or(u32::MAX));
        }
        if let Some(amount) = &map.tolerated_percentage {
            const FIELD: &str = "ToleratedFailurePercentage";
            let share = self
                .share(frame, state, FIELD, amount, data)
                .map_err(|e| Self::number_failure(state, frame, FIELD, "float", e))?;
            if !(0.0..=100.0).contains(&share) {
                let detail = "ToleratedFailurePercentage must be between 0 and 100.";
                return Err(Self::out_of_bounds(state, frame, FIELD, amount, detail));
            }
            phase.tolerated_percentage = Some(share);
        }
        Ok(())
    }

    /// Starts the iterations over `items`.
    pub(super) fn start_map(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        map: &MapSpec,
        items: Payloads,
        mut phase: MapPhase,
    ) -> Result<Flow, Failure> {
        let items = self.selected(frame, state, map, items)?;
        if items.iter().any(|item| is_too_deep(item)) {
            return Err(Self::too_big(&state.name));
        }
        phase.length = u32::try_from(items.len()).unwrap_or(u32::MAX);
        if phase.run_arn.is_none() {
            self.announce_map(id, frame, state, map, &mut phase);
        }
        frame.items = Some(items);
        self.mark(id, Dirty::Whole);
        let first = phase.concurrency.min(phase.length);
        let before = frame.previous;
        for _ in 0..first {
            self.start_iteration(id, frame, map, &mut phase, before);
        }
        if phase.length == 0 {
            return Ok(self.map_succeeded(id, frame, state, &phase));
        }
        frame.phase = Phase::Map(Box::new(phase));
        Ok(Flow::Parked)
    }

    /// `MapStateStarted`, and `MapRunStarted` where the Map is distributed.
    pub(super) fn announce_map(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        map: &MapSpec,
        phase: &mut MapPhase,
    ) {
        frame.previous = self.emit(
            frame,
            frame.previous,
            "MapStateStarted",
            Some(json!({"length": phase.length})),
        );
        if map.is_distributed {
            let identity = &self.head.identity;
            let label = map.label.clone().unwrap_or_else(|| state.name.to_string());
            let arn = format!(
                "arn:{}:states:{}:{}:mapRun:{}/{label}:{}",
                identity.partition,
                identity.region,
                identity.account,
                identity.machine,
                self.chance.uuid()
            );
            frame.previous =
                self.emit(frame, frame.previous, "MapRunStarted", Some(json!({"mapRunArn": arn})));
            phase.run_arn = Some(arn);
        }
        self.mark(id, Dirty::Phase);
    }

    /// The items after `ItemSelector` and `ItemBatcher`.
    fn selected(
        &self,
        frame: &Frame,
        state: &State,
        map: &MapSpec,
        items: Payloads,
    ) -> Result<Payloads, Failure> {
        if map.selector.is_none() && map.batcher.is_none() {
            return Ok(items);
        }
        let data = frame.effective.clone().unwrap_or_else(|| Arc::clone(&frame.input));
        let (mut selected, mut bytes) = (Vec::new(), 0);
        for (index, item) in items.iter().enumerate() {
            let Some(template) = &map.selector else {
                selected.push(Value::clone(item));
                continue;
            };
            let mut context = self.context(frame, state, None);
            if let Value::Object(fields) = &mut context {
                fields.insert("Map".to_owned(), json!({"Item": {"Index": index, "Value": **item}}));
            }
            let seen = Seen { context: Some(&context), ..Seen::default() };
            let one = self.fill(frame, state, template, "ItemSelector", &data, seen)?;
            bytes += weight(&one);
            if bytes > MAX_SELECTED_BYTES {
                return Err(Self::too_big(&state.name));
            }
            selected.push(one);
        }
        // What a selector made is the item; the original stays what `$$.Map.Item` shows.
        let Some(batcher) = &map.batcher else {
            let pairs = selected.into_iter().zip(items.iter());
            return Ok(shared(
                pairs.map(|(input, item)| json!({"input": input, "item": **item})).collect(),
            ));
        };
        self.batches(frame, state, batcher, &data, selected).map(shared)
    }

    fn start_iteration(
        &mut self,
        id: u64,
        frame: &mut Frame,
        map: &MapSpec,
        phase: &mut MapPhase,
        previous: u64,
    ) {
        let index = phase.next;
        let Some(entry) = frame.items.as_ref().and_then(|items| items.get(index as usize)) else {
            return;
        };
        let (input, item) = match &**entry {
            Value::Object(pair) if map.selector.is_some() && map.batcher.is_none() => {
                let part = |name| Arc::new(pair.get(name).cloned().unwrap_or(Value::Null));
                (part("input"), part("item"))
            }
            _ => (Arc::clone(entry), Arc::clone(entry)),
        };
        phase.next += 1;
        phase.running += 1;
        let child = self.start_child(id, frame, map.graph, index, input, Some(item));
        if map.is_distributed {
            let name = self.chance.uuid();
            if let Some(child) = self.frames.get_mut(&child) {
                // Its own history begins with its own ExecutionStarted.
                child.child = Some(Child { next_event: 2, name });
                child.owner = None;
                child.previous = 0;
                child.variables = crate::lang::Variables::default();
            }
            return;
        }
        let kind = iteration("MapIterationStarted", &self.state_name(frame), index);
        let started = self.record(frame, previous, kind);
        if let Some(child) = self.frames.get_mut(&child) {
            child.previous = started;
        }
    }

    fn state_name(&self, frame: &Frame) -> Arc<str> {
        self.machine
            .state(frame.graph, frame.state)
            .map_or_else(|| "".into(), |s| Arc::clone(&s.name))
    }

    pub(super) fn iteration_ended(
        &mut self,
        id: u64,
        parent: &mut Frame,
        state: &State,
        mut phase: Box<MapPhase>,
        (child_id, mut child): (u64, Frame),
        outcome: Result<Payload, Failure>,
    ) -> Option<Flow> {
        let Kind::Map(map) = &state.kind else { return None };
        phase.running = phase.running.saturating_sub(1);
        let last = child.previous;
        let event = |name| iteration(name, &state.name, child.index);
        match outcome {
            Ok(output) => {
                if !map.is_distributed {
                    parent.previous = self.record(parent, last, event("MapIterationSucceeded"));
                }
                phase.bytes = phase.bytes.saturating_add(json_bytes(&output) + 1);
                // What cannot be passed on is not kept either.
                let is_too_much = phase.bytes + 1 > self.results_bound(map);
                let output = if is_too_much { Arc::new(Value::Null) } else { output };
                child.phase = Phase::Done { output };
                child.input = Arc::new(Value::Null);
                child.item = None;
                self.frames.insert(child_id, child);
                self.mark(child_id, Dirty::Whole);
            }
            Err(failure) if map.is_distributed => {
                phase.failed += 1;
                child.phase = Phase::Lost;
                child.input = Arc::new(Value::Null);
                child.item = None;
                self.frames.insert(child_id, child);
                self.mark(child_id, Dirty::Whole);
                drop(failure);
                if phase.failed > phase.tolerated() {
                    self.drop_children(id);
                    return Some(self.map_run_failed(id, parent, state, Failure::threshold()));
                }
            }
            Err(failure) => {
                self.record(parent, last, event("MapIterationFailed"));
                self.mark(child_id, Dirty::Gone);
                self.drop_children(id);
                parent.previous = last;
                return Some(self.fail(id, parent, state, failure));
            }
        }
        if phase.next < phase.length {
            self.start_iteration(id, parent, map, &mut phase, last);
        } else if phase.running == 0 {
            return Some(self.map_succeeded(id, parent, state, &phase));
        }
        parent.phase = Phase::Map(phase);
        None
    }

    /// Every iteration has ended.
    fn map_succeeded(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        phase: &MapPhase,
    ) -> Flow {
        let outputs = self.take_outputs(id);
        let Kind::Map(map) = &state.kind else { return Flow::Parked };
        if phase.bytes + 1 > self.results_bound(map) {
            let failure = Self::too_big(&state.name);
            return if map.is_distributed {
                self.map_run_failed(id, frame, state, failure)
            } else {
                self.fail(id, frame, state, failure)
            };
        }
        if let Some(writer) = &map.writer {
            return match self.write_results(id, frame, state, writer, phase, outputs) {
                Ok(flow) => flow,
                Err(failure) => self.map_run_failed(id, frame, state, failure),
            };
        }
        self.map_done(id, frame, state, Arc::new(Value::Array(outputs)))
    }

    /// The most bytes that the results of a Map may have together: of a state's output, or
    /// where they are written elsewhere, of what fits in memory.
    fn results_bound(&self, map: &MapSpec) -> usize {
        match &map.writer {
            Some(writer) if writer.resource.is_some() => MAX_SELECTED_BYTES,
            _ => self.limits.payload_bytes,
        }
    }

    /// The Map has its result.
    pub(super) fn map_done(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        result: Payload,
    ) -> Flow {
        let mut last = frame.previous;
        if matches!(&state.kind, Kind::Map(map) if map.is_distributed) {
            last = self.emit(frame, last, "MapRunSucceeded", None);
        }
        self.emit(frame, last, "MapStateSucceeded", None);
        self.complete(id, frame, state, result)
    }

    /// A distributed Map failed as a whole.
    pub(super) fn map_run_failed(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        failure: Failure,
    ) -> Flow {
        frame.previous = self.emit(frame, frame.previous, "MapRunFailed", Some(failure.details()));
        self.fail(id, frame, state, failure)
    }
}

/// Values that each go their own way.
pub(super) fn shared(items: Vec<Value>) -> Payloads {
    Arc::new(items.into_iter().map(Arc::new).collect())
}

fn iteration(name: &'static str, state: &Arc<str>, index: u32) -> EventKind {
    EventKind::Iteration { name, state: Arc::clone(state), index }
}

impl MapPhase {
    /// Whether the definition says how many items may fail.
    pub(super) fn sets_tolerance(&self) -> bool {
        self.tolerated_count.is_some() || self.tolerated_percentage.is_some()
    }

    /// How many items may fail.
    pub(super) fn tolerated(&self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a `u32`, and not negative"
        )]
        let by_percentage =
            self.tolerated_percentage.map(|p| (f64::from(self.length) * p / 100.0).floor() as u32);
        match (self.tolerated_count, by_percentage) {
            (Some(count), Some(share)) => count.min(share),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => 0,
        }
    }
}
