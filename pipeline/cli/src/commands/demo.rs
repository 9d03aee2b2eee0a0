//! `aisaws demo`: the main job on a scenario that ships with the program.

use std::path::Path;

use aisaws_app::input::Input;
use aisaws_core::status::Status;
use anyhow::Context as _;

use crate::args::Format;
use crate::commands::respond;
use crate::context::Context;
use crate::output::{self, bold, note};
use crate::{Ended, Usage};

/// A dozen CloudTrail events of an invented account.
const SCENARIO: &str = include_str!("../../demo/scenario.json");
/// The networks the invented organisation calls from.
const NETWORK: &str = "192.0.2.0/24";

pub(crate) async fn run(mut context: Context) -> anyhow::Result<Ended> {
    let is_own_store = !context.config.store.path.as_os_str().is_empty();
    let folder = if is_own_store {
        None
    } else {
        // Kept, so that the commands printed at the end find it.
        Some(tempfile::Builder::new().prefix("aisaws-demo-").tempdir()?.keep())
    };
    if let Some(folder) = &folder {
        context.config.store.path = folder.join("store.sqlite");
    }
    if context.config.network.known.is_empty() {
        context.config.network.known = vec![NETWORK.parse()?];
    }
    context.config.alert.terminal = true;
    let store = std::path::absolute(context.store_path()?)?;
    context.config.store.path.clone_from(&store);
    let scenario = scenario_file(&store)?;
    let config = write_config(&context, &store)?;

    note(&bold("a simulated account, a dozen CloudTrail events, nothing outside is touched"));
    let embedded = context.open(Some(respond::live()))?;
    let report = respond::respond(&context, &embedded, vec![Input::File(scenario)]).await?;
    match context.format {
        Format::Json => output::json(&report)?,
        Format::Text => {
            output::line("");
            respond::print(&report);
            output::line("");
            let program = program();
            let call = |words: &str| format!("  {program} --config {} {words}", config.display());
            let waiting = report.incidents.iter().find(|i| i.status == Status::WaitingApproval);
            let repaired = report.incidents.iter().find(|i| i.status == Status::Remediated);
            output::line(&bold("what you can do now"));
            if let Some(incident) = repaired.or(report.incidents.first()) {
                output::line(&call(&format!("incident show {}", incident.id)));
            }
            if let Some(incident) = waiting {
                output::line(&call(&format!("approval grant {}", incident.id)));
            }
            output::line(&call("replay"));
            output::line(&call("store verify"));
        }
    }
    // The scenario leaves one incident with a human on purpose: that is the demonstration done.
    Ok(Ended::Done)
}

/// The scenario beside the store, where `respond` can read it too.
fn scenario_file(store: &Path) -> anyhow::Result<std::path::PathBuf> {
    let folder = store.parent().context("the store has no folder")?;
    std::fs::create_dir_all(folder)?;
    let path = folder.join("demo-events.json");
    write_whole(&path, SCENARIO)?;
    Ok(path)
}

/// A configuration for the commands that are printed at the end.
fn write_config(context: &Context, store: &Path) -> anyhow::Result<std::path::PathBuf> {
    if store.to_str().is_none() {
        return Err(Usage("the store's path must be UTF-8 text".to_owned()).into());
    }
    let path = store.with_file_name("demo-aisaws.toml");
    write_whole(&path, &toml::to_string_pretty(&context.config)?)?;
    Ok(path)
}

/// Writes beside and renames, so that a reader never sees half a file.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("the file has no folder")?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// How this program was called.
fn program() -> String {
    let here = std::env::current_dir().unwrap_or_default();
    std::env::current_exe().map_or_else(
        |_| "aisaws".to_owned(),
        |path| {
            path.strip_prefix(&here)
                .map_or_else(|_| path.display().to_string(), |p| format!("./{}", p.display()))
        },
    )
}
