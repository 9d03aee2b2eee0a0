//! `aisaws store`: the ledger as a whole.

use aisaws_core::ledger::verify_chain;
use serde_json::json;

use crate::Ended;
use crate::args::{Format, Store as Command};
use crate::context::Context;
use crate::output;

pub(crate) async fn run(context: &Context, command: Command) -> anyhow::Result<Ended> {
    let embedded = context.open_existing()?;
    let incidents = embedded.ports().incidents.as_ref();
    let (mut chains, mut links_seen) = (0_u64, 0_u64);
    let mut broken = Vec::new();
    let mut after = None;
    loop {
        let page = incidents.list(after, 256).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.detected.time, last.detected.incident));
        for incident in &page {
            let id = incident.detected.incident;
            match command {
                Command::Export => {
                    for link in incidents.ledger(id).await? {
                        output::line(&serde_json::to_string(&link)?);
                    }
                }
                Command::Verify => {
                    let (links, head) = incidents.raw_ledger(id).await?;
                    chains += 1;
                    links_seen += links.len() as u64;
                    if let Err(e) = verify_chain(id, &links, head.as_ref()) {
                        broken.push(e.to_string());
                    }
                }
            }
        }
    }
    if let Command::Verify = command {
        match context.format {
            Format::Json => output::json(&json!({
                "holds": broken.is_empty(), "chains": chains, "links": links_seen,
                "first_broken": broken.first(), "broken": broken,
            }))?,
            Format::Text => match broken.first() {
                None => {
                    output::line(&format!("the ledger holds: {chains} chains, {links_seen} links"));
                }
                Some(first) => {
                    output::line(&format!(
                        "the ledger is broken in {} of {chains} chains; first: {first}",
                        broken.len()
                    ));
                }
            },
        }
    }
    Ok(if broken.is_empty() { Ended::Done } else { Ended::Attention })
}
