//! The response to one incident with the stages as they are deployed, and the state machine of the
//! product run in this process: each task is a function that a test may let die.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use aisaws_app::config::Config;
use aisaws_aws::Aws;
use aisaws_core::handoff::Detected;
use aisaws_core::port::Clock;
use aisaws_core::stage::{Cx, Stage as _, invoke};
use aisaws_decide::{AskHuman, Decide};
use aisaws_emulators::proxy::{Act, Call, Cut, Line, Proxy};
use aisaws_engine::{
    Engine, Machine, MemoryJournal, Status, TaskCall, TaskFailure, TaskResult, Tasks,
};
use aisaws_remediate::{Prepare, Remediate};
use aisaws_score::Score;
use aisaws_verify::{RollBack, Verify};
use aisaws_workers::settings::Settings;
use aisaws_workers::wire::{Entrance, MetricsTo, Wired};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use crate::footing::Footing;
use crate::killer::{Death, is_write};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:";
const STAGES: [&str; 8] =
    ["Score", "Decide", "Prepare", "AskHuman", "Remediate", "Verify", "RollBack", "Alert"];

/// A clock that is ahead, and on which waiting takes no time.
pub(crate) struct Ahead(SignedDuration);

impl Ahead {
    /// Of nobody.
    pub(crate) fn none() -> Self {
        Self(SignedDuration::ZERO)
    }

    /// By so much.
    pub(crate) fn by(time: SignedDuration) -> Self {
        Self(time)
    }
}

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(self.0).unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

/// The engine's clock: it stands still while a task is at work, and jumps to the end of a rest.
#[derive(Default)]
struct Jumping(AtomicI64);

#[async_trait]
impl aisaws_engine::Clock for Jumping {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep_until(&self, _: i64) {
        std::future::pending::<()>().await;
    }
}

/// What comes of an execution whose function died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It calls the function again.
    Retried,
    /// It is stopped, and another one starts in its place.
    Stopped,
}

/// Counts what changes the protected account, and cuts the line where the function dies.
struct Watching {
    death: Death,
    is_dead: watch::Sender<bool>,
    writes: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Line for Watching {
    fn act(&self, call: &Call) -> Act {
        match self.death {
            Some((at, Cut::Answer)) if call.number == at => Act::LoseAnswer,
            Some((at, _)) if call.number >= at => {
                self.is_dead.send_replace(true);
                Act::Lose
            }
            _ => Act::Pass,
        }
    }

    fn carried_out(&self, call: &Call) {
        if is_write(call) {
            self.writes.lock().unwrap().push(call.operation.clone());
        }
        if self.death.is_some_and(|(at, _)| call.number == at) {
            self.is_dead.send_replace(true);
        }
    }
}

/// All functions: those that may die, and those that are called after that.
pub(crate) struct Functions {
    first: Arc<Wired>,
    then: Arc<Wired>,
    is_dead: watch::Receiver<bool>,
    died: AtomicBool,
    and: Then,
    proxies: [Proxy; 2],
    writes: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Functions {
    /// Functions of which one dies.
    pub(crate) async fn new(footing: &Footing, endpoint: &str, death: Death) -> Self {
        Self::told(footing, endpoint, death, &[]).await
    }

    /// The same, told this besides.
    pub(crate) async fn told(
        footing: &Footing,
        endpoint: &str,
        death: Death,
        more: &[(&'static str, &str)],
    ) -> Self {
        let writes = Arc::default();
        let (is_dead, told) = watch::channel(false);
        let line = |death, is_dead| Watching { death, is_dead, writes: Arc::clone(&writes) };
        let first = Proxy::before(endpoint, line(death, is_dead)).unwrap();
        let then = Proxy::before(endpoint, line(None, watch::channel(false).0)).unwrap();
        // Whoever died held the resource; it is free again when its time is over.
        let wired = async |proxy: &Proxy, ahead| {
            wired_with(footing, &proxy.endpoint(), Arc::new(Ahead(ahead)), more).await
        };
        Self {
            first: Arc::new(wired(&first, SignedDuration::ZERO).await),
            then: Arc::new(wired(&then, SignedDuration::from_mins(5)).await),
            is_dead: told,
            died: AtomicBool::new(false),
            and: Then::Retried,
            proxies: [first, then],
            writes,
        }
    }

    /// The same, with what comes of a death.
    pub(crate) fn then(mut self, and: Then) -> Self {
        self.and = and;
        self
    }

    /// What takes events in.
    pub(crate) fn responder(&self) -> aisaws_app::respond::Responder {
        self.then.responder().unwrap()
    }

    /// Calls one that does not die, as the state machine does.
    pub(crate) async fn step(&self, stage: &str, input: Value) -> TaskResult {
        call(&self.then, stage, stage, input).await
    }

    /// Whether one died.
    pub(crate) fn died(&self) -> bool {
        self.died.load(Ordering::SeqCst)
    }

    /// Calls that those made that may die.
    pub(crate) fn calls(&self) -> usize {
        self.proxies[0].calls().len()
    }

    /// What changed the protected account, in its order.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.writes.lock().unwrap().clone()
    }
}

/// What is deployed as functions, over this footing.
pub(crate) async fn wired(footing: &Footing, endpoint: &str, clock: Arc<dyn Clock>) -> Wired {
    wired_with(footing, endpoint, clock, &[]).await
}

/// The same, told this besides.
pub(crate) async fn wired_with(
    footing: &Footing,
    endpoint: &str,
    clock: Arc<dyn Clock>,
    more: &[(&'static str, &str)],
) -> Wired {
    let mut variables = footing.variables(endpoint);
    variables.insert("AISAWS_MODE", "act".to_owned());
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let settings = Settings::read(|name| variables.get(name).cloned()).unwrap();
    let aws = Aws::emulator(endpoint).await;
    let (entrance, metrics) = (Entrance::Responder, MetricsTo::Nowhere);
    Wired::with_clock(settings, Config::default(), aws, entrance, metrics, clock)
}

async fn call(wired: &Wired, stage: &str, key: &str, input: Value) -> TaskResult {
    let cx = Cx { clock: wired.ports().clock.as_ref(), key };
    let result = match stage {
        Score::NAME => invoke(&wired.score().unwrap(), cx, input).await,
        Decide::NAME => invoke(&wired.decide().unwrap(), cx, input).await,
        AskHuman::NAME => invoke(&wired.ask().await.unwrap(), cx, input).await,
        Prepare::NAME => invoke(&wired.prepare(), cx, input).await,
        Remediate::NAME => invoke(&wired.remediate(), cx, input).await,
        Verify::NAME => invoke(&wired.verify(), cx, input).await,
        RollBack::NAME => invoke(&wired.roll_back(), cx, input).await,
        _ => invoke(&wired.alert().unwrap(), cx, input).await,
    };
    result.map_err(|failure| TaskFailure::new(failure.error, failure.cause))
}

struct Tasked(Arc<Functions>);

#[async_trait]
impl Tasks for Tasked {
    async fn run(&self, task: TaskCall) -> TaskResult {
        let functions = &self.0;
        let waits = task.resource.ends_with(".waitForTaskToken");
        let (arn, input) = if waits {
            (task.input["FunctionName"].as_str().unwrap().to_owned(), task.input["Payload"].clone())
        } else {
            (task.resource.clone(), task.input.clone())
        };
        let stage = arn.strip_prefix(FUNCTION).unwrap();
        let mut is_dead = functions.is_dead.clone();
        if *is_dead.borrow() {
            return call(&functions.then, stage, &task.idempotency_key, input).await;
        }
        let dies = async { is_dead.wait_for(|is_dead| *is_dead).await.map(drop) };
        tokio::select! {
            biased;
            Ok(()) = dies => {
                functions.died.store(true, Ordering::SeqCst);
                if functions.and == Then::Stopped {
                    std::future::pending::<()>().await;
                }
                Err(TaskFailure::new("Runtime.ExitError", "the process died"))
            }
            result = call(&functions.first, stage, &task.idempotency_key, input) => result,
        }
    }
}

/// Runs the response to its end, or to its human; says how the execution stands.
pub(crate) async fn respond(functions: &Arc<Functions>, detected: &Detected) -> Status {
    let names: Vec<String> = STAGES.iter().map(|stage| format!("{stage}FunctionArn")).collect();
    let values: BTreeMap<&str, String> = names
        .iter()
        .zip(STAGES)
        .map(|(name, stage)| (name.as_str(), format!("{FUNCTION}{stage}")))
        .collect();
    let definition =
        aisaws_statemachines::substitute(aisaws_statemachines::RESPOND, &values).unwrap();
    let machine = Machine::parse(&definition).unwrap();
    let clock = Arc::new(Jumping::default());
    let tasks = Arc::new(Tasked(Arc::clone(functions)));
    let engine = Engine::new(Arc::new(MemoryJournal::default()), tasks, clock.clone());
    let mut name = detected.incident.to_string();
    let input = serde_json::to_value(detected).unwrap();
    engine.start(&name, &machine, input.clone()).await.unwrap();
    loop {
        let mut is_dead = functions.is_dead.clone();
        let stops = async {
            match functions.and {
                Then::Stopped if !functions.died() => {
                    is_dead.wait_for(|dead| *dead).await.map(drop)
                }
                _ => std::future::pending().await,
            }
        };
        let driven = tokio::select! {
            biased;
            Ok(()) = stops => None,
            driven = engine.drive(&name) => Some(driven.unwrap()),
        };
        let Some(driven) = driven else {
            functions.died.store(true, Ordering::SeqCst);
            engine.stop(&name, None, Some("somebody stopped it")).await.unwrap();
            name = format!("{name}.1");
            engine.start(&name, &machine, input.clone()).await.unwrap();
            continue;
        };
        let is_asked = functions.then_waits(detected).await;
        match driven.wake_ms {
            Some(at) if driven.status == Status::Running && !is_asked => {
                clock.0.fetch_max(at, Ordering::SeqCst);
            }
            _ => return driven.status,
        }
    }
}

impl Functions {
    /// Whether a human is asked, for whom nobody waits here.
    async fn then_waits(&self, detected: &Detected) -> bool {
        let links = self.then.ports().incidents.ledger(detected.incident).await.unwrap();
        let entries = links.iter().map(|link| &link.entry);
        aisaws_core::status::proven(entries) == aisaws_core::status::Status::WaitingApproval
    }
}
