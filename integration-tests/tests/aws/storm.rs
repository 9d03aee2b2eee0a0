//! Each message three times, shuffled, by four workers at once; then the same while a fifth of all
//! calls to AWS fail: one incident each, one repair each, the ledger of an undisturbed one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aisaws_core::ledger::{Entry, verify_chain};
use aisaws_core::port::Incidents as _;
use aisaws_core::status::Status;
use aisaws_emulators::proxy::{Act, Call, Line, Weather};
use serde_json::Value;

use crate::process::{WITHIN, Worker};
use crate::repairs::{WHOLE, steps};
use crate::stage::deployment::sdk;
use crate::stage::{ACCOUNT, Deployment, Lines, Options, REGION, event};

const WORKERS: usize = 4;
const DELIVERIES: usize = 3;
/// Of each kind of resource.
const RESOURCES: usize = 4;
/// Calls of a hundred that fail in bad weather.
const FAILING: u64 = 20;

/// Fair weather until it is told otherwise; notes what changed the account behind it.
struct Sky {
    is_bad: AtomicBool,
    weather: Weather,
    failed: Arc<AtomicUsize>,
    changes: Mutex<Vec<String>>,
}

impl Sky {
    fn new(seed: u64) -> Arc<Self> {
        let weather = Weather::new(seed, FAILING);
        let failed = weather.failed();
        Arc::new(Self {
            is_bad: AtomicBool::new(false),
            weather,
            failed,
            changes: Mutex::default(),
        })
    }

    /// How often a bucket or a group was changed.
    fn changes(&self, resource: &str) -> usize {
        // The name of one bucket may begin that of another.
        let (path, id) = (format!("/{resource}?"), format!("={resource}&"));
        let changes = self.changes.lock().unwrap();
        let names = |text: &&String| text.replace("/?", "?").contains(&path) || text.contains(&id);
        changes.iter().filter(names).count()
    }
}

impl Line for Sky {
    fn act(&self, call: &Call) -> Act {
        if self.is_bad.load(Ordering::SeqCst) { self.weather.act(call) } else { Act::Pass }
    }

    fn carried_out(&self, call: &Call) {
        let changes = ["PUT ?", "DELETE ?", "Revoke", "Authorize", "Modify"];
        if changes.iter().any(|verb| call.operation.starts_with(verb)) {
            let body = String::from_utf8_lossy(&call.body);
            self.changes.lock().unwrap().push(format!("{} {body}&", call.start));
        }
    }
}

/// The same shuffle each time: Fisher and Yates with the numbers of Knuth's MMIX generator.
fn shuffled<T>(mut list: Vec<T>, mut seed: u64) -> Vec<T> {
    for at in (1..list.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(seed >> 33).unwrap() % (at + 1);
        list.swap(at, other);
    }
    list
}

/// What `aisaws worker` is told, with a queue of its own.
pub(crate) fn variables(stage: &Deployment, queue: &str) -> BTreeMap<&'static str, String> {
    let output = |name| stage.output(name).to_owned();
    let [responder, target] = stage.told().clone();
    BTreeMap::from([
        ("AISAWS_PREFIX", crate::stage::deployment::STACK.to_owned()),
        ("AISAWS_TABLE", output("TableName")),
        ("AISAWS_BUCKET", output("BucketName")),
        ("AISAWS_ACCOUNT", ACCOUNT.to_owned()),
        ("AISAWS_STATE_MACHINE_ARN", output("StateMachineArn")),
        ("AISAWS_TOPIC_ARN", output("TopicArn")),
        ("AISAWS_QUEUE_URL", queue.to_owned()),
        ("AISAWS_DEAD_LETTER_QUEUE_URL", output("DeadLetterQueueUrl")),
        ("AISAWS_TARGET_ENDPOINT_URL", target),
        ("AWS_ENDPOINT_URL", responder),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ])
}

/// A user of their own: one who sets off several rules is asked about.
fn somebody() -> Value {
    let (name, mut user) = (event::name("user"), event::user());
    user["arn"] = format!("arn:aws:iam::{ACCOUNT}:user/{name}").into();
    user["userName"] = name.into();
    user
}

/// A worker runs as whom its owner lets: here the account's root. The role that looks into protected
/// accounts has to trust them, as it trusts the functions.
async fn trust_workers(stage: &Deployment) {
    let config = sdk(&stage.endpoint()).await;
    let trust = serde_json::json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
    }] });
    let update = aws_sdk_iam::Client::new(&config).update_assume_role_policy();
    let update = update.role_name("aisaws-reader").policy_document(trust.to_string());
    update.send().await.unwrap();
}

/// Spoils resources, lets four workers have the events of that, and waits for the end of all.
/// Gives the resources.
async fn run(stage: &Deployment, seed: u64) -> Vec<String> {
    let queue = stage.sqs.create_queue().queue_name(event::name("workers"));
    let queue = queue.send().await.unwrap().queue_url.unwrap();
    let mut resources = Vec::new();
    let mut events: Vec<Value> = Vec::new();
    for _ in 0..RESOURCES {
        let bucket = stage.target.open_bucket().await;
        events.push(event::acl_opened(&bucket, &somebody()));
        let group = stage.target.group().await;
        stage.target.allow(&group, 22, "0.0.0.0/0").await;
        events.push(event::ssh_opened(&group, &somebody()));
        resources.extend([bucket, group]);
    }
    let deliveries = events.iter().flat_map(|event| vec![event.to_string(); DELIVERIES]).collect();
    for body in shuffled(deliveries, seed) {
        stage.sqs.send_message().queue_url(&queue).message_body(body).send().await.unwrap();
    }
    let variables = variables(stage, &queue);
    // A worker whose call fails lets others have the message soon.
    let flags = ["--sweep", "5", "--visibility", "5"];
    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|_| Worker::start(&variables, &flags)).collect();
    for resource in &resources {
        stage.ended(resource).await;
    }
    // Repetitions may still be at work when the first ones have ended.
    let begun = std::time::Instant::now();
    loop {
        assert!(begun.elapsed() < WITHIN, "messages stay in the queue");
        let names = aws_sdk_sqs::types::QueueAttributeName::All;
        let asked = stage.sqs.get_queue_attributes().queue_url(&queue).attribute_names(names);
        let all = asked.send().await.unwrap();
        let left = |(name, count): (&aws_sdk_sqs::types::QueueAttributeName, &String)| {
            name.as_str().starts_with("ApproximateNumberOf") && count != "0"
        };
        if !all.attributes().unwrap().iter().any(left) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    for worker in workers.drain(..) {
        let (status, log) = worker.told("TERM");
        assert_eq!(status.code(), Some(0), "{log:#?}");
    }
    resources
}

/// Each resource has one incident, which repaired it, with the ledger of an undisturbed one. Gives
/// how many calls that took by the ledger.
async fn ended_right(stage: &Deployment, resources: &[String]) -> Vec<usize> {
    let mut calls = Vec::new();
    for resource in resources {
        let stories = stage.stories(resource).await;
        let [story] = stories.as_slice() else { panic!("{stories:#?}") };
        assert_eq!(story.status, Status::Remediated, "{story:?}");
        assert_eq!(steps(story), WHOLE, "{story:?}");
        let id = story.incident.detected.incident;
        let (links, head) = stage.store.raw_ledger(id).await.unwrap();
        assert_eq!(verify_chain(id, &links, head.as_ref()), Ok(()), "{resource}");
        if resource.starts_with("sg-") {
            let left = stage.target.allowed(resource).await;
            assert_eq!(left, [(443, "192.0.2.0/24".to_owned())], "{resource}");
        } else {
            assert!(!stage.target.is_public(resource).await, "{resource}");
        }
        let made = story.entries().map(|entry| match entry {
            Entry::Remediated { calls, .. } => calls.len(),
            _ => 0,
        });
        calls.push(made.sum());
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn however_messages_come_and_calls_fail_each_incident_ends_right_and_is_repaired_once() {
    let (responder, target) = (Sky::new(1), Sky::new(2));
    let lines = Lines { responder: responder.clone(), target: target.clone() };
    let options = Options { lines: Some(lines), ..Options::default() };
    let Some(stage) = Deployment::start(options).await else { return };
    trust_workers(&stage).await;
    let resources = run(&stage, 7).await;
    let calls = ended_right(&stage, &resources).await;
    for (resource, calls) in resources.iter().zip(calls) {
        // Nothing but the repair, once.
        assert!(calls > 0, "{resource}");
        assert_eq!(target.changes(resource), calls, "{resource}");
    }
    for sky in [&responder, &target] {
        sky.is_bad.store(true, Ordering::SeqCst);
    }
    let resources = run(&stage, 8).await;
    for sky in [&responder, &target] {
        sky.is_bad.store(false, Ordering::SeqCst);
        assert!(sky.failed.load(Ordering::SeqCst) > RESOURCES, "the weather was fair");
    }
    ended_right(&stage, &resources).await;
}
