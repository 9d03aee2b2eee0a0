//! Activities: work that workers come and ask for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use crate::tasks::{TaskCall, TaskFailure, TaskResult, TaskToken};

/// Hands tasks of activities to workers, the oldest first. Clones share everything.
///
/// A task that no worker took is not lost with the process: its execution has it, and hands it
/// in again when it is driven. A worker answers with `Engine::send_task_success`,
/// `send_task_failure` and `send_task_heartbeat`.
#[derive(Debug, Clone, Default)]
pub struct Activities {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<BTreeMap<String, VecDeque<Waiting>>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Waiting {
    task: ActivityTask,
    /// Told the worker's name; closed where the task timed out or its execution ended.
    taken: oneshot::Sender<Option<String>>,
}

/// A task for a worker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ActivityTask {
    /// With which the worker answers.
    pub token: TaskToken,
    /// What the worker is to work on.
    pub input: Value,
}

impl Activities {
    /// No task yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The oldest task of the activity, where there is one; `worker` shows in the history.
    pub fn try_task(&self, arn: &str, worker: Option<&str>) -> Option<ActivityTask> {
        let mut waiting = self.lock();
        let queue = waiting.get_mut(arn)?;
        while let Some(next) = queue.pop_front() {
            // What nobody waits for any more is passed over.
            if next.taken.send(worker.map(str::to_owned)).is_ok() {
                return Some(next.task);
            }
        }
        waiting.remove(arn);
        None
    }

    /// As `GetActivityTask`: waits until there is a task. Drop it to give up.
    pub async fn task(&self, arn: &str, worker: Option<&str>) -> ActivityTask {
        loop {
            let arrived = self.shared.arrived.notified();
            if let Some(task) = self.try_task(arn, worker) {
                return task;
            }
            arrived.await;
        }
    }

    /// Runs until a worker took the task.
    pub(super) async fn run(&self, call: TaskCall) -> TaskResult {
        let Some(token) = call.token else {
            return Err(TaskFailure::new("States.Runtime", "a task of an activity has a token"));
        };
        let (taken, worker) = oneshot::channel();
        let waiting = Waiting { task: ActivityTask { token, input: call.input }, taken };
        {
            let mut queues = self.lock();
            let queue = queues.entry(call.resource).or_default();
            queue.retain(|other| !other.taken.is_closed());
            queue.push_back(waiting);
        }
        self.shared.arrived.notify_waiters();
        match worker.await {
            Ok(Some(name)) => Ok(json!({"workerName": name})),
            Ok(None) => Ok(json!({})),
            Err(_) => Err(TaskFailure::new("States.TaskFailed", "the activity was taken away")),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<Waiting>>> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
