//! Functions that die between any two calls to AWS, and executions that are stopped there: every
//! incident ends as if nothing had happened, and what was repaired was written once.

use std::sync::Arc;

use aisaws_core::handoff::Detected;
use aisaws_core::ledger::{Entry, verify_chain};
use aisaws_core::port::Incidents as _;
use aisaws_core::status::{Status, proven};
use aisaws_emulators::proxy::Cut;
use aws_sdk_s3::types::{BucketCannedAcl, OwnershipControls, OwnershipControlsRule};
use serde_json::Value;

use crate::footing::{Footing, endpoint, side_by_side};
use crate::killer::Death;
use crate::response::{Functions, Then, respond};
use crate::worker::opened;

/// Scenarios at a time.
const TOGETHER: usize = 8;

/// A bucket that everyone may list, with the event of that taken in.
pub(crate) struct Scene {
    pub(crate) footing: Footing,
    pub(crate) bucket: String,
}

impl Scene {
    pub(crate) async fn new() -> Option<Self> {
        let footing = Footing::new().await?;
        let bucket = format!("{}-open", footing.name);
        footing.s3.create_bucket().bucket(&bucket).send().await.unwrap();
        footing.s3.delete_public_access_block().bucket(&bucket).send().await.unwrap();
        let rule = OwnershipControlsRule::builder().object_ownership("ObjectWriter".into());
        let controls = OwnershipControls::builder().rules(rule.build().unwrap()).build().unwrap();
        let put = footing.s3.put_bucket_ownership_controls().bucket(&bucket);
        put.ownership_controls(controls).send().await.unwrap();
        Some(Self { footing, bucket })
    }

    /// Opens the bucket to everyone; the event that tells so.
    pub(crate) async fn opened(&self, event: &str) -> Value {
        let put = self.footing.s3.put_bucket_acl().bucket(&self.bucket);
        put.acl(BucketCannedAcl::PublicRead).send().await.unwrap();
        let mut event: Value = opened(event, &self.bucket);
        let now = jiff::Timestamp::now().to_string();
        event["detail"]["eventTime"] = now.into();
        event
    }

    /// Opens the bucket to everyone, and takes in the event that tells so.
    pub(crate) async fn open(&self, functions: &Functions, event: &str) -> Detected {
        let event = self.opened(event).await;
        let responder = functions.responder();
        responder.take_in_messages(&[("message".to_owned(), event.to_string())]).await.unwrap();
        let mut opened = responder.open().await.unwrap();
        assert_eq!(opened.len(), 1, "{opened:#?}");
        opened.remove(0)
    }

    pub(crate) async fn is_public(&self) -> bool {
        let acl = self.footing.s3.get_bucket_acl().bucket(&self.bucket).send().await.unwrap();
        acl.grants().iter().any(|g| g.grantee().is_some_and(|grantee| grantee.uri().is_some()))
    }
}

/// A response that came to its end.
struct Ended {
    death: Death,
    /// Calls of the functions that may die.
    calls: usize,
    /// What changed the protected account.
    writes: Vec<String>,
}

/// One response, with a function that dies.
async fn ended(death: Death) -> Option<Ended> {
    ended_and(death, Then::Retried).await
}

/// One response whose execution is stopped.
async fn stopped(death: Death) -> Option<Ended> {
    ended_and(death, Then::Stopped).await
}

async fn ended_and(death: Death, then: Then) -> Option<Ended> {
    let scene = Scene::new().await?;
    let functions = Functions::new(&scene.footing, &endpoint()?, death).await.then(then);
    let functions = Arc::new(functions);
    let detected = scene.open(&functions, "event-1").await;
    let status = respond(&functions, &detected).await;
    assert!(matches!(status, aisaws_engine::Status::Succeeded { .. }), "{death:?} {status:?}");
    assert_eq!(functions.died(), death.is_some(), "{death:?}");
    let incident = detected.incident;
    let links = scene.footing.store.ledger(incident).await.unwrap();
    let entries = || links.iter().map(|link| &link.entry);
    assert_eq!(proven(entries()), Status::Remediated, "{death:?} {links:#?}");
    let written = entries().filter(|entry| matches!(entry, Entry::Remediated { .. })).count();
    let told = entries().filter(|entry| matches!(entry, Entry::Closed { .. })).count();
    assert_eq!((written, told), (1, 1), "{death:?} {links:#?}");
    let (raw, head) = scene.footing.store.raw_ledger(incident).await.unwrap();
    assert_eq!(verify_chain(incident, &raw, head.as_ref()), Ok(()), "{death:?}");
    assert!(!scene.is_public().await, "{death:?}");
    Some(Ended { death, calls: functions.calls(), writes: functions.writes() })
}

#[tokio::test]
async fn a_function_may_die_between_any_two_calls() {
    let Some(Ended { calls, writes, .. }) = ended(None).await else { return };
    assert!(calls > 30 && !writes.is_empty(), "{calls} {writes:?}");
    // To die after one call is to die before the next.
    let deaths = (0..calls).map(|call| (call, Cut::Answer)).chain([(0, Cut::Request)]);
    for run in side_by_side(deaths.map(Some), TOGETHER, ended).await {
        // What was written and not answered is seen as written, and not written again.
        let Ended { death, writes: again, .. } = run.unwrap();
        assert_eq!(again, writes, "{death:?}");
    }
}

#[tokio::test]
async fn an_execution_may_be_stopped_between_any_two_calls() {
    let Some(Ended { calls, writes, .. }) = ended(None).await else { return };
    let stops = (0..calls).map(|call| (call, Cut::Answer)).chain([(0, Cut::Request)]);
    for run in side_by_side(stops.map(Some), TOGETHER, stopped).await {
        // The execution in its place finds what was done, and does the rest.
        let Ended { death, writes: again, .. } = run.unwrap();
        assert_eq!(again, writes, "{death:?}");
    }
}
