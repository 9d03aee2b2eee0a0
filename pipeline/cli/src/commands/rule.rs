//! `aisaws rule`: rules, their problems, their cases, and what they cover.

use std::path::{Path, PathBuf};

use aisaws_core::fault;
use aisaws_core::id::ControlId;
use aisaws_detect::lint::{Gravity, Remark};
use aisaws_detect::{builtin, cases, lint};
use serde_json::json;

use crate::args::{Format, Rule as Command};
use crate::commands::{list, rule_coverage};
use crate::context::Context;
use crate::output::{self, bold, data, dim};
use crate::rules::{self, RuleInfo, RuleText};
use crate::{Ended, Usage};

pub(crate) fn run(context: &Context, command: Command) -> anyhow::Result<Ended> {
    match command {
        Command::List => list::rules(context),
        Command::Show { id } => show(context, &id),
        Command::Lint { paths } => lint(context, &paths),
        Command::Test { paths } => test(context, &paths),
        Command::Coverage { folders } => rule_coverage::run(context, &folders),
    }
}

/// What `rule show` tells a program.
#[derive(serde::Serialize)]
struct Shown {
    #[serde(flatten)]
    rule: RuleInfo,
    text: String,
}

fn show(context: &Context, id: &str) -> anyhow::Result<Ended> {
    let detect = context.rules()?;
    let Some(loaded) = detect.rules().find(|loaded| loaded.rule.meta.key() == id) else {
        return Err(Usage(format!("there is no rule `{id}`; see `aisaws rule list`")).into());
    };
    let info = rules::info(loaded);
    let text = rules::text_of(&loaded.rule.place)?;
    match context.format {
        Format::Json => {
            output::json(&Shown { rule: info, text })?;
        }
        Format::Text => {
            output::line(&format!("{} {}", bold("rule"), bold(&data(id))));
            let controls: Vec<&str> = info.controls.iter().map(ControlId::as_str).collect();
            let rows = [
                ("title", info.title),
                ("level", info.level),
                ("log source", info.logsource),
                ("stage", info.stage.to_owned()),
                ("resource", info.resource_type),
                ("controls", controls.join(", ")),
                ("ATT&CK", info.tags.join(", ")),
                ("false positives", info.falsepositives.join("; ")),
                ("file", info.file),
            ];
            for (name, value) in rows {
                let value = if value.is_empty() { "none".to_owned() } else { value };
                output::line(&format!("{name:>16}  {}", data(&value)));
            }
            output::line("");
            for line in text.lines() {
                output::line(&data(line));
            }
        }
    }
    Ok(Ended::Done)
}

fn lint(context: &Context, paths: &[PathBuf]) -> anyhow::Result<Ended> {
    let files = if paths.is_empty() {
        let own = builtin::RULES.iter();
        let own = own.map(|f| RuleText { name: f.path.to_owned(), text: f.rule.to_owned() });
        own.chain(rules::files(&context.config.detect.rules)?).collect()
    } else {
        rules::files(paths)?
    };
    let mut remarks: Vec<Remark> = Vec::new();
    for file in &files {
        remarks.extend(lint::lint(&file.name, &file.text));
        if !has_cases(&file.name) {
            remarks.push(lint::without_cases(&file.name));
        }
    }
    let texts = files.iter().map(|file| (file.name.as_str(), file.text.as_str()));
    remarks.extend(lint::across(texts, &|id| aisaws_controls::get(id).is_some()));
    remarks.sort_by(|a, b| a.place.cmp(&b.place));
    let errors = remarks.iter().filter(|r| r.gravity == Gravity::Error).count();
    match context.format {
        Format::Json => {
            let list: Vec<_> = remarks
                .iter()
                .map(|r| {
                    json!({
                        "file": &*r.place.file, "line": r.place.line,
                        "gravity": r.gravity.as_str(), "problem": r.text, "next": r.next,
                    })
                })
                .collect();
            output::json(&json!({ "files": files.len(), "errors": errors, "remarks": list }))?;
        }
        Format::Text => {
            for remark in &remarks {
                let line = remark.to_string();
                output::line(&data(&line));
                output::line(&dim(&data(&format!("    try: {}", remark.next))));
            }
            let warnings = remarks.len() - errors;
            output::line(&format!("{} files: {errors} errors, {warnings} warnings", files.len()));
        }
    }
    Ok(if errors > 0 { Ended::Attention } else { Ended::Done })
}

/// Where the cases of a rule file are.
fn cases_path(rule: &str) -> PathBuf {
    Path::new(rule).with_extension("cases.yml")
}

fn has_cases(rule: &str) -> bool {
    builtin::RULES.iter().any(|file| file.path == rule) || cases_path(rule).is_file()
}

fn test(context: &Context, paths: &[PathBuf]) -> anyhow::Result<Ended> {
    let mut all: Vec<(RuleText, Option<String>)> = Vec::new();
    if paths.is_empty() {
        for file in builtin::RULES {
            let rule = RuleText { name: file.path.to_owned(), text: file.rule.to_owned() };
            all.push((rule, Some(file.cases.to_owned())));
        }
    } else {
        for rule in rules::files(paths)? {
            let path = cases_path(&rule.name);
            let cases =
                if path.is_file() {
                    let text = std::fs::read_to_string(&path);
                    Some(text.map_err(|e| {
                        Usage(format!("`{}` could not be read: {e}", path.display()))
                    })?)
                } else {
                    None
                };
            all.push((rule, cases));
        }
    }
    let mapping = rules::mapping(&context.config.detect)?;
    let mut results = Vec::new();
    for (rule, cases) in &all {
        let Some(cases) = cases else {
            results.push(Tested::skipped(rule, "there are no cases beside the rule"));
            continue;
        };
        match cases::run_with(&rule.name, &rule.text, cases, mapping.clone()) {
            Ok(outcomes) => results.extend(outcomes.into_iter().map(|o| Tested::of(rule, o))),
            Err(error) => results.push(Tested::failed(rule, &fault::chain(&error))),
        }
    }
    let count = |verdict| results.iter().filter(|r| r.verdict == verdict).count();
    let (passed, failed) = (count("pass"), count("fail"));
    match context.format {
        Format::Json => output::json(&json!({
            "passed": passed, "failed": failed, "skipped": count("skip"), "cases": results,
        }))?,
        Format::Text => {
            for result in &results {
                output::line(&data(&result.to_string()));
            }
            output::line(&format!(
                "{passed} passed, {failed} failed, {} without cases",
                count("skip")
            ));
        }
    }
    Ok(if failed > 0 { Ended::Attention } else { Ended::Done })
}

/// One line of `rule test`.
#[derive(serde::Serialize)]
struct Tested {
    file: String,
    case: String,
    verdict: &'static str,
    expected: Vec<String>,
    found: Vec<String>,
    reason: Option<String>,
}

impl Tested {
    fn of(rule: &RuleText, outcome: cases::Outcome) -> Self {
        let verdict = if outcome.passed() { "pass" } else { "fail" };
        let (expected, found) = (outcome.expected, outcome.found);
        Self { file: rule.name.clone(), case: outcome.name, verdict, expected, found, reason: None }
    }

    fn failed(rule: &RuleText, reason: &str) -> Self {
        Self { verdict: "fail", ..Self::skipped(rule, reason) }
    }

    fn skipped(rule: &RuleText, reason: &str) -> Self {
        Self {
            file: rule.name.clone(),
            case: String::new(),
            verdict: "skip",
            expected: Vec::new(),
            found: Vec::new(),
            reason: Some(reason.to_owned()),
        }
    }
}

impl std::fmt::Display for Tested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verdict, self.file)?;
        if let Some(reason) = &self.reason {
            return write!(f, ": {reason}");
        }
        let say = |ids: &[String]| match ids {
            [] => "no hit".to_owned(),
            ids => format!("a hit on {}", ids.join(", ")),
        };
        write!(f, ": {}: expected {}", self.case, say(&self.expected))?;
        if self.verdict == "fail" {
            write!(f, ", but there was {}", say(&self.found))?;
        }
        Ok(())
    }
}
