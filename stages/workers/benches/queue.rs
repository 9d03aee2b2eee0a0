//! How many events a second `aisaws worker` takes in from a queue, with an emulator behind it.
//!
//! The emulator carries a few hundred calls a second and sets the pace, so two figures are told:
//! events by the clock, and events by the CPU time of this process alone, which is what a core of
//! ours can do. `cargo bench -p aisaws-workers --features worker --bench queue [EVENTS]`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a measurement that cannot be taken ends"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisaws_app::config::Config;
use aisaws_aws::archive::Archive;
use aisaws_aws::store::Store;
use aisaws_aws::{Aws, SystemClock};
use aisaws_emulators::ministack;
use aisaws_workers::settings::Settings;
use aisaws_workers::wire::{Entrance, MetricsTo, Wired};
use aisaws_workers::worker::{self, Counter, Options};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use serde_json::json;

const EVENTS: usize = 2_000;
/// One event in so many is an incident, as in a busy account; the others are let through by the
/// event patterns and hit no rule.
const QUIET: usize = 100;

fn main() {
    let events = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(EVENTS);
    let emulator = match ministack() {
        Ok(emulator) => emulator,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!(
        "{:>6} {:>7} {:>8} {:>10} {:>12} {:>8}",
        "polls", "events", "seconds", "events/s", "events/CPU s", "peak MiB"
    );
    for polls in [1, 4, 16] {
        runtime.block_on(measure(&emulator.endpoint(), polls, events));
    }
}

async fn measure(endpoint: &str, polls: usize, events: usize) {
    let name = format!("bench-{polls}");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "emulator"))
        .endpoint_url(endpoint)
        .load()
        .await;
    let (sqs, sfn) = (aws_sdk_sqs::Client::new(&config), aws_sdk_sfn::Client::new(&config));
    let queue = sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
    let dead = sqs.create_queue().queue_name(format!("{name}-dead")).send().await.unwrap();
    let machine = sfn
        .create_state_machine()
        .name(&name)
        .definition(r#"{"StartAt":"End","States":{"End":{"Type":"Succeed"}}}"#)
        .role_arn("arn:aws:iam::111122223333:role/machine");
    let machine = machine.send().await.unwrap().state_machine_arn;
    let aws = Aws::emulator(endpoint).await;
    let archive = Archive::new(&aws, &name);
    archive.ensure_bucket().await.unwrap();
    let store = Store::new(&aws, &name, archive, Arc::new(SystemClock));
    store.ensure_table().await.unwrap();
    let numbers: Vec<usize> = (0..events).collect();
    for batch in numbers.chunks(10) {
        let mut send = sqs.send_message_batch().queue_url(&queue);
        for n in batch {
            let entry = SendMessageBatchRequestEntry::builder().id(n.to_string());
            send = send.entries(entry.message_body(event(&name, *n)).build().unwrap());
        }
        send.send().await.unwrap();
    }
    let variables = BTreeMap::from([
        ("AISAWS_PREFIX", "aisaws"),
        ("AISAWS_TABLE", name.as_str()),
        ("AISAWS_BUCKET", name.as_str()),
        ("AISAWS_ACCOUNT", "111122223333"),
        ("AISAWS_STATE_MACHINE_ARN", machine.as_str()),
        ("AISAWS_DEAD_LETTER_QUEUE_URL", dead.queue_url.as_deref().unwrap()),
        ("AISAWS_TARGET_ENDPOINT_URL", endpoint),
    ]);
    let settings = Settings::read(|name| variables.get(name).map(ToString::to_string)).unwrap();
    let wired = Wired::new(settings, Config::default(), aws, Entrance::Reader, MetricsTo::Nowhere);
    let options = Options {
        queue_url: queue.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        polls,
        visibility: Duration::from_mins(2),
        wait: Duration::from_secs(1),
        grace: Duration::from_secs(30),
        sweep_every: None,
    };
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let drained = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let ask = sqs.get_queue_attributes().queue_url(&queue);
            let answer = ask.attribute_names(QueueAttributeName::All).send().await.unwrap();
            let all = answer.attributes.unwrap();
            let is_empty = |name| all.get(&name).is_some_and(|count| count == "0");
            if is_empty(QueueAttributeName::ApproximateNumberOfMessages)
                && is_empty(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            {
                return;
            }
        }
    };
    let figures = worker::run(&wired, &options, drained).await.unwrap();
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let taken = figures.get(Counter::Events);
    assert_eq!(taken, events as u64, "not every event was taken in");
    println!(
        "{polls:>6} {taken:>7} {seconds:>8.1} {:>10.0} {:>12.0} {:>8}",
        taken as f64 / seconds,
        taken as f64 / cpu,
        peak_mib()
    );
}

/// An event in its envelope, of the size that they have: some 1.5 KB.
fn event(name: &str, n: usize) -> String {
    let id = format!("{name}-{n}");
    let (call, request) = if n.is_multiple_of(QUIET) {
        ("PutBucketAcl", json!({ "bucketName": id, "x-amz-acl": ["public-read"], "acl": [""] }))
    } else {
        (
            "PutBucketTagging",
            json!({ "bucketName": id, "tagging": [""], "Host": "s3.amazonaws.com" }),
        )
    };
    json!({
        "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3",
        "account": "111122223333", "time": "2026-03-01T10:00:00Z", "region": "us-east-1",
        "resources": [], "detail": {
            "eventVersion": "1.11", "eventID": id, "eventTime": "2026-03-01T10:00:00Z",
            "eventSource": "s3.amazonaws.com", "eventName": call, "awsRegion": "us-east-1",
            "recipientAccountId": "111122223333", "readOnly": false, "eventType": "AwsApiCall",
            "managementEvent": true, "eventCategory": "Management",
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "[aws-cli/2.31 md/awscrt#0.27 ua/2.1 os/linux#6.8 lang/python#3.13]",
            "userIdentity": {
                "type": "AssumedRole", "principalId": "AROAEXAMPLE:deploy",
                "arn": "arn:aws:sts::111122223333:assumed-role/ci/deploy",
                "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": "AROAEXAMPLE",
                        "arn": "arn:aws:iam::111122223333:role/ci",
                        "accountId": "111122223333", "userName": "ci",
                    },
                    "attributes": {
                        "creationDate": "2026-03-01T09:55:00Z", "mfaAuthenticated": "false",
                    },
                },
            },
            "requestParameters": request, "responseElements": null,
            "additionalEventData": {
                "SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256",
                "bytesTransferredIn": 120, "AuthenticationMethod": "AuthHeader",
                "bytesTransferredOut": 0,
            },
            "requestID": "EXAMPLE123456789",
            "resources": [{
                "accountId": "111122223333", "type": "AWS::S3::Bucket",
                "ARN": "arn:aws:s3:::acme",
            }],
            "tlsDetails": {
                "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": "acme.s3.us-east-1.amazonaws.com",
            },
        },
    })
    .to_string()
}

/// CPU time of this process, in user and kernel mode (proc(5)): fields 14 and 15, in ticks of
/// 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program may hold spaces; what follows its bracket does not.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Most memory this process had resident.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
        / 1024
}
