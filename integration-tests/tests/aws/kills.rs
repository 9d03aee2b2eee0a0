//! `aisaws worker` killed (SIGKILL) between any two calls to AWS: another worker finishes.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aisaws_core::ledger::verify_chain;
use aisaws_core::port::{EventFilter, Events, Incidents};
use aisaws_emulators::proxy::{Act, Call, Cut, Line, Proxy};

use crate::footing::{Footing, endpoint, side_by_side};
use crate::process::Worker;
use crate::worker::opened;

/// Scenarios at a time.
const TOGETHER: usize = 6;
const WITHIN: Duration = Duration::from_mins(2);
const INTERVAL: Duration = Duration::from_millis(50);

/// Kills a process at one call, before it is made or after it was carried out.
struct Killer {
    /// The process; 0: it is not known yet.
    process: Arc<AtomicU32>,
    death: Option<(usize, Cut)>,
    /// What was called so far.
    calls: Arc<Mutex<Vec<String>>>,
}

impl Killer {
    fn kill(&self) {
        let process = self.process.load(Ordering::SeqCst).to_string();
        // It may be dead already, if others of its calls were on their way.
        _ = Command::new("kill").args(["-s", "KILL", &process]).status().unwrap();
    }
}

impl Line for Killer {
    fn act(&self, call: &Call) -> Act {
        self.calls.lock().unwrap().push(call.operation.clone());
        match self.death {
            Some((at, Cut::Request)) if call.number == at => {
                self.kill();
                Act::Lose
            }
            Some((at, Cut::Answer)) if call.number == at => Act::LoseAnswer,
            _ => Act::Pass,
        }
    }

    fn carried_out(&self, call: &Call) {
        if self.death.is_some_and(|(at, cut)| cut == Cut::Answer && call.number == at) {
            self.kill();
        }
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < WITHIN, "{what}");
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What the first worker did.
struct First {
    calls: Vec<String>,
    died: bool,
}

/// One message, a worker that is killed, and another one.
async fn taken_in(death: Option<(usize, Cut)>) -> Option<First> {
    let footing = Footing::new().await?;
    let endpoint = endpoint()?;
    let made: Arc<Mutex<Vec<String>>> = Arc::default();
    let process = Arc::new(AtomicU32::new(0));
    let line = Killer { process: Arc::clone(&process), death, calls: Arc::clone(&made) };
    let proxy = Proxy::before(&endpoint, line).unwrap();
    let body = opened("event-1", &format!("{}-open", footing.name)).to_string();
    footing.send(&body).await;
    // One poll and no sweep: its calls come in the same order each time.
    let flags = ["--polls", "1", "--sweep", "0", "--visibility", "1"];
    let mut first = Worker::start(&footing.variables(&proxy.endpoint()), &flags);
    process.store(first.id(), Ordering::SeqCst);
    let none = ("0".to_owned(), "0".to_owned());
    // The next poll is there when all that belongs to the batch is done. A worker that is renewing
    // its hold on the batch makes a call more than another, and may outlive its death.
    let polls = || made.lock().unwrap().iter().filter(|c| *c == "ReceiveMessage").count();
    until("it is at its end", async || first.ended().is_some() || polls() > 1).await;
    let died = first.ended().is_some();
    assert!(!died || death.is_some());
    drop(first);
    let mut second = Worker::start(&footing.variables(&endpoint), &flags);
    let taken_over = format!("{death:?} is taken over");
    until(&taken_over, async || footing.waiting().await == none).await;
    second.until("is ready", |w| (w.asked("/readyz").0 == 200).then_some(()));
    let (status, log) = second.told("TERM");
    assert_eq!(status.code(), Some(0), "{death:?} {log:#?}");
    let store = &footing.store;
    let events = Events::list(store, &EventFilter::default(), None, 10).await.unwrap();
    let incidents = Incidents::list(store, None, 10).await.unwrap();
    assert_eq!((events.len(), incidents.len()), (1, 1), "{death:?}");
    assert!(store.pending(10).await.unwrap().is_empty(), "{death:?}");
    let incident = incidents[0].detected.incident;
    let (links, head) = store.raw_ledger(incident).await.unwrap();
    assert_eq!((links.len(), verify_chain(incident, &links, head.as_ref())), (1, Ok(())));
    let executions = footing.sfn.list_executions().state_machine_arn(&footing.machine);
    let executions = executions.send().await.unwrap().executions;
    let names: Vec<&str> = executions.iter().map(|execution| execution.name.as_str()).collect();
    assert_eq!(names, [incident.to_string()], "{death:?}");
    let dead = footing.sqs.receive_message().queue_url(&footing.dead_url).send().await.unwrap();
    assert!(dead.messages().is_empty(), "{death:?}");
    let mut calls = made.lock().unwrap().clone();
    calls.retain(|call| call != "ChangeMessageVisibilityBatch");
    Some(First { calls, died })
}

#[tokio::test]
async fn a_worker_may_be_killed_between_any_two_calls() {
    let Some(First { mut calls, .. }) = taken_in(None).await else { return };
    // The poll that came after it.
    calls.pop();
    assert!(calls.first().is_some_and(|c| c == "ReceiveMessage"), "{calls:?}");
    assert!(calls.last().is_some_and(|c| c == "DeleteMessageBatch"), "{calls:?}");
    // To be killed after one call is to be killed before the next.
    let deaths = (0..calls.len()).map(|call| (call, Cut::Answer)).chain([(0, Cut::Request)]);
    let runs = side_by_side(deaths.map(Some), TOGETHER, taken_in).await;
    let died = runs.iter().flatten().filter(|first| first.died).count();
    assert!(died > calls.len() / 2, "only {died} died at {} calls", calls.len());
}
