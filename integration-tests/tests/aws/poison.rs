//! What cannot be read goes where people look, with the reason, and holds up nothing.

use aisaws_core::status::Status;
use serde_json::json;

use crate::stage::{Deployment, event};

#[tokio::test]
async fn poison_is_laid_aside_with_the_reason_and_the_rest_goes_on() {
    let Some(stage) = Deployment::shared().await else { return };
    let bucket = stage.target.open_bucket().await;
    let mut unnamed = event::acl_opened(&bucket, &event::user());
    unnamed["detail"].as_object_mut().unwrap().remove("eventName");
    let poison = [
        "not JSON".to_owned(),
        // More than an event can have.
        "x".repeat(300 * 1024),
        json!({ "source": "nobody.knows", "detail-type": "Unknown", "detail": { "a": 1 } })
            .to_string(),
        unnamed.to_string(),
    ];
    let good = event::acl_opened(&bucket, &event::user()).to_string();
    // One batch.
    let mut send = stage.sqs.send_message_batch().queue_url(stage.output("QueueUrl"));
    for (n, body) in poison.iter().chain([&good]).enumerate() {
        let entry = aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder();
        send = send.entries(entry.id(n.to_string()).message_body(body).build().unwrap());
    }
    let sent = send.send().await.unwrap();
    assert!(sent.failed().is_empty(), "{sent:#?}");
    let mut ids: Vec<_> = sent.successful().iter().map(|s| (s.id(), s.message_id())).collect();
    ids.sort_unstable();
    let ids: Vec<String> = ids.into_iter().map(|(_, id)| id.to_owned()).collect();
    let mut reasons = Vec::new();
    for (id, body) in ids.iter().zip(&poison) {
        let dead = stage.dead(|dead| dead.id == *id).await;
        assert!(dead.body == *body && !dead.reason.is_empty(), "{}", dead.reason);
        reasons.push(dead.reason);
    }
    assert!(reasons[2].contains("nobody.knows"), "{}", reasons[2]);
    assert!(reasons[3].contains("`eventName`"), "{}", reasons[3]);
    assert_eq!(stage.ended(&bucket).await.status, Status::Remediated);
}
