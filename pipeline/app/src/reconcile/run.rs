//! The comparison.

use std::collections::{BTreeMap, HashSet};

use aisaws_core::id::EventId;
use aisaws_core::port::{Arrival, Events, LogFile, LogPlace, StoreError, TrailLogs};
use async_trait::async_trait;
use futures::StreamExt as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::lag::Lags;
use super::records;
use super::report::{Counts, Gap, Reconciled};

/// Log files that are read at a time.
const READERS: usize = 4;
/// Missing events, and files that cannot be read, that are named.
const NAMED: usize = 1_000;
/// A file's name tells its delivery to the minute, and its clock need not be that of the events.
const SLACK: SignedDuration = SignedDuration::from_mins(5);
/// Records that are fed in one go.
const FED: usize = 100;

/// What is to be compared.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The first moment.
    pub since: Timestamp,
    /// The first moment behind it.
    pub until: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// How long an event may be on its way before it counts as missing.
    pub settle: SignedDuration,
    /// How long after an event its log file may be delivered.
    pub late: SignedDuration,
    /// Whether a rule of EventBridge of ours lets a record through.
    pub lets_through: &'a (dyn Fn(&Value) -> bool + Send + Sync),
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted").field("since", &self.since).finish_non_exhaustive()
    }
}

/// Takes in what was missed.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Takes in records, pairs of an event's id and its text; durable on return.
    async fn feed(&self, records: &[(String, String)]) -> Result<(), StoreError>;
}

/// Why a comparison stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The window is empty, or a day of it is none.
    #[error("there is no time between `{since}` and `{until}`")]
    Window {
        /// Its beginning.
        since: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// The log files could not be listed, or the store not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An event of a log file that should be here.
struct Seen {
    id: String,
    name: String,
    source: String,
    time: Timestamp,
    /// The record, where it may have to be fed.
    raw: Option<String>,
}

/// What a log file holds.
#[derive(Default)]
struct Content {
    records: u64,
    seen: Vec<Seen>,
    failure: Option<String>,
}

/// Compares; with a feed, what is missing is taken in as it is found.
///
/// # Errors
/// [`ReconcileError`]. A file that cannot be read is told of in the report.
pub async fn reconcile(
    logs: &dyn TrailLogs,
    events: &dyn Events,
    feed: Option<&dyn Feed>,
    wanted: Wanted<'_>,
) -> Result<Reconciled, ReconcileError> {
    let Wanted { since, until, now, settle, .. } = wanted;
    if since >= until {
        return Err(ReconcileError::Window { since, until });
    }
    let mut run = Run {
        logs,
        events,
        feed,
        wanted,
        settled_until: now.checked_sub(settle).unwrap_or(Timestamp::MIN),
        gaps: Vec::new(),
        arrival: Lags::default(),
        trail: Lags::default(),
        unreadable: BTreeMap::new(),
    };
    let mut total = Counts::default();
    let mut places = BTreeMap::new();
    for place in logs.places().await? {
        let counts = run.place(&place).await?;
        total.add(counts);
        let of_place: &mut Counts =
            places.entry(format!("{} {}", place.account, place.region)).or_default();
        of_place.add(counts);
    }
    let mut gaps = run.gaps;
    gaps.sort();
    Ok(Reconciled {
        since,
        until,
        settled_until: run.settled_until,
        total,
        places,
        gaps,
        arrival_lag: run.arrival.told(),
        trail_lag: run.trail.told(),
        unreadable: run.unreadable,
    })
}

struct Run<'a> {
    logs: &'a dyn TrailLogs,
    events: &'a dyn Events,
    feed: Option<&'a dyn Feed>,
    wanted: Wanted<'a>,
    settled_until: Timestamp,
    gaps: Vec<Gap>,
    arrival: Lags,
    trail: Lags,
    unreadable: BTreeMap<String, String>,
}

impl Run<'_> {
    async fn place(&mut self, place: &LogPlace) -> Result<Counts, ReconcileError> {
        let mut counts = Counts::default();
        // Repetitions stand in the same account and region.
        let mut met: HashSet<[u8; 16]> = HashSet::new();
        let Wanted { since, until, late, now, .. } = self.wanted;
        let first = since.checked_sub(SLACK).unwrap_or(Timestamp::MIN);
        let last = until.checked_add(late).unwrap_or(Timestamp::MAX).min(now);
        let mut day = date(first);
        while day <= date(last) {
            let files = self.logs.files(place, day).await?;
            let files = files.into_iter().filter(|f| f.delivered >= first && f.delivered <= last);
            let (logs, wanted, keeps) = (self.logs, self.wanted, self.feed.is_some());
            let mut contents = futures::stream::iter(files)
                .map(|file| async move {
                    let content = match logs.read(&file).await {
                        Ok(packed) => content(&packed, wanted, keeps),
                        Err(e) => {
                            let failure = Some(aisaws_core::fault::chain(&e));
                            Content { failure, ..Content::default() }
                        }
                    };
                    (file, content)
                })
                .buffered(READERS);
            while let Some((file, content)) = contents.next().await {
                self.file(place, &file, content, &mut met, &mut counts).await?;
            }
            let Ok(next) = day.checked_add(1.day()) else { break };
            day = next;
        }
        Ok(counts)
    }

    async fn file(
        &mut self,
        place: &LogPlace,
        file: &LogFile,
        content: Content,
        met: &mut HashSet<[u8; 16]>,
        counts: &mut Counts,
    ) -> Result<(), ReconcileError> {
        counts.files += 1;
        counts.records += content.records;
        if let Some(failure) = content.failure
            && self.unreadable.len() < NAMED
        {
            self.unreadable.insert(file.key.clone(), failure);
        }
        let mut new = Vec::new();
        for seen in content.seen {
            if met.insert(fingerprint(&seen.id)) {
                new.push(seen);
            } else {
                counts.repetitions += 1;
            }
        }
        counts.events += new.len() as u64;
        let ids: Vec<EventId> = new.iter().map(|seen| EventId::new(seen.id.as_str())).collect();
        let arrivals = self.events.arrivals(&ids).await?;
        let mut missed = Vec::new();
        for (seen, arrival) in new.into_iter().zip(arrivals) {
            self.trail.add(file.delivered.duration_since(seen.time));
            match arrival {
                Arrival::Stored(at) => {
                    counts.arrived += 1;
                    if let Some(at) = at {
                        self.arrival.add(at.duration_since(seen.time));
                    }
                }
                Arrival::Missing if seen.time >= self.settled_until => counts.unsettled += 1,
                Arrival::Missing => {
                    counts.missing += 1;
                    let Seen { id, name, source, time, raw } = seen;
                    if let Some(raw) = raw {
                        missed.push((id.clone(), raw));
                    }
                    if self.gaps.len() < NAMED {
                        let (account, region) =
                            (place.account.to_string(), place.region.to_string());
                        let file = file.key.clone();
                        self.gaps.push(Gap { time, id, name, source, account, region, file });
                    }
                }
            }
        }
        if let Some(feed) = self.feed {
            for some in missed.chunks(FED) {
                feed.feed(some).await?;
                counts.fed += some.len() as u64;
            }
        }
        Ok(())
    }
}

/// The events of a log file that are of the window and that a rule of ours lets through.
fn content(packed: &[u8], wanted: Wanted<'_>, keeps: bool) -> Content {
    let mut content = Content::default();
    let read = records::each(packed, &mut |text| {
        // What has no time and no id is no event; intake would not take it either.
        let Ok(record) = serde_json::from_str::<Value>(text) else { return };
        let field = |name: &str| record.get(name).and_then(Value::as_str);
        let time = field("eventTime").and_then(|time| time.parse::<Timestamp>().ok());
        let (Some(time), Some(id)) = (time, field("eventID")) else { return };
        if time < wanted.since || time >= wanted.until {
            return;
        }
        content.records += 1;
        if (wanted.lets_through)(&record) {
            let named = |name: &str| field(name).unwrap_or_default().to_owned();
            let (name, source) = (named("eventName"), named("eventSource"));
            let raw = keeps.then(|| text.to_owned());
            content.seen.push(Seen { id: id.to_owned(), name, source, time, raw });
        }
    });
    content.failure = read.err().map(|e| format!("it ends early or is no log file: {e}"));
    content
}

fn date(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// Half of a SHA-256: of 2^32 events two would share one with a chance of 2^-65.
fn fingerprint(id: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    std::array::from_fn(|place| digest.get(place).copied().unwrap_or_default())
}
