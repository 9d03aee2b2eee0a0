//! Logs of writes: that of one process, and the table.

use std::sync::Arc;
use std::time::Duration;

use aisaws_aws::archive::Archive;
use aisaws_aws::drivers::{MemoryLog, WriteLog, Written};
use aisaws_aws::store::Store;
use aisaws_aws::{Aws, SystemClock};
use aisaws_core::ledger::Call;
use aisaws_core::port::Account as _;
use serde_json::json;

use crate::world::{BUCKET, World, resource, step, with};

fn call(action: &str) -> Call {
    Call { action: action.to_owned(), parameters: json!({"Bucket": "acme"}) }
}

/// What every log does.
async fn keeps(one: &dyn WriteLog, other: &dyn WriteLog) {
    let (bucket, key) = (resource(BUCKET, "an id / with spaces"), step("log"));
    assert_eq!(one.get(&key).await.unwrap(), None);
    let first =
        Written { calls: vec![call("s3:A")], attempted: Some(call("s3:B")), is_whole: false };
    one.put(&key, &bucket, &first).await.unwrap();
    assert_eq!(other.get(&key).await.unwrap(), Some(first));
    let whole =
        Written { calls: vec![call("s3:A"), call("s3:B")], attempted: None, is_whole: true };
    assert_eq!(one.put(&key, &bucket, &whole).await.unwrap(), whole);
    assert_eq!(other.get(&key).await.unwrap(), Some(whole.clone()));
    let late = Written { calls: Vec::new(), attempted: None, is_whole: true };
    assert_eq!(other.put(&key, &bucket, &late).await.unwrap(), whole, "the first one stands");
    assert_eq!(other.get(&step("another")).await.unwrap(), None);

    let hour = Duration::from_hours(1);
    assert!(one.lease(&bucket, "a", hour).await.unwrap());
    assert!(one.lease(&bucket, "a", hour).await.unwrap(), "it is held for longer");
    assert!(!other.lease(&bucket, "b", hour).await.unwrap());
    assert!(other.lease(&resource(BUCKET, "another"), "b", hour).await.unwrap());
    other.release(&bucket, "b").await.unwrap();
    assert!(!other.lease(&bucket, "b", hour).await.unwrap(), "it was not b's to give back");
    one.release(&bucket, "a").await.unwrap();
    one.release(&bucket, "a").await.unwrap();
    assert!(other.lease(&bucket, "b", Duration::ZERO).await.unwrap());
    assert!(one.lease(&bucket, "a", hour).await.unwrap(), "b's time is over");
}

async fn stores(world: &World, name: &str) -> (Store, Store) {
    let aws = Aws::emulator(&world.ministack.endpoint).await;
    let archive = Archive::new(&aws, &format!("archive-{name}"));
    let handle = || Store::new(&aws, name, archive.clone(), Arc::new(SystemClock));
    let (one, other) = (handle(), handle());
    one.ensure_table().await.unwrap();
    (one, other)
}

#[tokio::test]
async fn the_log_of_one_process_remembers_and_lets_one_write() {
    let log = MemoryLog::default();
    keeps(&log, &log).await;
}

#[tokio::test]
async fn the_table_remembers_and_lets_one_write() {
    let Some(world) = World::new().await else { return };
    let (one, other) = stores(&world, "log").await;
    keeps(&one, &other).await;
}

/// What a process that died had not told, the next one knows from the table.
#[tokio::test]
async fn another_process_knows_what_was_written() {
    let Some(world) = World::new().await else { return };
    let (one, other) = stores(&world, "log-account").await;
    let (one, other) = (
        world.account_with(world.settings(), Arc::new(one)),
        world.account_with(world.settings(), Arc::new(other)),
    );
    let bucket = world.bucket("log-account").await;
    let before = one.read(&bucket).await.unwrap();
    let after = with(&before, &[("Tags", json!({"a": "b"}))]);
    let key = step("log-account");
    let calls = one.write(&bucket, &before, &after, &key).await.unwrap();
    assert_eq!(calls.len(), 1);
    let again = other.write(&bucket, &before, &after, &key).await.unwrap();
    assert_eq!(again, calls);
    assert_eq!(world.ministack.count("PutBucketTagging"), 1);
}
