//! `aisaws store`: the ledger and the journal as a whole, and what could not be read.

use aisaws_app::audit::audit;
use aisaws_engine::JournalError;
use serde_json::json;

use crate::args::{Format, Place, Store as Command};
use crate::context::Context;
use crate::opened::Opened;
use crate::output;
use crate::render::table::table;
use crate::{Ended, Usage};

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
        Command::Redrive => redrive(context, &opened).await,
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

/// Takes what lies in the dead letter queue in once more. The local store has no queue: there, the
/// same files are given again.
#[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "AWS is asked"))]
async fn redrive(context: &Context, opened: &Opened) -> anyhow::Result<Ended> {
    match opened {
        Opened::Local(_) => {
            _ = context;
            let message = "the local store has no queue; give --aws, or read the files again";
            Err(Usage(message.to_owned()).into())
        }
        #[cfg(feature = "aws")]
        Opened::Aws(deployment) => {
            let (settings, aws) = (deployment.settings(), deployment.wired().aws());
            let named = |url: &Option<String>, name: &str| {
                url.clone().ok_or_else(|| Usage(format!("the deployment does not tell `{name}`")))
            };
            let from = named(&settings.dead_letters, "AISAWS_DEAD_LETTER_QUEUE_URL")?;
            let to = named(&settings.queue, "AISAWS_QUEUE_URL")?;
            let now = opened.ports().clock.now();
            let done = aisaws_aws::redrive::redrive(aws, &from, &to, now).await?;
            match context.format {
                Format::Json => output::json(&json!({ "moved": done.moved, "cut": done.cut }))?,
                Format::Text => output::line(&format!(
                    "{} messages are in the queue of events again; {} were cut and stay where they are",
                    done.moved, done.cut
                )),
            }
            Ok(Ended::Done)
        }
    }
}
