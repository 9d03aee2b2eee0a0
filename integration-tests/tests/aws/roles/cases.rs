//! For each function the least that needs all of its grants, made ready while all are there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aisaws_app::link::{Claims, LinkKey};
use aisaws_aws::StepFunctions;
use aisaws_aws::drivers::WriteLog as _;
use aisaws_core::event::ActorKind;
use aisaws_core::handoff::{Detected, Signals, Vote};
use aisaws_core::hit::Hit;
use aisaws_core::id::{ControlId, IncidentId};
use aisaws_core::incident::Incident;
use aisaws_core::port::{
    Answer, Approvals as _, Disposition, Events, Incidents as _, Orchestrator as _, Recorded,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::Severity;
use aisaws_core::source::cloudtrail;
use aisaws_core::status::Status;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::policy::{Grant, Role};
use crate::stage::deployment::{WITHIN, sdk};
use crate::stage::{ACCOUNT, Deployment, REGION, event};

/// Stages in the order in which one hands over to the next.
const STAGES: [&str; 5] = ["score", "decide", "prepare", "remediate", "verify"];
/// More than stands in an item of the table: what is so large lies in the archive.
const LARGE: usize = 60 * 1024;
const LEASE: Duration = Duration::from_millis(1);

/// A call of a function that is ready to be made.
#[derive(Debug)]
pub(super) struct Case {
    function: &'static str,
    payload: Value,
    /// What has to be so afterwards, beside that the function says it went well.
    then: Then,
}

#[derive(Debug)]
enum Then {
    Nothing,
    /// An incident on that bucket, with its tags known.
    Opened(String),
    /// The question about that incident has left the state machine.
    Answered(IncidentId),
    /// Nobody holds that bucket any more.
    Released(String),
    /// The page of that request was shown before.
    Shown(Value),
    /// The incident of that payload has ended, and people were told.
    Told(Value),
}

impl Case {
    /// Makes ready what `function` is called for.
    pub(super) async fn ready(stage: &Deployment, function: &'static str) -> Self {
        let case = |payload| Self { function, payload, then: Then::Nothing };
        match function {
            "intake" => intake(stage).await,
            "sweep" => {
                let bucket = stage.target.open_bucket().await;
                keep_hit(stage, &bucket).await;
                Self { function, payload: json!({}), then: Then::Opened(bucket) }
            }
            "scan" => {
                stage.target.open_bucket().await;
                keep_hit(stage, &stage.target.open_bucket().await).await;
                case(json!({}))
            }
            "replay" => case(json!({})),
            "approval" => approval(stage).await,
            "ask-human" => {
                case(json!({ "token": "none", "prepared": until(stage, "remediate").await }))
            }
            "alert" => case(until(stage, "alert").await),
            "remediate" => {
                let payload = until(stage, "remediate").await;
                let bucket = payload["resource"]["id"].as_str().unwrap().to_owned();
                Self { function, payload, then: Then::Released(bucket) }
            }
            "roll-back" => {
                let mut payload = until(stage, "verify").await;
                let bucket = payload["resource"]["id"].as_str().unwrap().to_owned();
                // Somebody else undoes a part of the repair meanwhile: the rest is taken back.
                let delete = stage.target.s3.delete_public_access_block().bucket(&bucket);
                delete.send().await.unwrap();
                payload["failure"] = json!({ "Error": "Fault.NotVerified", "Cause": "of a test" });
                Self { function, payload, then: Then::Released(bucket) }
            }
            stage_name => case(until(stage, stage_name).await),
        }
    }

    /// A sweep that brings a vote to the execution that waits for it.
    pub(super) async fn vote(stage: &Deployment) -> Self {
        voted(stage).await
    }

    /// What opens an incident whose execution was started by somebody who died right after that.
    pub(super) async fn again(stage: &Deployment, function: &'static str) -> Self {
        // What other cases left would be opened with it.
        stage.invoke("sweep", &json!({})).await.unwrap();
        let bucket = stage.target.open_bucket().await;
        keep_hit(stage, &bucket).await;
        let sweep = Role::load(&stage.iam, "aisaws-sweep").await;
        let starts = |grant: &Grant| grant.action == "states:StartExecution";
        sweep.take(&sweep.grants().into_iter().find(starts).unwrap()).await;
        stage.invoke("sweep", &json!({})).await.unwrap_err();
        sweep.restore().await;
        let stories = stage.stories(&bucket).await;
        let machine = StepFunctions::new(&stage.aws, stage.output("StateMachineArn"));
        machine.start(&stories[0].incident.detected).await.unwrap();
        let other = stage.target.bucket().await;
        let body = event::acl_opened(&other, &event::user()).to_string();
        let payload = match function {
            "intake" => {
                json!({ "Records": [{ "messageId": event::name("message"), "body": body }] })
            }
            _ => json!({}),
        };
        Self { function, payload, then: Then::Opened(bucket) }
    }

    /// A sweep that gives an incident up: the last execution that it may have has failed.
    pub(super) async fn given_up(stage: &Deployment) -> Self {
        let bucket = stage.target.bucket().await;
        let detected = opened(stage, resource(&bucket), &["s3.bucket-acl-public"]).await;
        let incident = detected.incident;
        let sfn = aws_sdk_sfn::Client::new(&sdk(&stage.endpoint()).await);
        // No stage can do anything with that.
        let start = sfn.start_execution().state_machine_arn(stage.output("StateMachineArn"));
        let start = start.name(format!("{incident}.3")).input("{}").send().await.unwrap();
        let failed = aws_sdk_sfn::types::ExecutionStatus::Failed;
        for _ in 0..600 {
            let describe = sfn.describe_execution().execution_arn(&start.execution_arn);
            if describe.send().await.unwrap().status == failed {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Self {
            function: "sweep",
            payload: json!({}),
            then: Then::Told(json!({ "incident": incident })),
        }
    }

    /// The function that is called.
    pub(super) fn function(&self) -> &'static str {
        self.function
    }

    /// Calls the function; says what did not go well.
    pub(super) async fn run(&self, stage: &Deployment) -> Result<(), String> {
        if let Then::Shown(request) = &self.then {
            let page = stage.invoke(self.function, request).await.map_err(|e| e.to_string())?;
            if page["statusCode"] != 200 {
                return Err(page["body"].to_string());
            }
        }
        let answer = stage.invoke(self.function, &self.payload).await.map_err(|e| e.to_string())?;
        match self.function {
            "intake" if answer["batchItemFailures"] != json!([]) => return Err(answer.to_string()),
            // The vote is kept, and no execution has that token.
            "approval" if answer["statusCode"] != 202 => return Err(answer.to_string()),
            "scan" if answer["problems"] != json!([]) => return Err(answer.to_string()),
            // It closes the incident whether or not anybody could be told.
            "alert" | "ask-human" => told(stage, &self.payload).await?,
            _ => {}
        }
        self.holds(stage).await
    }

    /// What it is called with.
    pub(super) fn payload(&self) -> &Value {
        &self.payload
    }

    /// Says what is not as it has to be after the call.
    pub(super) async fn holds(&self, stage: &Deployment) -> Result<(), String> {
        match &self.then {
            Then::Nothing | Then::Shown(_) => Ok(()),
            Then::Told(payload) => told(stage, payload).await,
            Then::Released(bucket) => {
                let lease = stage.store.lease(&resource(bucket), "a test", LEASE).await;
                if lease.unwrap() { Ok(()) } else { Err("the bucket is still held".to_owned()) }
            }
            Then::Opened(bucket) => {
                let stories = stage.stories(bucket).await;
                let Some(story) = stories.first() else { return Err("not opened".to_owned()) };
                if story.incident.detected.signals.tags.is_none() {
                    return Err("its tags are not known".to_owned());
                }
                let pending = stage.store.pending(1000).await.unwrap();
                if pending.iter().any(|p| p.hits.iter().any(|hit| hit.resource.id == *bucket)) {
                    return Err("it waits to be opened".to_owned());
                }
                Ok(())
            }
            Then::Answered(incident) => {
                let started = Instant::now();
                while started.elapsed() < WITHIN {
                    let links = stage.store.ledger(*incident).await.unwrap();
                    if links.iter().any(|link| link.key.starts_with("closed")) {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err("its execution still waits".to_owned())
            }
        }
    }
}

/// Whether the last thing that was told reached the topic.
async fn told(stage: &Deployment, payload: &Value) -> Result<(), String> {
    use aisaws_core::ledger::Entry;
    let incident = payload.pointer("/prepared/incident").or_else(|| payload.get("incident"));
    let incident = serde_json::from_value(incident.unwrap().clone()).unwrap();
    let links = stage.store.ledger(incident).await.unwrap();
    let told = links.iter().rev().find_map(|link| match &link.entry {
        Entry::Alerted { channels } => Some(channels.clone()),
        _ => None,
    });
    match told {
        Some(channels) if channels.iter().all(|(_, problem)| problem.is_none()) => Ok(()),
        other => Err(format!("told: {other:?}")),
    }
}

fn resource(bucket: &str) -> ResourceRef {
    ResourceRef {
        kind: "AWS::S3::Bucket".to_owned(),
        id: bucket.to_owned(),
        account: ACCOUNT.into(),
        region: REGION.into(),
    }
}

/// A bucket that its policy opens, among so much else that its state is large.
async fn open_large_bucket(stage: &Deployment) -> String {
    let bucket = stage.target.bucket().await;
    let s3 = &stage.target.s3;
    s3.delete_public_access_block().bucket(&bucket).send().await.unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "World", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
          "Resource": format!("arn:aws:s3:::{bucket}/*") },
        { "Sid": "Ours", "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
          "Action": "s3:GetObject",
          "Resource": format!("arn:aws:s3:::{bucket}/{}", "x".repeat(LARGE)) },
    ] });
    let put = s3.put_bucket_policy().bucket(&bucket).policy(policy.to_string());
    put.send().await.unwrap();
    bucket
}

/// Opens an incident on such a bucket, and calls the stages before this one.
async fn until(stage: &Deployment, wanted: &str) -> Value {
    let bucket = open_large_bucket(stage).await;
    let controls =
        ["s3.bucket-policy-public", "s3.block-public-access-off", "s3.default-encryption-removed"];
    let detected = opened(stage, resource(&bucket), &controls).await;
    let mut payload = serde_json::to_value(detected).unwrap();
    for name in STAGES {
        if name == wanted {
            break;
        }
        payload = stage.invoke(name, &payload).await.unwrap();
    }
    payload
}

/// Opens an incident without a state machine; gives what the first stage is handed.
pub(super) async fn opened(
    stage: &Deployment,
    resource: ResourceRef,
    controls: &[&str],
) -> Detected {
    let detected = Detected {
        incident: IncidentId::from_cause(&["test", &event::name("incident")]),
        resource,
        event: event::name("event").as_str().into(),
        time: Timestamp::now(),
        rules: vec!["s3.bucket-policy-opened".into()],
        controls: controls.iter().map(|id| ControlId::new(*id)).collect(),
        severity: Severity::High,
        signals: Signals {
            actor: ActorKind::IamUser,
            mfa: Some(true),
            error_code: None,
            is_unknown_network: None,
            invoked_by: None,
            other_rules_by_actor: 0,
            tags: Some([("large".to_owned(), "x".repeat(LARGE))].into()),
            is_sample: false,
            origin: Box::default(),
            is_trial: false,
        },
        flood: None,
        rerun: None,
    };
    let incident = Incident { detected: detected.clone(), events: BTreeSet::new() };
    stage.store.open(incident, Vec::new(), Timestamp::now()).await.unwrap();
    detected
}

/// A message that is large, on a bucket with tags, and one that cannot be read.
async fn intake(stage: &Deployment) -> Case {
    let bucket = stage.target.open_bucket().await;
    // Somebody who was never seen before.
    let mut who = event::user();
    let name = event::name("user");
    who["arn"] = json!(format!("arn:aws:iam::{ACCOUNT}:user/{name}"));
    who["userName"] = json!(name);
    who["principalId"] = json!(name);
    let mut good = event::acl_opened(&bucket, &who);
    good["detail"]["requestParameters"]["note"] = json!("x".repeat(LARGE));
    let record = |body: String| json!({ "messageId": event::name("message"), "body": body });
    let payload = json!({ "Records": [record(good.to_string()), record("no JSON".to_owned())] });
    Case { function: "intake", payload, then: Then::Opened(bucket) }
}

/// A vote that never reached its execution.
async fn voted(stage: &Deployment) -> Case {
    let asked = stage.target.open_bucket().await;
    // Past the queue, which may be somebody else's to read.
    let body = event::acl_opened(&asked, &event::root()).to_string();
    let record = json!({ "messageId": event::name("message"), "body": body });
    stage.invoke("intake", &json!({ "Records": [record] })).await.unwrap();
    let story = stage.incident(&asked, |status| status == Status::WaitingApproval).await;
    let id = story.incident.detected.incident;
    let question = stage.store.standing(id).await.unwrap().unwrap().question;
    let answer = Answer {
        vote: Vote::Deny,
        by: "ann".to_owned(),
        reason: String::new(),
        at: Timestamp::now(),
    };
    stage.store.cast(id, &question.digest, answer).await.unwrap();
    Case { function: "sweep", payload: json!({}), then: Then::Answered(id) }
}

/// Keeps a large event with a hit on an open bucket, and brings it no further.
async fn keep_hit(stage: &Deployment, bucket: &str) {
    let mut raw = event::acl_opened(bucket, &event::user())["detail"].take();
    raw["requestParameters"]["note"] = json!("x".repeat(LARGE));
    let event = cloudtrail::parse(&raw.to_string()).unwrap();
    let hit = Hit {
        rule: "s3.bucket-acl-opened".into(),
        title: "of a test".to_owned(),
        severity: Severity::High,
        event: event.id.clone(),
        resource: resource(bucket),
        controls: vec!["s3.bucket-acl-public".into()],
        window_seconds: None,
        techniques: Vec::new(),
        is_trial: false,
        is_correlation: false,
        suppressed_by: None,
    };
    let recorded = Recorded {
        event,
        hits: vec![hit],
        disposition: Disposition::Examined,
        touches: vec![resource(bucket)],
    };
    Events::append(&stage.store, vec![recorded]).await.unwrap();
}

/// A granting answer under a link to a question that is open.
async fn approval(stage: &Deployment) -> Case {
    let prepared = until(stage, "remediate").await;
    let incident: IncidentId = serde_json::from_value(prepared["incident"].clone()).unwrap();
    let asking = json!({ "token": "none", "prepared": prepared });
    stage.invoke("ask-human", &asking).await.unwrap();
    let question = stage.store.standing(incident).await.unwrap().unwrap().question;
    let key = LinkKey::new(stage.store.secret("approval-links", [0; 32]).await.unwrap());
    let token = key.sign(&Claims {
        incident,
        digest: question.digest,
        approver: "alice@example.org".to_owned(),
        expires: question.expires,
    });
    let look = json!({
        "requestContext": { "http": { "method": "GET", "sourceIp": "192.0.2.1" } },
        "queryStringParameters": { "t": token },
    });
    let payload = json!({
        "requestContext": { "http": { "method": "POST", "sourceIp": "192.0.2.1" } },
        "body": format!("t={token}&vote=grant&reason=because"), "isBase64Encoded": false,
    });
    Case { function: "approval", payload, then: Then::Shown(look) }
}
