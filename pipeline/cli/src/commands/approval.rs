//! `aisaws approval`: what waits for a human, and the human's answer.

use std::io::{BufRead, IsTerminal};

use aisaws_app::approve::{self, Heard, Voted};
use aisaws_core::canonical::Digest;
use aisaws_core::handoff::Vote;
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Cast, Ports};
use aisaws_core::status::{Status, proven};
use serde_json::json;

use crate::args::{Approval as Command, Format, Place, Vote as Args};
use crate::context::{Context, find_incident};
use crate::opened::Opened;
use crate::output;
use crate::render::incident::{diff, status_word};
use crate::render::table::table;
use crate::{Ended, Usage};

pub(crate) async fn run(
    context: &Context,
    place: &Place,
    command: Command,
) -> anyhow::Result<Ended> {
    let opened = Opened::existing(context, place).await?;
    match command {
        Command::List => {
            list(context, opened.ports()).await?;
            Ok(Ended::Done)
        }
        Command::Grant(args) => vote(context, &opened, &args, Vote::Grant).await,
        Command::Deny(args) => vote(context, &opened, &args, Vote::Deny).await,
    }
}

async fn list(context: &Context, ports: &Ports) -> anyhow::Result<()> {
    let questions = ports.approvals.open_questions(ports.clock.now()).await?;
    let mut rows = Vec::new();
    for question in questions {
        let incident = ports.incidents.get(question.incident).await?;
        let resource = incident.map(|i| i.detected.resource);
        let standing = ports.approvals.standing(question.incident).await?;
        let granted = standing.map_or(0, |standing| standing.granted());
        rows.push((question, resource, granted));
    }
    if context.format == Format::Json {
        // The token is a secret of the state machine and is not shown.
        let list: Vec<_> = rows
            .iter()
            .map(|(q, resource, granted)| {
                json!({
                    "incident": q.incident, "resource": resource, "digest": q.digest,
                    "asked": q.asked, "expires": q.expires,
                    "approvals": q.approvals, "granted": granted,
                })
            })
            .collect();
        return output::json(&list);
    }
    if rows.is_empty() {
        output::line("nothing waits for an answer");
        return Ok(());
    }
    let rows = rows.into_iter().map(|(q, resource, granted)| {
        let id = q.incident.to_string();
        [
            id.get(..8).unwrap_or(&id).to_owned(),
            resource.map(|r| r.to_string()).unwrap_or_default(),
            q.digest.short().to_owned(),
            format!("{granted} of {}", q.approvals),
            q.expires.to_string(),
        ]
    });
    output::line(&table(["incident", "resource", "plan", "granted", "expires"], rows));
    Ok(())
}

async fn vote(
    context: &Context,
    opened: &Opened,
    args: &Args,
    vote: Vote,
) -> anyhow::Result<Ended> {
    let ports = opened.ports();
    let id = find_incident(ports.incidents.as_ref(), &args.id).await?;
    let Some(standing) = ports.approvals.standing(id).await? else {
        return Err(Usage(format!(
            "nothing is asked about incident `{id}`; see `aisaws approval list`"
        ))
        .into());
    };
    let digest = standing.question.digest;
    if let Some(wanted) = &args.digest
        && (wanted.is_empty() || !digest.as_str().starts_with(wanted.as_str()))
    {
        let message =
            format!("the plan is now {}, not `{wanted}`; look at it again", digest.short());
        return Err(Usage(message).into());
    }
    show_plan(ports, id, &digest).await?;
    if !args.yes && !confirmed(&format!("{vote} this plan?"))? {
        output::note("nothing was voted");
        return Ok(Ended::Attention);
    }
    let by = opened.person().await?;
    let _lock = opened.lock().await?;
    let voted = approve::vote(ports, id, &digest, vote, &by, &args.reason).await?;
    let links = ports.incidents.ledger(id).await?;
    let status = proven(links.iter().map(|link| &link.entry));
    let (is_counted, words) = outcome(voted);
    match context.format {
        Format::Json => output::json(&json!({
            "incident": id, "digest": digest, "vote": vote, "counted": is_counted,
            "answer": words, "status": status,
        }))?,
        Format::Text => output::line(&format!("{words}; incident {id} is {}", status_word(status))),
    }
    // In AWS the repair runs elsewhere, after this.
    let is_over = status.is_final() && status != Status::Failed;
    let is_good = is_counted && (is_over || !opened.runs_here());
    Ok(if is_good { Ended::Done } else { Ended::Attention })
}

fn outcome(Voted { cast, heard }: Voted) -> (bool, &'static str) {
    match cast {
        Cast::Counted | Cast::Already if heard == Heard::Ended(Status::Expired) => {
            (false, "the vote came too late: nobody waited for it any more")
        }
        Cast::Counted if heard == Heard::Nobody => (
            false,
            "the vote is kept, but nobody waits for it: its time was over, or somebody else brought it just now",
        ),
        Cast::Counted => (true, "the vote counts"),
        Cast::Noted => (true, "the vote counts, and somebody else has to grant too"),
        Cast::Already => (true, "the same vote was counted before"),
        Cast::TooLate => (false, "another vote was counted before; this one gets nothing"),
        Cast::OtherPlan => (false, "the plan has changed meanwhile; look at it again"),
        Cast::NotAsked => (false, "nothing is asked about this incident"),
        Cast::Lapsed => (false, "the question lapsed before"),
    }
}

async fn show_plan(ports: &Ports, id: IncidentId, digest: &Digest) -> anyhow::Result<()> {
    let links = ports.incidents.ledger(id).await?;
    let plan = links.iter().rev().find_map(|link| match &link.entry {
        Entry::Prepared { digest: d, findings, patch, .. } if d == digest => {
            Some((findings, patch))
        }
        _ => None,
    });
    output::note(&format!("plan {digest}"));
    if let Some((findings, patch)) = plan {
        for finding in findings {
            output::note(&format!("  {}", output::data(&finding.message)));
        }
        for text in diff(patch) {
            output::note(&format!("  {text}"));
        }
    }
    Ok(())
}

/// Asks at the terminal. Where there is none, the command with the incident's id is the answer.
pub(super) fn confirmed(question: &str) -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(true);
    }
    output::note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
