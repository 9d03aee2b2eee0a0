//! How many events a second the store takes on one core, in batches, durably.
//!
//! `cargo bench -p aisaws-embedded --bench intake`

use std::sync::atomic::{AtomicUsize, Ordering};

use aisaws_core::port::{Disposition, Events, Recorded};
use aisaws_core::source::cloudtrail;
use aisaws_embedded::store::Store;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// Numbers events through all rounds of one run, so that each is new.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Events of 1.5 KB with ids like CloudTrail's, a few in each second.
fn batch(size: usize) -> Vec<Recorded> {
    let from = NEXT.fetch_add(size, Ordering::Relaxed);
    (from..from + size)
        .map(|n| {
            let id = aisaws_core::id::derive("bench", &[&n.to_string()]);
            let time = jiff::Timestamp::from_second(1_772_000_000 + i64::try_from(n / 8).unwrap_or(0))
                .unwrap_or_default();
            let padding = "x".repeat(960);
            let raw = format!(
                r#"{{"eventVersion":"1.08","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/ops/alice","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{{"sessionIssuer":{{"arn":"arn:aws:iam::111122223333:role/ops"}}}}}},"eventTime":"{time}","eventSource":"s3.amazonaws.com","eventName":"GetBucketAcl","awsRegion":"eu-west-1","recipientAccountId":"111122223333","sourceIPAddress":"192.0.2.7","eventID":"{id}","requestParameters":{{"bucketName":"{padding}"}}}}"#
            );
            Recorded {
                event: cloudtrail::parse(&raw).unwrap_or_else(|e| unreachable!("{e}")),
                hits: Vec::new(),
                disposition: Disposition::Examined,
                touches: Vec::new(),
            }
        })
        .collect()
}

#[divan::bench(args = [256, 1024], sample_count = 200, sample_size = 1)]
fn batches_without_hits(bencher: divan::Bencher<'_, '_>, size: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let (Ok(runtime), Ok(dir)) = (runtime, tempfile::tempdir()) else { return };
    let Ok(store) = Store::open(&dir.path().join("store.sqlite")) else { return };
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| batch(size))
        .bench_values(|records| runtime.block_on(store.append(records)));
}
