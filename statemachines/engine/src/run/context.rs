//! The context object (`$$`, `$states.context`).

use serde_json::{Map, Value, json};

use super::{Frame, Run};
use crate::definition::{Kind, State};
use crate::lang::format_millis;

impl Run {
    pub(crate) fn execution_arn(&self) -> String {
        let id = &self.head.identity;
        if let Some(run) = &id.express_run {
            return format!(
                "arn:{}:states:{}:{}:express:{}:{}:{run}",
                id.partition, id.region, id.account, id.machine, self.head.name
            );
        }
        id.execution_arn(&self.head.name)
    }

    pub(crate) fn machine_arn(&self) -> String {
        self.head.identity.machine_arn()
    }

    /// The context object of `frame` in `state`.
    pub(super) fn context(&self, frame: &Frame, state: &State, token: Option<&str>) -> Value {
        if let Some(given) = &self.context_given {
            return given.clone();
        }
        let owner = frame.owner.and_then(|o| self.frames.get(&o));
        let child = frame
            .child
            .as_ref()
            .map(|c| (c, &frame.input))
            .or_else(|| owner.and_then(|o| o.child.as_ref().map(|c| (c, &o.input))));
        let (id, name, input) = match child {
            None => (self.execution_arn(), self.head.name.clone(), Value::clone(&self.head.input)),
            Some((child, _)) => {
                let id = &self.head.identity;
                let map_machine = format!("{}/{}", id.machine, self.head.name);
                let arn = format!(
                    "arn:{}:states:{}:{}:execution:{map_machine}:{}",
                    id.partition, id.region, id.account, child.name
                );
                let root = owner.unwrap_or(frame);
                (arn, child.name.clone(), root.item.as_deref().cloned().unwrap_or(Value::Null))
            }
        };
        let mut execution = json!({
            "Id": id,
            "Input": input,
            "StartTime": format_millis(self.head.started_ms),
            "Name": name,
            "RoleArn": self.head.identity.role_arn,
        });
        if let (Value::Object(map), true) = (&mut execution, self.head.identity.counts_redrives) {
            map.insert("RedriveCount".to_owned(), 0.into());
        }
        let mut context = Map::new();
        context.insert("Execution".to_owned(), execution);
        context.insert(
            "StateMachine".to_owned(),
            json!({"Id": self.machine_arn(), "Name": self.head.identity.machine}),
        );
        let mut about =
            json!({"Name": &*state.name, "EnteredTime": format_millis(frame.entered_ms)});
        // Only a state that can be retried has a count of retries.
        if let (Value::Object(map), Kind::Task(_) | Kind::Parallel { .. } | Kind::Map(_)) =
            (&mut about, &state.kind)
        {
            map.insert("RetryCount".to_owned(), frame.retry_count().into());
        }
        context.insert("State".to_owned(), about);
        if let Some(item) = self.map_item(frame) {
            context.insert("Map".to_owned(), item);
        }
        if let Some(token) = token {
            context.insert("Task".to_owned(), json!({"Token": token}));
        }
        Value::Object(context)
    }

    /// The item of the innermost Map around `frame`.
    fn map_item(&self, frame: &Frame) -> Option<Value> {
        let mut at = frame;
        for _ in 0..64 {
            if let Some(item) = &at.item {
                return Some(json!({"Item": {"Index": at.index, "Value": **item}}));
            }
            at = self.frames.get(&at.parent?)?;
        }
        None
    }
}
