//! The rules in force: the built-in ones and those of configured folders.

use std::path::{Path, PathBuf};

use aisaws_core::fault::chain;
use aisaws_detect::{Detect, Foreign, Mapping, builtin};
use ipnet::IpNet;

use crate::config;

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// A file or folder could not be read.
    #[error("{what} `{path}` could not be read")]
    Read {
        /// `rules in` or `mapping`.
        what: &'static str,
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A queue, a socket or a device: reading it might never end.
    #[error("`{0}` is no file; rules are read from files and folders")]
    NoFile(String),
    /// A rule cannot be used; names file and line of the first.
    #[error("{0}; see `aisaws rule lint PATH`")]
    Rule(String),
    /// The mapping cannot be used.
    #[error("{0}")]
    Mapping(String),
    /// The mapping names a control that is not there.
    #[error("mapping `{path}` names the unknown control `{control}`; see `aisaws control list`")]
    Control {
        /// The mapping.
        path: String,
        /// The control.
        control: String,
    },
    /// A rule is to be promoted that is not there.
    #[error("`{0}` in detect.promote is the id of no rule; see `aisaws rule list`")]
    Promoted(String),
}

/// A rule file and its text.
#[derive(Debug, Clone)]
pub struct RuleText {
    /// As errors name it.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// The built-in rules with those of the configuration and of further folders.
///
/// # Errors
/// [`RulesError`]; nothing is loaded then.
pub fn load(
    config: &config::Detect,
    folders: &[PathBuf],
    networks: Vec<IpNet>,
) -> Result<Detect, RulesError> {
    let foreign =
        Foreign { mapping: mapping(config)?, promoted: config.promote.iter().cloned().collect() };
    let files = files(config.rules.iter().chain(folders))?;
    let own = builtin::RULES.iter().map(builtin::RuleFile::file);
    let others = files.iter().map(|file| (file.name.as_str(), file.text.as_str()).into());
    let (detect, errors) = Detect::with_foreign(own.chain(others), networks, foreign);
    if let Some(first) = errors.first() {
        let more = errors.len() - 1;
        let tail = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return Err(RulesError::Rule(format!("{}{tail}", chain(first))));
    }
    let is_there = |id: &&String| !detect.rules().any(|rule| rule.rule.meta.key() == id.as_str());
    match config.promote.iter().find(is_there) {
        Some(id) => Err(RulesError::Promoted(id.clone())),
        None => Ok(detect),
    }
}

/// The mapping in force; one that names an unknown control is an error.
///
/// # Errors
/// [`RulesError`].
pub fn mapping(config: &config::Detect) -> Result<Mapping, RulesError> {
    let path = &config.mapping;
    if path.as_os_str().is_empty() {
        return Ok(Mapping::default());
    }
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(unreadable("mapping", path))?;
    let mapping = Mapping::parse(&text, &name).map_err(|e| RulesError::Mapping(chain(&e)))?;
    let unknown = mapping.controls().find(|id| aisaws_controls::get(id).is_none());
    if let Some(id) = unknown {
        return Err(RulesError::Control { path: name, control: id.to_string() });
    }
    Ok(mapping)
}

/// The rule files of these folders (with those within) and files, by name; cases are none.
///
/// # Errors
/// [`RulesError::Read`], and [`RulesError::NoFile`].
pub fn files<'p>(
    paths: impl IntoIterator<Item = &'p PathBuf>,
) -> Result<Vec<RuleText>, RulesError> {
    let mut files = Vec::new();
    for path in paths {
        read(path, &mut files)?;
    }
    Ok(files)
}

fn unreadable(what: &'static str, path: &Path) -> impl Fn(std::io::Error) -> RulesError {
    move |source| RulesError::Read { what, path: path.display().to_string(), source }
}

fn read(path: &Path, files: &mut Vec<RuleText>) -> Result<(), RulesError> {
    let failed = unreadable("rules in", path);
    if !path.is_dir() {
        if !std::fs::metadata(path).map_err(&failed)?.is_file() {
            return Err(RulesError::NoFile(path.display().to_string()));
        }
        let text = std::fs::read_to_string(path).map_err(&failed)?;
        files.push(RuleText { name: path.display().to_string(), text });
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(&failed)? {
        entries.push(entry.map_err(&failed)?);
    }
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        // A link is not followed into a folder: it might lead back here.
        let (kind, path) = (entry.file_type().map_err(&failed)?, entry.path());
        let is_yaml = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("yml") || e.eq_ignore_ascii_case("yaml"));
        let is_cases = path.file_name().is_some_and(|n| n.to_string_lossy().contains(".cases."));
        if kind.is_dir() || (is_yaml && !is_cases && !path.is_dir()) {
            read(&path, files)?;
        }
    }
    Ok(())
}
