//! `aisaws incident`.

use aisaws_app::{live, report};
use aisaws_core::port::{Incidents, Ports};
use serde_json::{Value, json};

use crate::Ended;
use crate::args::{Format, Incident as Command, Place};
use crate::context::{Context, find_incident};
use crate::opened::Opened;
use crate::output;
use crate::render::incident::story;
use crate::render::table::table;

pub(crate) async fn run(
    context: &Context,
    place: &Place,
    command: Command,
) -> anyhow::Result<Ended> {
    let opened = Opened::existing(context, place).await?;
    let ports = opened.ports();
    match command {
        Command::List => list(context, ports.incidents.as_ref()).await?,
        Command::Show { id } => show(context, ports, &id).await?,
    }
    Ok(Ended::Done)
}

async fn list(context: &Context, incidents: &dyn Incidents) -> anyhow::Result<()> {
    let mut reports = Vec::new();
    let mut after = None;
    loop {
        let page = incidents.list(after, 256).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.detected.time, last.detected.incident));
        for incident in &page {
            if let Some(report) = report::incident(incidents, incident.detected.incident).await? {
                reports.push((incident.detected.time, report));
            }
        }
    }
    if context.format == Format::Json {
        return output::json(&reports.into_iter().map(|(_, report)| report).collect::<Vec<_>>());
    }
    let rows = reports.into_iter().map(|(time, r)| {
        let id = r.id.to_string();
        [
            id.get(..8).unwrap_or(&id).to_owned(),
            time.to_string(),
            r.resource.to_string(),
            r.decision.map_or_else(|| "-".to_owned(), |d| d.to_string()),
            r.status.to_string(),
        ]
    });
    output::line(&table(["incident", "happened", "resource", "decision", "status"], rows));
    Ok(())
}

async fn show(context: &Context, ports: &Ports, text: &str) -> anyhow::Result<()> {
    let incidents = ports.incidents.as_ref();
    let id = find_incident(incidents, text).await?;
    let Some(incident) = incidents.get(id).await? else { return Ok(()) };
    let links = incidents.ledger(id).await?;
    let reruns = live::reruns(ports, id).await?;
    match context.format {
        Format::Text => {
            for text in story(&incident, &links) {
                output::line(&text);
            }
            for rerun in reruns {
                output::line(&format!("    responded to once more as incident {rerun}"));
            }
        }
        Format::Json => {
            let report = report::incident(incidents, id).await?;
            let ledger: Value = serde_json::to_value(&links)?;
            output::json(&json!({ "incident": report, "ledger": ledger, "reruns": reruns }))?;
        }
    }
    Ok(())
}
