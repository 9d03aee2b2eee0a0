//! The role of `aisaws worker`: a worker does all of its work with it, and none of its grants is idle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aisaws_app::config::Config;
use aisaws_aws::Aws;
use aisaws_aws::queue::{self, Delivery, Handler, Outcome, Queue};
use aisaws_core::fault::chain;
use aisaws_core::status::Status;
use aisaws_workers::intake::{Intake, Message};
use aisaws_workers::settings::Settings;
use aisaws_workers::wire::{Entrance, MetricsTo, Wired};
use async_trait::async_trait;
use aws_credential_types::Credentials;
use serde_json::{Value, json};

use super::ask::session;
use super::cases::Case;
use super::policy::{Grant, Role};
use crate::process::Worker;
use crate::stage::member::EXTERNAL_ID;
use crate::stage::{ACCOUNT, Deployment, Options, call, event};
use crate::storm;

/// A message that is not to be done with now.
const LATER: &str = "later";
/// Batches until what was sent has come.
const BATCHES: usize = 50;

/// Does what the worker does with a batch. What others left in the queue is done with.
struct Taking {
    intake: Intake,
    mine: BTreeSet<String>,
    has_failed: AtomicBool,
}

#[async_trait]
impl Handler for Taking {
    async fn handle(&self, batch: &[Delivery]) -> Vec<Outcome> {
        let (mine, later) =
            (|d: &Delivery| self.mine.contains(&d.body), |d: &Delivery| d.body == LATER);
        let messages = batch.iter().filter(|d| mine(d));
        let messages = messages.map(|d| Message { id: d.id.clone(), body: d.body.clone() });
        let failed = match self.intake.take_in(messages.collect()).await {
            Ok(taken) => taken.failed,
            Err(_) => batch.iter().map(|d| d.id.clone()).collect(),
        };
        self.has_failed.fetch_or(!failed.is_empty(), Ordering::SeqCst);
        let outcome = |d: &Delivery| {
            if later(d) || failed.contains(&d.id) { Outcome::Later } else { Outcome::Done }
        };
        batch.iter().map(outcome).collect()
    }
}

/// A deployment with a role for a worker, which the account's root may assume. Its functions leave
/// the queue alone.
async fn deployment() -> Option<Deployment> {
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let parameters = [("WorkerPrincipal".to_owned(), root)].into();
    let options = Options { protects_itself: true, parameters, ..Options::default() };
    let stage = Deployment::start(options).await?;
    let mappings = format!("{}/2015-03-31/event-source-mappings/", stage.endpoint());
    let ask = async |method, url: String| {
        call::signed_by(method, &call::root(), "lambda", &url, &[], String::new()).await
    };
    let (status, body) = ask("GET", mappings.clone()).await;
    assert_eq!(status, 200, "{body}");
    let all: Value = serde_json::from_str(&body).unwrap();
    for mapping in all["EventSourceMappings"].as_array().unwrap() {
        let id = mapping["UUID"].as_str().unwrap();
        let (status, body) = ask("DELETE", format!("{mappings}{id}")).await;
        assert!(status < 300, "{body}");
    }
    Some(stage)
}

/// A session of the worker's role.
async fn worker(stage: &Deployment) -> Credentials {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/aisaws-worker");
    assert_eq!(stage.output("WorkerRoleArn"), role);
    session(&stage.endpoint(), call::root(), &role, EXTERNAL_ID).await.unwrap()
}

fn variables(stage: &Deployment) -> BTreeMap<&'static str, String> {
    let mut variables = storm::variables(stage, stage.output("QueueUrl"));
    variables.insert("AISAWS_EXTERNAL_ID", EXTERNAL_ID.to_owned());
    variables
}

/// What a worker is made of, in this process: here a call that is denied is an error.
async fn wired(stage: &Deployment) -> Wired {
    let variables = variables(stage);
    let settings = Settings::read(|name| variables.get(name).cloned()).unwrap();
    let aws = Aws::emulator_as(&stage.endpoint(), worker(stage).await).await;
    let mut config = Config::default();
    config.noise.incidents_per_rule_per_hour = Some(10_000);
    Wired::new(settings, config, aws, Entrance::Reader, MetricsTo::Nowhere)
}

/// A worker's work that is ready to be done.
enum Work {
    /// Messages in the queue.
    Messages(Case),
    /// What the sweep finds.
    Sweep(Case),
}

impl Work {
    async fn messages(stage: &Deployment) -> Self {
        Self::Messages(Case::ready(stage, "intake").await)
    }

    /// What needs that action.
    async fn that_needs(stage: &Deployment, action: &str) -> Self {
        match action {
            "states:SendTaskSuccess" => Self::Sweep(Case::vote(stage).await),
            "sns:Publish" => Self::Sweep(Case::given_up(stage).await),
            "states:DescribeExecution" => Self::Sweep(Case::again(stage, "sweep").await),
            "states:ListExecutions" => Self::Sweep(Case::ready(stage, "sweep").await),
            _ => Self::messages(stage).await,
        }
    }

    /// Does it; says what did not go well.
    async fn run(&self, stage: &Deployment) -> Result<(), String> {
        let wired = wired(stage).await;
        match self {
            Self::Sweep(case) => {
                wired.sweeper().unwrap().sweep().await.map_err(|e| chain(&e))?;
                case.holds(stage).await
            }
            Self::Messages(case) => {
                poll(stage, &wired, case.payload()).await?;
                case.holds(stage).await
            }
        }
    }
}

/// Sends the messages and one more, and polls until all of them have come.
async fn poll(stage: &Deployment, wired: &Wired, payload: &Value) -> Result<(), String> {
    let records = payload["Records"].as_array().unwrap();
    let mine: BTreeSet<String> =
        records.iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect();
    let url = stage.output("QueueUrl").to_owned();
    for body in mine.iter().map(String::as_str).chain([LATER]) {
        stage.sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let queue = Queue::new(
        wired.aws(),
        queue::Settings {
            url,
            dead_letters_url: stage.output("DeadLetterQueueUrl").to_owned(),
            visibility: Duration::from_mins(1),
            wait: Duration::from_secs(1),
        },
    );
    let sent = u32::try_from(mine.len()).unwrap();
    let has_failed = AtomicBool::new(false);
    let taking = Taking { intake: wired.intake().unwrap(), mine, has_failed };
    let (mut done, mut later) = (0, 0);
    for _ in 0..BATCHES {
        let tally = queue.serve_once(&taking).await.map_err(|e| chain(&e))?;
        if taking.has_failed.load(Ordering::SeqCst) {
            return Err("a message was not taken in".to_owned());
        }
        done += tally.done;
        later += tally.later;
        if done >= sent && later > 0 {
            return Ok(());
        }
    }
    Err(format!("{done} of {sent} messages came, {later} of those for later"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_runs_as_its_role_and_needs_all_of_it() {
    let Some(stage) = deployment().await else { return };
    let role = Role::load(&stage.iam, "aisaws-worker").await;
    // As the emulator wants it said.
    role.restore().await;
    as_a_process(&stage).await;
    // The emulator encrypts nothing, so that nobody asks for a key.
    let grants: Vec<Grant> =
        role.grants().into_iter().filter(|grant| !grant.action.starts_with("kms:")).collect();
    assert!(grants.len() > 15, "{grants:?}");
    let actions: BTreeSet<&str> = grants.iter().map(|grant| grant.action.as_str()).collect();
    for action in &actions {
        let work = Work::that_needs(&stage, action).await;
        // With all of its grants.
        if !matches!(work, Work::Messages(_)) {
            work.run(&stage).await.unwrap_or_else(|e| panic!("{action}: {e}"));
        }
    }
    Work::messages(&stage).await.run(&stage).await.unwrap();
    let mut idle = BTreeSet::new();
    for grant in grants {
        let work = Work::that_needs(&stage, &grant.action).await;
        role.take(&grant).await;
        let result = work.run(&stage).await;
        role.restore().await;
        if result.is_ok() {
            idle.insert(grant.action);
        }
    }
    assert!(idle.is_empty(), "nothing missed {idle:#?}");
}

/// The program itself: what it takes in is repaired, and it is denied nothing.
async fn as_a_process(stage: &Deployment) {
    let who = worker(stage).await;
    let mut variables = variables(stage);
    variables.insert("AWS_ACCESS_KEY_ID", who.access_key_id().to_owned());
    variables.insert("AWS_SECRET_ACCESS_KEY", who.secret_access_key().to_owned());
    variables.insert("AWS_SESSION_TOKEN", who.session_token().unwrap().to_owned());
    let mut worker = Worker::start(&variables, &["--sweep", "1", "--visibility", "5"]);
    let bucket = stage.target.open_bucket().await;
    let body = event::acl_opened(&bucket, &event::user()).to_string();
    for body in [body.as_str(), "no JSON"] {
        let send = stage.sqs.send_message().queue_url(stage.output("QueueUrl"));
        send.message_body(body).send().await.unwrap();
    }
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Remediated, "{story:?}");
    assert!(!stage.target.is_public(&bucket).await);
    assert_eq!(stage.dead(|dead| dead.body == "no JSON").await.body, "no JSON");
    worker.until("sweeps", |w| (w.figure("aisaws_sweeps_total") > 0).then_some(()));
    for figure in ["sweeps_failed", "polls_failed", "batches_failed"] {
        assert_eq!(worker.figure(&format!("aisaws_{figure}_total")), 0, "{:#?}", worker.log());
    }
    let (status, log) = worker.told("TERM");
    assert_eq!(status.code(), Some(0), "{log:#?}");
    let told = json!(log).to_string();
    assert!(!told.contains("AccessDenied"), "{log:#?}");
}
