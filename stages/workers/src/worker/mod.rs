//! The long-running worker: what function `Intake` does, and the sweep, as a process that polls the
//! queue, for ECS, EC2 or a laptop.
//!
//! Several polls run side by side; each holds one batch at most, which bounds the memory. Where the
//! queue cannot be reached they wait, longer each time. When the worker is told to stop, polls that
//! wait end at once, and those at work finish their batch and delete what is done.
//!
//! Start at [`run`]. `figures` are what `/metrics` tells, `endpoint` serves them.

mod endpoint;
mod figures;
mod handler;
pub mod logs;
mod options;
mod polls;
mod stop;
mod sweeps;

use std::sync::Arc;

use aisaws_aws::queue::{Queue, Settings};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::{error, info};

use crate::settings::SettingsError;
use crate::wire::{WireError, Wired};

pub use figures::{Counter, Figures, Gauge};
pub use options::Options;
pub use stop::{Stop, told_by_signal};

use handler::Taking;

/// Why a worker ended before it was told to, or not in time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// It could not be put together.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Nobody can be served there.
    #[error("address `{address}` cannot be listened on; choose another one with --listen")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Signals cannot be received.
    #[error("signals of the system cannot be received")]
    Signals(#[source] std::io::Error),
    /// Batches were still at work at the end of the time for that.
    #[error("{left} batches were not finished in time; their messages are delivered again")]
    Overdue {
        /// How many.
        left: usize,
    },
    /// A part of the worker died.
    #[error("a part of the worker died; start it again")]
    Died(#[source] tokio::task::JoinError),
}

/// Serves the queue until `stop` is ready.
///
/// # Errors
/// [`WorkerError`]. A queue or a store that cannot be reached is no error: the worker waits.
pub async fn run(
    wired: &Wired,
    options: &Options,
    stop: impl Future<Output = ()>,
) -> Result<Arc<Figures>, WorkerError> {
    let address = options.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| WorkerError::Listen { address, source })?;
    // With port 0 the system chooses one.
    let address = listener.local_addr().unwrap_or(address);
    let figures = Arc::new(Figures::new(options.polls));
    let (teller, told) = Stop::pair();
    let mut tasks = polls(wired, options, &figures, &told)?;
    let endpoint = tokio::spawn(endpoint::serve(listener, Arc::clone(&figures)));
    info!(polls = options.polls, listen = %address, queue = options.queue_url, "the worker is up");
    let died = tokio::select! {
        () = stop => None,
        // A part that ends without being told to has died.
        Some(ended) = tasks.join_next() => ended.err(),
    };
    info!("the worker stops: batches in hand are finished");
    figures.stopping();
    teller.stop();
    let rest = async { while tasks.join_next().await.is_some() {} };
    let is_overdue = tokio::time::timeout(options.grace, rest).await.is_err();
    endpoint.abort();
    if let Some(died) = died {
        error!("a part of the worker died");
        return Err(WorkerError::Died(died));
    }
    if is_overdue {
        return Err(WorkerError::Overdue { left: tasks.len() });
    }
    info!("the worker has stopped");
    Ok(figures)
}

/// All polls, and the sweep.
fn polls(
    wired: &Wired,
    options: &Options,
    figures: &Arc<Figures>,
    stop: &Stop,
) -> Result<JoinSet<()>, WorkerError> {
    let dead_letters_url = wired.settings().dead_letters.clone();
    let missing = SettingsError::Missing("AISAWS_DEAD_LETTER_QUEUE_URL");
    let dead_letters_url = dead_letters_url.ok_or(WireError::Settings(missing))?;
    let queue = Queue::new(
        wired.aws(),
        Settings {
            url: options.queue_url.clone(),
            dead_letters_url,
            visibility: options.visibility,
            wait: options.wait,
        },
    );
    let mut tasks = JoinSet::new();
    let intake = wired.intake().map_err(WorkerError::Wire)?;
    let taking = Arc::new(Taking::new(intake, Arc::clone(figures)));
    for _ in 0..options.polls {
        let (queue, taking) = (queue.clone(), Arc::clone(&taking));
        tasks.spawn(polls::serve(queue, taking, Arc::clone(figures), stop.clone()));
    }
    if let Some(every) = options.sweep_every {
        let sweeper = wired.sweeper().map_err(WorkerError::Wire)?;
        tasks.spawn(sweeps::serve(sweeper, every, Arc::clone(figures), stop.clone()));
    }
    Ok(tasks)
}
