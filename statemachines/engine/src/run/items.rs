//! Items of a distributed Map that come from outside, batches of them, and results that go out.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::evaluate::Seen;
use super::frame::{MapPhase, Purpose, TaskPhase};
use super::step::Flow;
use super::{Failure, Frame, Phase, Run};
use crate::definition::{Amount, Batcher, Kind, Reader, State, Writer};
use crate::history::{Payload, json_bytes};
use crate::items;

impl Run {
    /// Asks for the items; they come as the result of a task.
    pub(super) fn read_items(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        reader: &Reader,
        mut phase: MapPhase,
    ) -> Result<Flow, Failure> {
        let data = frame.effective.clone().unwrap_or_else(|| Arc::clone(&frame.input));
        let parameters = match &reader.parameters {
            None => Value::Null,
            Some(template) => {
                self.fill(frame, state, template, "ItemReader", &data, Seen::default())?
            }
        };
        let machine = self.machine.clone();
        if let Some(Kind::Map(map)) = machine.state(frame.graph, frame.state).map(|s| &s.kind) {
            self.announce_map(id, frame, state, map, &mut phase);
        }
        let purpose = Purpose::ReadItems;
        self.ask(id, frame, purpose, reader.resource.clone(), parameters, phase);
        Ok(Flow::Parked)
    }

    fn ask(
        &mut self,
        id: u64,
        frame: &mut Frame,
        purpose: Purpose,
        resource: String,
        input: Value,
        phase: MapPhase,
    ) {
        let attempt = frame.retry_count();
        // A read and a write of one Map have the same event; the purpose tells them apart.
        let suffix = if purpose == Purpose::WriteResults { "w" } else { "r" };
        let key = format!("{}{suffix}", self.key(id, frame, frame.previous, attempt));
        frame.phase = Phase::Task(Box::new(TaskPhase {
            purpose,
            key,
            attempt,
            resource,
            input: Arc::new(input),
            token: None,
            is_submitted: false,
            submission: None,
            timeout_ms: None,
            heartbeat_seconds: None,
            heartbeat_ms: None,
            map: Some(Box::new(phase)),
        }));
        self.scheduled.push(id);
    }

    /// The reader's or writer's task has ended.
    pub(super) fn map_task_ended(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        task: TaskPhase,
        result: Result<Value, Failure>,
    ) -> Flow {
        let Kind::Map(map) = &state.kind else { return Flow::Parked };
        let phase = task.map.map(|m| *m).unwrap_or_default();
        match (task.purpose, result) {
            (Purpose::ReadItems | Purpose::Work, Ok(output)) => {
                let Some(reader) = &map.reader else { return Flow::Parked };
                let read = self.max_items(frame, state, reader).and_then(|max| {
                    items::read(&reader.resource, &reader.config, &output, max)
                        .map_err(|e| Failure::new("States.ItemReaderFailed", e))
                });
                let started = read.and_then(|items| {
                    self.start_map(id, frame, state, map, super::map::shared(items), phase)
                });
                match started {
                    Ok(flow) => flow,
                    Err(failure) => self.map_run_failed(id, frame, state, failure),
                }
            }
            (Purpose::ReadItems | Purpose::Work, Err(failure)) => {
                let cause = failure.cause.unwrap_or_default();
                self.map_run_failed(
                    id,
                    frame,
                    state,
                    Failure::new("States.ItemReaderFailed", cause),
                )
            }
            (Purpose::WriteResults, Ok(_)) => {
                let result = phase.written.clone().unwrap_or_else(|| Arc::new(Value::Null));
                self.map_done(id, frame, state, result)
            }
            (Purpose::WriteResults, Err(failure)) => {
                let cause = failure.cause.unwrap_or_default();
                self.map_run_failed(
                    id,
                    frame,
                    state,
                    Failure::new("States.ResultWriterFailed", cause),
                )
            }
        }
    }

    fn max_items(
        &self,
        frame: &Frame,
        state: &State,
        reader: &Reader,
    ) -> Result<Option<usize>, Failure> {
        let Some(amount) = &reader.max_items else { return Ok(None) };
        let data = frame.effective.clone().unwrap_or_else(|| Arc::clone(&frame.input));
        match self.amount(frame, state, "MaxItems", amount, &data) {
            Ok(0) => Ok(None),
            Ok(n) => usize::try_from(n).map(Some).map_err(|_| {
                Failure::new("States.ItemReaderFailed", "field MaxItems must be positive")
            }),
            Err(error) => Err(Self::number_failure(state, frame, "MaxItems", "integer", error)),
        }
    }

    /// Items in batches: `{"Items": […], "BatchInput": …}` each.
    pub(super) fn batches(
        &self,
        frame: &Frame,
        state: &State,
        batcher: &Batcher,
        data: &Payload,
        items: Vec<Value>,
    ) -> Result<Vec<Value>, Failure> {
        let bound = |field: &str, amount: Option<&Amount>| -> Result<usize, Failure> {
            let Some(amount) = amount else { return Ok(usize::MAX) };
            match self.amount(frame, state, field, amount, data) {
                Ok(n) if n > 0 => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
                Ok(_) => Err(Self::runtime(state, frame, &format!("{field} must be positive."))),
                Err(error) => Err(Self::number_failure(state, frame, field, "integer", error)),
            }
        };
        let max_items = bound("MaxItemsPerBatch", batcher.max_items.as_ref())?;
        let max_bytes = bound("MaxInputBytesPerBatch", batcher.max_bytes.as_ref())?
            .min(self.limits.payload_bytes);
        let batch_input = match &batcher.batch_input {
            None => None,
            Some(template) => Some(self.fill(
                frame,
                state,
                template,
                "ItemBatcher/BatchInput",
                data,
                Seen::default(),
            )?),
        };
        let frame_bytes = json_bytes(&batch(batch_input.as_ref(), Vec::new()));
        let (mut all, mut open, mut bytes) = (Vec::new(), Vec::new(), frame_bytes);
        for item in items {
            let more = json_bytes(&item) + 1;
            if !open.is_empty() && (open.len() >= max_items || bytes + more > max_bytes) {
                all.push(batch(batch_input.as_ref(), std::mem::take(&mut open)));
                bytes = frame_bytes;
            }
            bytes += more;
            open.push(item);
        }
        if !open.is_empty() {
            all.push(batch(batch_input.as_ref(), open));
        }
        Ok(all)
    }

    /// Hands the results to the writer, or only shapes them where it has no resource.
    pub(super) fn write_results(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        writer: &Writer,
        phase: &MapPhase,
        outputs: Vec<Value>,
    ) -> Result<Flow, Failure> {
        let data = frame.effective.clone().unwrap_or_else(|| Arc::clone(&frame.input));
        let Some(resource) = &writer.resource else {
            let result = Arc::new(items::transformed(&writer.config, outputs));
            return Ok(self.map_done(id, frame, state, result));
        };
        let parameters = match &writer.parameters {
            None => Value::Object(Map::new()),
            Some(template) => {
                self.fill(frame, state, template, "ResultWriter", &data, Seen::default())?
            }
        };
        let run_arn = phase.run_arn.clone().unwrap_or_default();
        let run_id = run_arn.rsplit(':').next().unwrap_or_default();
        let prefix = parameters
            .get("Prefix")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim_end_matches('/');
        let folder =
            if prefix.is_empty() { run_id.to_owned() } else { format!("{prefix}/{run_id}") };
        let bucket = parameters.get("Bucket").cloned().unwrap_or(Value::Null);
        let manifest = format!("{folder}/manifest.json");
        let mut phase = phase.clone();
        phase.written = Some(Arc::new(
            json!({"MapRunArn": run_arn, "ResultWriterDetails": {"Bucket": bucket, "Key": manifest}}),
        ));
        let body = items::transformed(&writer.config, outputs).to_string();
        let request = json!({"Bucket": bucket, "Key": format!("{folder}/SUCCEEDED_0.json"), "Manifest": manifest, "Body": body});
        self.ask(id, frame, Purpose::WriteResults, resource.clone(), request, phase);
        Ok(Flow::Parked)
    }
}

fn batch(input: Option<&Value>, items: Vec<Value>) -> Value {
    let mut batch = Map::new();
    if let Some(input) = input {
        batch.insert("BatchInput".to_owned(), input.clone());
    }
    batch.insert("Items".to_owned(), Value::Array(items));
    Value::Object(batch)
}
