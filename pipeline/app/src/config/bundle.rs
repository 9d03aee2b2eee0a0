//! A configuration with every file it names, to be laid where another process reads it.

use std::path::{Path, PathBuf};

use super::{Config, ConfigError, FILE, load};
use crate::rules;

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Its path below the bundle's folder, parts separated by `/`.
    pub path: String,
    /// What it holds.
    pub content: Vec<u8>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A file that the configuration names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A rule file that it names.
    #[error(transparent)]
    Rules(#[from] rules::RulesError),
    /// It could not be written as TOML; never of a configuration that was read.
    #[error("the configuration could not be written")]
    Write(#[from] toml::ser::Error),
}

/// The configuration as [`FILE`], with the files it names, which it names as they lie beside it
/// ([`load_bundle`] reads it). What only means something on this machine (the store, a file of alerts, the terminal) is
/// left out.
///
/// # Errors
/// [`BundleError`].
pub fn bundle(config: &Config) -> Result<Vec<Bundled>, BundleError> {
    let mut own = config.clone();
    own.store.path = PathBuf::new();
    own.alert.file = PathBuf::new();
    own.alert.terminal = false;
    let mut bundle = Bundle { files: Vec::new() };
    own.detect.rules = Vec::new();
    for rule in rules::files(&config.detect.rules)? {
        own.detect.rules.push(bundle.add("rules", Path::new(&rule.name), rule.text.into()));
    }
    for (kind, path) in [
        ("mapping", &mut own.detect.mapping),
        ("weights", &mut own.score.weights),
        ("policy", &mut own.decide.policy),
    ] {
        if !path.as_os_str().is_empty() {
            *path = bundle.read(kind, path)?;
        }
    }
    for (kind, paths) in [("databases", &mut own.network.databases), ("bad", &mut own.network.bad)]
    {
        for path in paths {
            *path = bundle.read(kind, path)?;
        }
    }
    let mut files = bundle.files;
    files.push(Bundled { path: FILE.to_owned(), content: toml::to_string(&own)?.into_bytes() });
    Ok(files)
}

/// The configuration of a bundle that was laid in that folder.
///
/// # Errors
/// [`ConfigError`].
pub fn load_bundle(
    folder: &Path,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut config = load(Some(&folder.join(FILE)), variable)?;
    let Config { detect, score, decide, network, .. } = &mut config;
    let single = [&mut detect.mapping, &mut score.weights, &mut decide.policy].into_iter();
    let single = single.filter(|path| !path.as_os_str().is_empty());
    let many = detect.rules.iter_mut().chain(&mut network.databases).chain(&mut network.bad);
    for path in single.chain(many) {
        *path = folder.join(&*path);
    }
    Ok(config)
}

struct Bundle {
    files: Vec<Bundled>,
}

impl Bundle {
    fn read(&mut self, kind: &str, path: &Path) -> Result<PathBuf, ConfigError> {
        let content = std::fs::read(path)
            .map_err(|source| ConfigError::Named { path: path.display().to_string(), source })?;
        Ok(self.add(kind, path, content))
    }

    /// Numbered, because files of several folders may have one name.
    fn add(&mut self, kind: &str, path: &Path, content: Vec<u8>) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let path = format!("{kind}/{:05}-{name}", self.files.len());
        self.files.push(Bundled { path: path.clone(), content });
        PathBuf::from(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn what_is_bundled_is_in_force_where_it_is_laid() {
        let here = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = here.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let rule = "title: T\nid: mine\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {eventName: X}\n  condition: s\nlevel: low\n";
        write("rules/a/r.yml", rule);
        write("rules/b/r.yml", &rule.replace("mine", "other"));
        write("rules/b/r.cases.yml", "not a rule");
        let policy = write("policy.toml", "# mine\n");
        let text = format!(
            "[store]\npath = 's'\n[detect]\nrules = [{:?}]\npromote = ['mine']\n[decide]\npolicy = {policy:?}\n[network]\nknown = ['192.0.2.0/24']\n[noise]\nincidents_per_rule_per_hour = 7\n",
            here.path().join("rules"),
        );
        let config = parse(&text, "test").unwrap();

        let there = tempfile::tempdir().unwrap();
        for file in bundle(&config).unwrap() {
            let path = there.path().join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.content).unwrap();
        }
        // Only what was laid there counts.
        drop(here);
        let laid = load_bundle(there.path(), |_| None).unwrap();
        let detect = rules::load(&laid.detect, &[], laid.network.known.clone()).unwrap();
        for id in ["mine", "other"] {
            assert!(detect.rules().any(|rule| rule.rule.meta.key() == id), "{id}");
        }
        assert_eq!(laid.decide.policy_text("built in").unwrap(), "# mine\n");
        assert_eq!(laid.score.weights_text("built in").unwrap(), "built in");
        assert_eq!(laid.noise, config.noise);
        assert_eq!(laid.network.known, config.network.known);
        assert_eq!(laid.store.path, PathBuf::new());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let config = parse("[decide]\npolicy = 'nowhere.toml'\n", "test").unwrap();
        let error = bundle(&config).unwrap_err();
        assert!(error.to_string().contains("nowhere.toml"), "{error}");
    }
}
