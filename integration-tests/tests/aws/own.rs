//! The system does not answer itself.

use aisaws_core::id::EventId;
use aisaws_core::port::Events as _;
use aisaws_core::status::Status;
use serde_json::json;

use crate::stage::{ACCOUNT, Deployment, event};

#[tokio::test]
async fn the_event_of_our_own_repair_is_kept_and_starts_nothing() {
    let Some(stage) = Deployment::shared().await else { return };
    let bucket = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&bucket, &event::user())).await;
    let story = stage.ended(&bucket).await;
    assert_eq!(story.status, Status::Remediated);
    let session = story.incident.detected.incident.session_name();
    let role = format!("arn:aws:iam::{ACCOUNT}:role/aisaws-responder");
    let us = json!({
        "type": "AssumedRole", "principalId": format!("AROAEXAMPLE:{session}"), "accountId": ACCOUNT,
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/aisaws-responder/{session}"),
        "sessionContext": { "sessionIssuer": {
            "type": "Role", "principalId": "AROAEXAMPLE", "arn": role, "accountId": ACCOUNT,
            "userName": "aisaws-responder",
        }, "attributes": { "mfaAuthenticated": "false" } },
    });
    // Had anybody else made this call, a new incident would be opened.
    let own = event::acl_opened(&bucket, &us);
    stage.send(&own).await;
    let kept = EventId::new(own["detail"]["eventID"].as_str().unwrap());
    let started = std::time::Instant::now();
    while stage.store.get(&kept).await.unwrap().is_none() {
        assert!(started.elapsed() < crate::stage::deployment::WITHIN);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // What is sent after it is answered after it: by then it had its chance.
    let other = stage.target.open_bucket().await;
    stage.send(&event::acl_opened(&other, &event::user())).await;
    stage.ended(&other).await;
    let stories = stage.stories(&bucket).await;
    let [story] = stories.as_slice() else { panic!("{stories:#?}") };
    assert!(!story.incident.events.contains(&kept));
}
