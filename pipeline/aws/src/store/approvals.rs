//! Port `Approvals`.

use aisaws_core::canonical::Digest;
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Answer, Approvals, Cast, Question, Standing, StoreError};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::call::{ATTEMPTS, CONDITION, Range, is_conflict, pause};
use super::events;
use super::handle::{Store, Trouble, doing};
use super::item::{Attributes, Item, Row, key_attributes};
use super::layout::{self, BY_TIME};
use crate::fault::failed;

const INCIDENT: &str = "incident";
const DIGEST: &str = "digest";
const TOKEN: &str = "token";
const ASKED: &str = "asked";
const EXPIRES: &str = "expires";
const APPROVALS: &str = "approvals";
/// The answers that count, as a JSON list: written as one, so that each meets those before it. Not
/// there before the first: who may ask may not write it.
const ANSWERS: &str = "answers";

#[async_trait]
impl Approvals for Store {
    async fn ask(&self, question: Question) -> Result<(), StoreError> {
        ask(self, &question).await.map_err(doing("keep a question"))
    }

    async fn cast(
        &self,
        incident: IncidentId,
        digest: &Digest,
        answer: Answer,
    ) -> Result<Cast, StoreError> {
        cast(self, incident, digest, &answer).await.map_err(doing("keep a vote"))
    }

    async fn standing(&self, incident: IncidentId) -> Result<Option<Standing>, StoreError> {
        standing(self, incident).await.map_err(doing("read a question"))
    }

    async fn open_questions(&self, at: Timestamp) -> Result<Vec<Question>, StoreError> {
        open_questions(self, at).await.map_err(doing("list open questions"))
    }
}

async fn ask(store: &Store, question: &Question) -> Result<(), Trouble> {
    let key = layout::question(question.incident);
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        // The same question again: only the token is new, and a vote stays.
        let renew = store
            .client
            .update_item()
            .table_name(&*store.table)
            .set_key(Some(key_attributes(&key)))
            .update_expression("set #token = :token")
            .condition_expression("digest = :digest")
            .expression_attribute_names("#token", TOKEN)
            .expression_attribute_values(":token", AttributeValue::S(question.token.clone()))
            .expression_attribute_values(":digest", AttributeValue::S(question.digest.to_string()));
        match renew.send().await.map_err(failed("dynamodb:UpdateItem")) {
            Ok(_) => return Ok(()),
            Err(e) if e.code.as_deref() == Some(CONDITION) => {}
            Err(e) if is_conflict(&e) => continue,
            Err(e) => return Err(e.into()),
        }
        // Another one, or the first: it takes the place of what is there.
        let put = store
            .client
            .put_item()
            .table_name(&*store.table)
            .set_item(Some(item(question).attributes()))
            .condition_expression("attribute_not_exists(pk) or digest <> :digest")
            .expression_attribute_values(":digest", AttributeValue::S(question.digest.to_string()));
        match put.send().await.map_err(failed("dynamodb:PutItem")) {
            Ok(_) => return Ok(()),
            Err(e) if e.code.as_deref() == Some(CONDITION) || is_conflict(&e) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Trouble::Contended(key.pk))
}

fn item(question: &Question) -> Item {
    let Question { incident, digest, token, asked, expires, approvals } = question;
    Item::new(layout::question(*incident))
        .in_index(BY_TIME, layout::QUESTIONS, layout::incident_order(*asked, *incident))
        .with(INCIDENT, incident.to_string())
        .with(DIGEST, digest.as_str())
        .with(TOKEN, token.as_str())
        .with(ASKED, asked.to_string())
        .with(EXPIRES, expires.to_string())
        .with_number(APPROVALS, u32::from(*approvals))
}

async fn cast(
    store: &Store,
    incident: IncidentId,
    digest: &Digest,
    answer: &Answer,
) -> Result<Cast, Trouble> {
    let key = layout::question(incident);
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let Some(item) = store.get(&key).await? else {
            return Ok(Cast::NotAsked);
        };
        let mut standing = read(&item)?;
        let cast = standing.judge(digest, answer);
        if !matches!(cast, Cast::Counted | Cast::Noted) {
            return Ok(cast);
        }
        standing.answers.push(answer.clone());
        let after = serde_json::to_string(&standing.answers)?;
        // A decided question leaves the list of the open ones.
        let leaves = if cast == Cast::Counted { " remove t_pk, t_sk" } else { "" };
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = store
            .client
            .update_item()
            .table_name(&*store.table)
            .set_key(Some(key_attributes(&key)))
            .update_expression(format!("set answers = :after{leaves}"))
            .expression_attribute_values(":after", text(&after))
            .expression_attribute_values(":digest", text(digest.as_str()));
        let update = match Row(&item).get(ANSWERS) {
            None => {
                update.condition_expression("digest = :digest and attribute_not_exists(answers)")
            }
            Some(before) => update
                .condition_expression("digest = :digest and answers = :before")
                .expression_attribute_values(":before", text(before)),
        };
        match update.send().await.map_err(failed("dynamodb:UpdateItem")) {
            Ok(_) => return Ok(cast),
            // Somebody voted or asked since it was read: look again.
            Err(e) if e.code.as_deref() == Some(CONDITION) || is_conflict(&e) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Trouble::Contended(key.pk))
}

async fn standing(store: &Store, incident: IncidentId) -> Result<Option<Standing>, Trouble> {
    match store.get(&layout::question(incident)).await? {
        Some(item) => read(&item).map(Some),
        None => Ok(None),
    }
}

fn read(item: &Attributes) -> Result<Standing, Trouble> {
    let row = Row(item);
    let question = Question {
        incident: row.parsed(INCIDENT, IncidentId::parse)?,
        digest: row.digest(DIGEST)?,
        token: row.text(TOKEN)?.to_owned(),
        asked: row.parsed(ASKED, str::parse)?,
        expires: row.parsed(EXPIRES, str::parse)?,
        approvals: u8::try_from(row.number(APPROVALS)?)
            .map_err(|e| row.unreadable(APPROVALS, Some(Box::new(e))))?,
    };
    let answers = serde_json::from_str(row.get(ANSWERS).unwrap_or("[]"))
        .map_err(|e| row.unreadable(ANSWERS, Some(Box::new(e))))?;
    Ok(Standing { question, answers })
}

/// Takes the incident's question, if there is one, off the list of those that are open.
pub(super) async fn end(store: &Store, incident: IncidentId) -> Result<(), Trouble> {
    let update = store
        .client
        .update_item()
        .table_name(&*store.table)
        .set_key(Some(key_attributes(&layout::question(incident))))
        .update_expression("remove t_pk, t_sk")
        .condition_expression("attribute_exists(t_pk)");
    match update.send().await.map_err(failed("dynamodb:UpdateItem")) {
        Ok(_) => Ok(()),
        Err(e) if e.code.as_deref() == Some(CONDITION) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

async fn open_questions(store: &Store, at: Timestamp) -> Result<Vec<Question>, Trouble> {
    let keys = store.query(&Range::indexed(BY_TIME, layout::QUESTIONS), usize::MAX).await?;
    let keys = keys.iter().map(|item| Row(item).key()).collect::<Result<Vec<_>, _>>()?;
    let mut open = Vec::new();
    for item in events::items(store, keys).await? {
        let standing = read(&item)?;
        // The index may not know of the vote yet.
        if standing.outcome().is_none() && standing.question.expires > at {
            open.push(standing.question);
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_know_votes_by_their_attribute() {
        // `OF_VOTES` of infra/src/policies.rs denies writing `answers` to all but who takes one, also
        // to who asks.
        assert_eq!(ANSWERS, "answers");
        let question = Question {
            incident: IncidentId::from_cause(&["question"]),
            digest: Digest::of_bytes(b"plan"),
            token: "token".to_owned(),
            asked: jiff::Timestamp::UNIX_EPOCH,
            expires: jiff::Timestamp::UNIX_EPOCH,
            approvals: 1,
        };
        assert!(!item(&question).attributes().contains_key(ANSWERS));
    }
}
