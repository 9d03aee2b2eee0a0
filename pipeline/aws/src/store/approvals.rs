//! Port `Approvals`.

use aisaws_core::canonical::Digest;
use aisaws_core::handoff::Vote;
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Approvals, Cast, Question, Standing, StoreError};
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
const VOTE: &str = "vote";
const VOTER: &str = "voter";
const VOTED: &str = "voted";

#[async_trait]
impl Approvals for Store {
    async fn ask(&self, question: Question) -> Result<(), StoreError> {
        ask(self, &question).await.map_err(doing("keep a question"))
    }

    async fn cast(
        &self,
        incident: IncidentId,
        digest: &Digest,
        vote: Vote,
        by: &str,
        at: Timestamp,
    ) -> Result<Cast, StoreError> {
        cast(self, incident, digest, vote, by, at).await.map_err(doing("keep a vote"))
    }

    async fn standing(&self, incident: IncidentId) -> Result<Option<Standing>, StoreError> {
        standing(self, incident).await.map_err(doing("read a question"))
    }

    async fn open_questions(&self) -> Result<Vec<Question>, StoreError> {
        open_questions(self).await.map_err(doing("list open questions"))
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
    let Question { incident, digest, token, asked, expires } = question;
    Item::new(layout::question(*incident))
        .in_index(BY_TIME, layout::QUESTIONS, layout::incident_order(*asked, *incident))
        .with(INCIDENT, incident.to_string())
        .with(DIGEST, digest.as_str())
        .with(TOKEN, token.as_str())
        .with(ASKED, asked.to_string())
        .with(EXPIRES, expires.to_string())
}

async fn cast(
    store: &Store,
    incident: IncidentId,
    digest: &Digest,
    vote: Vote,
    by: &str,
    at: Timestamp,
) -> Result<Cast, Trouble> {
    let key = layout::question(incident);
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let Some(Standing { question, vote: before }) = standing(store, incident).await? else {
            return Ok(Cast::NotAsked);
        };
        if question.digest != *digest {
            return Ok(Cast::OtherPlan);
        }
        match before {
            Some((before, ..)) if before == vote => return Ok(Cast::Already),
            Some(_) => return Ok(Cast::TooLate),
            None => {}
        }
        if at >= question.expires {
            return Ok(Cast::Lapsed);
        }
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = store
            .client
            .update_item()
            .table_name(&*store.table)
            .set_key(Some(key_attributes(&key)))
            .update_expression("set vote = :vote, voter = :by, voted = :at remove t_pk, t_sk")
            .condition_expression("digest = :digest and attribute_not_exists(vote)")
            .expression_attribute_values(":vote", text(&vote.to_string()))
            .expression_attribute_values(":by", text(by))
            .expression_attribute_values(":at", text(&at.to_string()))
            .expression_attribute_values(":digest", text(digest.as_str()));
        match update.send().await.map_err(failed("dynamodb:UpdateItem")) {
            Ok(_) => return Ok(Cast::Counted),
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
    };
    let vote = match row.get(VOTE) {
        None => None,
        Some(_) => Some((
            row.parsed(VOTE, vote)?,
            row.text(VOTER)?.to_owned(),
            row.parsed(VOTED, str::parse)?,
        )),
    };
    Ok(Standing { question, vote })
}

fn vote(text: &str) -> Result<Vote, serde::de::value::Error> {
    use serde::de::{Deserialize as _, IntoDeserializer as _};
    Vote::deserialize(text.into_deserializer())
}

async fn open_questions(store: &Store) -> Result<Vec<Question>, Trouble> {
    let keys = store.query(&Range::indexed(BY_TIME, layout::QUESTIONS), usize::MAX).await?;
    let keys = keys.iter().map(|item| Row(item).key()).collect::<Result<Vec<_>, _>>()?;
    let mut open = Vec::new();
    for item in events::items(store, keys).await? {
        let Standing { question, vote } = read(&item)?;
        // The index may not know of the vote yet.
        if vote.is_none() {
            open.push(question);
        }
    }
    Ok(open)
}
