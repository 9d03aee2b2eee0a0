//! The handle that callers clone, and the pool of readers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::writer::Writer;

/// How long a process waits for another one that holds the write lock of the file.
const BUSY_TIMEOUT: Duration = Duration::from_mins(2);
/// Page size of a new file. A record of 1.5 KB fills pages of 4 KiB badly (two in each); pages
/// of 16 KiB make small commits dear.
const PAGE_BYTES: i64 = 8192;
/// Page cache of the writer.
const CACHE_KIB: i64 = 16 * 1024;
/// Pages in the log before it is copied into the file: fewer, larger copies than the default
/// of 1000, because intake changes the same index pages again and again.
const CHECKPOINT_PAGES: i64 = 4000;
/// Idle read connections that are kept for the next reader.
const POOLED_READERS: usize = 4;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// The file could not be opened or its schema not laid.
    #[error(
        "store `{path}` could not be opened; check that the folder is writable and that the file is an aisaws store"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A later version of the program wrote the file.
    #[error(
        "store `{path}` has schema {found}, this program knows {known} and earlier; use the program that wrote it or another `--store`"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// Latest version known here.
        known: u32,
    },
    /// A statement failed; the job that ran it left no trace.
    #[error("the store refused a statement")]
    Statement(#[from] rusqlite::Error),
    /// The group commit failed, so nothing of the group was written.
    #[error("the store could not commit ({0}); nothing of this step was written")]
    Commit(String),
    /// The writer thread is gone (the process is ending).
    #[error("the store is closed")]
    Closed,
}

impl DbError {
    /// Whether the same call may succeed in a minute (lock held elsewhere, disk full, or in
    /// the next process where this one is ending).
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Statement(rusqlite::Error::SqliteFailure(e, _)) => matches!(
                e.code,
                rusqlite::ErrorCode::DatabaseBusy
                    | rusqlite::ErrorCode::DatabaseLocked
                    | rusqlite::ErrorCode::DiskFull
            ),
            Self::Commit(_) | Self::Closed => true,
            Self::Open { .. } | Self::Newer { .. } | Self::Statement(_) => false,
        }
    }
}

/// A SQLite file: clone the handle freely, every clone is the same store.
#[derive(Debug, Clone)]
pub struct Db {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    /// As many readers at a time as connections are kept: a connection that is opened for one
    /// query costs more than the query.
    slots: Semaphore,
}

impl Db {
    /// Opens or creates the file and lays `schema` (idempotent SQL: `create table if not exists …`).
    ///
    /// # Errors
    /// [`DbError::Open`] where the file cannot be opened or is no SQLite database.
    pub fn open(path: &Path, schema: &[&str]) -> Result<Self, DbError> {
        let failed = |source| DbError::Open { path: path.to_owned(), source };
        let mut connection = open_writer(path).map_err(failed)?;
        lay(&mut connection, schema, None).map_err(failed)?;
        Ok(Self::of(path, connection))
    }

    /// As [`Db::open`] for a schema with a version, which is kept in `pragma user_version`;
    /// a file that has it already is opened without waiting for the write lock.
    ///
    /// # Errors
    /// As [`Db::open`], and [`DbError::Newer`].
    pub fn open_version(path: &Path, version: u32, schema: &[&str]) -> Result<Self, DbError> {
        let failed = |source| DbError::Open { path: path.to_owned(), source };
        let mut connection = open_writer(path).map_err(failed)?;
        let found: u32 =
            connection.query_row("pragma user_version", [], |row| row.get(0)).map_err(failed)?;
        if found > version {
            return Err(DbError::Newer { path: path.to_owned(), found, known: version });
        }
        if found < version {
            lay(&mut connection, schema, Some(version)).map_err(failed)?;
        }
        Ok(Self::of(path, connection))
    }

    fn of(path: &Path, connection: Connection) -> Self {
        let shared = Shared {
            path: path.to_owned(),
            writer: Writer::start(connection),
            readers: Mutex::new(Vec::new()),
            slots: Semaphore::new(POOLED_READERS),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The file this store lives in.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Runs `job` on the writer thread, in its own savepoint, and returns once it is durable.
    ///
    /// # Errors
    /// What the job returned (then it left no trace), or [`DbError::Commit`].
    pub async fn write<T, F>(&self, job: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        self.shared.writer.submit(job).await
    }

    /// Runs `query` on a pooled read-only connection, on the blocking pool.
    ///
    /// # Errors
    /// [`DbError::Statement`] with what SQLite said.
    pub async fn read<T, F>(&self, query: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let _slot = self.shared.slots.acquire().await.map_err(|_| DbError::Closed)?;
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.with_reader(query))
            .await
            .map_err(|_| DbError::Closed)?
    }

    /// As [`Db::read`], on the calling thread; for short queries outside of async code.
    ///
    /// # Errors
    /// [`DbError::Statement`] with what SQLite said.
    pub fn read_blocking<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, DbError> {
        self.shared.with_reader(query)
    }
}

fn open_writer(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    ensure_wal(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// SQLite does not wait for the lock that the change to WAL needs, so two processes that
/// create one file at once have to try again.
fn ensure_wal(connection: &Connection) -> Result<(), rusqlite::Error> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(rusqlite::Error::SqliteFailure(e, _))
                if e.code == rusqlite::ErrorCode::DatabaseBusy
                    && begun.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            done => return done,
        }
    }
}

fn lay(
    connection: &mut Connection,
    schema: &[&str],
    version: Option<u32>,
) -> Result<(), rusqlite::Error> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for sql in schema {
        tx.execute_batch(sql)?;
    }
    if let Some(version) = version {
        tx.pragma_update(None, "user_version", version)?;
    }
    tx.commit()
}

impl Shared {
    fn with_reader<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, DbError> {
        let pooled = self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => self.open_reader()?,
        };
        let result = query(&connection);
        let mut readers = self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if readers.len() < POOLED_READERS {
            readers.push(connection);
        }
        Ok(result?)
    }

    fn open_reader(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "create table if not exists t (k integer primary key)";

    #[test]
    fn a_file_of_a_later_version_is_refused_with_both_versions() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sqlite");
        drop(Db::open_version(&path, 3, &[SCHEMA]).unwrap());
        let refused = Db::open_version(&path, 2, &[SCHEMA]).unwrap_err();
        assert!(matches!(refused, DbError::Newer { found: 3, known: 2, .. }), "{refused:?}");
    }

    #[test]
    fn a_file_that_is_no_database_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "these are notes ".repeat(100)).unwrap();
        let refused = Db::open_version(&path, 1, &[SCHEMA]).unwrap_err();
        assert!(refused.to_string().contains("notes.txt"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "these are notes ".repeat(100));
    }

    #[test]
    fn many_may_create_one_file_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sqlite");
        let opened = std::thread::scope(|scope| {
            let all: Vec<_> = (0..12)
                .map(|_| scope.spawn(|| Db::open_version(&path, 1, &[SCHEMA]).is_ok()))
                .collect();
            all.into_iter().filter_map(|one| one.join().ok()).filter(|ok| *ok).count()
        });
        assert_eq!(opened, 12);
    }

    #[test]
    fn a_known_file_opens_while_another_writes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sqlite");
        drop(Db::open_version(&path, 1, &[SCHEMA]).unwrap());
        let other = Connection::open(&path).unwrap();
        other.execute_batch("begin immediate").unwrap();
        assert!(Db::open_version(&path, 1, &[SCHEMA]).is_ok());
    }
}
