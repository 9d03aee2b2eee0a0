//! Configuration: one commented TOML file; environment variables override it.

mod bundle;
mod load;

pub use bundle::{BundleError, Bundled, bundle, load_bundle};
pub use load::{ConfigError, load, parse};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aisaws_core::risk::Severity;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::suppress::Suppression;

/// The file that `aisaws config init` writes: every key with its default and its meaning.
pub const DEFAULT: &str = include_str!("default.toml");

/// What the file is called.
pub const FILE: &str = "aisaws.toml";

/// Everything that can be set. Meaning and defaults: `default.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[store]`
    pub store: Store,
    /// `[own]`
    pub own: Own,
    /// `[network]`
    pub network: Network,
    /// `[detect]`
    pub detect: Detect,
    /// `[score]`
    pub score: Score,
    /// `[decide]`
    pub decide: Decide,
    /// `[noise]`
    pub noise: Noise,
    /// `[[suppress]]`
    pub suppress: Vec<Suppression>,
    /// `[alert]`
    pub alert: Alert,
}

/// What is one incident.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Noise {
    /// Seconds in which hits on one resource are one incident; 0: each event is one.
    pub window_seconds: u32,
    /// Incidents that a rule may open in an hour of event time; 0: any number. Unsaid: any number
    /// here, and a limit of its own in AWS mode.
    pub incidents_per_rule_per_hour: Option<u32>,
    /// The same for single rules, by id.
    pub limits: BTreeMap<String, u32>,
}

impl Default for Noise {
    fn default() -> Self {
        Self { window_seconds: 3600, incidents_per_rule_per_hour: None, limits: BTreeMap::new() }
    }
}

/// Where things are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The SQLite file; empty: the user's data directory.
    pub path: PathBuf,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Own {
    /// Role names.
    pub roles: Vec<String>,
}

/// Where calls come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Known networks.
    pub known: Vec<IpNet>,
    /// MaxMind databases of countries and autonomous systems.
    pub databases: Vec<PathBuf>,
    /// Lists of known bad addresses.
    pub bad: Vec<PathBuf>,
    /// Countries calls are expected from; empty: any.
    pub countries: Vec<String>,
    /// Regions in use; empty: any.
    pub regions: Vec<String>,
}

/// What is detected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Detect {
    /// Folders of further rules, or files.
    pub rules: Vec<PathBuf>,
    /// Mapping file, asked before the built-in one; empty: none.
    pub mapping: PathBuf,
    /// Ids of rules whose probation is over.
    pub promote: Vec<String>,
}

/// How it is scored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Score {
    /// Weights file; empty: the built-in one.
    pub weights: PathBuf,
}

/// How it is decided.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decide {
    /// Policy file; empty: the built-in one.
    pub policy: PathBuf,
}

impl Score {
    /// The weights: those of the file, or the built-in ones.
    ///
    /// # Errors
    /// [`ConfigError::Named`].
    pub fn weights_text(&self, built_in: &str) -> Result<String, ConfigError> {
        text_or(&self.weights, built_in)
    }
}

impl Decide {
    /// The policy: that of the file, or the built-in one.
    ///
    /// # Errors
    /// [`ConfigError::Named`].
    pub fn policy_text(&self, built_in: &str) -> Result<String, ConfigError> {
        text_or(&self.policy, built_in)
    }
}

fn text_or(path: &Path, built_in: &str) -> Result<String, ConfigError> {
    if path.as_os_str().is_empty() {
        return Ok(built_in.to_owned());
    }
    let named = |source| ConfigError::Named { path: path.display().to_string(), source };
    std::fs::read_to_string(path).map_err(named)
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alert {
    /// Print to standard error.
    pub terminal: bool,
    /// JSON-lines file; empty: none.
    pub file: PathBuf,
    /// http(s) address; empty: none.
    pub webhook: String,
    /// Also tell what was only logged, from this severity on.
    pub severity: AlertSeverity,
    /// Tell everything that was only logged.
    pub logged: bool,
}

/// The least severity at which people are told of what was only logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Everything is grave enough.
    Informational,
    /// `low` or graver.
    Low,
    /// `medium` or graver.
    Medium,
    /// `high` or graver.
    #[default]
    High,
    /// `critical` only.
    Critical,
    /// Nothing is grave enough.
    Never,
}

impl AlertSeverity {
    /// The least severity; `None`: never.
    pub fn least(self) -> Option<Severity> {
        match self {
            Self::Informational => Some(Severity::Informational),
            Self::Low => Some(Severity::Low),
            Self::Medium => Some(Severity::Medium),
            Self::High => Some(Severity::High),
            Self::Critical => Some(Severity::Critical),
            Self::Never => None,
        }
    }
}

impl Default for Own {
    fn default() -> Self {
        Self { roles: vec!["aisaws-responder".to_owned()] }
    }
}
