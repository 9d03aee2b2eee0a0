//! Port `Approvals`.

use aisaws_core::canonical::Digest;
use aisaws_core::handoff::Vote;
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Approvals, Cast, Question, Standing, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::Store;
use super::column::{digest, incident, nanos, time};

#[async_trait]
impl Approvals for Store {
    async fn ask(&self, question: Question) -> Result<(), StoreError> {
        self.write("keep a question", move |tx| ask(tx, &question)).await
    }

    async fn cast(
        &self,
        incident: IncidentId,
        digest: &Digest,
        vote: Vote,
        by: &str,
        at: Timestamp,
    ) -> Result<Cast, StoreError> {
        let (digest, by) = (digest.clone(), by.to_owned());
        self.write("keep a vote", move |tx| cast(tx, incident, &digest, vote, &by, at)).await
    }

    async fn standing(&self, incident: IncidentId) -> Result<Option<Standing>, StoreError> {
        self.read("read a question", move |db| standing(db, incident)).await
    }

    async fn open_questions(&self) -> Result<Vec<Question>, StoreError> {
        self.read("list open questions", move |db| {
            db.prepare_cached(
                "select incident, digest, token, asked, expires from question \
                 where vote is null order by asked_at, incident",
            )?
            .query_map([], question)?
            .collect()
        })
        .await
    }
}

fn ask(tx: &Transaction<'_>, question: &Question) -> Result<(), rusqlite::Error> {
    let incident = question.incident.to_string();
    let same = tx
        .prepare_cached("update question set token = ?3 where incident = ?1 and digest = ?2")?
        .execute(params![incident, question.digest.as_str(), question.token])?;
    if same == 0 {
        tx.prepare_cached(
            "insert or replace into question (incident, digest, token, asked, asked_at, expires) \
             values (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            incident,
            question.digest.as_str(),
            question.token,
            question.asked.to_string(),
            nanos(question.asked),
            question.expires.to_string(),
        ])?;
    }
    Ok(())
}

fn cast(
    tx: &Transaction<'_>,
    incident: IncidentId,
    digest: &Digest,
    vote: Vote,
    by: &str,
    at: Timestamp,
) -> Result<Cast, rusqlite::Error> {
    let Some(Standing { question, vote: before }) = standing(tx, incident)? else {
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
    tx.prepare_cached("update question set vote = ?2, voter = ?3, voted = ?4 where incident = ?1")?
        .execute(params![incident.to_string(), vote.to_string(), by, at.to_string()])?;
    Ok(Cast::Counted)
}

fn standing(db: &Connection, incident: IncidentId) -> Result<Option<Standing>, rusqlite::Error> {
    db.prepare_cached(
        "select incident, digest, token, asked, expires, vote, voter, voted \
         from question where incident = ?1",
    )?
    .query_row([incident.to_string()], |row| {
        let vote = match row.get::<_, Option<Spoken>>(5)? {
            Some(Spoken(vote)) => Some((vote, row.get(6)?, time(row, 7)?)),
            None => None,
        };
        Ok(Standing { question: question(row)?, vote })
    })
    .optional()
}

fn question(row: &Row<'_>) -> Result<Question, rusqlite::Error> {
    Ok(Question {
        incident: incident(row, 0)?,
        digest: digest(row, 1)?,
        token: row.get(2)?,
        asked: time(row, 3)?,
        expires: time(row, 4)?,
    })
}

/// A vote as its word.
struct Spoken(Vote);

impl FromSql for Spoken {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        [Vote::Grant, Vote::Deny]
            .into_iter()
            .find(|vote| vote.to_string() == word)
            .map(Self)
            .ok_or(FromSqlError::InvalidType)
    }
}
