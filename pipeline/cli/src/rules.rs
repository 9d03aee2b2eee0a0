//! The rules in force: the built-in ones and those of configured folders.

use std::path::{Path, PathBuf};

use aisaws_core::id::{ControlId, RuleId};
use aisaws_detect::sigma::Level;
use aisaws_detect::{Detect, builtin};
use ipnet::IpNet;
use serde::Serialize;

use crate::Usage;

/// What `rule list` and `explain` tell of a rule.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RuleInfo {
    pub(crate) id: RuleId,
    pub(crate) title: String,
    pub(crate) level: String,
    pub(crate) description: String,
    pub(crate) resource_type: String,
    pub(crate) controls: Vec<ControlId>,
    pub(crate) falsepositives: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) references: Vec<String>,
    pub(crate) author: Option<String>,
    pub(crate) file: String,
}

/// Loads them; a rule that cannot be used is an error that names file and line.
pub(crate) fn load(folders: &[PathBuf], networks: Vec<IpNet>) -> anyhow::Result<Detect> {
    let mut files: Vec<(String, String)> = Vec::new();
    for folder in folders {
        read_folder(folder, &mut files)?;
    }
    let own = builtin::RULES.iter().map(|file| (file.path, file.rule));
    let foreign = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (detect, errors) = Detect::new(own.chain(foreign), networks);
    if let Some(first) = errors.first() {
        let more = errors.len() - 1;
        let tail = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return Err(Usage(format!("{first}{tail}")).into());
    }
    if let Some(first) = detect.not_evaluated().first() {
        return Err(Usage(format!(
            "rule is understood but not evaluated by this version: {first:?}"
        ))
        .into());
    }
    Ok(detect)
}

/// What people are told of each rule, by id.
pub(crate) fn infos(detect: &Detect) -> Vec<RuleInfo> {
    detect
        .rules()
        .map(|loaded| {
            let meta = &loaded.rule.meta;
            RuleInfo {
                id: RuleId::new(meta.key()),
                title: meta.title.clone(),
                level: meta.level.map_or("medium", level_word).to_owned(),
                description: meta.description.clone().unwrap_or_default(),
                resource_type: loaded.response.kind.clone(),
                controls: loaded.response.controls.clone(),
                falsepositives: meta.falsepositives.clone(),
                tags: meta.tags.clone(),
                references: meta.references.clone(),
                author: meta.author.clone(),
                file: loaded.rule.place.to_string(),
            }
        })
        .collect()
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

fn read_folder(folder: &Path, files: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    let usage = |e: std::io::Error| {
        Usage(format!("rules in `{}` could not be read: {e}", folder.display()))
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(usage)? {
        paths.push(entry.map_err(usage)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_folder(&path, files)?;
            continue;
        }
        let name = path.display().to_string();
        let is_yaml = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("yml") || e.eq_ignore_ascii_case("yaml"));
        let is_rule = is_yaml && !name.contains(".cases.");
        if is_rule {
            let text = std::fs::read_to_string(&path).map_err(usage)?;
            files.push((name, text));
        }
    }
    Ok(())
}
