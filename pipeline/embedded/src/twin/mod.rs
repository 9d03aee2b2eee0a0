//! The twin: an account that is folded from stored events and from our own writes. Nothing
//! here reaches AWS.
//!
//! A resource's state is never stored. It is what its first event finds (as AWS creates such a
//! resource by default), changed by each event in order of time, with each write of ours at its
//! place. So it does not matter in which order events arrived, and a killed process leaves
//! nothing half-done.

mod fold;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aisaws_controls::plan::apply_guarded;
use aisaws_core::fault::Fault;
use aisaws_core::ledger::Call;
use aisaws_core::port::{Account, AccountError, WriteKey};
use aisaws_core::resource::ResourceRef;
use aisaws_sqlite::DbError;
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::store::Store;
use fold::{Folded, Version};

/// Tables of the twin, in the store's file.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// Folded resources that are kept in memory at most.
const CACHED: usize = 4096;

/// An account in the store.
#[derive(Debug)]
pub struct Twin {
    store: Store,
    cache: Mutex<HashMap<String, Arc<Folded>>>,
}

/// How a write ended inside its transaction.
enum Written {
    Now(Vec<Call>),
    Before(Vec<Call>),
    Changed(String),
    Refused(aisaws_controls::WriteError),
    NotFolded(aisaws_controls::ProjectError),
}

impl Twin {
    /// The account that the store's events tell of.
    pub fn new(store: Store) -> Self {
        Self { store, cache: Mutex::new(HashMap::new()) }
    }

    async fn folded(&self, resource: &ResourceRef) -> Result<Arc<Folded>, AccountError> {
        let key = resource.key();
        let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let wanted = resource.clone();
        let folded = self
            .store
            .db()
            .read(move |db| {
                let version = Version::read(db, &wanted)?;
                match cached {
                    Some(folded) if folded.version == version => Ok(Ok(folded)),
                    _ => Ok(fold::fold(db, &wanted, version)?.map(Arc::new)),
                }
            })
            .await
            .map_err(|e| failed(resource, "read", e))?
            .map_err(|e| call_failed(resource, "read", Fault::Permanent, e))?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&folded));
        Ok(folded)
    }
}

#[async_trait]
impl Account for Twin {
    async fn read(&self, resource: &ResourceRef) -> Result<Value, AccountError> {
        supported(resource)?;
        Ok(self.folded(resource).await?.present().clone())
    }

    async fn write(
        &self,
        resource: &ResourceRef,
        before: &Value,
        after: &Value,
        key: &WriteKey,
    ) -> Result<Vec<Call>, AccountError> {
        supported(resource)?;
        let (wanted, key) = (resource.clone(), key.as_text());
        let (before, after) = (before.clone(), after.clone());
        let written = self
            .store
            .db()
            .write(move |tx| write(tx, &wanted, &before, &after, &key))
            .await
            .map_err(|e| failed(resource, "written", e))?;
        match written {
            Written::Now(calls) | Written::Before(calls) => Ok(calls),
            Written::Changed(what) => Err(AccountError::Changed(format!("{resource}: {what}"))),
            Written::Refused(e) => Err(call_failed(resource, "written", Fault::Refused, e)),
            Written::NotFolded(e) => Err(call_failed(resource, "read", Fault::Permanent, e)),
        }
    }

    async fn past_states(&self, resource: &ResourceRef) -> Result<Vec<Value>, AccountError> {
        supported(resource)?;
        Ok(self.folded(resource).await?.states.clone())
    }
}

/// Compare and swap, all in the writer's transaction: no event and no other write comes between.
fn write(
    tx: &Connection,
    resource: &ResourceRef,
    before: &Value,
    after: &Value,
    key: &str,
) -> Result<Written, rusqlite::Error> {
    let recorded: Option<String> = tx
        .prepare_cached("select calls from twin_write where key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    if let Some(text) = recorded {
        return Ok(Written::Before(fold::from_json(&text)?));
    }
    let version = Version::read(tx, resource)?;
    let folded = match fold::fold(tx, resource, version)? {
        Ok(folded) => folded,
        Err(e) => return Ok(Written::NotFolded(e)),
    };
    let now = folded.present();
    let target = match apply_guarded(before, after, now) {
        Ok(target) => target,
        Err(changed) => return Ok(Written::Changed(changed.0.join(", "))),
    };
    let Some(face) = aisaws_controls::resource(&resource.kind) else {
        return Ok(Written::Changed("its type is not known here".to_owned()));
    };
    let calls = match face.calls(resource, now, &target) {
        Ok(calls) => calls,
        Err(e) => return Ok(Written::Refused(e)),
    };
    let (time, event) = &folded.position;
    tx.prepare_cached(
        "insert into twin_write (key, resource, time, event, before, after, calls) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        key,
        resource.key(),
        time,
        event,
        before.to_string(),
        after.to_string(),
        fold::as_json(&calls)?,
    ])?;
    Ok(Written::Now(calls))
}

fn supported(resource: &ResourceRef) -> Result<(), AccountError> {
    match aisaws_controls::resource(&resource.kind) {
        Some(_) => Ok(()),
        None => Err(AccountError::Unsupported(resource.kind.clone())),
    }
}

fn failed(resource: &ResourceRef, action: &'static str, error: DbError) -> AccountError {
    let fault = if error.is_transient() { Fault::Transient } else { Fault::Permanent };
    call_failed(resource, action, fault, error)
}

fn call_failed(
    resource: &ResourceRef,
    action: &'static str,
    fault: Fault,
    error: impl std::error::Error + Send + Sync + 'static,
) -> AccountError {
    AccountError::Call { subject: resource.to_string(), action, fault, source: Box::new(error) }
}
