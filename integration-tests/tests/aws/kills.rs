//! `aisaws worker`, and the program that writes, killed (SIGKILL) between any two calls to AWS: another
//! process finishes, the incident ends right, and what was repaired was written once.
//!
//! In `deaths` the functions end within one process; here processes die, and the state machine that
//! they start is the product's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aisaws_aws::Aws;
use aisaws_aws::archive::Archive;
use aisaws_aws::drivers::WriteLog as _;
use aisaws_aws::store::Store;
use aisaws_core::ledger::{Entry, verify_chain};
use aisaws_core::port::{EventFilter, Events, Incidents};
use aisaws_core::resource::ResourceRef;
use aisaws_core::status::{Status, proven};
use aisaws_emulators::proxy::{Cut, Proxy};
use jiff::SignedDuration;
use serde_json::Value;

use crate::deaths::Scene;
use crate::footing::{Footing, endpoint, side_by_side};
use crate::killer::{Death, Killer};
use crate::lambda;
use crate::process::Worker;
use crate::response::{Ahead, Functions, respond};

/// Scenarios at a time.
const TOGETHER: usize = 6;
const WITHIN: Duration = Duration::from_mins(2);
const INTERVAL: Duration = Duration::from_millis(50);
/// Longer than the dead hold a resource.
const LATER: SignedDuration = SignedDuration::from_mins(5);

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < WITHIN, "{what}");
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What the first process did.
struct First {
    calls: Vec<String>,
    died: bool,
}

/// One message, a worker that is killed, and another one; then the response to the incident.
async fn taken_in(death: Death) -> Option<First> {
    let scene = Scene::new().await?;
    let footing = &scene.footing;
    let endpoint = endpoint()?;
    let line = Killer::new(death);
    let proxy = Proxy::before(&endpoint, line.clone()).unwrap();
    footing.send(&scene.opened("event-1").await.to_string()).await;
    // One poll and no sweep: its calls come in the same order each time.
    let flags = ["--polls", "1", "--sweep", "0", "--visibility", "1"];
    let mut first = Worker::start(&footing.variables(&proxy.endpoint()), &flags);
    line.aims_at(first.id());
    let none = ("0".to_owned(), "0".to_owned());
    // The next poll is there when all that belongs to the batch is done. A worker that is renewing
    // its hold on the batch makes a call more than another, and may outlive its death.
    let polls = || line.calls().iter().filter(|call| *call == "ReceiveMessage").count();
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
    let detected = &incidents[0].detected;
    let (links, head) = store.raw_ledger(detected.incident).await.unwrap();
    assert_eq!((links.len(), verify_chain(detected.incident, &links, head.as_ref())), (1, Ok(())));
    let executions = footing.sfn.list_executions().state_machine_arn(&footing.machine);
    let executions = executions.send().await.unwrap().executions;
    let names: Vec<&str> = executions.iter().map(|execution| execution.name.as_str()).collect();
    assert_eq!(names, [detected.incident.to_string()], "{death:?}");
    let dead = footing.sqs.receive_message().queue_url(&footing.dead_url).send().await.unwrap();
    assert!(dead.messages().is_empty(), "{death:?}");
    // What the execution goes through, from the hand-off that the worker kept.
    let functions = Arc::new(Functions::new(footing, &endpoint, None).await);
    respond(&functions, detected).await;
    ended_right(&scene, footing, &format!("{death:?}")).await;
    assert_eq!(functions.writes(), ["PUT ?acl"], "{death:?}");
    let mut calls = line.calls();
    calls.retain(|call| call != "ChangeMessageVisibilityBatch");
    Some(First { calls, died })
}

/// The one incident is repaired, by its ledger and by the bucket.
async fn ended_right(scene: &Scene, footing: &Footing, what: &str) {
    let incidents = Incidents::list(&footing.store, None, 10).await.unwrap();
    let [incident] = incidents.as_slice() else { panic!("{what} {incidents:#?}") };
    let links = footing.store.ledger(incident.detected.incident).await.unwrap();
    let entries = || links.iter().map(|link| &link.entry);
    assert_eq!(proven(entries()), Status::Remediated, "{what} {links:#?}");
    let written = entries().filter(|entry| matches!(entry, Entry::Remediated { .. })).count();
    let told = entries().filter(|entry| matches!(entry, Entry::Closed { .. })).count();
    assert_eq!((written, told), (1, 1), "{what} {links:#?}");
    assert!(!scene.is_public().await, "{what}");
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

/// Five minutes pass for the table: nobody holds the bucket any more.
async fn pass_time(footing: &Footing, bucket: &ResourceRef) {
    let aws = Aws::emulator(&endpoint().unwrap()).await;
    let archive = Archive::new(&aws, &footing.name);
    let later = Store::new(&aws, &footing.name, archive, Arc::new(Ahead::by(LATER)));
    assert!(later.lease(bucket, "time", Duration::from_millis(1)).await.unwrap());
    later.release(bucket, "time").await.unwrap();
}

/// An incident up to its repair, by a program that is killed, and by another process of it.
async fn written(death: Death) -> Option<First> {
    let scene = Scene::new().await?;
    let footing = &scene.footing;
    let endpoint = endpoint()?;
    let functions = Functions::new(footing, &endpoint, None).await;
    let detected = scene.open(&functions, "event-1").await;
    let bucket = detected.resource.clone();
    let mut handed: Value = serde_json::to_value(&detected).unwrap();
    for stage in ["Score", "Decide", "Prepare"] {
        handed = functions.step(stage, handed).await.unwrap();
    }
    let mut variables = footing.variables(&endpoint);
    variables.insert("AISAWS_MODE", "act".to_owned());
    let program = env!("CARGO_BIN_EXE_write-under-test");
    let line = Killer::new(death);
    let at = (endpoint.as_str(), &line);
    let told = lambda::request(program, "Remediate", &variables, at, &handed).await;
    assert_eq!(told.is_none(), death.is_some(), "{death:?} {told:?}");
    let mut writes = line.writes();
    // The state machine calls the function again when nobody answers.
    let told = if let Some(told) = told {
        told
    } else {
        pass_time(footing, &bucket).await;
        let second = Killer::new(None);
        let at = (endpoint.as_str(), &second);
        let told = lambda::request(program, "Remediate", &variables, at, &handed).await;
        writes.extend(second.writes());
        told.unwrap()
    };
    let mut handed = told.unwrap_or_else(|error| panic!("{death:?} {error:#}"));
    assert_eq!(writes, ["PUT ?acl"], "{death:?}");
    assert!(!scene.is_public().await, "{death:?}");
    for stage in ["Verify", "Alert"] {
        handed = functions.step(stage, handed).await.unwrap();
    }
    ended_right(&scene, footing, &format!("{death:?}")).await;
    assert!(functions.writes().is_empty(), "{death:?}");
    Some(First { calls: line.calls(), died: death.is_some() })
}

#[tokio::test]
async fn the_program_that_writes_may_be_killed_between_any_two_calls() {
    let Some(First { calls, .. }) = written(None).await else { return };
    assert!(calls.len() > 10 && calls.contains(&"PUT ?acl".to_owned()), "{calls:?}");
    // To be killed after one call is to be killed before the next.
    let deaths = (0..calls.len()).map(|call| (call, Cut::Answer)).chain([(0, Cut::Request)]);
    let runs = side_by_side(deaths.map(Some), TOGETHER, written).await;
    assert!(runs.iter().flatten().all(|first| first.died));
}
