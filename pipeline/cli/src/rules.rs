//! The rules in force: the built-in ones and those of configured folders.

use std::path::PathBuf;

use aisaws_app::config;
use aisaws_core::id::{ControlId, RuleId};
use aisaws_detect::sigma::{Level, Logsource, Place};
use aisaws_detect::{Detect, LoadedRule, builtin};
use ipnet::IpNet;
use serde::Serialize;

pub(crate) use aisaws_app::rules::{RuleText, files, mapping};

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
    let detect = aisaws_app::rules::load(config, folders, networks)?;
    for document in detect.not_evaluated() {
        output::note(&format!("note: {}", output::data(&document.to_string())));
    }
    Ok(detect)
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
