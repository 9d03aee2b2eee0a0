//! The system, put up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisaws_aws::archive::Archive;
use aisaws_aws::deploy::{self, Artifacts, Pace};
use aisaws_aws::store::Store;
use aisaws_aws::{Aws, SystemClock};
use aisaws_core::fault::chain;
use aisaws_core::incident::Incident;
use aisaws_core::ledger::{Entry, Link};
use aisaws_core::port::Incidents as _;
use aisaws_core::status::{Status, proven};
use aisaws_emulators::proxy::{Line, Proxy};
use aisaws_emulators::{Emulator, EmulatorError, ministack, ministack_with, or_skipped};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::listener::Listener;
use super::target::Target;
use super::{call, programs, template};

/// The account that the emulators play.
pub(crate) const ACCOUNT: &str = "111122223333";
/// Where everything is.
pub(crate) const REGION: &str = "us-east-1";
/// The stack, and what its resources are named after.
pub(crate) const STACK: &str = "aisaws";
/// The longest that anything may take on a busy machine.
pub(crate) const WITHIN: Duration = Duration::from_mins(2);
const INTERVAL: Duration = Duration::from_millis(200);

/// How a deployment differs from the usual one: it acts, on an account of another emulator.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Parameters of the template; `Mode` is `act` where none is given.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The protected account is that of the system, so that policies count there too.
    pub(crate) protects_itself: bool,
    /// The emulator does not know `TimeoutSecondsPath`: the seconds that stand in its place. Only
    /// where this is given is the definition another than the committed one.
    pub(crate) seconds_to_answer: Option<u32>,
    /// What every function is told besides, such as `AISAWS_CONFIG`.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// What stands between the functions and the two emulators: that of the system, and that of
    /// the protected account.
    pub(crate) lines: Option<Lines>,
}

/// Lines for proxies.
#[derive(Clone)]
pub(crate) struct Lines {
    pub(crate) responder: Arc<dyn Line>,
    pub(crate) target: Arc<dyn Line>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

/// The emulators with the stack on them.
struct Site {
    responder: Emulator,
    target: Option<Emulator>,
    /// Where the functions reach the two emulators.
    told: [String; 2],
    _proxies: Vec<Proxy>,
    outputs: BTreeMap<String, String>,
}

/// A message that was laid aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeadMessage {
    /// Of the message that it was.
    pub(crate) id: String,
    pub(crate) reason: String,
    pub(crate) body: String,
}

/// A deployment, with clients of one test.
pub(crate) struct Deployment {
    site: Arc<Site>,
    /// The responder's account.
    pub(crate) aws: Aws,
    /// What is stored, by the product's own adapter.
    pub(crate) store: Store,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    /// The protected account.
    pub(crate) target: Target,
}

/// An incident as it stands.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) incident: Incident,
    pub(crate) status: Status,
    pub(crate) links: Vec<Link>,
}

impl std::fmt::Debug for Story {
    /// Short enough to read when a test fails.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}:", self.incident.detected.resource, self.status.as_str())?;
        for link in &self.links {
            write!(f, " {}", link.key)?;
            if let Entry::Faulted { error, cause } = &link.entry {
                write!(f, " ({error}: {cause})")?;
            }
        }
        Ok(())
    }
}

impl Story {
    /// The entries, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.links.iter().map(|link| &link.entry)
    }
}

impl Deployment {
    /// The deployment that the tests of this program share; `None`, said aloud, where there is no
    /// Python to run emulators.
    pub(crate) async fn shared() -> Option<Self> {
        static SITE: OnceCell<Option<Arc<Site>>> = OnceCell::const_new();
        let site = SITE.get_or_init(|| site(Options::default())).await.clone()?;
        Some(Self::on(site).await)
    }

    /// A deployment of the test's own.
    pub(crate) async fn start(options: Options) -> Option<Self> {
        Some(Self::on(site(options).await?).await)
    }

    async fn on(site: Arc<Site>) -> Self {
        let endpoint = site.responder.endpoint();
        let aws = Aws::emulator(&endpoint).await;
        let config = sdk(&endpoint).await;
        let target = match &site.target {
            Some(target) => Target::new(&sdk(&target.endpoint()).await),
            None => Target::new(&config),
        };
        let archive = Archive::new(&aws, &site.outputs["BucketName"]);
        let store = Store::new(&aws, &site.outputs["TableName"], archive, Arc::new(SystemClock));
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Self {
            aws,
            store,
            sqs: aws_sdk_sqs::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            iam: aws_sdk_iam::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            target,
            site,
        }
    }

    /// Address of the responder's account.
    pub(crate) fn endpoint(&self) -> String {
        self.site.responder.endpoint()
    }

    /// Address of the protected account.
    pub(crate) fn target_endpoint(&self) -> String {
        self.site.target.as_ref().map_or_else(|| self.endpoint(), Emulator::endpoint)
    }

    /// Where the functions reach the system's account, and the protected one.
    pub(crate) fn told(&self) -> &[String; 2] {
        &self.site.told
    }

    /// An output of the stack.
    pub(crate) fn output(&self, name: &str) -> &str {
        &self.site.outputs[name]
    }

    /// Sends an event to the queue, as EventBridge does.
    pub(crate) async fn send(&self, event: &Value) {
        self.send_text(&event.to_string()).await;
    }

    /// Sends anything to the queue; gives the message's id.
    pub(crate) async fn send_text(&self, body: &str) -> String {
        let send = self.sqs.send_message().queue_url(self.output("QueueUrl")).message_body(body);
        send.send().await.unwrap().message_id.unwrap()
    }

    /// Waits until what is wanted lies in the dead letter queue, which tests share; nothing is taken
    /// out of it.
    pub(crate) async fn dead(&self, wanted: impl Fn(&DeadMessage) -> bool) -> DeadMessage {
        let started = Instant::now();
        loop {
            let receive = self.sqs.receive_message().queue_url(self.output("DeadLetterQueueUrl"));
            // Hidden for so long that the next look sees others, where there are many.
            let receive = receive.max_number_of_messages(10).visibility_timeout(1);
            let batch = receive.message_attribute_names("All").send().await.unwrap();
            for message in batch.messages() {
                let attribute = |name: &str| {
                    let value = message.message_attributes().and_then(|all| all.get(name));
                    value.and_then(|value| value.string_value()).unwrap_or_default().to_owned()
                };
                let (id, reason) = (attribute("message_id"), attribute("reason"));
                let body = message.body().unwrap_or_default().to_owned();
                let dead = DeadMessage { id, reason, body };
                if wanted(&dead) {
                    return dead;
                }
            }
            assert!(started.elapsed() < WITHIN, "it is not among the dead letters");
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Subscribes to alerts from now on.
    pub(crate) async fn listen(&self) -> Listener {
        self.listen_to(self.output("TopicArn")).await
    }

    /// Subscribes to that topic from now on.
    pub(crate) async fn listen_to(&self, topic: &str) -> Listener {
        Listener::new(&self.sqs, &self.sns, topic).await
    }

    /// What functions wrote to their logs: the lines that hold that text and are JSON.
    pub(crate) async fn logged(&self, kebab: &str, text: &str) -> Vec<Value> {
        let body = serde_json::json!({
            "logGroupName": format!("/aws/lambda/{STACK}-{kebab}"),
            "filterPattern": format!("{text:?}"),
        });
        let answer = self.ask("logs", "Logs_20140328.FilterLogEvents", &body).await;
        let events = answer["events"].as_array().unwrap().iter();
        let lines = events.map(|event| event["message"].as_str().unwrap());
        let lines = lines.filter(|line| line.contains(text));
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// A call of the responder's account that the product does not make.
    pub(crate) async fn ask(&self, service: &str, operation: &str, body: &Value) -> Value {
        let endpoint = self.endpoint();
        let (status, answer) = call::json(&call::root(), service, &endpoint, operation, body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// Waits until the incident on that resource, by its id, has ended.
    pub(crate) async fn ended(&self, resource: &str) -> Story {
        self.incident(resource, Status::is_final).await
    }

    /// Waits until the incident on that resource stands as wanted.
    pub(crate) async fn incident(&self, resource: &str, wanted: fn(Status) -> bool) -> Story {
        let started = Instant::now();
        loop {
            let stories = self.stories(resource).await;
            if let Some(story) = stories.iter().find(|story| wanted(story.status)) {
                return story.clone();
            }
            assert!(started.elapsed() < WITHIN, "`{resource}` stands at {stories:#?}");
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Every incident on that resource.
    pub(crate) async fn stories(&self, resource: &str) -> Vec<Story> {
        let mut stories = Vec::new();
        for incident in self.store.list(None, 10_000).await.unwrap() {
            if incident.detected.resource.id == resource {
                let links = self.store.ledger(incident.detected.incident).await.unwrap();
                let status = proven(links.iter().map(|link| &link.entry));
                stories.push(Story { incident, status, links });
            }
        }
        stories
    }

    /// Gives a function a new process for its next call, as a change of its variables does.
    pub(crate) async fn renew(&self, kebab: &str) {
        let url = format!("{}/2015-03-31/functions/{STACK}-{kebab}/configuration", self.endpoint());
        let headers = [("content-type", "application/json")];
        let call = |method: &'static str, body: String| {
            let url = url.clone();
            async move {
                let root = call::root();
                call::signed_by(method, &root, "lambda", &url, &headers, body).await
            }
        };
        let (status, settings) = call("GET", String::new()).await;
        assert_eq!(status, 200, "{kebab}: {settings}");
        let mut settings: Value = serde_json::from_str(&settings).unwrap();
        let mut environment = settings["Environment"].take();
        environment["Variables"]["RENEWED"] = super::event::name("as").into();
        let body = serde_json::json!({ "Environment": environment }).to_string();
        let (status, body) = call("PUT", body).await;
        assert_eq!(status, 200, "{kebab}: {body}");
    }

    /// Calls a function by the name it has in `aisaws_infra::functions`; the answer, or the error's
    /// type and words.
    pub(crate) async fn invoke(&self, kebab: &str, payload: &Value) -> Result<Value, Value> {
        let path = format!("/2015-03-31/functions/{STACK}-{kebab}/invocations");
        let url = format!("{}{path}", self.endpoint());
        let headers = [("content-type", "application/json")];
        let (status, body) =
            call::signed(&call::root(), "lambda", &url, &headers, payload.to_string()).await;
        assert_eq!(status, 200, "{kebab}: {body}");
        let value: Value = serde_json::from_str(&body).unwrap();
        if value.get("errorType").is_some() { Err(value) } else { Ok(value) }
    }
}

/// How the account's root reaches an emulator.
pub(crate) async fn sdk(endpoint: &str) -> SdkConfig {
    config_as(endpoint, call::root()).await
}

/// How clients reach an emulator with these credentials.
pub(crate) async fn config_as(endpoint: &str, credentials: Credentials) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(REGION)
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .load()
        .await
}

/// An account with policies and signatures that count.
pub(crate) fn started() -> Result<Emulator, EmulatorError> {
    ministack_with(&[("AUTH", "true")])
}

async fn site(options: Options) -> Option<Arc<Site>> {
    let responder = or_skipped(started())?;
    let target = if options.protects_itself { None } else { Some(or_skipped(ministack())?) };
    let endpoint = responder.endpoint();
    let protected = target.as_ref().map_or(endpoint.clone(), Emulator::endpoint);
    let aws = Aws::emulator(&endpoint).await;
    let mut proxies = Vec::new();
    let mut told = [endpoint, protected];
    if let Some(Lines { responder, target }) = options.lines.clone() {
        for (told, line) in told.iter_mut().zip([responder, target]) {
            let proxy = Proxy::before(told, line).unwrap();
            *told = proxy.endpoint();
            proxies.push(proxy);
        }
    }
    let template = template::adapted_with(&told[0], &told[1], &options.variables);
    let outputs = put_up(&aws, &template, &options).await;
    let outputs = outputs.unwrap_or_else(|e| panic!("{}", chain(&e)));
    Some(Arc::new(Site { responder, target, told, _proxies: proxies, outputs }))
}

/// What `aisaws deploy` does, with the programs of this test run.
pub(crate) async fn put_up(
    aws: &Aws,
    template: &str,
    options: &Options,
) -> Result<BTreeMap<String, String>, deploy::DeployError> {
    let artifacts = Artifacts::ensure(aws, None).await?;
    let zips = programs::zips();
    let mut parameters = BTreeMap::from([
        ("ArtifactBucket".to_owned(), artifacts.bucket().to_owned()),
        ("ReadArtifactKey".to_owned(), artifacts.put("read", "zip", &zips.read).await?),
        ("WriteArtifactKey".to_owned(), artifacts.put("write", "zip", &zips.write).await?),
        (
            "DefinitionKey".to_owned(),
            artifacts.put("respond", "asl.json", definition(options).as_bytes()).await?,
        ),
        ("Mode".to_owned(), "act".to_owned()),
        ("ApproverEmail".to_owned(), "alice@example.org".to_owned()),
    ]);
    parameters.extend(options.parameters.clone());
    let key = artifacts.put("template", "yaml", template.as_bytes()).await?;
    let deployment = deploy::Deployment {
        stack: STACK.to_owned(),
        template_url: artifacts.url(&key),
        parameters,
        pace: Pace { interval: INTERVAL, looks: 600 },
    };
    let Some(proposal) = deployment.propose(aws).await? else {
        let stack = deploy::stack(aws, STACK).await?;
        return Ok(stack.map(|stack| stack.outputs).unwrap_or_default());
    };
    Ok(deployment.execute(aws, &proposal, &mut |_| {}).await?.outputs)
}

fn definition(options: &Options) -> String {
    let definition = aisaws_statemachines::RESPOND;
    let Some(seconds) = options.seconds_to_answer else { return definition.to_owned() };
    let path = r#""TimeoutSecondsPath": "$.verdict.approval_timeout_seconds""#;
    assert_eq!(definition.matches(path).count(), 1, "the definition has changed");
    definition.replace(path, &format!(r#""TimeoutSeconds": {seconds}"#))
}
