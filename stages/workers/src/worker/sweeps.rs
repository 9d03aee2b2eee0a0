//! The sweep by the worker's own clock.

use std::sync::Arc;
use std::time::Duration;

use aisaws_app::respond::Responder;
use aisaws_core::fault::{Classify as _, chain};
use tracing::{info, warn};

use super::figures::{Counter, Figures, Gauge};
use super::stop::Stop;
use crate::metrics::Metrics;
use crate::sweep::{Swept, sweep};

/// Sweeps at once and then again and again, until it is told to stop. Several workers may do so
/// side by side.
pub(super) async fn serve(
    responder: Responder,
    metrics: Metrics,
    every: Duration,
    figures: Arc<Figures>,
    stop: Stop,
) {
    while !stop.is_told() {
        match sweep(&responder, &metrics).await {
            Ok(swept) => {
                figures.add(Counter::Sweeps, 1);
                figures.add(Counter::IncidentsOpened, swept.opened as u64);
                figures.set(Gauge::ApprovalsOpen, swept.waiting as u64);
                figures.set(Gauge::ApprovalsStuck, swept.stuck as u64);
                let Swept { opened, delivered, .. } = swept;
                if opened + delivered > 0 {
                    info!(opened, delivered, "what was left undone is carried on");
                }
            }
            Err(e) => {
                figures.add(Counter::SweepsFailed, 1);
                let (fault, error) = (e.fault().name(), chain(&e));
                warn!(fault, error, "a sweep failed; the next one tries again");
            }
        }
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}
