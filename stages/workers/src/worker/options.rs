//! How a worker works; what is deployed it learns from its environment.

use std::net::SocketAddr;
use std::time::Duration;

/// How a worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The queue's address.
    pub queue_url: String,
    /// Where `/healthz`, `/readyz` and `/metrics` are served.
    pub listen: SocketAddr,
    /// Batches of at most ten messages that are worked on at a time.
    pub polls: usize,
    /// How long a batch stays hidden from others unless that is renewed, which happens while it is
    /// worked on: how soon another worker takes over from one that died.
    pub visibility: Duration,
    /// How long a poll waits for messages; SQS waits for twenty seconds at most.
    pub wait: Duration,
    /// How long batches in hand may take once the worker is told to stop.
    pub grace: Duration,
    /// How often what was left undone is carried on; `None`: another one does that.
    pub sweep_every: Option<Duration>,
}
