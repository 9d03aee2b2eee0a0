//! `aisaws reconcile` against the log files of an organisation's trail in two regions.

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;

use aisaws_core::port::Incidents;
use aisaws_workers::wire::Wired;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::footing::{Footing, endpoint};
use crate::response::{Ahead, wired};
use crate::worker::opened;

/// A record of a log file: what stands in the envelope of an event.
fn record(id: &str, region: &str, time: Timestamp) -> Value {
    let mut record = opened(id, &format!("acme-{id}"))["detail"].clone();
    record["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    record["awsRegion"] = region.into();
    record
}

/// A call that no rule of ours asks for.
fn idle(time: Timestamp) -> Value {
    let mut record = record("idle", "us-east-1", time);
    record["eventSource"] = "polly.amazonaws.com".into();
    record["eventName"] = "SynthesizeSpeech".into();
    record
}

struct Trail {
    footing: Footing,
    bucket: String,
}

impl Trail {
    async fn new() -> Option<Self> {
        let footing = Footing::new().await?;
        let bucket = format!("{}-trail", footing.name);
        footing.s3.create_bucket().bucket(&bucket).send().await.unwrap();
        Some(Self { footing, bucket })
    }

    async fn put(&self, key: &str, body: Vec<u8>) {
        let put = self.footing.s3.put_object().bucket(&self.bucket).key(key);
        put.body(body.into()).send().await.unwrap();
    }

    /// Delivers a log file at that time; gives its key.
    async fn deliver(&self, region: &str, at: Timestamp, name: &str, records: &[Value]) -> String {
        let (day, minute) = (at.strftime("%Y/%m/%d"), at.strftime("%Y%m%dT%H%MZ"));
        let key = format!(
            "logs/AWSLogs/o-exampleorgid/111122223333/CloudTrail/{region}/{day}/111122223333_CloudTrail_{region}_{minute}_{name}.json.gz"
        );
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(json!({ "Records": records }).to_string().as_bytes()).unwrap();
        self.put(&key, packed.finish().unwrap()).await;
        key
    }

    fn reconcile(&self, since: Timestamp, flags: &[&str]) -> (i32, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"))
            .args(["reconcile", "--output", "json", "--prefix", "logs/"])
            .args(["--trail-bucket", &self.bucket, "--since", &since.to_string()])
            .args(flags)
            .env_clear()
            .envs(self.footing.variables(&endpoint().unwrap()))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let value = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), value.unwrap_or_else(|e| panic!("{e}: {errors}")))
    }
}

#[tokio::test]
async fn what_the_trail_has_and_we_do_not_is_named_and_fed() {
    let Some(trail) = Trail::new().await else { return };
    let now = Timestamp::now();
    let ago = |minutes| now.checked_sub(SignedDuration::from_mins(minutes)).unwrap();
    let (since, one) = (ago(300), record("one", "us-east-1", ago(200)));
    let first = [one.clone(), record("two", "us-east-1", ago(199)), idle(ago(198))];
    trail.deliver("us-east-1", ago(195), "a", &first).await;
    // A repetition, and what was before the window.
    let again = [one.clone(), record("before", "us-east-1", ago(301))];
    trail.deliver("us-east-1", ago(190), "b", &again).await;
    // Hours late.
    trail.deliver("eu-west-1", ago(60), "c", &[record("three", "eu-west-1", ago(240))]).await;
    // It may still be on its way to us.
    trail.deliver("eu-west-1", ago(0), "d", &[record("four", "eu-west-1", ago(1))]).await;
    let day = ago(0).strftime("%Y/%m/%d").to_string();
    let digest = format!(
        "logs/AWSLogs/o-exampleorgid/111122223333/CloudTrail-Digest/us-east-1/{day}/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260301T000000Z.json.gz"
    );
    trail.put(&digest, b"no log file".to_vec()).await;
    let torn = trail.deliver("us-east-1", ago(100), "torn", &[]).await;
    trail.put(&torn, b"torn".to_vec()).await;
    let machine: Wired = wired(&trail.footing, &endpoint().unwrap(), Arc::new(Ahead::none())).await;
    let responder = machine.responder().unwrap();
    responder.take_in_messages(&[("m".to_owned(), one.to_string())]).await.unwrap();

    let (code, found) = trail.reconcile(since, &[]);
    assert_eq!(code, 1, "{found:#}");
    let total = json!({ "files": 5, "records": 6, "events": 4, "repetitions": 1, "arrived": 1,
        "missing": 2, "unsettled": 1, "fed": 0 });
    assert_eq!(found["total"], total, "{found:#}");
    let gaps: Vec<(&str, &str)> = found["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| (gap["id"].as_str().unwrap(), gap["region"].as_str().unwrap()))
        .collect();
    assert_eq!(gaps, [("three", "eu-west-1"), ("two", "us-east-1")]);
    assert_eq!(found["places"]["111122223333 eu-west-1"]["missing"], 1);
    let unreadable: Vec<&String> = found["unreadable"].as_object().unwrap().keys().collect();
    assert_eq!(unreadable, [&torn]);
    assert_eq!(found["arrival_lag"]["count"], 1);
    // Three hours for one of four.
    let trail_lag = found["trail_lag"]["max_seconds"].as_u64().unwrap();
    assert!((179 * 60..=180 * 60).contains(&trail_lag), "{found:#}");

    let delete = trail.footing.s3.delete_object().bucket(&trail.bucket).key(&torn);
    delete.send().await.unwrap();
    let (code, fed) = trail.reconcile(since, &["--feed"]);
    assert_eq!((code, &fed["total"]["fed"]), (0, &json!(2)), "{fed:#}");
    let (code, whole) = trail.reconcile(since, &[]);
    assert_eq!((code, &whole["total"]["arrived"]), (0, &json!(3)), "{whole:#}");
    let incidents = Incidents::list(&trail.footing.store, None, 10).await.unwrap();
    let buckets: Vec<&str> = incidents.iter().map(|i| i.detected.resource.id.as_str()).collect();
    // In order of their events.
    assert_eq!(buckets, ["acme-three", "acme-one", "acme-two"]);
}
