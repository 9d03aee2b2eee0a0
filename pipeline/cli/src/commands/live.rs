//! `aisaws replay --live`: one incident responded to once more, for real.

use aisaws_app::live;
use aisaws_controls::plan::{Outcome, Plan};
use aisaws_core::status::proven;
use serde_json::json;

use super::approval::confirmed;
use crate::Ended;
use crate::args::Format;
use crate::context::{Context, find_incident};
use crate::opened::Opened;
use crate::output::{self, data};
use crate::render::incident::{diff, status_word};

pub(crate) async fn run(
    context: &Context,
    opened: &Opened,
    text: &str,
    is_confirmed: bool,
) -> anyhow::Result<Ended> {
    let ports = opened.ports();
    let id = find_incident(ports.incidents.as_ref(), text).await?;
    let plan = match live::present(ports, id).await? {
        Outcome::Plan(plan) => plan,
        Outcome::Clean => return nothing(context, "every control is silent: nothing to repair"),
        Outcome::Gone => return nothing(context, "the resource does not exist: nothing to repair"),
    };
    show(&plan)?;
    if !is_confirmed && !confirmed("respond to this incident once more, for real?")? {
        output::note("nothing was started");
        return Ok(Ended::Attention);
    }
    let by = opened.person().await?;
    let _lock = opened.lock().await?;
    let rerun = live::start(ports, id, &by, &plan.digest).await?;
    ports.orchestrator.drive(rerun).await?;
    let links = ports.incidents.ledger(rerun).await?;
    let status = proven(links.iter().map(|link| &link.entry));
    match context.format {
        Format::Json => output::json(&json!({
            "incident": id, "rerun": rerun, "digest": plan.digest, "status": status,
        }))?,
        Format::Text => output::line(&format!(
            "incident {id} is responded to once more as {rerun}, which is {}",
            status_word(status)
        )),
    }
    let is_good = !opened.runs_here() || status.is_final();
    Ok(if is_good { Ended::Done } else { Ended::Attention })
}

fn nothing(context: &Context, words: &str) -> anyhow::Result<Ended> {
    match context.format {
        Format::Json => output::json(&json!({ "rerun": null, "answer": words }))?,
        Format::Text => output::line(words),
    }
    Ok(Ended::Done)
}

fn show(plan: &Plan) -> anyhow::Result<()> {
    output::note(&format!("plan {} for {}", plan.digest, data(&plan.resource.to_string())));
    for finding in &plan.findings {
        output::note(&format!("  {}", data(&finding.message)));
    }
    for text in diff(&serde_json::to_value(&plan.patch)?) {
        output::note(&format!("  {text}"));
    }
    Ok(())
}
