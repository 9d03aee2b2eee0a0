//! What commands stand on: the configuration in force, the store, the rules.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aisaws_app::config::{self, Config};
use aisaws_app::respond::Responder;
use aisaws_app::watch::Observer;
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Channel, Incidents, Ports};
use aisaws_decide::Policy;
use aisaws_detect::Detect;
use aisaws_embedded::{Embedded, FileChannel, Settings, TellLogged, WebhookChannel};
use aisaws_score::Weights;
use anyhow::Context as _;

use crate::Usage;
use crate::args::{Format, Global};
use crate::render::terminal::TerminalChannel;
use crate::rules;

/// Characters of an incident's id that name it, at least: what tables show.
const SHORTEST: usize = 8;

/// The configuration in force and the format of results.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) config_path: Option<PathBuf>,
    pub(crate) format: Format,
}

impl Context {
    /// Reads the file, the environment and the flags, in this order of precedence.
    pub(crate) fn load(global: Global) -> anyhow::Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut config = config::load(global.config.as_deref(), variable)?;
        if let Some(store) = global.store {
            config.store.path = store;
        }
        Ok(Self { config, config_path: global.config, format: global.output })
    }

    /// Where the store lies.
    pub(crate) fn store_path(&self) -> anyhow::Result<PathBuf> {
        if !self.config.store.path.as_os_str().is_empty() {
            return Ok(self.config.store.path.clone());
        }
        let folder = dirs::data_dir()
            .context("the user's data directory is not known; give --store PATH")?
            .join("aisaws");
        Ok(folder.join("store.sqlite"))
    }

    /// Opens the store for reading and responding, creating it where it is new.
    pub(crate) fn open(&self, observer: Option<Arc<dyn Observer>>) -> anyhow::Result<Embedded> {
        let path = self.store_path()?;
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("folder `{}` could not be made", folder.display()))?;
        }
        self.open_at(&path, observer, self.channels()?)
    }

    /// Opens the store where it must exist already.
    pub(crate) fn open_existing(&self) -> anyhow::Result<Embedded> {
        let path = self.store_path()?;
        if !path.is_file() {
            let message = format!(
                "there is no store at `{}`; run `aisaws respond PATH...` first, or give --store PATH",
                path.display()
            );
            return Err(Usage(message).into());
        }
        self.open_at(&path, None, self.channels()?)
    }

    /// Opens a store at that place, with these channels.
    pub(crate) fn open_at(
        &self,
        path: &Path,
        observer: Option<Arc<dyn Observer>>,
        channels: Vec<Arc<dyn Channel>>,
    ) -> anyhow::Result<Embedded> {
        Ok(Embedded::open(path, self.settings(observer, channels)?)?)
    }

    fn settings(
        &self,
        observer: Option<Arc<dyn Observer>>,
        channels: Vec<Arc<dyn Channel>>,
    ) -> anyhow::Result<Settings> {
        let (weights, policy, logged) = (self.weights()?, self.policy()?, self.logged());
        Ok(Settings { weights, policy, channels, logged, observer })
    }

    /// Opens a store of its own in that folder, at the time of that clock, on which no more is
    /// decided than that and nobody is told of anything.
    #[cfg(feature = "aws")]
    pub(crate) fn open_scratch(
        &self,
        folder: &Path,
        clock: Arc<dyn aisaws_core::port::Clock>,
        max: aisaws_core::risk::Decision,
    ) -> anyhow::Result<Embedded> {
        let mut settings = self.settings(None, Vec::new())?;
        settings.policy.lower_to(max);
        Ok(Embedded::open_at(&folder.join("replay.sqlite"), settings, clock)?)
    }

    /// What is told of what was only logged.
    fn logged(&self) -> TellLogged {
        let alert = &self.config.alert;
        if alert.logged {
            return TellLogged::All;
        }
        alert.severity.least().map_or(TellLogged::Never, TellLogged::From)
    }

    /// The weights in force.
    pub(crate) fn weights(&self) -> anyhow::Result<Weights> {
        let text = self.config.score.weights_text(aisaws_score::DEFAULT)?;
        Ok(Weights::parse(&text)?)
    }

    /// The policy in force.
    pub(crate) fn policy(&self) -> anyhow::Result<Policy> {
        let text = self.config.decide.policy_text(aisaws_decide::DEFAULT)?;
        Ok(Policy::parse(&text)?)
    }

    /// The built-in rules and those of the configured folders.
    pub(crate) fn rules(&self) -> anyhow::Result<Detect> {
        rules::load(&self.config.detect, self.config.network.known.clone())
    }

    /// The responder over these ports.
    pub(crate) fn responder(&self, ports: Ports) -> anyhow::Result<Responder> {
        self.responder_as(ports, self.config.own.roles.clone())
    }

    /// As [`Context::responder`], where these roles are our own.
    pub(crate) fn responder_as(&self, ports: Ports, own: Vec<String>) -> anyhow::Result<Responder> {
        Ok(Responder::configured(&self.config, self.rules()?, ports, own)?)
    }

    fn channels(&self) -> anyhow::Result<Vec<Arc<dyn Channel>>> {
        let alert = &self.config.alert;
        let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
        if alert.terminal {
            channels.push(Arc::new(TerminalChannel));
        }
        if !alert.file.as_os_str().is_empty() {
            channels.push(Arc::new(FileChannel::new(alert.file.clone())));
        }
        if !alert.webhook.is_empty() {
            channels.push(Arc::new(WebhookChannel::new(&alert.webhook)?));
        }
        Ok(channels)
    }
}

/// Finds the incident whose id begins so; users need not type it whole.
pub(crate) async fn find_incident(
    incidents: &dyn Incidents,
    text: &str,
) -> anyhow::Result<IncidentId> {
    if let Ok(id) = IncidentId::parse(text) {
        return match incidents.get(id).await? {
            Some(_) => Ok(id),
            None => Err(not_there(text)),
        };
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = incidents.list(after, 256).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.detected.time, last.detected.incident));
        let begins = |id: &IncidentId| text.len() >= SHORTEST && id.to_string().starts_with(text);
        found.extend(page.iter().map(|i| i.detected.incident).filter(begins));
    }
    match found.as_slice() {
        [id] => Ok(*id),
        [] => Err(not_there(text)),
        _ => Err(Usage(format!(
            "{} incidents begin with `{text}`; give more of the id",
            found.len()
        ))
        .into()),
    }
}

fn not_there(text: &str) -> anyhow::Error {
    Usage(format!("there is no incident `{text}` in this store; see `aisaws incident list`")).into()
}
