//! The archive keeps each content once and gives nothing else back.

use aisaws_aws::archive::{Archive, ArchiveError};
use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::id::IncidentId;
use aisaws_core::source::cloudtrail;

use crate::place::{aws, name, s3};

async fn archive() -> (Archive, String) {
    let bucket = name("archive");
    let archive = Archive::new(&aws().await, &bucket);
    archive.ensure_bucket().await.unwrap();
    archive.ensure_bucket().await.unwrap();
    (archive, bucket)
}

async fn keys(bucket: &str) -> Vec<String> {
    let listed = s3().await.list_objects_v2().bucket(bucket).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_event_lies_under_its_account_and_day() {
    let (archive, bucket) = archive().await;
    let raw = r#"{"eventID":"7c3e/..","eventTime":"2026-03-01T23:59:59Z","eventName":"A",
        "eventSource":"b","recipientAccountId":"111122223333"}"#;
    let event = cloudtrail::parse(raw).unwrap();
    let reference = archive.keep_event(&event).await.unwrap();
    let digest = Digest::of_bytes(event.raw.as_bytes());
    let key = format!("raw-events/111122223333/2026/03/01/7c3e=2F=2E=2E-{digest}.json.gz");
    assert_eq!(keys(&bucket).await, [key.as_str()]);
    assert_eq!(archive.load(&reference).await.unwrap(), event.raw.as_bytes());
}

#[tokio::test]
async fn the_same_content_is_kept_once() {
    let (archive, bucket) = archive().await;
    let first = archive.keep_body("state", "{}").await.unwrap();
    assert_eq!(archive.keep_body("state", "{}").await.unwrap(), first);
    assert_ne!(archive.keep_body("state", "{ }").await.unwrap(), first);
    assert_eq!(keys(&bucket).await.len(), 2);
}

#[tokio::test]
async fn a_changed_object_is_an_error_and_never_another_body() {
    let (archive, bucket) = archive().await;
    let incident = IncidentId::from_cause(&["test"]);
    let kept = archive.keep_evidence(incident, "trail", b"what was found").await.unwrap();
    let other = archive.keep_evidence(incident, "trail", b"something else").await.unwrap();
    let client = s3().await;
    let get = client.get_object().bucket(&bucket).key(&other.key).send().await.unwrap();
    let packed = get.body.collect().await.unwrap().to_vec();
    for forged in [packed, b"what was found".to_vec()] {
        let body = forged.into();
        client.put_object().bucket(&bucket).key(&kept.key).body(body).send().await.unwrap();
        let error = archive.load(&kept).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Altered(_)), "{error:?}");
        assert_eq!(error.fault(), Fault::Permanent);
    }
}

#[tokio::test]
async fn what_is_not_there_is_missing_and_a_missing_bucket_is_an_error() {
    let (archive, bucket) = archive().await;
    let kept = archive.keep_body("state", "{}").await.unwrap();
    s3().await.delete_object().bucket(&bucket).key(&kept.key).send().await.unwrap();
    assert!(matches!(archive.load(&kept).await, Err(ArchiveError::Missing(_))));
    let nowhere = Archive::new(&aws().await, &name("nowhere"));
    let error = nowhere.keep_body("state", "{}").await.unwrap_err();
    assert_eq!(error.fault(), Fault::BadInput);
    assert!(error.to_string().contains("NoSuchBucket"), "{error}");
}
