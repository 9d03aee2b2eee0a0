//! Where tests work: emulators that all tests of this program share, and names that none shares.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use aisaws_aws::archive::Archive;
use aisaws_aws::store::Store;
use aisaws_aws::{Aws, SystemClock};
use aisaws_emulators::{Emulator, dynamodb_local, ministack};

/// MiniStack; it ends with this program.
pub(crate) fn endpoint() -> String {
    static MINISTACK: OnceLock<Emulator> = OnceLock::new();
    MINISTACK.get_or_init(|| ministack().unwrap_or_else(|e| panic!("{e}"))).endpoint()
}

/// MiniStack as a place to call.
pub(crate) async fn aws() -> Aws {
    Aws::emulator(&endpoint()).await
}

/// DynamoDB Local, where there is Java.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn second_endpoint() -> Option<String> {
    static LOCAL: OnceLock<Option<Emulator>> = OnceLock::new();
    let local = LOCAL.get_or_init(|| match dynamodb_local() {
        Ok(emulator) => Some(emulator),
        Err(e) if e.is_missing_program() => {
            eprintln!("skipped: {e}");
            None
        }
        Err(e) => panic!("{e}"),
    });
    local.as_ref().map(Emulator::endpoint)
}

/// A name that no other test of this program has.
pub(crate) fn name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new archive.
pub(crate) async fn archive() -> Archive {
    let archive = Archive::new(&aws().await, &name("archive"));
    archive.ensure_bucket().await.unwrap();
    archive
}

/// Two handles on one new table, as two processes have them.
pub(crate) async fn stores(table_at: &str) -> (Store, Store) {
    let (aws, table, archive) = (Aws::emulator(table_at).await, name("aisaws"), archive().await);
    let handle = || Store::new(&aws, &table, archive.clone(), Arc::new(SystemClock));
    let (one, other) = (handle(), handle());
    one.ensure_table().await.unwrap();
    other.ensure_table().await.unwrap();
    (one, other)
}

/// Clients of the SDK on MiniStack, for what only a test does.
pub(crate) async fn sdk() -> aws_config::SdkConfig {
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(endpoint())
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(aws_credential_types::Credentials::new(
            "test", "test", None, None, "emulator",
        ))
        .load()
        .await
}

/// A client of S3, which needs buckets in the path.
pub(crate) async fn s3() -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sdk().await).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}
