//! What a worker counts, and how Prometheus reads it.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// What only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Events that were read, repetitions included.
    Events,
    /// Of these, repetitions.
    Duplicates,
    /// Of these, caused by ourselves.
    OwnEvents,
    /// Messages that could not be read.
    DeadLetters,
    /// Rules that fired.
    Hits,
    /// Incidents that were opened, or met again.
    IncidentsOpened,
    /// Messages that were deleted.
    MessagesDone,
    /// Messages that are to be delivered again.
    MessagesLater,
    /// Polls of the queue that were answered.
    Polls,
    /// Polls that failed.
    PollsFailed,
    /// Batches that have to be delivered again.
    BatchesFailed,
    /// Sweeps.
    Sweeps,
    /// Sweeps that failed.
    SweepsFailed,
    /// Executions that were started in place of others that halted.
    Restarted,
    /// Incidents that were closed as failed, as all of their executions halted.
    GivenUp,
}

/// What goes up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Gauge {
    /// Questions that wait for a human.
    ApprovalsOpen,
    /// Of these, those past half of their time.
    ApprovalsStuck,
    /// When a poll was answered last, in seconds since 1970.
    LastPoll,
    /// When the worker began, in seconds since 1970.
    Started,
}

const COUNTERS: [(Counter, &str, &str); 15] = [
    (Counter::Events, "events", "Events read, repetitions included."),
    (Counter::Duplicates, "duplicates", "Events that were there."),
    (Counter::OwnEvents, "own_events", "Events caused by the system itself."),
    (Counter::DeadLetters, "dead_letters", "Messages that could not be read."),
    (Counter::Hits, "hits", "Rules that fired."),
    (Counter::IncidentsOpened, "incidents_opened", "Incidents opened, or met again."),
    (Counter::MessagesDone, "messages_done", "Messages deleted from the queue."),
    (Counter::MessagesLater, "messages_later", "Messages to be delivered again."),
    (Counter::Polls, "polls", "Polls of the queue that were answered."),
    (Counter::PollsFailed, "polls_failed", "Polls of the queue that failed."),
    (Counter::BatchesFailed, "batches_failed", "Batches to be delivered again."),
    (Counter::Sweeps, "sweeps", "Sweeps."),
    (Counter::SweepsFailed, "sweeps_failed", "Sweeps that failed."),
    (Counter::Restarted, "restarted", "Executions started in place of others that halted."),
    (Counter::GivenUp, "given_up", "Incidents whose executions all halted, closed as failed."),
];

const GAUGES: [(Gauge, &str, &str); 4] = [
    (Gauge::ApprovalsOpen, "approvals_open", "Questions that wait for a human."),
    (Gauge::ApprovalsStuck, "approvals_stuck", "Questions past half of their time."),
    (Gauge::LastPoll, "last_poll_timestamp_seconds", "When the queue answered last."),
    (Gauge::Started, "start_timestamp_seconds", "When the worker began."),
];

/// Upper bounds of the time a batch takes, in milliseconds.
const BOUNDS_MS: [u64; 9] = [10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000];

/// Counts of one worker. They are no ledger: a count may lag another by a moment.
#[derive(Debug)]
pub struct Figures {
    counters: [AtomicU64; COUNTERS.len()],
    gauges: [AtomicU64; GAUGES.len()],
    /// Batches within each bound and none below it; the last is for all others.
    took: [AtomicU64; BOUNDS_MS.len() + 1],
    took_micros: AtomicU64,
    polls: usize,
    polls_out_of_reach: AtomicUsize,
    is_stopping: AtomicBool,
}

/// Why a worker is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotReady {
    Stopping,
    NotPolled,
    OutOfReach,
}

impl NotReady {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Stopping => "the worker stops\n",
            Self::NotPolled => "the queue has not answered yet\n",
            Self::OutOfReach => "the queue cannot be reached\n",
        }
    }
}

impl Figures {
    pub(super) fn new(polls: usize) -> Self {
        let zeros = || AtomicU64::new(0);
        let figures = Self {
            counters: std::array::from_fn(|_| zeros()),
            gauges: std::array::from_fn(|_| zeros()),
            took: std::array::from_fn(|_| zeros()),
            took_micros: zeros(),
            polls,
            polls_out_of_reach: AtomicUsize::new(0),
            is_stopping: AtomicBool::new(false),
        };
        figures.set(Gauge::Started, now());
        figures
    }

    /// A count so far.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, counter: Counter, more: u64) {
        if let Some(count) = self.counters.get(counter as usize) {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    pub(super) fn set(&self, gauge: Gauge, value: u64) {
        if let Some(place) = self.gauges.get(gauge as usize) {
            place.store(value, Ordering::Relaxed);
        }
    }

    pub(super) fn batch_took(&self, time: Duration) {
        let place = BOUNDS_MS.iter().position(|bound| time <= Duration::from_millis(*bound));
        if let Some(count) = self.took.get(place.unwrap_or(BOUNDS_MS.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.took_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn polled(&self, done: u32, later: u32, dead: u32) {
        self.add(Counter::Polls, 1);
        self.add(Counter::MessagesDone, u64::from(done) + u64::from(dead));
        self.add(Counter::MessagesLater, u64::from(later));
        self.set(Gauge::LastPoll, now());
    }

    pub(super) fn out_of_reach(&self) {
        self.polls_out_of_reach.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reached_again(&self) {
        self.polls_out_of_reach.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether messages are taken at the moment.
    pub(super) fn readiness(&self) -> Result<(), NotReady> {
        if self.is_stopping.load(Ordering::Relaxed) {
            Err(NotReady::Stopping)
        } else if self.polls_out_of_reach.load(Ordering::Relaxed) >= self.polls {
            Err(NotReady::OutOfReach)
        } else if self.get(Counter::Polls) == 0 {
            Err(NotReady::NotPolled)
        } else {
            Ok(())
        }
    }

    /// All of it as Prometheus reads it.
    pub(super) fn exposition(&self) -> String {
        let mut lines = Vec::new();
        let mut line = |line: std::fmt::Arguments<'_>| lines.push(line.to_string());
        for (counter, name, help) in COUNTERS {
            line(format_args!("# HELP aisaws_{name}_total {help}"));
            line(format_args!("# TYPE aisaws_{name}_total counter"));
            line(format_args!("aisaws_{name}_total {}", self.get(counter)));
        }
        for ((_, name, help), value) in GAUGES.into_iter().zip(&self.gauges) {
            line(format_args!("# HELP aisaws_{name} {help}"));
            line(format_args!("# TYPE aisaws_{name} gauge"));
            line(format_args!("aisaws_{name} {}", value.load(Ordering::Relaxed)));
        }
        line(format_args!("# HELP aisaws_ready Whether messages are taken at the moment."));
        line(format_args!("# TYPE aisaws_ready gauge"));
        line(format_args!("aisaws_ready {}", u8::from(self.readiness().is_ok())));
        let name = "aisaws_batch_seconds";
        line(format_args!("# HELP {name} Time to take a batch in."));
        line(format_args!("# TYPE {name} histogram"));
        let mut within = 0;
        for (bound, count) in BOUNDS_MS.into_iter().zip(&self.took) {
            within += count.load(Ordering::Relaxed);
            let bound = Duration::from_millis(bound).as_secs_f64();
            line(format_args!("{name}_bucket{{le=\"{bound}\"}} {within}"));
        }
        within += self.took.last().map_or(0, |count| count.load(Ordering::Relaxed));
        line(format_args!("{name}_bucket{{le=\"+Inf\"}} {within}"));
        let sum = Duration::from_micros(self.took_micros.load(Ordering::Relaxed)).as_secs_f64();
        line(format_args!("{name}_sum {sum}"));
        line(format_args!("{name}_count {within}"));
        // The last line has to end, too.
        lines.push(String::new());
        lines.join("\n")
    }
}

fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_what_they_are_of() {
        for (place, (counter, ..)) in COUNTERS.into_iter().enumerate() {
            assert_eq!(counter as usize, place);
        }
        for (place, (gauge, ..)) in GAUGES.into_iter().enumerate() {
            assert_eq!(gauge as usize, place);
        }
    }

    #[test]
    fn buckets_hold_everything_below_their_bound() {
        // As the exposition format has it: cumulative, with `+Inf`, a sum and a count.
        let figures = Figures::new(1);
        for time in [10, 20, 40_000] {
            figures.batch_took(Duration::from_millis(time));
        }
        let text = figures.exposition();
        for line in [
            "# TYPE aisaws_batch_seconds histogram",
            "aisaws_batch_seconds_bucket{le=\"0.01\"} 1",
            "aisaws_batch_seconds_bucket{le=\"0.025\"} 2",
            "aisaws_batch_seconds_bucket{le=\"30\"} 2",
            "aisaws_batch_seconds_bucket{le=\"+Inf\"} 3",
            "aisaws_batch_seconds_sum 40.03",
            "aisaws_batch_seconds_count 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_worker_is_ready_while_one_poll_reaches_the_queue() {
        let figures = Figures::new(2);
        assert_eq!(figures.readiness(), Err(NotReady::NotPolled));
        figures.polled(1, 0, 0);
        figures.out_of_reach();
        assert_eq!(figures.readiness(), Ok(()));
        figures.out_of_reach();
        assert_eq!(figures.readiness(), Err(NotReady::OutOfReach));
        figures.reached_again();
        assert_eq!(figures.readiness(), Ok(()));
        figures.stopping();
        assert_eq!(figures.readiness(), Err(NotReady::Stopping));
    }
}
