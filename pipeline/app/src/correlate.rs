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
use aisaws_core::window::{Changed, WindowKey};
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

/// Evaluates every changed window, correlations of correlations too, and keeps the hits.
/// `finish` is told of each hit before it is kept.
///
/// # Errors
/// Where the store fails; what was not settled stays marked.
pub async fn settle(
    correlator: &dyn Correlator,
    windows: &dyn Windows,
    events: &dyn Events,
    clock: &dyn Clock,
    finish: &(dyn Fn(&Event, &mut Hit) + Send + Sync),
) -> Result<Settled, StoreError> {
    let step = Step { correlator, windows, events, clock, finish };
    let mut settled = Settled::default();
    let mut after = None;
    let mut is_further = false;
    loop {
        let page = windows.changed(after.take(), PAGE).await?;
        let Some(last) = page.last() else {
            // What fired may have changed windows that were passed already. Correlations make
            // no circles, so this comes to an end.
            if !is_further {
                break;
            }
            is_further = false;
            continue;
        };
        after = Some((last.key.clone(), last.bucket));
        for changed in page {
            is_further |= step.take(&changed, &mut settled).await?;
        }
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
    /// Says whether the window is settled. It is not where an event is filed and not yet stored:
    /// its intake was cut short and is run again, or is under way.
    async fn take(&self, changed: &Changed, settled: &mut Settled) -> Result<bool, StoreError> {
        let Changed { key, bucket, .. } = changed;
        let Some((since, until)) = self.correlator.reach(key, *bucket) else {
            // The rule is no longer in force.
            return self.windows.settle(changed).await;
        };
        if changed.is_full {
            settled.full.insert(key.clone());
        }
        let entries = self.windows.entries(key, since, until).await?;
        let mut is_whole = true;
        let mut hits = Vec::new();
        for id in self.correlator.firings(key, *bucket, &entries) {
            let Some(event) = self.events.get(&id).await? else {
                is_whole = false;
                continue;
            };
            match self.correlator.fire(key, &event) {
                Ok(found) => {
                    self.windows.add(found.matches, self.clock.now()).await?;
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
        Ok(is_whole && self.windows.settle(changed).await?)
    }

    async fn keep(&self, hits: Vec<Hit>, settled: &mut Settled) -> Result<bool, StoreError> {
        let derived = self.events.derive(hits).await?;
        settled.hits = settled.hits.saturating_add(derived.hits);
        settled.suppressed = settled.suppressed.saturating_add(derived.suppressed);
        settled.events.extend(derived.events);
        Ok(derived.missing.is_empty())
    }
}
