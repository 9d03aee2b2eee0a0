//! How long something took, over many, in little memory.

use jiff::SignedDuration;
use serde::Serialize;

/// Up to here each second has a place.
const FINE_SECONDS: usize = 3_600;
/// Behind that each minute, up to two days; the last place is for everything above.
const COARSE_MINUTES: usize = 2_880;

/// Collects times.
#[derive(Debug, Clone)]
pub struct Lags {
    counts: Vec<u64>,
    total: u64,
    max_seconds: u64,
}

/// What was collected: times below which so many of a hundred lie, in seconds, rounded up; beyond
/// an hour to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// Of so many.
    pub count: u64,
    /// Half of them.
    pub p50_seconds: u64,
    /// Ninety.
    pub p90_seconds: u64,
    /// Ninety-nine.
    pub p99_seconds: u64,
    /// The longest, exactly.
    pub max_seconds: u64,
}

impl Default for Lags {
    fn default() -> Self {
        Self { counts: vec![0; FINE_SECONDS + COARSE_MINUTES + 1], total: 0, max_seconds: 0 }
    }
}

impl Lags {
    /// Adds one; a time below nothing, which clocks that differ make, counts as nothing.
    pub fn add(&mut self, time: SignedDuration) {
        let whole = u64::try_from(time.as_secs()).unwrap_or(0);
        let seconds = whole + u64::from(time.subsec_nanos() > 0);
        let place = usize::try_from(seconds).unwrap_or(usize::MAX);
        let place = if place < FINE_SECONDS {
            place
        } else {
            let minutes = (place - FINE_SECONDS).div_ceil(60);
            (FINE_SECONDS + minutes).min(self.counts.len() - 1)
        };
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.total += 1;
        self.max_seconds = self.max_seconds.max(seconds);
    }

    /// What was collected; `None`: nothing.
    pub fn told(&self) -> Option<Lag> {
        (self.total > 0).then(|| Lag {
            count: self.total,
            p50_seconds: self.below(50),
            p90_seconds: self.below(90),
            p99_seconds: self.below(99),
            max_seconds: self.max_seconds,
        })
    }

    /// The least time that so many of a hundred do not exceed.
    fn below(&self, per_cent: u64) -> u64 {
        let wanted = self.total.saturating_mul(per_cent).div_ceil(100);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let seconds = if place < FINE_SECONDS {
                    place
                } else {
                    FINE_SECONDS + (place - FINE_SECONDS) * 60
                };
                return u64::try_from(seconds).unwrap_or(u64::MAX).min(self.max_seconds);
            }
        }
        self.max_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(Lags::default().told(), None);
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_times(mut seconds in prop::collection::vec(0_i64..20_000, 1..200)) {
            let mut lags = Lags::default();
            for time in &seconds {
                lags.add(SignedDuration::from_secs(*time));
            }
            seconds.sort_unstable();
            let lag = lags.told().unwrap();
            // Nearest rank, by its definition.
            for (per_cent, told) in [(50, lag.p50_seconds), (90, lag.p90_seconds), (99, lag.p99_seconds)] {
                let rank = (seconds.len() * per_cent).div_ceil(100);
                let exact = u64::try_from(seconds[rank - 1]).unwrap();
                let width = if exact < 3_600 { 1 } else { 60 };
                prop_assert!(told >= exact && told - exact < width, "{told} {exact}");
            }
            prop_assert_eq!(lag.max_seconds, u64::try_from(*seconds.last().unwrap()).unwrap());
        }
    }
}
