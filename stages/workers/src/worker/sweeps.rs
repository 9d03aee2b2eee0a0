//! The sweep by the worker's own clock.

use std::sync::Arc;
use std::time::Duration;

use aisaws_core::fault::{Classify as _, chain};
use tracing::{error, info, warn};

use super::figures::{Counter, Figures, Gauge};
use super::stop::Stop;
use crate::sweep::{Sweeper, Swept};

/// Sweeps at once and then again and again, until it is told to stop. Several workers may do so
/// side by side.
pub(super) async fn serve(sweeper: Sweeper, every: Duration, figures: Arc<Figures>, stop: Stop) {
    while !stop.is_told() {
        match sweeper.sweep().await {
            Ok(swept) => {
                figures.add(Counter::Sweeps, 1);
                figures.add(Counter::IncidentsOpened, swept.opened as u64);
                figures.set(Gauge::ApprovalsOpen, swept.waiting as u64);
                figures.set(Gauge::ApprovalsStuck, swept.stuck as u64);
                let Swept { opened, delivered, restarted, given_up, .. } = swept;
                figures.add(Counter::Restarted, restarted as u64);
                figures.add(Counter::GivenUp, given_up as u64);
                if opened + delivered + restarted > 0 {
                    info!(opened, delivered, restarted, "what was left undone is carried on");
                }
                if given_up > 0 {
                    error!(given_up, "incidents are closed as failed; their ledgers say why");
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
