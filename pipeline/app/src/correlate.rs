//! Evaluating correlations over the windows that changed.
//!
//! An event is filed in the windows of its groups before it is stored, and a window stays marked
//! until what follows from it is stored. So a process may die anywhere: what is marked is
//! evaluated again, and comes to the same.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_core::event::Event;
use aisaws_core::hit::Hit;
use aisaws_core::id::EventId;
use aisaws_core::port::{Clock, Correlator, Events, StoreError, Windows};
use aisaws_core::window::{Changed, Closing, WindowKey};
use jiff::{SignedDuration, Timestamp};

/// Windows looked at in one go.
const PAGE: u32 = 256;
/// Hits that one commit takes.
const BATCH: usize = 512;
/// How long after its arrival a match may still meet one that comes late, beyond the span of
/// its correlation.
const LATENESS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What evaluating came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Hits that were not there before.
    pub hits: u64,
    /// Of these, suppressed.
    pub suppressed: u64,
    /// Events that have such a hit.
    pub events: BTreeSet<EventId>,
    /// Groups with more matches than are kept; what they hold was evaluated.
    pub full: BTreeSet<WindowKey>,
    /// Events at which a correlation fired and that could not be read, with the reason.
    pub unreadable: BTreeMap<EventId, String>,
}

/// How long after the end of a window events of it may come. CloudTrail delivers within five
/// minutes on average; its documentation promises no bound.
const DELAY: SignedDuration = SignedDuration::from_mins(15);

/// The windows that are over where all input was read. One that ended just now may have events
/// that its source did not deliver yet.
pub fn at_the_end_of_input(now: Timestamp) -> Closing {
    let ended_before = now.checked_sub(DELAY).unwrap_or(Timestamp::MIN);
    Closing { ended_before, quiet_since: Timestamp::MAX }
}

/// The windows that are over where input goes on, perhaps with what is long past.
pub fn while_input_goes_on(now: Timestamp) -> Closing {
    let since = now.checked_sub(DELAY).unwrap_or(Timestamp::MIN);
    Closing { ended_before: since, quiet_since: since }
}

/// Evaluates every changed window, correlations of correlations too, and keeps the hits. What
/// more events may undo is told of windows that are over; the others stay as they are.
/// `finish` is told of each hit before it is kept.
///
/// # Errors
/// Where the store fails; what was not settled stays marked.
pub async fn settle(
    correlator: &dyn Correlator,
    windows: &dyn Windows,
    events: &dyn Events,
    clock: &dyn Clock,
    closing: Closing,
    finish: &(dyn Fn(&Event, &mut Hit) + Send + Sync),
) -> Result<Settled, StoreError> {
    let step = Step { correlator, windows, events, clock, finish };
    let mut settled = Settled::default();
    // What fires changes windows of higher levels only, and those are not looked at before.
    let (mut level, mut highest) = (0, 0);
    while level <= highest {
        let mut after = None;
        loop {
            let page = windows.changed(after.take(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.key.clone(), last.bucket));
            for changed in page {
                let of_window = correlator.level(&changed.key);
                highest = highest.max(of_window);
                let ends = correlator.ends(&changed.key, changed.bucket);
                if of_window == level && ends.is_none_or(|end| closing.is_over(end, &changed)) {
                    highest = highest.max(step.take(&changed, &mut settled).await?);
                }
            }
        }
        level = level.saturating_add(1);
    }
    let kept = correlator.longest_span().saturating_mul(2).saturating_add(LATENESS);
    let before = clock.now().checked_sub(kept).unwrap_or(Timestamp::MIN);
    windows.forget(before).await?;
    Ok(settled)
}

struct Step<'a> {
    correlator: &'a dyn Correlator,
    windows: &'a dyn Windows,
    events: &'a dyn Events,
    clock: &'a dyn Clock,
    finish: &'a (dyn Fn(&Event, &mut Hit) + Send + Sync),
}

impl Step<'_> {
    /// Gives the highest level of a window that thereby changed. The window is not settled where
    /// an event is filed and not yet stored: its intake was cut short and is run again, or is
    /// under way.
    async fn take(&self, changed: &Changed, settled: &mut Settled) -> Result<u32, StoreError> {
        let Changed { key, bucket, .. } = changed;
        let Some((since, until)) = self.correlator.reach(key, *bucket) else {
            // The rule is no longer in force.
            self.windows.settle(changed).await?;
            return Ok(0);
        };
        let mut highest = 0;
        if changed.is_full {
            settled.full.insert(key.clone());
        }
        let entries = self.windows.entries(key, since, until).await?;
        let mut is_whole = true;
        let mut hits = Vec::new();
        let mut firings = self.correlator.firings(key, *bucket, &entries);
        if !firings.is_empty() {
            // A flood fires at each of its events: those that are done with are not read again.
            let fired = self.windows.fired(key, since, until).await?;
            firings.retain(|id| !fired.contains(id));
        }
        let mut done = BTreeSet::new();
        for id in firings {
            let Some(event) = self.events.get(&id).await? else {
                is_whole = false;
                continue;
            };
            match self.correlator.fire(key, &event) {
                Ok(found) => {
                    let levels = found.matches.iter().map(|m| self.correlator.level(&m.key));
                    highest = levels.fold(highest, u32::max);
                    self.windows.add(found.matches, self.clock.now()).await?;
                    done.insert(id);
                    hits.extend(found.hits.into_iter().map(|mut hit| {
                        (self.finish)(&event, &mut hit);
                        hit
                    }));
                }
                Err(error) => _ = settled.unreadable.insert(id, error.reason),
            }
            if hits.len() >= BATCH {
                is_whole &= self.keep(std::mem::take(&mut hits), settled).await?;
            }
        }
        is_whole &= self.keep(hits, settled).await?;
        if is_whole {
            let noted = entries.into_iter().filter(|entry| done.contains(&entry.event)).collect();
            self.windows.note_fired(key, noted).await?;
            self.windows.settle(changed).await?;
        }
        Ok(highest)
    }

    async fn keep(&self, hits: Vec<Hit>, settled: &mut Settled) -> Result<bool, StoreError> {
        let derived = self.events.derive(hits).await?;
        settled.hits = settled.hits.saturating_add(derived.hits);
        settled.suppressed = settled.suppressed.saturating_add(derived.suppressed);
        settled.events.extend(derived.events);
        Ok(derived.missing.is_empty())
    }
}
