//! `aisaws detect`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aisaws_app::input::{Input, expand};
use aisaws_app::origin::Origins;
use aisaws_app::scan::{Problem, scan};
use aisaws_core::fault::chain;
use aisaws_detect::{Lines, builtin};

use crate::context::Context;
use crate::output::{self, data};
use crate::{Ended, Usage, rules};

/// Records that could not be read and are named; of more, the number is told.
const NAMED: usize = 100;

pub(crate) fn run(
    context: &Context,
    folders: &[PathBuf],
    paths: &[PathBuf],
) -> anyhow::Result<Ended> {
    let mut folders = folders.to_vec();
    let mut paths = paths;
    while let [first, after @ ..] = paths
        && !(folders.is_empty() || after.is_empty())
        && holds_only_rules(first)
    {
        folders.push(first.clone());
        paths = after;
    }
    let (rules, mut troubles) = load(context, &folders)?;
    let inputs = expand(paths)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let question = |text: &str, lines: &mut Vec<u8>| match rules.examine(text, lines) {
        Ok(_) => Ok(()),
        Err(error) => Err(chain(&error)),
    };
    let mut unread = 0;
    scan(&inputs, threads, &question, &mut |done| {
        output::bytes(&done.lines);
        for Problem { origin, line, reason } in done.problems {
            unread += 1;
            if unread <= NAMED {
                let place = if line == 0 { origin } else { format!("{origin}:{line}") };
                output::note(&data(&format!("{place}: {reason}")));
            }
        }
    });
    let mut fired = Vec::new();
    let missed = rules.finish(&mut fired)?;
    output::bytes(&fired);
    if missed > 0 {
        output::note(&format!(
            "{missed} matches did not count for correlations: more came within their spans than \
             are held at once; hand in fewer files at a time, each in the order of time"
        ));
    }
    if unread > NAMED {
        output::note(&format!("and {} more that could not be read", unread - NAMED));
    }
    troubles += unread;
    Ok(if troubles == 0 { Ended::Done } else { Ended::Attention })
}

/// The rules of the folders, or our own; and how many could not be used.
pub(super) fn load(context: &Context, folders: &[PathBuf]) -> anyhow::Result<(Lines, usize)> {
    let networks = context.config.network.known.clone();
    let mapping = rules::mapping(&context.config.detect)?;
    let (lines, errors) = if folders.is_empty() {
        Lines::new(builtin::RULES.iter().map(|file| (file.path, file.rule)), networks, mapping)
    } else {
        let files = rule_files(folders)?;
        if files.is_empty() {
            let message = "no rule file (`.yml` or `.yaml`) under the folders of `--rules`";
            return Err(Usage(message.to_owned()).into());
        }
        let texts = files.iter().map(|path| {
            let bytes = std::fs::read(path).unwrap_or_else(|e| {
                // Refused below as a rule, with its file.
                format!("the file could not be read: {e}").into_bytes()
            });
            let text = String::from_utf8_lossy(&bytes).into_owned();
            (path.display().to_string(), text)
        });
        Lines::new(texts, networks, mapping)
    };
    for error in &errors {
        output::note(&data(&chain(error)));
    }
    for left in lines.not_evaluated() {
        output::note(&data(&format!("note: {left}")));
    }
    let origins = Origins::load(&context.config.network)?;
    Ok((lines.enriched(Arc::new(origins)), errors.len()))
}

/// Whether a path is a folder of rules, as it may follow the first one of `--rules`.
fn holds_only_rules(path: &Path) -> bool {
    let files = path.is_dir().then(|| expand(&[path.to_owned()]).ok()).flatten();
    let is_yaml = |input: &Input| matches!(input, Input::File(path) if is_yaml(path));
    files.is_some_and(|files| files.iter().all(is_yaml))
}

fn is_yaml(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("yml") || extension.eq_ignore_ascii_case("yaml")
}

fn rule_files(folders: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let is_rule = |path: &Path| {
        // Test cases stand beside our rules.
        is_yaml(path) && !path.to_string_lossy().contains(".cases.")
    };
    let mut files = Vec::new();
    for input in expand(folders)? {
        match input {
            Input::File(path) if is_rule(&path) => {
                // A path that is given may be a queue, which is read for ever.
                if !std::fs::metadata(&path)?.is_file() {
                    return Err(no_file(&path));
                }
                files.push(path);
            }
            Input::Unfit(path, _) if is_rule(&path) => return Err(no_file(&path)),
            Input::File(_) | Input::Unfit(..) => {}
            Input::Stdin => return Err(no_file(Path::new("-"))),
        }
    }
    Ok(files)
}

fn no_file(path: &Path) -> anyhow::Error {
    let path = data(&path.display().to_string());
    Usage(format!("`{path}` is no file; rules are read from files and folders")).into()
}
