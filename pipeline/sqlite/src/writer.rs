//! The writer thread: takes every job that is waiting, runs each in a savepoint, commits once.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::DbError;

/// Jobs that one commit takes at most.
const GROUP: usize = 256;
/// After this time a group takes no further job, so that a reply is never far away and
/// other processes get at the file.
const GROUP_TIME: Duration = Duration::from_millis(20);

/// Tells a job's caller how the commit of its group ended.
type Reply = Box<dyn FnOnce(Result<(), String>) + Send>;
/// Runs inside the group's transaction, if there is one, and gives what to reply afterwards.
type Job = Box<dyn FnOnce(Option<&Transaction<'_>>) -> Reply + Send>;

/// The sending side; dropping it ends the thread after the jobs already taken.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Self {
        let (jobs, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("aisaws-store".to_owned())
            .spawn(move || run(connection, &inbox))
            .ok();
        Self { jobs: Some(jobs), thread }
    }

    pub(crate) async fn submit<T, F>(&self, job: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let boxed: Job = Box::new(move |tx| {
            let result = tx.map(|tx| in_savepoint(tx, job));
            Box::new(move |commit| {
                let reply = match (result, commit) {
                    (Some(Err(e)), _) => Err(DbError::Statement(e)),
                    (Some(Ok(value)), Ok(())) => Ok(value),
                    (_, Err(reason)) => Err(DbError::Commit(reason)),
                    // INVARIANT: without a transaction the outcome is an error.
                    (None, Ok(())) => Err(DbError::Closed),
                };
                // A caller that no longer waits has nothing to be told.
                drop(sender.send(reply));
            })
        });
        let jobs = self.jobs.as_ref().ok_or(DbError::Closed)?;
        jobs.send(boxed).map_err(|_| DbError::Closed)?;
        receiver.await.map_err(|_| DbError::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread ends by itself once its inbox is closed; a panic there has nobody left to tell.
            drop(thread.join());
        }
    }
}

fn in_savepoint<T>(
    tx: &Transaction<'_>,
    job: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    tx.execute_batch("savepoint job")?;
    let result = job(tx);
    match &result {
        Ok(_) => tx.execute_batch("release job")?,
        // A full disk may have ended the whole transaction; then there is no savepoint left.
        Err(_) if tx.is_autocommit() => {}
        Err(_) => tx.execute_batch("rollback to job; release job")?,
    }
    result
}

fn run(mut connection: Connection, inbox: &mpsc::Receiver<Job>) {
    while let Ok(first) = inbox.recv() {
        let (replies, outcome) = commit_group(&mut connection, first, inbox);
        for reply in replies {
            reply(outcome.clone());
        }
    }
}

fn commit_group(
    connection: &mut Connection,
    first: Job,
    inbox: &mpsc::Receiver<Job>,
) -> (Vec<Reply>, Result<(), String>) {
    let tx = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(tx) => tx,
        Err(e) => {
            return (vec![first(None)], Err(format!("the write lock was not to be had: {e}")));
        }
    };
    let begun = Instant::now();
    let mut replies = vec![first(Some(&tx))];
    while replies.len() < GROUP && begun.elapsed() < GROUP_TIME && !tx.is_autocommit() {
        match inbox.try_recv() {
            Ok(job) => replies.push(job(Some(&tx))),
            Err(_) => break,
        }
    }
    #[cfg(feature = "crash-points")]
    crate::crash::moment();
    let outcome = tx.commit().map_err(|e| e.to_string());
    #[cfg(feature = "crash-points")]
    crate::crash::moment();
    (replies, outcome)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{Db, DbError};

    const SCHEMA: &str = "create table if not exists t (k integer primary key, v text)";

    async fn count(db: &Db) -> i64 {
        db.read(|c| c.query_row("select count(*) from t", [], |r| r.get(0))).await.unwrap()
    }

    #[tokio::test]
    async fn a_failed_job_leaves_no_trace_and_its_group_still_commits() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("s.sqlite"), &[SCHEMA]).unwrap();
        let failing = db.write(|tx| {
            tx.execute("insert into t values (1, 'half')", [])?;
            tx.execute("insert into t values (1, 'again')", [])
        });
        let good = db.write(|tx| tx.execute("insert into t values (2, 'whole')", []));
        let (failing, good) = tokio::join!(failing, good);
        assert!(failing.is_err());
        assert_eq!(good.unwrap(), 1);
        assert_eq!(count(&db).await, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn writers_on_two_handles_of_one_file_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sqlite");
        let a = Db::open(&path, &[SCHEMA]).unwrap();
        let b = Db::open(&path, &[SCHEMA]).unwrap();
        let mut jobs = Vec::new();
        for k in 0..200_i64 {
            let db = if k % 2 == 0 { a.clone() } else { b.clone() };
            jobs.push(tokio::spawn(async move {
                db.write(move |tx| tx.execute("insert into t values (?1, 'x')", [k])).await
            }));
        }
        for job in jobs {
            assert_eq!(job.await.unwrap().unwrap(), 1);
        }
        assert_eq!(count(&a).await, 200);
    }

    #[tokio::test]
    async fn what_was_replied_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sqlite");
        {
            let db = Db::open(&path, &[SCHEMA]).unwrap();
            db.write(|tx| tx.execute("insert into t values (1, 'x')", [])).await.unwrap();
        }
        let db = Db::open(&path, &[SCHEMA]).unwrap();
        assert_eq!(count(&db).await, 1);
    }

    #[tokio::test]
    async fn a_job_that_gets_no_lock_says_that_nothing_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sqlite");
        let db = Db::open(&path, &[SCHEMA]).unwrap();
        db.write(|tx| tx.busy_timeout(Duration::from_millis(1))).await.unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("begin immediate").unwrap();
        let refused = db.write(|tx| tx.execute("insert into t values (1, 'x')", [])).await;
        assert!(matches!(refused, Err(DbError::Commit(_))), "{refused:?}");
        other.execute_batch("rollback").unwrap();
        assert_eq!(count(&db).await, 0);
    }

    #[tokio::test]
    async fn a_job_that_ends_the_transaction_fails_its_group_and_not_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("s.sqlite"), &[SCHEMA]).unwrap();
        let ended = db
            .write(|tx| {
                tx.execute("insert into t values (1, 'x')", [])?;
                tx.execute_batch("rollback")?;
                tx.query_row("select k from t", [], |row| row.get::<_, i64>(0))
            })
            .await;
        assert!(ended.is_err());
        db.write(|tx| tx.execute("insert into t values (2, 'y')", [])).await.unwrap();
        assert_eq!(count(&db).await, 1);
    }
}
