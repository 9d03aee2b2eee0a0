//! Putting the stack up, changing it, taking it down.

use aisaws_aws::Aws;
use aisaws_aws::deploy::Artifacts;
use aisaws_emulators::ministack;

#[tokio::test]
async fn the_artifact_bucket_is_ours_private_and_holds_content_once() {
    let Ok(emulator) = ministack() else { return };
    let aws = Aws::emulator(&emulator.endpoint()).await;
    let artifacts = Artifacts::ensure(&aws, None).await.unwrap();
    assert_eq!(artifacts.bucket(), "aisaws-artifacts-111122223333-us-east-1");
    let key = artifacts.put("read", "zip", b"content").await.unwrap();
    // SHA-256 of `content`.
    let digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    assert_eq!(key, format!("read-{digest}.zip"));
    assert_eq!(artifacts.put("read", "zip", b"content").await.unwrap(), key);
    // Once more is no error.
    Artifacts::ensure(&aws, None).await.unwrap();
}
