//! `aisaws respond`: the main job on the user's own events.

use std::path::PathBuf;
use std::sync::Arc;

use aisaws_app::input::{Input, expand};
use aisaws_app::report::{self, Report};
use aisaws_app::watch::Observer;
use aisaws_core::risk::Decision;
use aisaws_core::status::Status;
use aisaws_embedded::Embedded;
use indicatif::{ProgressBar, ProgressStyle};

use crate::Ended;
use crate::args::Format;
use crate::context::Context;
use crate::output::{bold, data, json, line, note};
use crate::render::incident::{decision_word, status_word};
use crate::render::table::table;

/// Incidents shown in a table; more are counted and listed by `incident list`.
const SHOWN: usize = 50;

pub(crate) async fn run(context: &Context, paths: &[PathBuf]) -> anyhow::Result<Ended> {
    let inputs = expand(paths)?;
    let embedded = context.open(None)?;
    let report = respond(context, &embedded, inputs).await?;
    match context.format {
        Format::Json => json(&report)?,
        Format::Text => print(&report),
    }
    Ok(if report.needs_attention() { Ended::Attention } else { Ended::Done })
}

/// Takes the inputs in, responds, reports.
pub(crate) async fn respond(
    context: &Context,
    embedded: &Embedded,
    inputs: Vec<Input>,
) -> anyhow::Result<Report> {
    let responder = context.responder(embedded.ports().clone())?;
    let now = embedded.ports().clock.now();
    for suppression in context.config.suppress.iter().filter(|s| s.is_over(now)) {
        note(&format!(
            "the suppression of {} ({}) ended on {} and hides nothing after it",
            data(&suppression.owner),
            data(&suppression.reason),
            suppression.expires
        ));
    }
    let bar = progress(&inputs);
    let reading = bar.clone();
    let tally = responder.take_in(inputs, move |bytes| reading.inc(bytes as u64)).await?;
    bar.finish_and_clear();
    let _lock = embedded
        .lock(|| note("another process is responding on this store; waiting for it"))
        .await?;
    let run = responder.respond(tally).await?;
    for (incident, reason) in &run.interrupted {
        note(&format!(
            "incident {incident} could not go on and is tried again by the next run: {}",
            data(reason)
        ));
    }
    for window in &run.full_windows {
        note(&format!(
            "correlation `{}` has more matches for {} than are counted; what it found stands",
            window.correlation,
            data(&window.group)
        ));
    }
    for (event, reason) in &run.unreadable {
        note(&format!("event {event} could not be examined for a correlation: {}", data(reason)));
    }
    Ok(report::run(embedded.ports().incidents.as_ref(), &run).await?)
}

fn progress(inputs: &[Input]) -> ProgressBar {
    // Drawn on standard error, and only where that is a terminal.
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} reading {msg}: {bytes} ({bytes_per_sec})");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(match inputs {
        [one] => one.name(),
        many => format!("{} files", many.len()),
    });
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

/// The tables of incidents and totals.
pub(crate) fn print(report: &Report) {
    if report.incidents.is_empty() {
        line("no incidents");
    } else {
        let rows = report.incidents.iter().take(SHOWN).map(|incident| {
            let id = incident.id.to_string();
            [
                id.get(..8).unwrap_or(&id).to_owned(),
                incident.resource.to_string(),
                incident.rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                incident.score.map_or_else(|| "-".to_owned(), |s| s.to_string()),
                incident.decision.map_or_else(|| "-".to_owned(), |d| d.to_string()),
                incident.status.to_string(),
            ]
        });
        line(&table(["incident", "resource", "rules", "score", "decision", "status"], rows));
        if report.incidents.len() > SHOWN {
            let more = report.incidents.len() - SHOWN;
            line(&format!("and {more} more; `aisaws incident list` shows all"));
        }
    }
    let totals = &report.totals;
    line("");
    let row = |name: &str, count: u64| line(&format!("  {name:<25} {count:>8}"));
    line(&bold("totals"));
    row("events read", totals.events);
    row("  duplicates", totals.duplicates);
    row("  our own", totals.own);
    row("dead letters", totals.dead_letters);
    row("hits", totals.hits);
    if totals.suppressed > 0 {
        row("  suppressed", totals.suppressed);
    }
    row("incidents", totals.incidents.total);
    for decision in [Decision::Act, Decision::AskHuman, Decision::LogOnly] {
        let count = totals.incidents.by_decision.get(&decision.to_string()).copied().unwrap_or(0);
        let space = " ".repeat(15_usize.saturating_sub(decision.to_string().len()));
        line(&format!("    decided {}{space} {count:>8}", decision_word(decision)));
    }
    for status in Status::ALL {
        let count = totals.incidents.by_status.get(status.as_str()).copied().unwrap_or(0);
        if count > 0 {
            let space = " ".repeat(23_usize.saturating_sub(status.as_str().len()));
            line(&format!("    {}{space} {count:>8}", status_word(status)));
        }
    }
}

/// Where steps are shown as they happen.
pub(crate) fn live() -> Arc<dyn Observer> {
    Arc::new(crate::render::live::Live::default())
}
