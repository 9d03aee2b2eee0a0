//! One poll: batch after batch, with a rest where the queue cannot be reached.

use std::sync::Arc;
use std::time::Duration;

use aisaws_aws::queue::{Queue, Tally};
use aisaws_core::fault::{Classify as _, chain};
use tracing::warn;

use super::figures::{Counter, Figures};
use super::handler::Taking;
use super::stop::Stop;

/// The first rest after a failure; it doubles with each further one.
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Serves the queue until it is told to stop.
pub(super) async fn serve(queue: Queue, taking: Arc<Taking>, figures: Arc<Figures>, stop: Stop) {
    let mut failures = 0_u32;
    while !stop.is_told() {
        match queue.serve_unless(taking.as_ref(), stop.told()).await {
            Ok(None) => return,
            Ok(Some(Tally { done, later, dead })) => {
                if failures > 0 {
                    figures.reached_again();
                    failures = 0;
                }
                figures.polled(done, later, dead);
            }
            Err(e) => {
                if failures == 0 {
                    figures.out_of_reach();
                }
                figures.add(Counter::PollsFailed, 1);
                let rest = rest(failures, rand::random());
                failures = failures.saturating_add(1);
                let (fault, error) = (e.fault().name(), chain(&e));
                let rest_ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
                warn!(fault, error, failures, rest_ms, "the queue could not be served");
                tokio::select! {
                    () = stop.told() => return,
                    () = tokio::time::sleep(rest) => {}
                }
            }
        }
    }
}

/// How long to rest after so many failures before: between half and all of a time that doubles, so
/// that workers do not come back all at once. `chance` is any number.
fn rest(failures: u32, chance: u32) -> Duration {
    let doubled = FIRST_REST.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    let longest = doubled.min(LONGEST_REST);
    let half = longest / 2;
    half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_and_end_at_a_minute() {
        let longest = [0, 1, 2, 6, 7, 31, 32, u32::MAX].map(|n| rest(n, u32::MAX).as_millis());
        assert_eq!(longest, [500, 1000, 2000, 32_000, 60_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn a_rest_is_at_least_half_of_the_longest() {
        assert_eq!(rest(1, 0), Duration::from_millis(500));
    }
}
