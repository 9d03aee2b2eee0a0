//! A clock that is told the time, and tasks that do what a closure says.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use aisaws_engine::{Clock, Engine, Journal, Machine, TaskCall, TaskResult, Tasks};
use async_trait::async_trait;
use serde_json::Value;

/// A clock that jumps to whatever time is waited for.
#[derive(Debug)]
pub(crate) struct JumpingClock(AtomicI64);

impl JumpingClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_700_000_000_000)))
    }

    pub(crate) fn advance_ms(&self, by: i64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep_until(&self, at_ms: i64) {
        // Tasks that are ready go first.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        self.0.fetch_max(at_ms, Ordering::SeqCst);
    }
}

type Answer = Box<dyn Fn(&TaskCall) -> TaskResult + Send + Sync>;

/// Answers by a closure and remembers every call.
pub(crate) struct Scripted {
    answer: Answer,
    pub(crate) calls: Mutex<Vec<TaskCall>>,
    remembers: bool,
    token: Mutex<Option<String>>,
}

impl Scripted {
    pub(crate) fn new(
        answer: impl Fn(&TaskCall) -> TaskResult + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(answer),
            calls: Mutex::default(),
            remembers: true,
            token: Mutex::default(),
        })
    }

    /// As [`Scripted::echo`], remembering only the last token.
    pub(crate) fn forgetful() -> Arc<Self> {
        let scripted = Self {
            answer: Box::new(|call| Ok(call.input.clone())),
            calls: Mutex::default(),
            remembers: false,
            token: Mutex::default(),
        };
        Arc::new(scripted)
    }

    pub(crate) fn last_token(&self) -> Option<String> {
        self.token.lock().unwrap().clone()
    }

    /// A task that gives its input back.
    pub(crate) fn echo() -> Arc<Self> {
        Self::new(|call| Ok(call.input.clone()))
    }

    pub(crate) fn calls(&self) -> Vec<TaskCall> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Tasks for Scripted {
    async fn run(&self, call: TaskCall) -> TaskResult {
        if let Some(token) = &call.token {
            *self.token.lock().unwrap() = Some(token.as_str().to_owned());
        }
        if self.remembers {
            self.calls.lock().unwrap().push(call.clone());
        }
        (self.answer)(&call)
    }
}

pub(crate) fn engine(
    journal: Arc<dyn Journal>,
    tasks: &Arc<Scripted>,
    clock: &Arc<JumpingClock>,
) -> Engine {
    Engine::new(journal, Arc::clone(tasks) as Arc<dyn Tasks>, Arc::clone(clock) as Arc<dyn Clock>)
}

pub(crate) fn machine(definition: &Value) -> Machine {
    Machine::parse(&definition.to_string()).unwrap()
}
