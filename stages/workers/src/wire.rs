//! Putting a worker together: the ports on AWS, the stages over them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aisaws_alert::{Alert, TellLogged};
use aisaws_app::config::{self, Config, ConfigError};
use aisaws_app::link::LinkKey;
use aisaws_app::origin::OriginError;
use aisaws_app::respond::Responder;
use aisaws_app::rules::{self, RulesError};
use aisaws_aws::archive::Archive;
use aisaws_aws::drivers::{self, Access, AwsAccount, Service};
use aisaws_aws::queue::DeadLetters;
use aisaws_aws::store::Store;
use aisaws_aws::{Aws, StepFunctions, SystemClock, TopicChannel};
use aisaws_core::id::AccountId;
use aisaws_core::port::{Channel, Clock, DeadLetter, Ports, StoreError};
use aisaws_decide::{AskHuman, Decide, Policy, PolicyError};
use aisaws_embedded::{BadAddress, WebhookChannel};
use aisaws_remediate::{Prepare, Remediate};
use aisaws_score::{Score, Weights, WeightsError};
use aisaws_verify::{RollBack, Verify};
use async_trait::async_trait;

use crate::approval::LinkChannel;
use crate::evidence::WithEvidence;
use crate::intake::{DeadLetterQueue, Intake, Message};
use crate::measured::Measured;
use crate::metrics::Metrics;
use crate::settings::{Settings, SettingsError};
use crate::sweep::Sweeper;

/// Where Lambda unpacks a function.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const TASK_ROOT: &str = "LAMBDA_TASK_ROOT";
/// The folder in an unpacked function that its configuration lies in.
pub const CONFIG_FOLDER: &str = "config";
/// What a rule may open in an hour where nobody said otherwise: each incident is mail and money.
const INCIDENTS_PER_RULE_PER_HOUR: u32 = 100;
/// Between two reads of a verification: configurations of AWS settle within seconds.
const SETTLE: Duration = Duration::from_secs(2);

/// Why a worker could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The environment.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The configuration, or a file it names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The files about networks that the configuration names.
    #[error(transparent)]
    Origins(#[from] OriginError),
    /// The rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The weights; never in a tested build.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The address of the webhook.
    #[error("the webhook of the configuration cannot be used")]
    Webhook(#[from] BadAddress),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// With which role protected accounts are entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// To look.
    Reader,
    /// To repair.
    Responder,
    /// By a person, with their own credentials in the account of the deployment; to look at members.
    Person,
}

/// Where metrics go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsTo {
    /// To standard output, which Lambda and container logs hand to CloudWatch.
    Output,
    /// Nowhere: what this process writes there is for somebody else.
    Nowhere,
}

/// A worker's ports and what it was told.
pub struct Wired {
    settings: Settings,
    config: Config,
    aws: Aws,
    store: Store,
    ports: Ports,
    account: Arc<AwsAccount>,
    machine: StepFunctions,
    metrics_to: MetricsTo,
}

impl std::fmt::Debug for Wired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wired").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Wired {
    /// Reads the environment and makes the clients; calls nobody.
    ///
    /// # Errors
    /// [`WireError::Settings`] and [`WireError::Config`].
    pub async fn from_environment(entrance: Entrance) -> Result<Self, WireError> {
        let variable = |name| std::env::var(name).ok();
        let settings = Settings::read(variable)?;
        let config = configured()?;
        let aws = Aws::from_environment().await;
        Ok(Self::new(settings, config, aws, entrance, MetricsTo::Output))
    }

    /// Makes the clients of a deployment that was told of otherwise; calls nobody.
    pub fn new(
        settings: Settings,
        config: Config,
        aws: Aws,
        entrance: Entrance,
        metrics_to: MetricsTo,
    ) -> Self {
        Self::with_clock(settings, config, aws, entrance, metrics_to, Arc::new(SystemClock))
    }

    /// The same with a clock of the caller's.
    pub fn with_clock(
        settings: Settings,
        config: Config,
        aws: Aws,
        entrance: Entrance,
        metrics_to: MetricsTo,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let config = limited(config);
        let archive = Archive::new(&aws, &settings.bucket);
        let mut store = Store::new(&aws, &settings.table, archive, Arc::clone(&clock));
        if let Some(days) = settings.event_days {
            store = store.keeping(days);
        }
        let account =
            Arc::new(AwsAccount::new(&aws, reach(&settings, entrance), Arc::new(store.clone())));
        let machine = settings.state_machine.as_deref().unwrap_or_default();
        let machine = StepFunctions::new(&aws, machine);
        let told = metrics(&settings, metrics_to);
        let ports = Ports {
            events: Arc::new(store.clone()),
            incidents: Arc::new(Measured::new(Arc::new(store.clone()), told)),
            approvals: Arc::new(store.clone()),
            windows: Arc::new(store.clone()),
            snapshots: Arc::new(store.clone()),
            account: account.clone(),
            orchestrator: Arc::new(machine.clone()),
            clock,
        };
        Self { settings, config, aws, store, ports, account, machine, metrics_to }
    }

    /// What it was told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How AWS is reached.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The archive.
    pub fn archive(&self) -> Archive {
        Archive::new(&self.aws, &self.settings.bucket)
    }

    /// The store of the deployment, for what no port asks.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The protected accounts.
    pub fn account(&self) -> &AwsAccount {
        &self.account
    }

    /// Where metrics go.
    pub fn metrics(&self) -> Metrics {
        metrics(&self.settings, self.metrics_to)
    }

    /// The use case of taking events in.
    ///
    /// # Errors
    /// [`WireError::Rules`] and [`WireError::Origins`].
    pub fn responder(&self) -> Result<Responder, WireError> {
        self.responder_on(self.ports.clone())
    }

    /// The same on other ports, such as those of a scratch store.
    ///
    /// # Errors
    /// As [`Wired::responder`].
    pub fn responder_on(&self, ports: Ports) -> Result<Responder, WireError> {
        let config = &self.config;
        let rules = rules::load(&config.detect, &[], config.network.known.clone())?;
        let own = vec![self.settings.responder_role()];
        Ok(Responder::configured(config, rules, ports, own)?)
    }

    /// Intake.
    ///
    /// # Errors
    /// As [`Wired::responder`]; [`WireError::Settings`] where no queue of dead letters is named.
    pub fn intake(&self) -> Result<Intake, WireError> {
        let url = self.settings.dead_letters.as_deref();
        let url = url.ok_or(SettingsError::Missing("AISAWS_DEAD_LETTER_QUEUE_URL"))?;
        Ok(Intake {
            responder: self.responder()?,
            dead_letters: Arc::new(LettersQueue(DeadLetters::new(&self.aws, url))),
            metrics: Arc::new(self.metrics()),
        })
    }

    /// The use case of carrying on what was left undone.
    ///
    /// # Errors
    /// As [`Wired::responder`]; [`WireError::Webhook`].
    pub fn sweeper(&self) -> Result<Sweeper, WireError> {
        Ok(Sweeper {
            responder: self.responder()?,
            restart: Arc::new(self.machine.clone()),
            alert: self.alert()?,
            metrics: self.metrics(),
        })
    }

    /// The key of approval links: made once, kept in the store.
    ///
    /// # Errors
    /// [`WireError::Store`].
    pub async fn link_key(&self) -> Result<LinkKey, WireError> {
        Ok(LinkKey::new(self.store.secret("approval-links", rand::random()).await?))
    }

    /// Stage Score.
    ///
    /// # Errors
    /// [`WireError::Weights`].
    pub fn score(&self) -> Result<Score, WireError> {
        Ok(Score::new(self.weights()?, self.ports.incidents.clone()))
    }

    /// The weights in force.
    ///
    /// # Errors
    /// [`WireError::Weights`].
    pub fn weights(&self) -> Result<Weights, WireError> {
        Ok(Weights::parse(&self.config.score.weights_text(aisaws_score::DEFAULT)?)?)
    }

    /// Stage Decide.
    ///
    /// # Errors
    /// [`WireError::Policy`].
    pub fn decide(&self) -> Result<Decide, WireError> {
        Ok(Decide::new(self.policy()?, self.ports.incidents.clone()))
    }

    /// The policy in force.
    ///
    /// # Errors
    /// [`WireError::Policy`].
    pub fn policy(&self) -> Result<Policy, WireError> {
        let mut policy = Policy::parse(&self.config.decide.policy_text(aisaws_decide::DEFAULT)?)?;
        policy.lower_to(self.settings.mode.max());
        if let Some(timeout) = self.settings.approval_timeout_seconds {
            policy.set_approval_timeout_seconds(timeout)?;
        }
        if let Some(approvals) = self.settings.approvals {
            policy.raise_approvals_to(approvals)?;
        }
        Ok(policy)
    }

    /// Stage Prepare.
    pub fn prepare(&self) -> Prepare {
        let Ports { account, incidents, snapshots, .. } = self.ports.clone();
        Prepare::new(account, incidents, snapshots)
    }

    /// Stage AskHuman. Its messages to the topic carry a link where there is a page. Who reads a
    /// webhook is not told apart, so there they carry none.
    ///
    /// # Errors
    /// [`WireError::Store`], [`WireError::Webhook`].
    pub async fn ask(&self) -> Result<AskHuman, WireError> {
        let Ports { incidents, approvals, .. } = self.ports.clone();
        let mut channels = self.topic();
        if let Some(page) = &self.settings.approval_page {
            let key = self.link_key().await?;
            let approvers = &self.settings.approvers;
            let linked = |inner| -> Arc<dyn Channel> {
                let approvals = approvals.clone();
                Arc::new(LinkChannel::new(
                    inner,
                    approvals,
                    key.clone(),
                    page.clone(),
                    approvers.clone(),
                ))
            };
            channels = channels.into_iter().map(linked).collect();
        }
        channels.extend(self.webhook()?);
        Ok(AskHuman::new(incidents, approvals, channels))
    }

    /// Stage Remediate.
    pub fn remediate(&self) -> Remediate {
        let Ports { account, incidents, snapshots, approvals, .. } = self.ports.clone();
        Remediate::new(account, incidents, snapshots, approvals)
    }

    /// Stage Verify.
    pub fn verify(&self) -> Verify {
        let Ports { account, incidents, snapshots, .. } = self.ports.clone();
        Verify::new(account, incidents, snapshots, SETTLE)
    }

    /// Stage RollBack.
    pub fn roll_back(&self) -> RollBack {
        let Ports { account, incidents, snapshots, .. } = self.ports.clone();
        RollBack::new(account, incidents, snapshots)
    }

    /// Stage Alert.
    ///
    /// # Errors
    /// [`WireError::Webhook`].
    pub fn alert(&self) -> Result<Alert, WireError> {
        let alert = &self.config.alert;
        let logged = match alert.severity.least() {
            _ if alert.logged => TellLogged::All,
            Some(least) => TellLogged::From(least),
            None => TellLogged::Never,
        };
        let mut channels = self.topic();
        channels.extend(self.webhook()?);
        Ok(Alert::new(self.ports.incidents.clone(), channels, logged))
    }

    /// The same, after which what the incident stands on is in the archive too.
    ///
    /// # Errors
    /// As of [`Self::alert`].
    pub fn alert_with_evidence(&self) -> Result<WithEvidence, WireError> {
        Ok(WithEvidence::new(self.alert()?, self.store.clone()))
    }

    fn topic(&self) -> Vec<Arc<dyn Channel>> {
        let topic = self.settings.topic.as_deref();
        let channel = |arn| -> Arc<dyn Channel> { Arc::new(TopicChannel::new(&self.aws, arn)) };
        topic.map(channel).into_iter().collect()
    }

    fn webhook(&self) -> Result<Option<Arc<dyn Channel>>, WireError> {
        let address = &self.config.alert.webhook;
        if address.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(WebhookChannel::new(address)?)))
    }
}

fn metrics(settings: &Settings, to: MetricsTo) -> Metrics {
    let out: Box<dyn std::io::Write + Send> = match to {
        MetricsTo::Output => Box::new(std::io::stdout()),
        MetricsTo::Nowhere => Box::new(std::io::sink()),
    };
    Metrics::new(settings.prefix.clone(), out)
}

struct LettersQueue(DeadLetters);

#[async_trait]
impl DeadLetterQueue for LettersQueue {
    async fn put(&self, message: &Message, letter: &DeadLetter) -> Result<(), StoreError> {
        self.0.put(&message.id, &message.body, &letter.reason).await.map_err(|e| {
            StoreError::Unavailable { action: "hand over a dead letter", source: Box::new(e) }
        })
    }
}

/// The configuration that was deployed with this function, or what is in force without one.
fn configured() -> Result<Config, ConfigError> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let folder = variable(TASK_ROOT).map(|root| Path::new(&root).join(CONFIG_FOLDER));
    if let Some(folder) = folder.filter(|folder| folder.join(config::FILE).is_file()) {
        return config::load_bundle(&folder, variable);
    }
    config::load(None, variable)
}

/// The configuration as AWS mode understands it, whoever runs it.
fn limited(mut config: Config) -> Config {
    config.noise.incidents_per_rule_per_hour.get_or_insert(INCIDENTS_PER_RULE_PER_HOUR);
    config
}

/// The accounts that may be entered, each by the role of that name.
fn reach(settings: &Settings, entrance: Entrance) -> drivers::Settings {
    let suffix = match entrance {
        Entrance::Reader | Entrance::Person => "reader",
        Entrance::Responder => "responder",
    };
    let Settings { partition, prefix, external_id, .. } = settings;
    let role = |account: &AccountId| {
        if entrance == Entrance::Person && *account == settings.account {
            return Access::Ambient;
        }
        Access::Role {
            arn: format!("arn:{partition}:iam::{account}:role/{prefix}-{suffix}"),
            external_id: external_id.clone(),
        }
    };
    let accounts: BTreeMap<_, _> =
        settings.protected().into_iter().map(|id| (id.clone(), role(&id))).collect();
    let mut reach = drivers::Settings::new(accounts);
    if let Some(url) = &settings.target_endpoint {
        for service in [Service::S3, Service::Ec2, Service::CloudTrail, Service::Iam] {
            reach.endpoints.insert(service, url.clone());
        }
    }
    reach
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_may_open_a_hundred_incidents_an_hour_where_nobody_said_otherwise() {
        let limit = |text: &str| {
            limited(config::parse(text, "test").unwrap()).noise.incidents_per_rule_per_hour
        };
        assert_eq!(limit(""), Some(100));
        assert_eq!(limit("[network]\nknown = ['192.0.2.0/24']\n"), Some(100));
        assert_eq!(limit("[noise]\nincidents_per_rule_per_hour = 0\n"), Some(0));
    }

    async fn wired(webhook: &str) -> Wired {
        let settings = Settings::read(|name| {
            let value = match name {
                "AISAWS_PREFIX" | "AISAWS_TABLE" | "AISAWS_BUCKET" => "aisaws",
                "AISAWS_ACCOUNT" => "111122223333",
                "AISAWS_STATE_MACHINE_ARN" | "AISAWS_TOPIC_ARN" => "arn:aws:any",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let mut config = Config::default();
        config.alert.webhook = webhook.to_owned();
        let aws = Aws::emulator("http://127.0.0.1:1").await;
        Wired::new(settings.unwrap(), config, aws, Entrance::Reader, MetricsTo::Nowhere)
    }

    #[tokio::test]
    async fn a_webhook_is_told_beside_the_topic() {
        for (webhook, channels) in [("", 1), ("https://hooks.example/secret", 2)] {
            let wired = wired(webhook).await;
            let told = format!("channels: {channels}");
            assert!(format!("{:?}", wired.alert().unwrap()).contains(&told), "{webhook}");
            assert!(format!("{:?}", wired.ask().await.unwrap()).contains(&told), "{webhook}");
        }
        let alert = wired("file:///etc/passwd").await.alert();
        assert!(matches!(alert, Err(WireError::Webhook(_))));
    }
}
