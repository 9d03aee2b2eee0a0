//! Port `Approvals`.

use aisaws_core::canonical::Digest;
use aisaws_core::handoff::Vote;
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Answer, Approvals, Cast, Question, Standing, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::Store;
use super::column::{digest, incident, nanos, time};

/// The columns that [`question`] reads.
const QUESTION: &str = "select question.incident, digest, token, asked, expires, \
                        coalesce(approvals, 1), vote, voter, voted \
                        from question left join quorum on quorum.incident = question.incident";

#[async_trait]
impl Approvals for Store {
    async fn ask(&self, question: Question) -> Result<(), StoreError> {
        self.write("keep a question", move |tx| ask(tx, &question)).await
    }

    async fn cast(
        &self,
        incident: IncidentId,
        digest: &Digest,
        answer: Answer,
    ) -> Result<Cast, StoreError> {
        let digest = digest.clone();
        self.write("keep a vote", move |tx| cast(tx, incident, &digest, &answer)).await
    }

    async fn standing(&self, incident: IncidentId) -> Result<Option<Standing>, StoreError> {
        self.read("read a question", move |db| standing(db, incident)).await
    }

    async fn open_questions(&self, at: Timestamp) -> Result<Vec<Question>, StoreError> {
        self.read("list open questions", move |db| {
            let mut open = db
                .prepare_cached(&format!(
                    "{QUESTION} where vote is null and not exists (select 1 from ledger \
                     where ledger.incident = question.incident and key = 'closed') \
                     order by asked_at, question.incident"
                ))?
                .query_map([], question)?
                .collect::<Result<Vec<_>, _>>()?;
            open.retain(|question| question.expires > at);
            Ok(open)
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
        // What belongs to the question before.
        tx.prepare_cached("delete from answer where incident = ?1")?.execute([&incident])?;
        tx.prepare_cached("insert or replace into quorum (incident, approvals) values (?1, ?2)")?
            .execute(params![incident, question.approvals])?;
    }
    Ok(())
}

fn cast(
    tx: &Transaction<'_>,
    incident: IncidentId,
    digest: &Digest,
    answer: &Answer,
) -> Result<Cast, rusqlite::Error> {
    let Some(standing) = standing(tx, incident)? else {
        return Ok(Cast::NotAsked);
    };
    let cast = standing.judge(digest, answer);
    if !matches!(cast, Cast::Counted | Cast::Noted) {
        return Ok(cast);
    }
    let Answer { vote, by, reason, at } = answer;
    let (incident, vote, at) = (incident.to_string(), vote.to_string(), at.to_string());
    tx.prepare_cached(
        "insert into answer (incident, number, vote, voter, reason, voted) \
         select ?1, count(*) + 1, ?2, ?3, ?4, ?5 from answer where incident = ?1",
    )?
    .execute(params![incident, vote, by, reason, at])?;
    if cast == Cast::Counted {
        tx.prepare_cached(
            "update question set vote = ?2, voter = ?3, voted = ?4 where incident = ?1",
        )?
        .execute(params![incident, vote, by, at])?;
    }
    Ok(cast)
}

fn standing(db: &Connection, incident: IncidentId) -> Result<Option<Standing>, rusqlite::Error> {
    let incident = incident.to_string();
    let found = db
        .prepare_cached(&format!("{QUESTION} where question.incident = ?1"))?
        .query_row([&incident], |row| {
            let decided = match row.get::<_, Option<Spoken>>(6)? {
                Some(Spoken(vote)) => {
                    let (by, reason) = (row.get(7)?, String::new());
                    Some(Answer { vote, by, reason, at: time(row, 8)? })
                }
                None => None,
            };
            Ok((question(row)?, decided))
        })
        .optional()?;
    let Some((question, decided)) = found else { return Ok(None) };
    let mut answers = db
        .prepare_cached(
            "select vote, voter, reason, voted from answer where incident = ?1 order by number",
        )?
        .query_map([&incident], |row| {
            let Spoken(vote) = row.get(0)?;
            Ok(Answer { vote, by: row.get(1)?, reason: row.get(2)?, at: time(row, 3)? })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    if answers.is_empty() {
        // As it was kept when one answer was all there was.
        answers.extend(decided);
    }
    Ok(Some(Standing { question, answers }))
}

fn question(row: &Row<'_>) -> Result<Question, rusqlite::Error> {
    Ok(Question {
        incident: incident(row, 0)?,
        digest: digest(row, 1)?,
        token: row.get(2)?,
        asked: time(row, 3)?,
        expires: time(row, 4)?,
        approvals: row.get(5)?,
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
