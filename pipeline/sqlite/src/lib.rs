//! One SQLite file shared by several tasks and processes: a writer thread that commits
//! in groups, and a small pool of readers.
//!
//! It knows nothing of events, incidents or state machines. Callers hand in closures over
//! a transaction ([`Db::write`]) or a read-only connection ([`Db::read`]). Every write job
//! runs in its own savepoint; jobs that are waiting share one `COMMIT`, and a job's result
//! is returned only after that commit is durable (`journal_mode=WAL`, `synchronous=FULL`).
//!
//! Start reading at [`Db`].

#[cfg(feature = "crash-points")]
pub mod crash;
mod db;
mod writer;

pub use db::{Db, DbError};
