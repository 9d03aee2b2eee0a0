//! `aisaws store`: the ledger and the journal as a whole, and what could not be read.

use aisaws_app::audit::audit;
use aisaws_engine::JournalError;
use serde_json::json;

use crate::Ended;
use crate::args::{Format, Place, Store as Command};
use crate::context::Context;
use crate::opened::Opened;
use crate::output;
use crate::render::table::table;

/// Dead letters listed at most.
const LETTERS: u32 = 10_000;

pub(crate) async fn run(
    context: &Context,
    place: &Place,
    command: Command,
) -> anyhow::Result<Ended> {
    let opened = Opened::existing(context, place).await?;
    match command {
        Command::Export => export(&opened).await,
        Command::Verify => verify(context, &opened).await,
        Command::DeadLetters => dead_letters(context, &opened).await,
    }
}

async fn export(opened: &Opened) -> anyhow::Result<Ended> {
    let (ids, _) = opened.ids().await?;
    for id in ids {
        for link in opened.ports().incidents.ledger(id).await? {
            output::line(&serde_json::to_string(&link)?);
        }
    }
    Ok(Ended::Done)
}

async fn verify(context: &Context, opened: &Opened) -> anyhow::Result<Ended> {
    let ports = opened.ports();
    let (ids, strange) = opened.ids().await?;
    let mut found = audit(ports.incidents.as_ref(), ports.snapshots.as_ref(), &ids).await?;
    found.broken.extend(strange.iter().map(|text| format!("`{text}` is no incident's id")));
    found.broken.extend(journal(opened).await?);
    let first = found.broken.first();
    match context.format {
        Format::Json => output::json(&json!({
            "holds": first.is_none(), "chains": found.chains, "links": found.links,
            "first_broken": first, "broken": found.broken,
        }))?,
        Format::Text => match first {
            None => {
                let journal = match opened {
                    Opened::Local(_) => "; so does the journal",
                    #[cfg(feature = "aws")]
                    Opened::Aws(_) => "",
                };
                output::line(&format!(
                    "the ledger holds: {} chains, {} links{journal}",
                    found.chains, found.links
                ));
            }
            Some(first) => output::line(&format!(
                "the store is broken in {} places; first: {}",
                found.broken.len(),
                output::data(first)
            )),
        },
    }
    Ok(if first.is_none() { Ended::Done } else { Ended::Attention })
}

/// What is wrong with the journal of executions. In AWS, Step Functions keeps that.
async fn journal(opened: &Opened) -> anyhow::Result<Option<String>> {
    let verified = match opened {
        Opened::Local(embedded) => embedded.verify_journal().await,
        #[cfg(feature = "aws")]
        Opened::Aws(_) => Ok(()),
    };
    match verified {
        Ok(()) => Ok(None),
        Err(
            damage @ (JournalError::Broken(_)
            | JournalError::Damaged { .. }
            | JournalError::Corrupt { .. }),
        ) => Ok(Some(format!("{:#}", anyhow::Error::new(damage)))),
        Err(e) => Err(e.into()),
    }
}

async fn dead_letters(context: &Context, opened: &Opened) -> anyhow::Result<Ended> {
    let letters = opened.ports().events.dead_letters(LETTERS).await?;
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
