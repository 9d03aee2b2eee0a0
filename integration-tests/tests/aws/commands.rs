//! The command line on a deployment, found by its stack.

use std::process::{Command, Output};
use std::time::Instant;

use aisaws_aws::identity;
use aisaws_core::handoff::Vote;
use aisaws_core::ledger::Entry;
use aisaws_core::status::Status;
use serde_json::{Value, json};

use crate::stage::deployment::WITHIN;
use crate::stage::{Deployment, REGION, STACK, Story, event};

/// The program, as somebody with the account's credentials starts it.
pub(crate) fn aisaws(stage: &Deployment) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"));
    command
        .env_clear()
        .env("AWS_ENDPOINT_URL", stage.endpoint())
        .env("AISAWS_TARGET_ENDPOINT_URL", stage.target_endpoint())
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

/// Runs it on the deployment, which is told by its stack; what it could not do is a panic.
pub(crate) fn run(stage: &Deployment, arguments: &[&str]) -> Output {
    let output = aisaws(stage).args(arguments).args(["--aws", "--stack", STACK]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {errors}");
    output
}

pub(crate) fn answer(stage: &Deployment, arguments: &[&str]) -> Value {
    let output = run(stage, &[arguments, &["--output", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn asked(stage: &Deployment) -> (String, Story) {
    let bucket = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&bucket, &event::root())).await;
    let story = stage.incident(&bucket, |status| status == Status::WaitingApproval).await;
    (bucket, story)
}

fn votes(story: &Story) -> Vec<(Vote, &str, &str)> {
    let votes = story.entries().filter_map(|entry| match entry {
        Entry::Voted { vote, by, reason, .. } => Some((*vote, by.as_str(), reason.as_str())),
        _ => None,
    });
    votes.collect()
}

#[tokio::test]
async fn who_grants_on_the_command_line_is_recorded_as_aws_knows_them() {
    let Some(stage) = Deployment::shared().await else { return };
    let (bucket, story) = asked(&stage).await;
    let id = story.incident.detected.incident.to_string();
    let digest = story.entries().find_map(|entry| match entry {
        Entry::Prepared { digest, .. } => Some(digest.as_str()),
        _ => None,
    });
    let digest = digest.unwrap();
    let waiting = answer(&stage, &["approval", "list"]);
    let mine = |question: &&Value| question["incident"] == *id;
    let question = waiting.as_array().unwrap().iter().find(mine).unwrap();
    assert_eq!(question["digest"], digest);
    assert!(question.get("token").is_none(), "the token is secret");
    // Of another plan nothing is granted.
    let other = aisaws(&stage)
        .args(["approval", "grant", &id, "--digest", "0000", "--yes", "--aws", "--stack", STACK])
        .output();
    assert_eq!(other.unwrap().status.code(), Some(2));
    let grant = ["approval", "grant", &id, "--digest", digest, "--yes", "--reason", "seen"];
    let granted = run(&stage, &grant);
    assert_eq!(granted.status.code(), Some(0));
    let shown = String::from_utf8_lossy(&granted.stderr).into_owned();
    assert!(shown.contains(digest) && shown.contains("AllUsers"), "{shown}");
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Remediated, "{story:?}");
    let caller = identity(&stage.aws).await.unwrap().arn;
    assert_eq!(votes(&story), [(Vote::Grant, caller.as_str(), "seen")]);
    let shown = answer(&stage, &["incident", "show", &id]);
    assert_eq!(shown["incident"]["status"], "remediated");
    assert_eq!(shown["ledger"].as_array().unwrap().len(), story.links.len());
}

#[tokio::test]
async fn what_is_denied_on_the_command_line_is_left_as_it_is() {
    let Some(stage) = Deployment::shared().await else { return };
    let (bucket, story) = asked(&stage).await;
    let id = story.incident.detected.incident.to_string();
    let denied = run(&stage, &["approval", "deny", &id, "--yes", "--reason", "on purpose"]);
    assert_eq!(denied.status.code(), Some(0));
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Denied, "{story:?}");
    assert!(stage.target.is_public(&bucket).await);
    // The other answer, and the same once more.
    for (vote, code) in [("grant", 1), ("deny", 0)] {
        let late = run(&stage, &["approval", vote, &id, "--yes"]);
        assert_eq!(late.status.code(), Some(code), "{vote}");
    }
    assert_eq!(stage.ended(&bucket).await.links.len(), story.links.len());
}

#[tokio::test]
async fn the_ledger_of_a_deployment_is_exported_and_holds() {
    let Some(stage) = Deployment::shared().await else { return };
    let bucket = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&bucket, &event::user())).await;
    let story = stage.ended(&bucket).await;
    let id = story.incident.detected.incident.to_string();
    let verified = answer(&stage, &["store", "verify"]);
    assert_eq!(verified["holds"], true, "{verified:#}");
    let exported = run(&stage, &["store", "export"]).stdout;
    let links = String::from_utf8(exported).unwrap();
    let links = links.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(links.filter(|link| link["incident"] == *id).count(), story.links.len());
    // What no function could read is kept here too, with the reason.
    let poison = format!("no JSON at all: {bucket}");
    stage.send_text(&poison).await;
    stage.dead(|dead| dead.body == poison).await;
    let letters = answer(&stage, &["store", "dead-letters"]);
    let is_ours = |letter: &Value| letter["content"] == *poison && letter["reason"].is_string();
    assert!(letters.as_array().unwrap().iter().any(is_ours), "{letters:#}");
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_said_so() {
    let Some(stage) = Deployment::shared().await else { return };
    let output = aisaws(&stage).args(["incident", "list", "--aws", "--stack", "none"]).output();
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && errors.contains("`none`"), "{errors}");
}

#[tokio::test]
async fn a_live_rerun_shows_its_plan_and_repairs_once() {
    let Some(stage) = Deployment::shared().await else { return };
    let bucket = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&bucket, &event::user())).await;
    let first = stage.ended(&bucket).await;
    assert_eq!(first.status, Status::Remediated, "{first:?}");
    let id = first.incident.detected.incident.to_string();
    let live = || {
        let output = run(&stage, &["replay", "--live", &id, "--yes", "--output", "json"]);
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), shown)
    };
    // Nothing is wrong, so nothing is started.
    assert_eq!(live().0["rerun"], Value::Null);
    // Opened again, and no event told of it.
    stage.target.open_acl(&bucket).await;
    let (started, shown) = live();
    assert!(shown.contains(started["digest"].as_str().unwrap()), "{shown}");
    assert!(shown.contains("AllUsers"), "{shown}");
    let rerun = started["rerun"].as_str().unwrap().to_owned();
    let ended = |story: &&Story| {
        story.incident.detected.incident.to_string() == rerun && story.status.is_final()
    };
    let begun = Instant::now();
    let story = loop {
        let stories = stage.stories(&bucket).await;
        assert!(begun.elapsed() < WITHIN, "{stories:#?}");
        if let Some(story) = stories.iter().find(ended) {
            break story.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert_eq!(story.status, Status::Remediated, "{story:?}");
    assert!(!stage.target.is_public(&bucket).await);
    let asked = story.incident.detected.rerun.clone().unwrap();
    assert_eq!(asked.by, identity(&stage.aws).await.unwrap().arn);
    assert_eq!((asked.of.to_string(), asked.run), (id.clone(), 1));
    // Called again, there is nothing left to repair.
    assert_eq!(live().0["rerun"], Value::Null);
    assert_eq!(stage.stories(&bucket).await.len(), 2);
}

#[tokio::test]
async fn a_replay_decides_what_was_decided() {
    let Some(stage) = Deployment::shared().await else { return };
    let bucket = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&bucket, &event::user())).await;
    let story = stage.ended(&bucket).await;
    let id = story.incident.detected.incident.to_string();
    let replay = answer(&stage, &["replay", "--id", &id]);
    let rows = replay["incidents"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{replay:#}");
    assert_eq!(rows[0]["recorded"]["decision"], "act", "{replay:#}");
    for part in ["score", "decision"] {
        assert_eq!(rows[0]["recorded"][part], rows[0]["replayed"][part], "{replay:#}");
    }
    // The function that does the same tells the same, and leaves its rows in the archive.
    let replayed = stage.invoke("replay", &json!({ "selection": { "id": id } })).await.unwrap();
    assert_eq!(replayed["incidents"], 1, "{replayed:#}");
    assert_eq!(replayed["differing"], replay["differing"], "{replayed:#}");
    assert_eq!(replayed["stopped_at"], Value::Null);
    let key = replayed["result"].as_str().unwrap();
    let bucket = stage.output("BucketName");
    stage.s3.head_object().bucket(bucket).key(key).send().await.unwrap();
}
