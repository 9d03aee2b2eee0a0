//! An event comes in, the resource is repaired in the protected account, people are told.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::{Duration, Instant};

use aisaws_aws::archive::{Archive, Reference};
use aisaws_core::canonical::Digest;
use aisaws_core::id::EventId;
use aisaws_core::ledger::{Entry, Link};
use aisaws_core::port::Events as _;
use aisaws_core::status::Status;
use serde_json::{Value, json};

use crate::stage::deployment::WITHIN;
use crate::stage::listener::{Alert, Listener};
use crate::stage::{ACCOUNT, Deployment, Story, event};

/// The actions that repaired, and what the read-back said.
fn repair(story: &Story) -> (Vec<String>, bool) {
    let mut actions = Vec::new();
    let mut holds = false;
    for entry in story.entries() {
        match entry {
            Entry::Remediated { calls, .. } => {
                actions.extend(calls.iter().map(|call| call.action.clone()));
            }
            Entry::Verified { holds: now, reads, .. } => holds = *now && *reads >= 2,
            _ => {}
        }
    }
    (actions, holds)
}

/// Which steps the ledger tells of, in their order, without repetitions by retries.
pub(crate) fn steps(story: &Story) -> Vec<&'static str> {
    let mut steps: Vec<&str> = story
        .entries()
        .map(|entry| match entry {
            Entry::Opened { .. } => "opened",
            Entry::Scored { .. } => "scored",
            Entry::Decided { .. } => "decided",
            Entry::Prepared { .. } => "prepared",
            Entry::Remediated { .. } => "remediated",
            Entry::Verified { .. } => "verified",
            Entry::Alerted { .. } => "alerted",
            Entry::Closed { .. } => "closed",
            _ => "another",
        })
        .collect();
    steps.dedup();
    steps
}

/// Of a repair that nothing disturbed.
pub(crate) const WHOLE: [&str; 8] =
    ["opened", "scored", "decided", "prepared", "remediated", "verified", "alerted", "closed"];

async fn told(listener: &Listener, story: &Story) -> Alert {
    let id = story.incident.detected.incident.to_string();
    let about = |alert: &Alert| alert.attributes.get("incident") == Some(&id);
    listener.hear(about).await
}

#[tokio::test]
async fn a_port_that_was_opened_to_the_world_is_closed() {
    let Some(stage) = Deployment::shared().await else { return };
    let listener = stage.listen().await;
    let group = stage.target.group().await;
    stage.target.allow(&group, 22, "0.0.0.0/0").await;
    stage.send(&event::ssh_opened(&group, &event::user())).await;
    let story = stage.ended(&group).await;
    assert_eq!(story.status, Status::Remediated, "{story:#?}");
    assert_eq!(stage.target.allowed(&group).await, [(443, "192.0.2.0/24".to_owned())]);
    assert_eq!(repair(&story), (vec!["ec2:RevokeSecurityGroupIngress".to_owned()], true));
    assert_eq!(steps(&story), WHOLE);
    let alert = told(&listener, &story).await;
    assert!(alert.subject.contains(&group) && alert.subject.contains("was repaired"), "{alert:?}");
    assert!(alert.text.contains("ec2:RevokeSecurityGroupIngress"), "{}", alert.text);
}

#[tokio::test]
async fn a_bucket_that_was_opened_to_everyone_is_closed() {
    let Some(stage) = Deployment::shared().await else { return };
    let listener = stage.listen().await;
    let bucket = stage.target.open_bucket().await;
    assert!(stage.target.is_public(&bucket).await);
    stage.send(&event::acl_opened(&bucket, &event::user())).await;
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Remediated, "{story:#?}");
    assert!(!stage.target.is_public(&bucket).await);
    assert_eq!(repair(&story), (vec!["s3:PutBucketAcl".to_owned()], true));
    assert_eq!(steps(&story), WHOLE);
    let alert = told(&listener, &story).await;
    assert_eq!(alert.attributes["status"], "remediated");
}

/// From the first call on: the bucket is made, then opened in three calls, each of them an event.
#[tokio::test]
async fn a_bucket_that_is_made_and_opened_ends_private() {
    let Some(stage) = Deployment::shared().await else { return };
    let listener = stage.listen().await;
    // CloudTrail tells of it minutes later, when all is done.
    let bucket = stage.target.open_bucket().await;
    let who = event::user();
    let made = event::record("s3", "CreateBucket", &who, &json!({ "bucketName": bucket }));
    let ownership = json!({
        "bucketName": bucket, "OwnershipControls": { "Rule": { "ObjectOwnership": "ObjectWriter" } },
    });
    let ownership = event::record("s3", "PutBucketOwnershipControls", &who, &ownership);
    let events = [
        event::envelope(&made),
        event::block_deleted(&bucket, &who),
        event::envelope(&ownership),
        event::acl_opened(&bucket, &who),
    ];
    for event in events {
        stage.send(&event).await;
    }
    // What intake takes in apart may be incidents apart: the last of them closes the bucket.
    let story = stage.incident(&bucket, |status| status == Status::Remediated).await;
    let begun = Instant::now();
    while stage.target.is_public(&bucket).await {
        assert!(begun.elapsed() < WITHIN, "{:#?}", stage.stories(&bucket).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    told(&listener, &story).await;
}

#[tokio::test]
async fn an_event_is_kept_and_its_raw_text_is_archived() {
    let Some(stage) = Deployment::shared().await else { return };
    let bucket = stage.target.open_bucket().await;
    let event = event::acl_opened(&bucket, &event::user());
    stage.send(&event).await;
    stage.ended(&bucket).await;
    let id = event["detail"]["eventID"].as_str().unwrap();
    let stored = stage.store.get(&EventId::new(id)).await.unwrap().unwrap();
    let raw: Value = serde_json::from_str(&stored.raw).unwrap();
    assert_eq!(raw, event["detail"]);
    let folder = format!("raw-events/{ACCOUNT}/{}/", stored.time.strftime("%Y/%m/%d"));
    let list = stage.s3.list_objects_v2().bucket(stage.output("BucketName"));
    let listed = list.prefix(format!("{folder}{id}-")).send().await.unwrap();
    let [object] = listed.contents() else { panic!("{listed:#?}") };
    let archive = Archive::new(&stage.aws, stage.output("BucketName"));
    let reference = Reference {
        key: object.key().unwrap().to_owned(),
        digest: Digest::of_bytes(stored.raw.as_bytes()),
    };
    assert_eq!(archive.load(&reference).await.unwrap(), stored.raw.as_bytes());
}

/// The objects of a folder of the archive, unpacked.
async fn unpacked(stage: &Deployment, folder: &str) -> Vec<(String, String)> {
    let bucket = stage.output("BucketName");
    let list = stage.s3.list_objects_v2().bucket(bucket).prefix(folder).send().await.unwrap();
    let mut objects = Vec::new();
    for key in list.contents().iter().filter_map(|object| object.key()) {
        let get = stage.s3.get_object().bucket(bucket).key(key).send().await.unwrap();
        let packed = get.body.collect().await.unwrap().into_bytes();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_ref()).read_to_string(&mut text).unwrap();
        objects.push((key.to_owned(), text));
    }
    objects
}

#[tokio::test]
async fn what_an_incident_stands_on_is_archived_when_it_ends() {
    let Some(stage) = Deployment::shared().await else { return };
    let bucket = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&bucket, &event::user())).await;
    let story = stage.ended(&bucket).await;
    let folder = format!("evidence/{}/", story.incident.detected.incident);
    // It is closed first.
    let begun = Instant::now();
    let objects = loop {
        let objects = unpacked(&stage, &folder).await;
        if objects.iter().any(|(key, _)| key.starts_with(&format!("{folder}ledger-"))) {
            break objects;
        }
        assert!(begun.elapsed() < WITHIN, "{objects:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let named = |name: &str| {
        let begins = format!("{folder}{name}-");
        let named = objects.iter().filter(move |(key, _)| key.starts_with(&begins));
        named.map(|(_, text)| text.as_str()).collect::<Vec<_>>()
    };
    let ledger: Vec<Link> =
        named("ledger")[0].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ledger, story.links);
    let kept =
        named("state").into_iter().map(|state| Digest::of(&serde_json::from_str(state).unwrap()));
    let plans = story.entries().filter_map(|entry| match entry {
        Entry::Prepared { snapshot, target, .. } => Some([snapshot.clone(), target.clone()]),
        _ => None,
    });
    let (kept, planned): (BTreeSet<_>, BTreeSet<_>) = (kept.collect(), plans.flatten().collect());
    assert_eq!((kept, planned.len()), (planned, 2));
}
