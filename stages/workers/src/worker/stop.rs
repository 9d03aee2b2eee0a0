//! Being told to stop, by a signal, and telling it on.

use tokio::sync::watch;

use super::WorkerError;

/// Ready once the worker is told to stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Tells all [`Stop`]s of its pair.
#[derive(Debug)]
pub(super) struct Teller(watch::Sender<bool>);

impl Stop {
    pub(super) fn pair() -> (Teller, Self) {
        let (sender, receiver) = watch::channel(false);
        (Teller(sender), Self(receiver))
    }

    /// Waits until it is told. Where the teller is gone, that counts as told.
    pub(super) async fn told(&self) {
        drop(self.0.clone().wait_for(|is_told| *is_told).await);
    }

    pub(super) fn is_told(&self) -> bool {
        *self.0.borrow()
    }
}

impl Teller {
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Ready when the process is told to end: SIGTERM, as ECS and systemd send it, or Ctrl-C.
///
/// # Errors
/// [`WorkerError::Signals`], where the system does not let signals be received.
pub fn told_by_signal() -> Result<impl Future<Output = ()> + Send, WorkerError> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(WorkerError::Signals)?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
        .map_err(WorkerError::Signals)?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    })
}
