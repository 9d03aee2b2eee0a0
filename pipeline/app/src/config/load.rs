//! Reading the file and the environment.

use std::path::{Path, PathBuf};

use super::Config;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("configuration `{path}` could not be read; `aisaws config init` writes one")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that the configuration names could not be read.
    #[error("`{path}` could not be read")]
    Named {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of another type; names the line.
    #[error("configuration `{origin}` is not usable: {reason}")]
    Parse {
        /// The file.
        origin: String,
        /// What and where.
        reason: String,
    },
    /// A variable's value cannot be used.
    #[error("environment variable `{name}` is not usable: {reason}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// The largest limit of incidents.
const MOST_INCIDENTS: u32 = 10_000;

/// Reads a configuration text; `origin` names it in errors.
///
/// # Errors
/// [`ConfigError::Parse`], which names the line.
pub fn parse(text: &str, origin: &str) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text)
        .map_err(|e| ConfigError::Parse { origin: origin.to_owned(), reason: e.to_string() })?;
    check_webhook(&config.alert.webhook)
        .map_err(|reason| ConfigError::Parse { origin: origin.to_owned(), reason })?;
    let noise = &config.noise;
    let most = noise.limits.values().copied().max().unwrap_or(0);
    check_limit(most.max(noise.incidents_per_rule_per_hour.unwrap_or(0)))
        .map_err(|reason| ConfigError::Parse { origin: origin.to_owned(), reason })?;
    for (number, suppression) in (1..).zip(&config.suppress) {
        suppression.check().map_err(|reason| ConfigError::Parse {
            origin: origin.to_owned(),
            reason: format!("[[suppress]] number {number}: {reason}"),
        })?;
    }
    Ok(config)
}

/// Reads the file (none: the defaults), then the environment through `variable`.
///
/// # Errors
/// [`ConfigError`].
pub fn load(
    file: Option<&Path>,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut config = match file {
        None => Config::default(),
        Some(path) => {
            let origin = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: origin.clone(), source })?;
            parse(&text, &origin)?
        }
    };
    let list = |text: String| -> Vec<String> {
        text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
    };
    if let Some(value) = variable("AISAWS_STORE") {
        config.store.path = PathBuf::from(value);
    }
    if let Some(value) = variable("AISAWS_OWN_ROLES") {
        config.own.roles = list(value);
    }
    if let Some(value) = variable("AISAWS_NETWORK_KNOWN") {
        let parsed: Result<Vec<_>, _> = list(value).iter().map(|s| s.parse()).collect();
        config.network.known = parsed.map_err(|_| ConfigError::Variable {
            name: "AISAWS_NETWORK_KNOWN",
            reason: "write CIDR blocks such as 192.0.2.0/24, separated by commas".to_owned(),
        })?;
    }
    let paths = |text: String| list(text).into_iter().map(PathBuf::from).collect();
    if let Some(value) = variable("AISAWS_NETWORK_DATABASES") {
        config.network.databases = paths(value);
    }
    if let Some(value) = variable("AISAWS_NETWORK_BAD") {
        config.network.bad = paths(value);
    }
    if let Some(value) = variable("AISAWS_NETWORK_COUNTRIES") {
        config.network.countries = list(value);
    }
    if let Some(value) = variable("AISAWS_NETWORK_REGIONS") {
        config.network.regions = list(value);
    }
    if let Some(value) = variable("AISAWS_DETECT_RULES") {
        config.detect.rules = list(value).into_iter().map(PathBuf::from).collect();
    }
    if let Some(value) = variable("AISAWS_DETECT_MAPPING") {
        config.detect.mapping = PathBuf::from(value);
    }
    if let Some(value) = variable("AISAWS_DETECT_PROMOTE") {
        config.detect.promote = list(value);
    }
    if let Some(value) = variable("AISAWS_SCORE_WEIGHTS") {
        config.score.weights = PathBuf::from(value);
    }
    if let Some(value) = variable("AISAWS_DECIDE_POLICY") {
        config.decide.policy = PathBuf::from(value);
    }
    if let Some(value) = variable("AISAWS_ALERT_FILE") {
        config.alert.file = PathBuf::from(value);
    }
    if let Some(value) = variable("AISAWS_ALERT_WEBHOOK") {
        check_webhook(&value)
            .map_err(|reason| ConfigError::Variable { name: "AISAWS_ALERT_WEBHOOK", reason })?;
        config.alert.webhook = value;
    }
    if let Some(value) = variable("AISAWS_ALERT_SEVERITY") {
        let severity = toml::Value::String(value).try_into();
        config.alert.severity = severity.map_err(|_| ConfigError::Variable {
            name: "AISAWS_ALERT_SEVERITY",
            reason: "write informational, low, medium, high, critical or never".to_owned(),
        })?;
    }
    if let Some(value) = variable("AISAWS_NOISE_WINDOW_SECONDS") {
        config.noise.window_seconds = value.parse().map_err(|_| ConfigError::Variable {
            name: "AISAWS_NOISE_WINDOW_SECONDS",
            reason: "write a number of seconds".to_owned(),
        })?;
    }
    if let Some(value) = variable("AISAWS_NOISE_INCIDENTS_PER_RULE_PER_HOUR") {
        let limit = value.parse().map_err(|_| "write a number".to_owned());
        let limit =
            limit.and_then(|limit| check_limit(limit).map(|()| limit)).map_err(|reason| {
                ConfigError::Variable { name: "AISAWS_NOISE_INCIDENTS_PER_RULE_PER_HOUR", reason }
            })?;
        config.noise.incidents_per_rule_per_hour = Some(limit);
    }
    for (name, setting) in [
        ("AISAWS_ALERT_LOGGED", &mut config.alert.logged),
        ("AISAWS_ALERT_TERMINAL", &mut config.alert.terminal),
    ] {
        if let Some(value) = variable(name) {
            let reason = "write true or false".to_owned();
            *setting = value.parse().map_err(|_| ConfigError::Variable { name, reason })?;
        }
    }
    Ok(config)
}

/// A place is kept for each incident up to the limit, all of an hour together.
fn check_limit(limit: u32) -> Result<(), String> {
    if limit <= MOST_INCIDENTS {
        return Ok(());
    }
    Err(format!("{limit} incidents an hour are more than {MOST_INCIDENTS}; 0 sets no limit"))
}

fn check_webhook(address: &str) -> Result<(), String> {
    if address.is_empty() || address.starts_with("https://") || address.starts_with("http://") {
        Ok(())
    } else {
        Err(format!("alert.webhook is `{address}`; it must begin with https:// or http://"))
    }
}

#[cfg(test)]
mod tests {
    use aisaws_core::risk::Severity;

    use super::*;
    use crate::config::DEFAULT;

    #[test]
    fn the_written_file_holds_the_defaults() {
        assert_eq!(parse(DEFAULT, "default").unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let message = parse("[own]\nroles = []\nrole = \"x\"\n", "f.toml").unwrap_err().to_string();
        assert!(message.contains("line 3") && message.contains("role"), "{message}");
    }

    #[test]
    fn a_variable_wins_over_the_file() {
        let config = load(None, |name| {
            (name == "AISAWS_NETWORK_KNOWN").then(|| "192.0.2.0/24, 2001:db8::/32".to_owned())
        })
        .unwrap();
        assert_eq!(config.network.known.len(), 2);
    }

    #[test]
    fn an_unusable_variable_is_named() {
        let e = load(None, |name| (name == "AISAWS_NETWORK_KNOWN").then(|| "office".to_owned()));
        assert!(e.unwrap_err().to_string().contains("AISAWS_NETWORK_KNOWN"));
    }

    #[test]
    fn a_severity_is_one_of_its_words() {
        let set = |value: &'static str| {
            load(None, move |name| (name == "AISAWS_ALERT_SEVERITY").then(|| value.to_owned()))
                .map(|config| config.alert.severity.least())
        };
        assert_eq!(set("critical").unwrap(), Some(Severity::Critical));
        assert_eq!(set("never").unwrap(), None);
        for value in ["High", "", "5"] {
            let message = set(value).unwrap_err().to_string();
            assert!(message.contains("AISAWS_ALERT_SEVERITY"), "{message}");
        }
        assert!(parse("[alert]\nseverity = \"grave\"\n", "f").is_err());
    }

    #[test]
    fn limits_of_incidents_are_bounded() {
        assert!(parse("[noise.limits]\n\"a.b\" = 10000\n", "f").is_ok());
        assert!(parse("[noise.limits]\n\"a.b\" = 10001\n", "f").is_err());
        let name = "AISAWS_NOISE_INCIDENTS_PER_RULE_PER_HOUR";
        let with = |value: &str| load(None, |n| (n == name).then(|| value.to_owned()));
        assert_eq!(with("7").unwrap().noise.incidents_per_rule_per_hour, Some(7));
        assert!(with("10001").is_err() && with("many").is_err());
    }

    #[test]
    fn a_webhook_must_be_http() {
        assert!(parse("[alert]\nwebhook = \"file:///etc/passwd\"\n", "f").is_err());
    }
}
