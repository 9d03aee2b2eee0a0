//! The page on which a human grants or denies a repair.
//!
//! Opening a link (`GET`) never changes anything: mail scanners open every link. An answer is a
//! `POST` of the form, with the same signed token ([`aisaws_app::link`]). The first answer counts.

mod channel;
mod page;

use aisaws_app::approve::{self, Heard, Voted};
use aisaws_app::link::{Claims, LinkKey};
use aisaws_core::handoff::Vote;
use aisaws_core::ledger::Entry;
use aisaws_core::person::person;
use aisaws_core::port::{Cast, Ports, Standing, StoreError};
use aisaws_core::status::Status;

use crate::http::{Request, Response};
pub use channel::LinkChannel;
use page::{Page, Question};

/// Name of the token in addresses and forms.
pub const TOKEN: &str = "t";

/// Why a page could not be made; the caller may try again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The store failed.
    #[error("the incident could not be read")]
    Store(#[from] StoreError),
    /// The vote could not be kept.
    #[error("the vote could not be kept")]
    Vote(#[from] approve::VoteError),
}

/// Answers one request.
///
/// # Errors
/// [`PageError`], where the store fails; nothing was decided then, or the vote stands and the
/// same answer may be given again.
pub async fn answer(
    ports: &Ports,
    key: &LinkKey,
    request: &Request,
) -> Result<Response, PageError> {
    match request.request_context.http.method.as_str() {
        "GET" | "HEAD" => {
            let token = request.query_string_parameters.get(TOKEN);
            match verified(ports, key, token.map(String::as_str)) {
                Ok((token, claims)) => show(ports, token, &claims).await,
                Err(page) => Ok(page),
            }
        }
        "POST" => {
            let form = request.form().unwrap_or_default();
            let vote = match form.get("vote").map(String::as_str) {
                Some("grant") => Vote::Grant,
                Some("deny") => Vote::Deny,
                _ => {
                    return Ok(Page::plain(
                        "Nothing was answered",
                        "Press one of the two buttons.",
                    )
                    .response(400));
                }
            };
            let reason = form.get("reason").map_or("", String::as_str);
            match verified(ports, key, form.get(TOKEN).map(String::as_str)) {
                Ok((_, claims)) => cast(ports, &claims, vote, reason).await,
                Err(page) => Ok(page),
            }
        }
        _ => Ok(Page::plain("Not understood", "Open the link that was sent to you.").response(405)),
    }
}

/// The token with what it says, or the page that says why not.
fn verified<'t>(
    ports: &Ports,
    key: &LinkKey,
    token: Option<&'t str>,
) -> Result<(&'t str, Claims), Response> {
    let token = token.unwrap_or_default();
    match key.verify(token, ports.clock.now()) {
        Ok(claims) => Ok((token, claims)),
        Err(error) => {
            Err(Page::plain("This link is not accepted", &error.to_string()).response(403))
        }
    }
}

async fn show(ports: &Ports, token: &str, claims: &Claims) -> Result<Response, PageError> {
    let standing = ports.approvals.standing(claims.incident).await?;
    let Some(standing) = standing else {
        return Ok(
            Page::plain("Nothing is asked", "Nothing is asked about this incident.").response(404)
        );
    };
    if let (Some(outcome), Some(last)) = (standing.outcome(), standing.answers.last()) {
        let line =
            format!("{} answered `{outcome}` at {}. The first answer counts.", last.by, last.at);
        return Ok(Page::plain("This question was answered", &line).response(200));
    }
    if standing.question.digest != claims.digest {
        let line =
            "The resource changed and the plan with it; open the newest link that was sent to you.";
        return Ok(Page::plain("This plan is no longer the one in question", line).response(409));
    }
    let me = person(&claims.approver);
    let before = match standing.answers.iter().find(|answer| person(&answer.by) == me) {
        Some(mine) => format!("You granted it at {}; somebody else has to grant it too.", mine.at),
        None => people(&standing),
    };
    let incident = ports.incidents.get(claims.incident).await?;
    let resource = incident.map(|i| i.detected.resource.to_string()).unwrap_or_default();
    let (findings, changes) = plan(ports, claims).await?;
    let question = Question {
        resource,
        incident: claims.incident.to_string(),
        digest: claims.digest.as_str().to_owned(),
        expires: claims.expires.to_string(),
        approver: claims.approver.clone(),
        findings,
        changes,
        token: token.to_owned(),
    };
    Ok(Page::question(question, before).response(200))
}

/// Whose grant is needed beside the reader's, in words; empty where one person's is enough.
fn people(standing: &Standing) -> String {
    let (needed, granted) = (standing.question.approvals, standing.granted());
    let names: Vec<&str> = standing.answers.iter().map(|answer| answer.by.as_str()).collect();
    match (needed, names.as_slice()) {
        (0 | 1, _) => String::new(),
        (_, []) => format!("{needed} different people have to grant it."),
        (_, names) => format!("{granted} of {needed} people granted it: {}.", names.join(", ")),
    }
}

/// What convicted, and what the plan changes, in words.
async fn plan(ports: &Ports, claims: &Claims) -> Result<(Vec<String>, String), StoreError> {
    let links = ports.incidents.ledger(claims.incident).await?;
    let prepared = links.iter().rev().find_map(|link| match &link.entry {
        Entry::Prepared { digest, findings, snapshot, target, .. } if *digest == claims.digest => {
            Some((findings, snapshot, target))
        }
        _ => None,
    });
    let Some((findings, snapshot, target)) = prepared else {
        return Err(StoreError::NotFound { what: "plan", id: claims.digest.as_str().to_owned() });
    };
    let before = ports.snapshots.load(snapshot).await?;
    let after = ports.snapshots.load(target).await?;
    let findings = findings.iter().map(|finding| finding.message.clone()).collect();
    Ok((findings, aisaws_controls::plan::diff_text(&before, &after)))
}

async fn cast(
    ports: &Ports,
    claims: &Claims,
    vote: Vote,
    reason: &str,
) -> Result<Response, PageError> {
    let by = claims.approver.as_str();
    let voted = approve::vote(ports, claims.incident, &claims.digest, vote, by, reason).await?;
    let Voted { mut cast, heard } = voted;
    if cast == Cast::Already {
        // By the same person, while somebody else's is missing.
        let standing = ports.approvals.standing(claims.incident).await?;
        if standing.is_some_and(|standing| standing.outcome().is_none()) {
            cast = Cast::Noted;
        }
    }
    let (status, title, line) = match cast {
        Cast::Counted | Cast::Already => return Ok(decided(vote, cast, heard)),
        Cast::Noted => {
            (200, "Granted, and waiting", "Your answer counts. Somebody else has to grant it too.")
        }
        Cast::TooLate => {
            (409, "Too late", "Another answer was given before; this one gets nothing.")
        }
        Cast::OtherPlan => (
            409,
            "Another plan",
            "The plan has changed; open the newest link that was sent to you.",
        ),
        Cast::NotAsked => (404, "Nothing is asked", "Nothing is asked about this incident."),
        Cast::Lapsed => (410, "Lapsed", "The question lapsed before; nothing was changed."),
    };
    Ok(Page::plain(title, line).response(status))
}

/// What a vote led to that decided the question, now or before: it is not told to be on its way
/// unless somebody was waiting for it.
fn decided(vote: Vote, cast: Cast, heard: Heard) -> Response {
    let title = match vote {
        Vote::Grant => "Granted",
        Vote::Deny => "Denied",
    };
    let again = "The same answer was given before; the alert will tell how the incident ends.";
    let unheard = "Your answer is kept, but nobody waits for it: its time was over, or somebody else \
                   brought it just now. The alert will tell how the incident ends.";
    let (status, title, line) = match (heard, cast) {
        (Heard::GoesOn, _) => match vote {
            Vote::Grant => {
                (200, title, "The repair is on its way; the alert will tell how it ended.")
            }
            Vote::Deny => (200, title, "The resource is left as it is."),
        },
        (Heard::Ended(Status::Expired), _) => {
            (410, "Too late", "Nobody waited any more: the incident ended as expired, unchanged.")
        }
        (Heard::Ended(status), _) => {
            let line = format!("The incident has ended: `{status}`.");
            return Page::plain(title, &line).response(200);
        }
        (Heard::Nobody | Heard::Nothing, Cast::Already) => (200, title, again),
        (Heard::Nobody | Heard::Nothing, _) => (202, "Kept", unheard),
    };
    Page::plain(title, line).response(status)
}

#[cfg(test)]
mod tests;
