//! One responder at a time on a store. The lock belongs to the operating system, so a process
//! that is killed lets go of it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a waiting process tries again.
const PAUSE: Duration = Duration::from_millis(50);

/// Held while responding; let go on drop.
#[derive(Debug)]
pub struct ResponderLock {
    _file: File,
}

/// Why the lock could not be asked for.
#[derive(Debug, thiserror::Error)]
#[error("lock file `{path}` could not be used; check that the folder is writable")]
pub struct LockError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

/// Waits until no other process responds on the store; `waiting` is told once if it has to.
pub(crate) async fn acquire(
    store: &Path,
    waiting: impl FnOnce(),
) -> Result<ResponderLock, LockError> {
    let path = store.with_extension("lock");
    let fail = |source| LockError { path: path.clone(), source };
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
    let mut waiting = Some(waiting);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(ResponderLock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                if let Some(tell) = waiting.take() {
                    tell();
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(TryLockError::Error(e)) => return Err(fail(e)),
        }
    }
}
