//! The words of an alert, taken from the ledger alone, so that it never claims what was not
//! verified.

use aisaws_core::handoff::{Flood, Story, Verdict, Vote};
use aisaws_core::id::RuleId;
use aisaws_core::ledger::{Entry, Link};
use aisaws_core::message::Message;
use aisaws_core::risk::Decision;
use aisaws_core::status::Status;

/// The message about how an incident ended.
pub fn compose(story: &Story, status: Status, links: &[Link]) -> Message {
    let detected = &story.detected;
    let mut lines = Vec::new();
    if status == Status::Logged {
        lines.extend(why_logged(story, links));
    }
    for link in links {
        lines.extend(line(&link.entry));
    }
    lines.push(format!("the whole story: aisaws incident show {}", detected.incident));
    Message {
        id: format!("{}/closed", detected.incident),
        incident: detected.incident,
        status,
        subject: subject(story, status),
        lines,
        resource: detected.resource.clone(),
        rules: detected.rules.clone(),
        severity: detected.severity,
        risk: story.score.as_ref().map(|s| s.risk),
        digest: story.preparation.as_ref().and_then(|p| p.digest.clone()),
        time: detected.time,
        recipient: None,
    }
}

fn subject(story: &Story, status: Status) -> String {
    let resource = &story.detected.resource;
    if let Some(Flood { rule, hour, limit, hits }) = &story.detected.flood {
        return format!(
            "rule `{rule}` opened its {limit} incidents of the hour from {hour}; {hits} hits and what \
             follows are collected here, nothing was changed"
        );
    }
    match status {
        Status::Remediated => format!("{resource} was repaired; the read-back shows it"),
        Status::AlreadyClean => format!("{resource} was already clean; nothing was changed"),
        Status::Gone => format!("{resource} no longer exists; nothing was changed"),
        Status::Logged => {
            let rules: Vec<&str> = story.detected.rules.iter().map(RuleId::as_str).collect();
            format!("{resource}: {}; recorded, nothing was changed", rules.join(", "))
        }
        Status::Denied => format!("{resource}: the repair was denied; nothing was changed"),
        Status::Expired => {
            format!("{resource}: nobody answered in time; nothing was changed, the problem stands")
        }
        Status::RolledBack => {
            format!("{resource}: the repair did not hold and was taken back; the problem may stand")
        }
        Status::Failed => format!("{resource} could not be repaired; the problem may stand"),
        Status::WaitingApproval => format!("{resource} needs your approval for a repair"),
        Status::Open => format!("{resource}: the response goes on"),
    }
}

/// Why nothing was done; the last decision counts.
fn why_logged(story: &Story, links: &[Link]) -> Vec<String> {
    let why = links.iter().rev().find_map(|link| match &link.entry {
        Entry::Decided { decision: Decision::LogOnly, reasons, .. } => Some(reasons.as_slice()),
        _ => None,
    });
    let why = why.unwrap_or_default();
    match &story.verdict {
        // The first one says what the risk asked for and did not get.
        Some(Verdict { by_risk: Some(by_risk), reasons, .. })
            if *by_risk > Decision::LogOnly && why == reasons.as_slice() =>
        {
            why.iter().skip(1).cloned().collect()
        }
        _ => why.to_vec(),
    }
}

fn line(entry: &Entry) -> Vec<String> {
    match entry {
        Entry::Prepared { findings, .. } => findings.iter().map(|f| f.message.clone()).collect(),
        Entry::Voted { vote: Vote::Grant, by, .. } => vec![format!("granted by `{by}`")],
        Entry::Voted { vote: Vote::Deny, by, reason, .. } => {
            vec![format!("denied by `{by}`: {reason}")]
        }
        Entry::Remediated { calls, .. } => {
            calls.iter().map(|call| format!("called {}", call.action)).collect()
        }
        Entry::Verified { problems, .. } => problems.clone(),
        Entry::RolledBack { calls, left, .. } => calls
            .iter()
            .map(|call| format!("taken back by {}", call.action))
            .chain(left.iter().map(|field| format!("left as others changed it: {field}")))
            .collect(),
        Entry::Faulted { error, cause } => vec![format!("{error}: {cause}")],
        Entry::Opened { .. }
        | Entry::Scored { .. }
        | Entry::Decided { .. }
        | Entry::FoundClean { .. }
        | Entry::FoundGone
        | Entry::ApprovalAsked { .. }
        | Entry::Expired { .. }
        | Entry::Alerted { .. }
        | Entry::Closed { .. } => Vec::new(),
    }
}
