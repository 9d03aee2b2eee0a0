//! Messages and items in a SQLite file, each key once across processes.

use std::sync::Arc;

use aisaws_sqlite::Db;
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::{Delivery, ServiceError};
use super::dynamodb::{Action, After, Operation, Table};
use super::sns::{Notification, Topic};
use super::sqs::{Message, Queue, Receipt, sequence};

/// The tables, to be laid by `Db::open` (idempotent).
pub const INTEGRATIONS_SCHEMA: &str = "
create table if not exists machine_message (
    number integer primary key autoincrement,
    mailbox text not null,
    key text not null,
    message text not null
) strict;
create table if not exists machine_message_key (
    mailbox text not null,
    key text not null,
    number integer not null,
    primary key (mailbox, key)
) strict, without rowid;
create table if not exists machine_item (
    name text not null,
    key text not null,
    item text not null,
    primary key (name, key)
) strict, without rowid;
create table if not exists machine_item_write (
    name text not null,
    key text not null,
    answer text not null,
    primary key (name, key)
) strict, without rowid;
";

/// A queue or a topic in a SQLite file whose schema includes [`INTEGRATIONS_SCHEMA`].
#[derive(Debug, Clone)]
pub struct SqliteMailbox {
    db: Db,
    name: Arc<str>,
}

impl SqliteMailbox {
    /// The mailbox of this name in `db`.
    pub fn new(db: Db, name: &str) -> Self {
        Self { db, name: name.into() }
    }

    /// Takes the oldest message out, as the type it was put in: a [`Message`] of a queue or a
    /// [`Notification`] of a topic.
    ///
    /// # Errors
    /// What the store said.
    pub async fn take<M: DeserializeOwned>(&self) -> Result<Option<M>, ServiceError> {
        let name = Arc::clone(&self.name);
        let write = move |tx: &Transaction<'_>| {
            let sql = "delete from machine_message where number =
                       (select min(number) from machine_message where mailbox = ?1) returning message";
            tx.prepare_cached(sql)?.query_row([&*name], |row| row.get::<_, String>(0)).optional()
        };
        let text = self.db.write(write).await.map_err(ServiceError::unavailable)?;
        text.map(|t| serde_json::from_str(&t).map_err(ServiceError::unavailable)).transpose()
    }

    /// Holds the message unless one came with this key; gives its number.
    async fn put(&self, key: &str, message: &impl Serialize) -> Result<u64, ServiceError> {
        let text = serde_json::to_string(message).map_err(ServiceError::unavailable)?;
        let (name, key) = (Arc::clone(&self.name), key.to_owned());
        let write = move |tx: &Transaction<'_>| {
            let known = tx
                .prepare_cached(
                    "select number from machine_message_key where mailbox = ?1 and key = ?2",
                )?
                .query_row(params![&*name, key], |row| row.get::<_, i64>(0))
                .optional()?;
            if let Some(number) = known {
                return Ok(number);
            }
            tx.prepare_cached(
                "insert into machine_message (mailbox, key, message) values (?1, ?2, ?3)",
            )?
            .execute(params![&*name, key, text])?;
            let number = tx.last_insert_rowid();
            tx.prepare_cached(
                "insert into machine_message_key (mailbox, key, number) values (?1, ?2, ?3)",
            )?
            .execute(params![&*name, key, number])?;
            Ok(number)
        };
        let number = self.db.write(write).await.map_err(ServiceError::unavailable)?;
        Ok(u64::try_from(number).unwrap_or_default())
    }
}

#[async_trait]
impl Queue for SqliteMailbox {
    async fn send(
        &self,
        message: Message,
        delivery: &Delivery<'_>,
    ) -> Result<Receipt, ServiceError> {
        let number = self.put(delivery.key, &message).await?;
        let is_fifo = message.group_id.is_some();
        Ok(Receipt::new(message.id, is_fifo.then(|| sequence(number))))
    }
}

#[async_trait]
impl Topic for SqliteMailbox {
    async fn publish(
        &self,
        notification: Notification,
        delivery: &Delivery<'_>,
    ) -> Result<Receipt, ServiceError> {
        let number = self.put(delivery.key, &notification).await?;
        let is_fifo = notification.group_id.is_some();
        Ok(Receipt::new(notification.id, is_fifo.then(|| sequence(number))))
    }
}

/// A table in a SQLite file whose schema includes [`INTEGRATIONS_SCHEMA`].
#[derive(Debug, Clone)]
pub struct SqliteTable {
    db: Db,
    name: Arc<str>,
    keys: Arc<[String]>,
}

impl SqliteTable {
    /// The table of this name in `db`, with its key attributes: the partition key, and a sort
    /// key or none.
    pub fn new(db: Db, name: &str, keys: &[&str]) -> Self {
        Self { db, name: name.into(), keys: keys.iter().map(|k| (*k).to_owned()).collect() }
    }
}

#[async_trait]
impl Table for SqliteTable {
    async fn act(
        &self,
        action: Action,
        arguments: &Map<String, Value>,
        delivery: &Delivery<'_>,
    ) -> Result<Map<String, Value>, ServiceError> {
        let (name, keys) = (Arc::clone(&self.name), Arc::clone(&self.keys));
        let (arguments, call) = (arguments.clone(), delivery.key.to_owned());
        let write = move |tx: &Transaction<'_>| {
            let operation = Operation { action, arguments: &arguments, keys: &keys };
            act(tx, &name, &call, &operation)
        };
        self.db.write(write).await.map_err(ServiceError::unavailable)?
    }
}

/// Errors of DynamoDB are answers here, so that the transaction is not their victim.
type Acted = Result<Map<String, Value>, ServiceError>;

fn act(
    tx: &Transaction<'_>,
    name: &str,
    call: &str,
    operation: &Operation<'_>,
) -> Result<Acted, rusqlite::Error> {
    let read = |sql: &str, key: &str| {
        tx.prepare_cached(sql)?
            .query_row([name, key], |row| row.get::<_, String>(0))
            .optional()
            .map(|text| text.and_then(|t| serde_json::from_str::<Map<String, Value>>(&t).ok()))
    };
    let key = match operation.key() {
        Ok(key) => key,
        Err(error) => return Ok(Err(error)),
    };
    let known = read("select answer from machine_item_write where name = ?1 and key = ?2", call)?;
    if let Some(answer) = known {
        return Ok(Ok(answer));
    }
    let item = read("select item from machine_item where name = ?1 and key = ?2", &key)?;
    let (after, answer) = match operation.on(item.as_ref()) {
        Ok(done) => done,
        Err(error) => return Ok(Err(error)),
    };
    match after {
        After::Unchanged => return Ok(Ok(answer)),
        After::Is(item) => {
            tx.prepare_cached(
                "insert or replace into machine_item (name, key, item) values (?1, ?2, ?3)",
            )?
            .execute(params![name, key, Value::Object(item).to_string()])?;
        }
        After::Gone => {
            tx.prepare_cached("delete from machine_item where name = ?1 and key = ?2")?
                .execute(params![name, key])?;
        }
    }
    tx.prepare_cached("insert into machine_item_write (name, key, answer) values (?1, ?2, ?3)")?
        .execute(params![name, call, Value::Object(answer.clone()).to_string()])?;
    Ok(Ok(answer))
}
