//! The handle, and how the database's errors become the ports' errors.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aisaws_core::id::IncidentId;
use aisaws_core::port::StoreError;
use aisaws_core::seen::Known;
use aisaws_sqlite::{Db, DbError};
use rusqlite::{Connection, Transaction};

/// Version of `schema.sql` and of what its columns may hold; a file of a later one is refused.
/// 2: events of other sources than CloudTrail.
const SCHEMA_VERSION: u32 = 4;
const SCHEMA: &str = include_str!("schema.sql");

/// One SQLite file that keeps events, incidents, questions and states; clones are the same store.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    /// What is known to be stored as seen.
    seen: Arc<Mutex<Known>>,
}

impl Store {
    /// Opens or creates the file. Its folder must exist.
    ///
    /// # Errors
    /// [`DbError::Open`] where it cannot be opened or is something else,
    /// [`DbError::Newer`] where a later program wrote it.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        Ok(Self {
            db: Db::open_version(
                path,
                SCHEMA_VERSION,
                &[SCHEMA, crate::twin::SCHEMA, aisaws_engine::SCHEMA],
            )?,
            seen: Arc::default(),
        })
    }

    /// The database below, for others who keep their tables in the same file.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Ids of all incidents that a record or a ledger entry names, one without the other too.
    /// Ids that are none are given as text.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn audited_ids(&self) -> Result<(BTreeSet<IncidentId>, Vec<String>), StoreError> {
        let texts = self
            .read("list incidents", |db| {
                db.prepare("select id from incident union select incident from ledger")?
                    .query_map([], |row| row.get::<_, String>(0))?
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let (mut ids, mut strange) = (BTreeSet::new(), Vec::new());
        for text in texts {
            match IncidentId::parse(&text) {
                Ok(id) => drop(ids.insert(id)),
                Err(_) => strange.push(text),
            }
        }
        Ok((ids, strange))
    }

    /// What is known to be stored as seen; nobody holds it for longer than a look.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Known> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn write<T, F>(&self, action: &'static str, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        self.db.write(job).await.map_err(|e| store_error(action, e))
    }

    pub(crate) async fn read<T, F>(&self, action: &'static str, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        self.db.read(query).await.map_err(|e| store_error(action, e))
    }
}

fn store_error(action: &'static str, error: DbError) -> StoreError {
    if error.is_transient() {
        StoreError::Unavailable { action, source: Box::new(error) }
    } else {
        StoreError::Corrupt { action, source: Box::new(error) }
    }
}
