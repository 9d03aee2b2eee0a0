//! The rules in force: the built-in ones and those of configured folders.

use std::path::{Path, PathBuf};

use aisaws_app::config;
use aisaws_core::fault;
use aisaws_core::id::{ControlId, RuleId};
use aisaws_detect::sigma::{Level, Logsource, Place};
use aisaws_detect::{Detect, Foreign, LoadedRule, Mapping, builtin};
use ipnet::IpNet;
use serde::Serialize;

use crate::Usage;
use crate::output;

/// What `rule list`, `rule show` and `explain` tell of a rule.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RuleInfo {
    pub(crate) id: RuleId,
    pub(crate) title: String,
    pub(crate) level: String,
    pub(crate) stage: &'static str,
    pub(crate) description: String,
    /// `by event` for foreign rules, whose hits are about what the event names.
    pub(crate) resource_type: String,
    pub(crate) logsource: String,
    pub(crate) controls: Vec<ControlId>,
    pub(crate) falsepositives: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) references: Vec<String>,
    pub(crate) author: Option<String>,
    pub(crate) file: String,
}

/// A rule file and its text.
#[derive(Debug, Clone)]
pub(crate) struct RuleText {
    /// As errors name it.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Loads them; a rule that cannot be used is an error that names file and line.
pub(crate) fn load(config: &config::Detect, networks: Vec<IpNet>) -> anyhow::Result<Detect> {
    load_with(config, &[], networks)
}

/// As [`load`], with rules of further folders.
pub(crate) fn load_with(
    config: &config::Detect,
    folders: &[PathBuf],
    networks: Vec<IpNet>,
) -> anyhow::Result<Detect> {
    let foreign =
        Foreign { mapping: mapping(config)?, promoted: config.promote.iter().cloned().collect() };
    let files = files(config.rules.iter().chain(folders))?;
    let own = builtin::RULES.iter().map(|file| (file.path, file.rule));
    let others = files.iter().map(|file| (file.name.as_str(), file.text.as_str()));
    let (detect, errors) = Detect::with_foreign(own.chain(others), networks, foreign);
    if let Some(first) = errors.first() {
        let more = errors.len() - 1;
        let tail = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        let message = format!("{}{tail}; see `aisaws rule lint PATH`", fault::chain(first));
        return Err(Usage(message).into());
    }
    for document in detect.not_evaluated() {
        output::note(&format!("note: {}", output::data(&document.to_string())));
    }
    let is_there = |id: &&String| !detect.rules().any(|rule| rule.rule.meta.key() == id.as_str());
    if let Some(id) = config.promote.iter().find(is_there) {
        let message =
            format!("`{id}` in detect.promote is the id of no rule; see `aisaws rule list`");
        return Err(Usage(message).into());
    }
    Ok(detect)
}

/// The mapping in force; one that names an unknown control is an error.
pub(crate) fn mapping(config: &config::Detect) -> anyhow::Result<Mapping> {
    let path = &config.mapping;
    if path.as_os_str().is_empty() {
        return Ok(Mapping::default());
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| Usage(format!("mapping `{}` could not be read: {e}", path.display())))?;
    let mapping =
        Mapping::parse(&text, &path.display().to_string()).map_err(|e| Usage(fault::chain(&e)))?;
    if let Some(id) = mapping.controls().find(|id| aisaws_controls::get(id).is_none()) {
        let message = format!(
            "mapping `{}` names the unknown control `{id}`; see `aisaws control list`",
            path.display()
        );
        return Err(Usage(message).into());
    }
    Ok(mapping)
}

/// The rule files of these folders (with those within) and files, by name; cases are none.
pub(crate) fn files<'p>(
    paths: impl IntoIterator<Item = &'p PathBuf>,
) -> anyhow::Result<Vec<RuleText>> {
    let mut files = Vec::new();
    for path in paths {
        read(path, &mut files)?;
    }
    Ok(files)
}

/// The text of a rule that is in force, by the place it was read from.
pub(crate) fn text_of(place: &Place) -> anyhow::Result<String> {
    let own = builtin::RULES.iter().find(|file| *file.path == *place.file);
    match own {
        Some(own) => Ok(own.rule.to_owned()),
        None => Ok(std::fs::read_to_string(&*place.file)
            .map_err(|e| Usage(format!("`{}` could not be read: {e}", place.file)))?),
    }
}

/// What people are told of each rule, by id.
pub(crate) fn infos(detect: &Detect) -> Vec<RuleInfo> {
    detect.rules().map(info).collect()
}

/// What people are told of one rule.
pub(crate) fn info(loaded: LoadedRule<'_>) -> RuleInfo {
    let meta = &loaded.rule.meta;
    RuleInfo {
        id: RuleId::new(meta.key()),
        title: meta.title.clone(),
        level: meta.level.map_or("medium", level_word).to_owned(),
        stage: loaded.response.stage.as_str(),
        description: meta.description.clone().unwrap_or_default(),
        resource_type: loaded.response.kind().unwrap_or("by event").to_owned(),
        logsource: logsource(&meta.logsource),
        controls: loaded.response.controls().to_vec(),
        falsepositives: meta.falsepositives.clone(),
        tags: meta.tags.clone(),
        references: meta.references.clone(),
        author: meta.author.clone(),
        file: loaded.rule.place.to_string(),
    }
}

fn logsource(source: &Logsource) -> String {
    let parts = [&source.category, &source.product, &source.service];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("/")
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Informational => "informational",
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}

fn read(path: &Path, files: &mut Vec<RuleText>) -> anyhow::Result<()> {
    let usage =
        |e: std::io::Error| Usage(format!("rules in `{}` could not be read: {e}", path.display()));
    if !path.is_dir() {
        let text = std::fs::read_to_string(path).map_err(usage)?;
        files.push(RuleText { name: path.display().to_string(), text });
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(usage)? {
        entries.push(entry.map_err(usage)?);
    }
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        // A link is not followed into a folder: it might lead back here.
        let (kind, path) = (entry.file_type().map_err(usage)?, entry.path());
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
