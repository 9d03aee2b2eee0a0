//! Executions that halt half-way: another one in their place ends the incident right, and what was
//! repaired was written once. When each of them halts, people are told.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{Entry, verify_chain};
use aisaws_core::port::{Approvals as _, Incidents as _};
use aisaws_core::status::Status;
use aisaws_emulators::proxy::{Act, Call, Line};
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};

use crate::process::Worker;
use crate::repairs::{WHOLE, steps};
use crate::stage::deployment::{WITHIN, sdk};
use crate::stage::page::Link;
use crate::stage::{Deployment, Lines, Options, event};
use crate::storm::variables;

const INTERVAL: Duration = Duration::from_millis(200);
const ALERT: &str = "aisaws-alert";
const POLICY: &str = "least";

/// Notes what changes the account behind it.
#[derive(Default)]
struct Changes(Mutex<Vec<String>>);

impl Line for Changes {
    fn act(&self, _: &Call) -> Act {
        Act::Pass
    }

    fn carried_out(&self, call: &Call) {
        if ["PUT ?", "DELETE ?"].iter().any(|verb| call.operation.starts_with(verb)) {
            self.0.lock().unwrap().push(call.start.replace("/?", "?"));
        }
    }
}

impl Changes {
    fn of(&self, bucket: &str) -> usize {
        let path = format!("/{bucket}?");
        self.0.lock().unwrap().iter().filter(|start| start.contains(&path)).count()
    }
}

struct Scene {
    stage: Deployment,
    sfn: aws_sdk_sfn::Client,
    changes: Arc<Changes>,
}

impl Scene {
    fn arn(&self, name: &str) -> String {
        let machine = self.stage.output("StateMachineArn");
        format!("{}:{name}", machine.replace(":stateMachine:", ":execution:"))
    }

    async fn status(&self, name: &str) -> Option<ExecutionStatus> {
        let describe = self.sfn.describe_execution().execution_arn(self.arn(name));
        describe.send().await.ok().map(|execution| execution.status)
    }

    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < WITHIN, "{what}");
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn until_failed(&self, name: &str) {
        let has_failed = async || self.status(name).await == Some(ExecutionStatus::Failed);
        self.until(&format!("{name} fails"), has_failed).await;
    }

    /// Sweeps until an execution of that name is there: the schedule may have been first.
    async fn sweep_until(&self, name: &str) {
        let is_there = async || {
            self.stage.invoke("sweep", &json!({})).await.unwrap();
            self.status(name).await.is_some()
        };
        self.until(&format!("{name} is started"), is_there).await;
    }

    /// Function Alert may do nothing from now on; gives what it may do.
    async fn deny_alert(&self) -> String {
        let get = self.stage.iam.get_role_policy().role_name(ALERT).policy_name(POLICY);
        let policy = get.send().await.unwrap().policy_document;
        let delete = self.stage.iam.delete_role_policy().role_name(ALERT).policy_name(POLICY);
        delete.send().await.unwrap();
        let form = format!("k={}", policy.replace('+', "%2B"));
        form_urlencoded::parse(form.as_bytes()).next().unwrap().1.into_owned()
    }

    async fn allow_alert(&self, policy: &str) {
        let put = self.stage.iam.put_role_policy().role_name(ALERT).policy_name(POLICY);
        put.policy_document(policy).send().await.unwrap();
    }

    /// A public bucket and the event of that; gives the bucket.
    async fn opened(&self, who: &Value) -> String {
        let bucket = self.stage.target.open_bucket().await;
        self.stage.send(&event::acl_opened(&bucket, who)).await;
        bucket
    }

    /// The incident on that bucket, once it is there.
    async fn incident(&self, bucket: &str) -> IncidentId {
        self.stage.incident(bucket, |_| true).await.incident.detected.incident
    }

    /// Which executions of an incident there were.
    async fn executions(&self, incident: IncidentId) -> Vec<String> {
        let list =
            self.sfn.list_executions().state_machine_arn(self.stage.output("StateMachineArn"));
        let all = list.send().await.unwrap().executions;
        let of = |name: &String| name.starts_with(&incident.to_string());
        let mut names: Vec<String> = all.into_iter().map(|e| e.name).filter(of).collect();
        names.sort();
        names
    }

    async fn repaired_once(&self, bucket: &str) {
        let story = self.stage.ended(bucket).await;
        assert_eq!(story.status, Status::Remediated, "{story:?}");
        assert!(!self.stage.target.is_public(bucket).await);
        let calls = story.entries().filter_map(|entry| match entry {
            Entry::Remediated { calls, .. } => Some(calls.len()),
            _ => None,
        });
        let calls: Vec<usize> = calls.collect();
        assert!(calls.len() == 1 && calls[0] > 0, "{story:?}");
        assert_eq!(self.changes.of(bucket), calls[0], "{story:?}");
        let id = story.incident.detected.incident;
        let (links, head) = self.stage.store.raw_ledger(id).await.unwrap();
        assert_eq!(verify_chain(id, &links, head.as_ref()), Ok(()));
        assert_eq!(self.executions(id).await, [id.to_string(), format!("{id}.1")]);
    }
}

/// Someone who set off nothing else, so that nobody is asked about them.
fn somebody() -> Value {
    let (name, mut user) = (event::name("user"), event::user());
    user["arn"] = format!("arn:aws:iam::{}:user/{name}", crate::stage::ACCOUNT).into();
    user["userName"] = name.into();
    user
}

/// In a deployment of its own: the role of a function is changed.
#[tokio::test(flavor = "multi_thread")]
async fn what_halts_half_way_is_carried_on_and_ends_right() {
    let changes = Arc::new(Changes::default());
    let idle = Arc::new(Changes::default());
    let lines = Lines { responder: idle, target: changes.clone() };
    let options = Options { lines: Some(lines), ..Options::default() };
    let Some(stage) = Deployment::start(options).await else { return };
    let sfn = aws_sdk_sfn::Client::new(&sdk(&stage.endpoint()).await);
    let scene = Scene { stage, sfn, changes };
    stopped_while_a_human_is_asked(&scene).await;
    failed_after_the_repair(&scene).await;
    failed_each_time(&scene).await;
}

async fn stopped_while_a_human_is_asked(scene: &Scene) {
    let stage = &scene.stage;
    let listener = stage.listen().await;
    let bucket = scene.opened(&event::root()).await;
    let asked = stage.incident(&bucket, |status| status == Status::WaitingApproval).await;
    let incident = asked.incident.detected.incident;
    let id = incident.to_string();
    let question = listener.hear(|alert| alert.attributes.get("incident") == Some(&id)).await;
    let token = stage.store.standing(incident).await.unwrap().unwrap().question.token;
    scene.sfn.stop_execution().execution_arn(scene.arn(&id)).send().await.unwrap();
    scene.sweep_until(&format!("{id}.1")).await;
    // The question is the same, and another execution waits for the answer.
    let is_asked_again = async || {
        let standing = stage.store.standing(incident).await.unwrap().unwrap();
        standing.question.token != token
    };
    scene.until("it is asked again", is_asked_again).await;
    let link = Link::in_text(&stage.endpoint(), &question.text);
    assert_eq!(link.answer("grant", "").await.0, 200);
    scene.repaired_once(&bucket).await;
}

async fn failed_after_the_repair(scene: &Scene) {
    let policy = scene.deny_alert().await;
    let bucket = scene.opened(&somebody()).await;
    let id = scene.incident(&bucket).await.to_string();
    scene.until_failed(&id).await;
    let stories = scene.stage.stories(&bucket).await;
    assert_eq!(stories[0].status, Status::Open, "{stories:?}");
    assert!(!scene.stage.target.is_public(&bucket).await);
    scene.allow_alert(&policy).await;
    // A worker's own sweep does it.
    let queue = scene.stage.sqs.create_queue().queue_name(event::name("worker")).send().await;
    let queue = queue.unwrap().queue_url.unwrap();
    let worker = Worker::start(&variables(&scene.stage, &queue), &["--sweep", "1"]);
    scene.repaired_once(&bucket).await;
    let story = scene.stage.ended(&bucket).await;
    assert_eq!(steps(&story), WHOLE, "{story:?}");
    let (status, log) = worker.told("TERM");
    assert_eq!(status.code(), Some(0), "{log:#?}");
}

async fn failed_each_time(scene: &Scene) {
    let stage = &scene.stage;
    let listener = stage.listen().await;
    let policy = scene.deny_alert().await;
    let bucket = scene.opened(&somebody()).await;
    let incident = scene.incident(&bucket).await;
    scene.until_failed(&incident.to_string()).await;
    for run in 1..=3 {
        let name = format!("{incident}.{run}");
        scene.sweep_until(&name).await;
        scene.until_failed(&name).await;
    }
    let is_given_up = async || {
        stage.invoke("sweep", &json!({})).await.unwrap();
        stage.stories(&bucket).await[0].status.is_final()
    };
    scene.until("it is given up", is_given_up).await;
    scene.allow_alert(&policy).await;
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Failed, "{story:?}");
    // It says what was done, and that nobody goes on.
    let id = incident.to_string();
    let alert = listener.hear(|alert| alert.attributes.get("incident") == Some(&id)).await;
    assert_eq!(alert.attributes["status"], "failed", "{alert:?}");
    for words in ["could not be repaired", "started 4 times", "called s3:"] {
        assert!(format!("{} {}", alert.subject, alert.text).contains(words), "{alert:?}");
    }
    // And nothing more is started.
    stage.invoke("sweep", &json!({})).await.unwrap();
    assert_eq!(scene.executions(incident).await.len(), 4);
    let written = story.entries().filter(|e| matches!(e, Entry::Remediated { .. })).count();
    assert_eq!(written, 1, "{story:?}");
}
