//! `aisaws store`: the ledger and the journal as a whole, and what could not be read.

use aisaws_app::audit::audit;
use aisaws_embedded::Embedded;
use aisaws_engine::JournalError;
use serde_json::json;

use crate::Ended;
use crate::args::{Format, Store as Command};
use crate::context::Context;
use crate::output;
use crate::render::table::table;

/// Dead letters listed at most.
const LETTERS: u32 = 10_000;

pub(crate) async fn run(context: &Context, command: Command) -> anyhow::Result<Ended> {
    let embedded = context.open_existing()?;
    match command {
        Command::Export => export(&embedded).await,
        Command::Verify => verify(context, &embedded).await,
        Command::DeadLetters => dead_letters(context, &embedded).await,
    }
}

async fn export(embedded: &Embedded) -> anyhow::Result<Ended> {
    let (ids, _) = embedded.store().audited_ids().await?;
    for id in ids {
        for link in embedded.ports().incidents.ledger(id).await? {
            output::line(&serde_json::to_string(&link)?);
        }
    }
    Ok(Ended::Done)
}

async fn verify(context: &Context, embedded: &Embedded) -> anyhow::Result<Ended> {
    let ports = embedded.ports();
    let (ids, strange) = embedded.store().audited_ids().await?;
    let mut found = audit(ports.incidents.as_ref(), ports.snapshots.as_ref(), &ids).await?;
    found.broken.extend(strange.iter().map(|text| format!("`{text}` is no incident's id")));
    match embedded.verify_journal().await {
        Ok(()) => {}
        Err(
            damage @ (JournalError::Broken(_)
            | JournalError::Damaged { .. }
            | JournalError::Corrupt { .. }),
        ) => found.broken.push(format!("{:#}", anyhow::Error::new(damage))),
        Err(e) => return Err(e.into()),
    }
    let first = found.broken.first();
    match context.format {
        Format::Json => output::json(&json!({
            "holds": first.is_none(), "chains": found.chains, "links": found.links,
            "first_broken": first, "broken": found.broken,
        }))?,
        Format::Text => match first {
            None => output::line(&format!(
                "the ledger holds: {} chains, {} links; so does the journal",
                found.chains, found.links
            )),
            Some(first) => output::line(&format!(
                "the store is broken in {} places; first: {}",
                found.broken.len(),
                output::data(first)
            )),
        },
    }
    Ok(if first.is_none() { Ended::Done } else { Ended::Attention })
}

async fn dead_letters(context: &Context, embedded: &Embedded) -> anyhow::Result<Ended> {
    let letters = embedded.ports().events.dead_letters(LETTERS).await?;
    match context.format {
        Format::Json => output::json(&letters)?,
        Format::Text if letters.is_empty() => output::line("there are no dead letters"),
        Format::Text => {
            let rows = letters.into_iter().map(|l| [l.origin, l.line.to_string(), l.reason]);
            output::line(&table(["file", "line", "reason"], rows));
        }
    }
    Ok(Ended::Done)
}
