//! Map: iterations in this history, or a map run with children of their own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::evaluate::{AmountError, Seen};
use super::frame::{Child, MapPhase};
use super::simple::{shown, type_name};
use super::step::Flow;
use super::{Dirty, Failure, Frame, Phase, Run};
use crate::definition::{Amount, Items, Kind, Language, MapSpec, State};
use crate::history::{Payload, is_too_deep, weight};

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
        if let Some(reader) = &map.reader {
            let phase = self.bounds(frame, state, map, &data)?;
            return self.read_items(id, frame, state, reader, phase);
        }
        let items = self.map_items(frame, state, map, &data)?;
        let phase = match self.bounds(frame, state, map, &data) {
            Ok(phase) => phase,
            Err(failure) => {
                let length = items.as_array().map_or(0, Vec::len);
                frame.previous = self.emit(
                    frame,
                    frame.previous,
                    "MapStateStarted",
                    Some(json!({"length": length})),
                );
                return Err(failure);
            }
        };
        self.start_map(id, frame, state, map, items, phase)
    }

    fn map_items(
        &self,
        frame: &Frame,
        state: &State,
        map: &MapSpec,
        data: &Payload,
    ) -> Result<Payload, Failure> {
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
                    let detail = format!(
                        "The JSONata expression '{}' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was '{}' for value: {value}",
                        template.expression(),
                        type_name(&value)
                    );
                    return Err(Self::query_failure(state, frame, Some("Items"), &detail));
                }
                (Arc::new(value), None)
            }
        };
        if value.is_array() {
            return Ok(value);
        }
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

    /// Concurrency and tolerated failures, before the number of items is known.
    fn bounds(
        &self,
        frame: &Frame,
        state: &State,
        map: &MapSpec,
        data: &Value,
    ) -> Result<MapPhase, Failure> {
        let get = |field: &str, amount: Option<&Amount>| -> Result<Option<i64>, Failure> {
            let Some(amount) = amount else { return Ok(None) };
            match self.amount(frame, state, field, amount, data) {
                Ok(n) if n < 0 => {
                    Err(Self::runtime(state, frame, &format!("{field} cannot be negative.")))
                }
                Ok(n) => Ok(Some(n)),
                Err(AmountError::NotFound { path, reason }) => {
                    Err(Self::runtime(state, frame, &format!("Invalid path '{path}' : {reason}")))
                }
                Err(AmountError::NoInteger { path, value }) => {
                    let detail = format!(
                        "The {field}Path field refers to value \"{}\" which is not a valid integer: {path}",
                        shown(&value)
                    );
                    Err(Self::runtime(state, frame, &detail))
                }
                Err(AmountError::Failed(failure)) => Err(failure),
            }
        };
        let concurrency = get("MaxConcurrency", map.max_concurrency.as_ref())?
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0);
        let most = if map.is_distributed { DISTRIBUTED_CONCURRENCY } else { INLINE_CONCURRENCY };
        let count = get("ToleratedFailureCount", map.tolerated_count.as_ref())?;
        let percentage = get("ToleratedFailurePercentage", map.tolerated_percentage.as_ref())?;
        if percentage.is_some_and(|p| p > 100) {
            return Err(Self::runtime(
                state,
                frame,
                "ToleratedFailurePercentage must be between 0 and 100.",
            ));
        }
        Ok(MapPhase {
            concurrency: if concurrency == 0 { most } else { concurrency.min(most) },
            tolerated_count: count.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            tolerated_percentage: percentage.and_then(|n| u32::try_from(n).ok()),
            ..MapPhase::default()
        })
    }

    /// Starts the iterations over `items`.
    pub(super) fn start_map(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        map: &MapSpec,
        items: Payload,
        mut phase: MapPhase,
    ) -> Result<Flow, Failure> {
        let items = self.selected(frame, state, map, items)?;
        if is_too_deep(&items) {
            return Err(Self::too_big(&state.name));
        }
        phase.length = u32::try_from(items.as_array().map_or(0, Vec::len)).unwrap_or(u32::MAX);
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
        items: Payload,
    ) -> Result<Payload, Failure> {
        if map.selector.is_none() && map.batcher.is_none() {
            return Ok(items);
        }
        let data = frame.effective.clone().unwrap_or_else(|| Arc::clone(&frame.input));
        let (mut selected, mut bytes) = (Vec::new(), 0);
        for (index, item) in items.as_array().into_iter().flatten().enumerate() {
            let Some(template) = &map.selector else {
                selected.push(item.clone());
                continue;
            };
            let mut context = self.context(frame, state, None);
            if let Value::Object(fields) = &mut context {
                fields.insert("Map".to_owned(), json!({"Item": {"Index": index, "Value": item}}));
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
            let pairs = selected.into_iter().zip(items.as_array().into_iter().flatten());
            return Ok(Arc::new(
                pairs.map(|(input, item)| json!({"input": input, "item": item})).collect(),
            ));
        };
        self.batches(frame, state, batcher, &data, selected).map(Arc::new)
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
        let Some(entry) =
            frame.items.as_deref().and_then(|items| items.get(index as usize)).cloned()
        else {
            return;
        };
        let (input, item) = match entry {
            Value::Object(mut pair) if map.selector.is_some() && map.batcher.is_none() => (
                pair.remove("input").unwrap_or(Value::Null),
                pair.remove("item").unwrap_or(Value::Null),
            ),
            item => (item.clone(), item),
        };
        phase.next += 1;
        phase.running += 1;
        let child =
            self.start_child(id, frame, map.graph, index, Arc::new(input), Some(Arc::new(item)));
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
        let details = json!({"name": &*self.state_name(frame), "index": index});
        let started = self.emit(frame, previous, "MapIterationStarted", Some(details));
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
        let details = || json!({"name": &*state.name, "index": child.index});
        match outcome {
            Ok(output) => {
                let mut ended = last;
                if !map.is_distributed {
                    ended = self.emit(parent, last, "MapIterationSucceeded", Some(details()));
                    parent.previous = ended;
                }
                child.phase = Phase::Done { output };
                child.input = Arc::new(Value::Null);
                child.item = None;
                self.frames.insert(child_id, child);
                self.mark(child_id, Dirty::Whole);
                debug_assert!(ended >= last || map.is_distributed);
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
                self.emit(parent, last, "MapIterationFailed", Some(details()));
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
        if let Some(writer) = &map.writer {
            return match self.write_results(id, frame, state, writer, phase, outputs) {
                Ok(flow) => flow,
                Err(failure) => self.map_run_failed(id, frame, state, failure),
            };
        }
        self.map_done(id, frame, state, Arc::new(Value::Array(outputs)))
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

impl MapPhase {
    /// Whether the definition says how many items may fail.
    pub(super) fn sets_tolerance(&self) -> bool {
        self.tolerated_count.is_some() || self.tolerated_percentage.is_some()
    }

    /// How many items may fail.
    pub(super) fn tolerated(&self) -> u32 {
        let by_percentage = self.tolerated_percentage.map(|p| {
            u32::try_from(u64::from(self.length) * u64::from(p) / 100).unwrap_or(u32::MAX)
        });
        match (self.tolerated_count, by_percentage) {
            (Some(count), Some(share)) => count.min(share),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => 0,
        }
    }
}
