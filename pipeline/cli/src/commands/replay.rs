//! `aisaws replay`: stored events through the present rules and policy, on a scratch store.

use std::path::Path;

use aisaws_app::input::Input;
use aisaws_app::replay::{Compared, Comparison, Outcome, Selection, compare};
use aisaws_core::event::Event;
use aisaws_core::port::{EventFilter, Events, Ports};
use aisaws_embedded::Embedded;
use anyhow::Context as _;
use jiff::Timestamp;

use crate::Ended;
use crate::args::{Format, Replay as Args};
use crate::context::Context;
use crate::opened::Opened;
use crate::output::{self, bold, data};
use crate::render::incident::{decision_word, diff};

/// Events copied in one go.
const PAGE: u32 = 512;

/// Events that were run again, and the time from which on there was none for more.
type Ran = (u64, Option<Timestamp>);

pub(crate) async fn run(context: &Context, args: Args) -> anyhow::Result<Ended> {
    let opened = Opened::existing(context, &args.place).await?;
    if let Some(id) = &args.live {
        return super::live::run(context, &opened, id, args.yes).await;
    }
    // A scratch store that goes with this process: nothing outside it is written.
    let folder = tempfile::tempdir().context("no scratch folder could be made")?;
    let (scratch, (count, stopped_at)) = match &opened {
        Opened::Local(embedded) => rerun_local(context, embedded, folder.path()).await?,
        #[cfg(feature = "aws")]
        Opened::Aws(deployment) => {
            let (from, until) = (args.history_since, args.until);
            super::replay_aws::rerun(context, deployment, folder.path(), (from, until)).await?
        }
    };
    let selection = Selection {
        since: args.since,
        until: args.until.into_iter().chain(stopped_at).min(),
        rule: args.rule,
        event_name: args.event_name,
        resource: args.resource,
        actor: args.actor,
        id: args.id,
    };
    let compared = report(context, count, opened.ports(), scratch.ports(), &selection).await?;
    if context.format == Format::Text {
        let Compared { incidents, differing } = compared;
        output::line(&format!(
            "{count} events replayed; {incidents} incidents compared, {differing} would be decided differently"
        ));
    }
    Ok(Ended::Done)
}

/// Writes each row as it is compared: as many as there are do not have to fit in memory.
async fn report(
    context: &Context,
    count: u64,
    recorded: &Ports,
    replayed: &Ports,
    selection: &Selection,
) -> anyhow::Result<Compared> {
    let is_json = context.format == Format::Json;
    if is_json {
        output::line(&format!("{{\n  \"events\": {count},\n  \"incidents\": ["));
    }
    let mut before = "";
    let mut failure = None;
    let each = |row: Comparison| {
        if !is_json {
            if row.differs {
                print(&row);
            }
            return;
        }
        match serde_json::to_string(&row) {
            Ok(text) => output::line(&format!("{before}    {text}")),
            Err(e) => failure = Some(e),
        }
        before = ",";
    };
    let (old, new) = (recorded.incidents.as_ref(), replayed.incidents.as_ref());
    let compared = compare(old, new, replayed.events.as_ref(), selection, each).await?;
    if let Some(e) = failure {
        return Err(e.into());
    }
    if is_json {
        output::line(&format!("  ],\n  \"differing\": {}\n}}", compared.differing));
    }
    Ok(compared)
}

async fn rerun_local(
    context: &Context,
    embedded: &Embedded,
    folder: &Path,
) -> anyhow::Result<(Embedded, Ran)> {
    let scratch = context.open_at(&folder.join("replay.sqlite"), None, Vec::new())?;
    let responder = context.responder(scratch.ports().clone())?;
    let copy = folder.join("events.ndjson");
    let count = export(embedded.ports().events.as_ref(), &copy).await?;
    let tally = responder.take_in(vec![Input::File(copy)], |_| {}).await?;
    responder.respond(tally).await?;
    Ok((scratch, (count, None)))
}

/// Copies every stored event as it came, oldest first: earlier events make the state that
/// later ones meet, so all of them run whatever is selected.
async fn export(events: &dyn Events, path: &std::path::Path) -> anyhow::Result<u64> {
    use std::io::Write;
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut after = None;
    let mut count = 0;
    loop {
        let page: Vec<Event> = events.list(&EventFilter::default(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.time, last.id.clone()));
        for event in &page {
            // A record that came over several lines is put on one.
            let raw: Box<serde_json::value::RawValue> = serde_json::from_str(&event.raw)?;
            if raw.get().contains('\n') {
                let value: serde_json::Value = serde_json::from_str(&event.raw)?;
                writeln!(file, "{value}")?;
            } else {
                writeln!(file, "{}", raw.get())?;
            }
            count += 1;
        }
    }
    file.flush()?;
    Ok(count)
}

fn print(row: &Comparison) {
    output::line(&format!(
        "{} {}  {}",
        bold("incident"),
        row.incident,
        data(&row.resource.to_string())
    ));
    side("recorded", row.recorded.as_ref());
    side("now", row.replayed.as_ref());
    output::line("");
}

fn side(name: &str, outcome: Option<&Outcome>) {
    let Some(outcome) = outcome else {
        output::line(&format!("  {name:<9} no incident"));
        return;
    };
    let decision = outcome.decision.map_or_else(|| "not decided".to_owned(), decision_word);
    let score = outcome.score.map_or_else(|| "-".to_owned(), |score| score.to_string());
    let plan = outcome.plan.as_ref().map_or("no plan", |digest| digest.short());
    output::line(&format!("  {name:<9} {decision}, score {score}, plan {plan}"));
    if let Some(reason) = outcome.reasons.last() {
        output::line(&format!("            {}", data(reason)));
    }
    for text in outcome.patch.iter().flat_map(diff) {
        output::line(&format!("            {text}"));
    }
}
