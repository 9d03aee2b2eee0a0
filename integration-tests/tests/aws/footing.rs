//! What intake stands on, without a deployment: queues, a table, a bucket and a state machine that
//! does nothing, on an emulator.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use aisaws_aws::archive::Archive;
use aisaws_aws::store::Store;
use aisaws_aws::{Aws, SystemClock};
use aisaws_emulators::{Emulator, ministack, or_skipped};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::StreamExt as _;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";

/// One set of resources with names of their own.
pub(crate) struct Footing {
    pub(crate) name: String,
    pub(crate) queue_url: String,
    pub(crate) dead_url: String,
    pub(crate) machine: String,
    pub(crate) topic: String,
    /// A queue that the topic tells everything.
    heard_url: String,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) sfn: aws_sdk_sfn::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) store: Store,
}

/// The emulator that these tests share; `None`, said aloud, where it cannot be installed.
pub(crate) fn endpoint() -> Option<String> {
    static MINISTACK: OnceLock<Option<Emulator>> = OnceLock::new();
    let started = MINISTACK.get_or_init(|| or_skipped(ministack()));
    started.as_ref().map(Emulator::endpoint)
}

async fn config(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("test", "test", None, None, "emulator"))
        .endpoint_url(endpoint)
        .load()
        .await
}

impl Footing {
    pub(crate) async fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let endpoint = endpoint()?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("footing-{:x}-{count}", std::process::id());
        let config = config(&endpoint).await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let made = async |name: &str| {
            let made = sqs.create_queue().queue_name(name).send().await.unwrap();
            made.queue_url.unwrap()
        };
        let queue_url = made(&name).await;
        let dead_url = made(&format!("{name}-dead")).await;
        let heard_url = made(&format!("{name}-heard")).await;
        let sns = aws_sdk_sns::Client::new(&config);
        let topic = sns.create_topic().name(&name).send().await.unwrap().topic_arn.unwrap();
        let heard = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-heard");
        let subscribe = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(heard);
        subscribe.send().await.unwrap();
        let sfn = aws_sdk_sfn::Client::new(&config);
        let definition = r#"{"StartAt":"End","States":{"End":{"Type":"Succeed"}}}"#;
        let role = format!("arn:aws:iam::{ACCOUNT}:role/machine");
        let machine = sfn.create_state_machine().name(&name).definition(definition).role_arn(role);
        let machine = machine.send().await.unwrap().state_machine_arn;
        let aws = Aws::emulator(&endpoint).await;
        let archive = Archive::new(&aws, &name);
        archive.ensure_bucket().await.unwrap();
        let store = Store::new(&aws, &name, archive, Arc::new(SystemClock));
        store.ensure_table().await.unwrap();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        Some(Self { name, queue_url, dead_url, machine, topic, heard_url, sqs, sfn, s3, store })
    }

    /// The variables of a worker that reaches AWS at that address.
    pub(crate) fn variables(&self, endpoint: &str) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("AISAWS_PREFIX", "aisaws".to_owned()),
            ("AISAWS_TABLE", self.name.clone()),
            ("AISAWS_BUCKET", self.name.clone()),
            ("AISAWS_ACCOUNT", ACCOUNT.to_owned()),
            ("AISAWS_STATE_MACHINE_ARN", self.machine.clone()),
            ("AISAWS_TOPIC_ARN", self.topic.clone()),
            ("AISAWS_QUEUE_URL", self.queue_url.clone()),
            ("AISAWS_DEAD_LETTER_QUEUE_URL", self.dead_url.clone()),
            ("AISAWS_TARGET_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ])
    }

    pub(crate) async fn send(&self, body: &str) {
        let send = self.sqs.send_message().queue_url(&self.queue_url).message_body(body);
        send.send().await.unwrap();
    }

    /// What people were told so far, whole messages of the topic.
    pub(crate) async fn heard(&self) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let receive = self.sqs.receive_message().queue_url(&self.heard_url);
            let batch = receive.max_number_of_messages(10).send().await.unwrap();
            if batch.messages().is_empty() {
                return heard;
            }
            heard.extend(batch.messages.unwrap_or_default().into_iter().filter_map(|m| m.body));
        }
    }

    /// Messages that wait in the queue, and those that are hidden.
    pub(crate) async fn waiting(&self) -> (String, String) {
        let [waiting, hidden] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let ask = self.sqs.get_queue_attributes().queue_url(&self.queue_url);
        let answer = ask.attribute_names(QueueAttributeName::All).send().await.unwrap();
        let all = answer.attributes().unwrap();
        (all[&waiting].clone(), all[&hidden].clone())
    }
}

/// Runs scenarios side by side, so many at a time, each with a runtime of its own.
pub(crate) async fn side_by_side<I, T, F>(
    scenarios: impl IntoIterator<Item = I>,
    together: usize,
    run: fn(I) -> F,
) -> Vec<T>
where
    I: Send + 'static,
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let run = |scenario| {
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(run(scenario))
        })
    };
    let ended = futures::stream::iter(scenarios).map(run).buffer_unordered(together);
    ended.map(Result::unwrap).collect().await
}
