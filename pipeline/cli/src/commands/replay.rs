//! `aisaws replay`: stored events through the present rules and policy, on a scratch store.

use std::collections::BTreeSet;

use aisaws_app::input::Input;
use aisaws_app::replay::{Comparison, Outcome, Selection, compare};
use aisaws_core::event::Event;
use aisaws_core::id::{EventId, IncidentId};
use aisaws_core::port::{EventFilter, Events};
use anyhow::Context as _;
use serde_json::json;

use crate::Ended;
use crate::args::{Format, Replay as Args};
use crate::context::Context;
use crate::output::{self, bold, data};
use crate::render::incident::{decision_word, diff};

/// Events copied in one go.
const PAGE: u32 = 512;

pub(crate) async fn run(context: &Context, args: Args) -> anyhow::Result<Ended> {
    let embedded = context.open_existing()?;
    let recorded = embedded.ports();
    // A scratch store that goes with this process: nothing outside it is written.
    let folder = tempfile::tempdir().context("no scratch folder could be made")?;
    let scratch = context.open_at(&folder.path().join("replay.sqlite"), None, Vec::new())?;
    let responder = context.responder(scratch.ports().clone())?;
    let copy = folder.path().join("events.ndjson");
    let count = export(recorded.events.as_ref(), &copy).await?;
    let tally = responder.take_in(vec![Input::File(copy)], |_| {}).await?;
    responder.respond(tally).await?;

    let mut selection = Selection { events: EventFilter::default(), rule: args.rule };
    selection.events.since = args.since;
    selection.events.until = args.until;
    let mut only: Option<BTreeSet<IncidentId>> = None;
    if let Some(id) = args.id {
        match IncidentId::parse(&id).ok() {
            Some(incident) if recorded.incidents.get(incident).await?.is_some() => {
                only = Some(BTreeSet::from([incident]));
            }
            _ => selection.events.id = Some(EventId::new(id)),
        }
    }
    if let Some(name) = args.event_name {
        let named = incidents_of_name(recorded, scratch.ports(), &name).await?;
        only = Some(match only {
            Some(ids) => ids.intersection(&named).copied().collect(),
            None => named,
        });
    }
    let rows = compare(
        recorded.incidents.as_ref(),
        scratch.ports().incidents.as_ref(),
        &selection,
        only.as_ref(),
    )
    .await?;
    let differing = rows.iter().filter(|row| row.differs).count();
    match context.format {
        Format::Json => output::json(&json!({
            "events": count, "incidents": rows, "differing": differing,
        }))?,
        Format::Text => {
            for row in rows.iter().filter(|row| row.differs) {
                print(row);
            }
            output::line(&format!(
                "{count} events replayed; {} incidents compared, {differing} would be decided differently",
                rows.len()
            ));
        }
    }
    Ok(Ended::Done)
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

/// Incidents, then or now, of events with that name.
async fn incidents_of_name(
    recorded: &aisaws_core::port::Ports,
    replayed: &aisaws_core::port::Ports,
    name: &str,
) -> anyhow::Result<BTreeSet<IncidentId>> {
    let filter = EventFilter { name: Some(name.to_owned()), ..EventFilter::default() };
    let mut found = BTreeSet::new();
    let mut after = None;
    loop {
        let page = recorded.events.list(&filter, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some((last.time, last.id.clone()));
        let ids: Vec<EventId> = page.into_iter().map(|event| event.id).collect();
        found.extend(recorded.incidents.of_events(&ids).await?);
        found.extend(replayed.incidents.of_events(&ids).await?);
    }
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
