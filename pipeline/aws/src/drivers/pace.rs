//! How fast calls are made: a bucket of tokens for each account, region and operation, as AWS
//! counts them, so that a repair never has the whole account throttled.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aisaws_core::id::{AccountId, Region};
use tokio::time::{Instant, sleep};

/// Buckets that are kept at most; full ones are forgotten beyond it, which changes nothing.
const KEPT: usize = 4096;

/// How many calls of one operation may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// In the long run, per second; above 0.
    pub per_second: f64,
    /// At once, after a pause; at least 1.
    pub burst: u32,
}

impl Default for Rate {
    /// Below the lowest rates that AWS documents for operations in use here: EC2 refills calls
    /// that change something with 5 a second (Amazon EC2 User Guide, "Request throttling"),
    /// CloudTrail takes 10 a second of most calls. S3 takes far more.
    fn default() -> Self {
        Self { per_second: 5.0, burst: 20 }
    }
}

type Key = (AccountId, Region, &'static str);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Below 0: this many are waiting.
    tokens: f64,
    at: Instant,
}

#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    buckets: Mutex<HashMap<Key, Bucket>>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let rate = Rate { per_second: rate.per_second.max(0.001), burst: rate.burst.max(1) };
        Self { rate, buckets: Mutex::new(HashMap::new()) }
    }

    /// Returns when the call may be made. Waiting calls go in the order in which they came.
    pub(super) async fn wait(&self, account: &AccountId, region: &Region, operation: &'static str) {
        let key = (account.clone(), region.clone(), operation);
        let wait = self.take(key, Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    /// Takes a token; how long it takes until there is one.
    fn take(&self, key: Key, now: Instant) -> Duration {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEPT {
            buckets.retain(|_, bucket| self.refilled(*bucket, now) < f64::from(self.rate.burst));
        }
        let full = Bucket { tokens: f64::from(self.rate.burst), at: now };
        let bucket = buckets.entry(key).or_insert(full);
        bucket.tokens = self.refilled(*bucket, now) - 1.0;
        bucket.at = now;
        let missing = (-bucket.tokens).max(0.0);
        // Nobody waits for longer than a day: more than that is no number of seconds at all.
        Duration::try_from_secs_f64(missing / self.rate.per_second)
            .unwrap_or(Duration::from_hours(24))
    }

    fn refilled(&self, bucket: Bucket, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + elapsed * self.rate.per_second).min(f64::from(self.rate.burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(account: &str, operation: &'static str) -> Key {
        (account.into(), "eu-west-1".into(), operation)
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn after_the_burst_calls_come_at_the_rate() {
        let pace = Pace::new(Rate { per_second: 2.0, burst: 3 });
        let start = Instant::now();
        let waits: Vec<Duration> = (0..7).map(|_| pace.take(key("1", "A"), start)).collect();
        let expected = [0, 0, 0, 500, 1000, 1500, 2000].map(Duration::from_millis);
        assert_eq!(waits, expected);
        // What was waited for is used up; then the bucket fills again, and not beyond.
        assert_eq!(pace.take(key("1", "A"), start + 2 * SECOND), SECOND / 2);
        let later = start + 60 * SECOND;
        let waits: Vec<Duration> = (0..4).map(|_| pace.take(key("1", "A"), later)).collect();
        assert_eq!(waits, [0, 0, 0, 500].map(Duration::from_millis));
    }

    #[test]
    fn accounts_and_operations_do_not_wait_for_each_other() {
        let pace = Pace::new(Rate { per_second: 1.0, burst: 1 });
        let now = Instant::now();
        assert_eq!(pace.take(key("1", "A"), now), Duration::ZERO);
        assert_eq!(pace.take(key("1", "B"), now), Duration::ZERO);
        assert_eq!(pace.take(key("2", "A"), now), Duration::ZERO);
        assert_eq!(pace.take(key("1", "A"), now), SECOND);
    }

    #[test]
    fn full_buckets_are_forgotten_and_others_are_not() {
        let pace = Pace::new(Rate { per_second: 1.0, burst: 1 });
        let now = Instant::now();
        for n in 0..KEPT {
            pace.take(key(&n.to_string(), "A"), now);
        }
        let later = now + 10 * SECOND;
        pace.take(key("0", "A"), later);
        pace.take(key("new", "A"), later);
        assert_eq!(pace.buckets.lock().unwrap().len(), 2);
        assert_eq!(pace.take(key("0", "A"), later), SECOND);
    }
}
