//! An incident's story.

use aisaws_core::handoff::{Rerun, Vote};
use aisaws_core::incident::Incident;
use aisaws_core::ledger::{Call, Entry, Link};
use aisaws_core::risk::Decision;
use aisaws_core::status::{Status, proven};
use owo_colors::Style;
use serde_json::Value;

use crate::output::{bold, data, dim, styled};

/// The whole story, line by line.
pub(crate) fn story(incident: &Incident, links: &[Link]) -> Vec<String> {
    let detected = &incident.detected;
    let status = proven(links.iter().map(|link| &link.entry));
    let mut lines = vec![
        format!("{} {}", bold("incident"), detected.incident),
        format!("  status    {}", status_word(status)),
        format!("  resource  {}", data(&detected.resource.to_string())),
        format!(
            "            account {}, region {}",
            data(detected.resource.account.as_str()),
            data(detected.resource.region.as_str())
        ),
        format!("  happened  {}", detected.time),
    ];
    for (i, event) in incident.events.iter().enumerate() {
        let label = if i == 0 { "event" } else { "" };
        lines.push(format!("  {label:<8}  {}", data(event.as_str())));
    }
    lines.push(String::new());
    for link in links {
        lines.extend(entry(link));
    }
    lines
}

/// The word for a status, in its colour.
pub(crate) fn status_word(status: Status) -> String {
    let style = match status {
        Status::Remediated => Style::new().green().bold(),
        Status::AlreadyClean | Status::Gone => Style::new().green(),
        Status::Logged => Style::new().dimmed(),
        Status::WaitingApproval | Status::Open => Style::new().yellow().bold(),
        Status::Denied | Status::Expired => Style::new().yellow(),
        Status::Failed | Status::RolledBack => Style::new().red().bold(),
    };
    styled(status.as_str(), style)
}

/// The word for a decision, in its colour.
pub(crate) fn decision_word(decision: Decision) -> String {
    let style = match decision {
        Decision::LogOnly => Style::new().dimmed(),
        Decision::AskHuman => Style::new().yellow(),
        Decision::Act => Style::new().green(),
    };
    styled(&decision.to_string(), style)
}

fn entry(link: &Link) -> Vec<String> {
    let head = |title: &str, rest: String| format!("{:>2}. {} {rest}", link.seq, bold(title));
    let sub = |text: String| format!("      {text}");
    match &link.entry {
        Entry::Opened { detected } => {
            let rules: Vec<_> = detected.rules.iter().map(|r| data(r.as_str())).collect();
            let controls: Vec<_> = detected.controls.iter().map(|c| data(c.as_str())).collect();
            let mut lines = vec![head("detected", format!("by rule {}", rules.join(", ")))];
            if let Some(rerun) = &detected.rerun {
                let Rerun { of, run, by, digest } = rerun.as_ref();
                let plan = digest.short();
                lines.push(sub(format!(
                    "run {run} of incident {of} once more, asked for by {}, who saw plan {plan}",
                    data(by)
                )));
            }
            lines.push(sub(format!("controls to check: {}", or_none(&controls))));
            lines
        }
        Entry::Scored { risk, contributions } => std::iter::once(head("scored", risk.to_string()))
            .chain(contributions.iter().map(|c| {
                sub(format!("{:+.2}  {}  {}", c.weight, data(&c.name), dim(&data(&c.reason))))
            }))
            .collect(),
        Entry::Decided { decision, reasons, .. } => {
            std::iter::once(head("decided", decision_word(*decision)))
                .chain(reasons.iter().map(|r| sub(data(r))))
                .collect()
        }
        Entry::FoundClean { .. } => vec![head("read", "the state is already clean".to_owned())],
        Entry::FoundGone => vec![head("read", "the resource is gone".to_owned())],
        Entry::Prepared { digest, findings, patch, snapshot, .. } => {
            let mut lines = vec![head("prepared", format!("plan {}", digest.short()))];
            lines.extend(
                findings
                    .iter()
                    .map(|f| sub(format!("{}: {}", data(f.control.as_str()), data(&f.message)))),
            );
            lines.extend(diff(patch).into_iter().map(sub));
            lines.push(sub(dim(&format!("snapshot of the state before: {}", snapshot.short()))));
            lines
        }
        Entry::ApprovalAsked { digest, expires, approvals } => {
            let whom = match approvals {
                1 => "a human".to_owned(),
                _ => format!("{approvals} people"),
            };
            vec![head("asked", format!("{whom} about plan {}, until {expires}", digest.short()))]
        }
        Entry::Voted { vote, by, reason, digest } => {
            let word = match vote {
                Vote::Grant => "granted",
                Vote::Deny => "denied",
            };
            let mut lines = vec![head(word, format!("plan {} by {}", digest.short(), data(by)))];
            if !reason.is_empty() {
                lines.push(sub(data(reason)));
            }
            lines
        }
        Entry::Expired { digest } => {
            vec![head("expired", format!("nobody answered about plan {} in time", digest.short()))]
        }
        Entry::Remediated { digest, calls } => {
            std::iter::once(head("repaired", format!("plan {} written", digest.short())))
                .chain(calls.iter().map(|c| sub(call(c))))
                .collect()
        }
        Entry::Verified { holds, reads, problems, .. } => {
            let what = match (holds, problems.is_empty()) {
                (true, true) => {
                    format!("{reads} agreeing reads show the repair, nothing else changed")
                }
                (true, false) => format!("{reads} agreeing reads show the repair; besides"),
                (false, _) => "the read-back does not show the repair".to_owned(),
            };
            std::iter::once(head("read back", what))
                .chain(problems.iter().map(|p| sub(data(p))))
                .collect()
        }
        Entry::RolledBack { digest, calls, left } => {
            std::iter::once(head("rolled back", format!("plan {}", digest.short())))
                .chain(calls.iter().map(|c| sub(call(c))))
                .chain(left.iter().map(|l| sub(format!("left as others changed it: {}", data(l)))))
                .collect()
        }
        Entry::Faulted { error, cause } => {
            vec![head("failed", data(error)), sub(data(cause))]
        }
        Entry::Alerted { channels } => channels
            .iter()
            .map(|(channel, failure)| match failure {
                None => head("alerted", data(channel)),
                Some(why) => head("not alerted", format!("{}: {}", data(channel), data(why))),
            })
            .collect(),
        Entry::Closed { status } => vec![head("closed", status_word(*status))],
    }
}

fn or_none(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

fn call(call: &Call) -> String {
    format!("{} {}", data(&call.action), dim(&data(&call.parameters.to_string())))
}

/// A JSON Patch as lines: `- path value` for what goes, `+ path value` for what comes. The
/// `test` operation before each change tells what was there.
pub(crate) fn diff(patch: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tested: Option<(&str, &Value)> = None;
    for op in patch.as_array().into_iter().flatten() {
        let text = |key: &str| op.get(key).and_then(Value::as_str).unwrap_or_default();
        let path = text("path");
        let value = op.get("value").unwrap_or(&Value::Null);
        match text("op") {
            "test" => tested = Some((path, value)),
            kind => {
                if let Some((tested_path, old)) = tested.take()
                    && tested_path == path
                    && (kind == "replace" || kind == "remove")
                {
                    lines.push(styled(
                        &format!("- {} {}", data(path), data(&old.to_string())),
                        Style::new().red(),
                    ));
                }
                if kind != "remove" {
                    lines.push(styled(
                        &format!("+ {} {}", data(path), data(&value.to_string())),
                        Style::new().green(),
                    ));
                }
            }
        }
    }
    lines
}
