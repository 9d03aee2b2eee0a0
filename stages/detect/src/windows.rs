//! Correlations over the events of one run: matches are held in memory, and fire once all that
//! could change it has come.
//!
//! What is held is bounded. Where it becomes too much, the older half is decided and let go:
//! exact for events that come in the order of their times, as far as the bound reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aisaws_core::event::Event;
use aisaws_core::id::EventId;
use aisaws_core::resource::ResourceRef;
use aisaws_core::window::{Counted, Entry, Match, ROOM, excess};
use jiff::{SignedDuration, Timestamp};

use crate::sigma::{Correlations, Resolved, ScanError};

/// Bytes that matches take, as they are estimated: with the lines of what fires at once, this
/// and the rest of the program stay below 32 MiB.
const MAX_HELD: usize = 8 << 20;
/// Of these, what a match takes beside its texts: its place in the map, and its allocations.
pub(crate) const A_MATCH: usize = 400;
/// And what it takes for each correlation that may fire at it, and for where that counts.
const A_PART: usize = 300;

/// What an event would be to each correlation that may fire at it.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) event: EventId,
    /// By place of the correlation. A few: a map would take ten times the room.
    by_correlation: Box<[(usize, Part)]>,
}

impl Spot {
    fn part(&self, correlation: usize) -> Option<&Part> {
        self.by_correlation.iter().find(|(place, _)| *place == correlation).map(|(_, part)| part)
    }

    /// Bytes, as they are estimated.
    fn weight(&self) -> usize {
        let texts = |part: &Part| {
            let resource = part.resource.as_ref().map_or(0, |r| r.kind.len() + r.id.len());
            let feeds = part.feeds.iter();
            resource + feeds.map(|f| A_PART + f.key.group.len() + weight(&f.entry)).sum::<usize>()
        };
        let parts = self.by_correlation.iter();
        self.event.as_str().len() + parts.map(|(_, part)| A_PART + texts(part)).sum::<usize>()
    }
}

fn weight(entry: &Entry) -> usize {
    A_MATCH + entry.event.as_str().len() + entry.value.len()
}

#[derive(Debug)]
struct Part {
    /// What the hit would be about.
    resource: Option<ResourceRef>,
    /// Where the hit would count in turn.
    feeds: Vec<Match>,
}

/// A correlation that fired.
#[derive(Debug)]
pub(crate) struct Firing {
    time: Timestamp,
    spot: Arc<Spot>,
    /// Place of the correlation in the list.
    pub(crate) correlation: usize,
}

impl Firing {
    pub(crate) fn event(&self) -> &EventId {
        &self.spot.event
    }

    pub(crate) fn resource(&self) -> Option<&ResourceRef> {
        self.spot.part(self.correlation)?.resource.as_ref()
    }
}

#[derive(Debug, Default)]
struct Bucket {
    entries: BTreeMap<Entry, Arc<Spot>>,
    /// Entries by part.
    sizes: BTreeMap<u32, usize>,
}

impl Bucket {
    /// How many entries went to make place, and how many bytes.
    fn add(&mut self, found: Match, spot: &Arc<Spot>) -> (usize, usize) {
        let room = usize::try_from(ROOM).unwrap_or(usize::MAX);
        let part = found.entry.part;
        let mut gone = Vec::new();
        if self.sizes.get(&part).is_some_and(|size| *size >= room) {
            gone = excess(self.entries.keys().filter(|e| e.part == part), found.counted);
        }
        let size = self.sizes.entry(part).or_default();
        *size = size.saturating_sub(gone.len()) + 1;
        let mut bytes = 0;
        for entry in &gone {
            let of_spot = self.entries.remove(entry).map_or(0, |spot| spot.weight());
            bytes += weight(entry) + of_spot;
        }
        self.entries.insert(found.entry, spot.clone());
        (gone.len(), bytes)
    }
}

/// Matches of one group by the number of their bucket.
#[derive(Debug, Default)]
struct Group {
    buckets: BTreeMap<i64, Bucket>,
    /// Up to this bucket everything is decided.
    decided: Option<i64>,
}

/// The matches that are held.
#[derive(Debug)]
pub(crate) struct Windows {
    /// By place of the correlation and values it groups by.
    groups: BTreeMap<(usize, String), Group>,
    /// Bytes they take.
    held: usize,
    /// How many that may be.
    pub(crate) limit: usize,
    /// Matches that do not count, because there were too many or they came too late.
    missed: u64,
}

impl Default for Windows {
    fn default() -> Self {
        Self { groups: BTreeMap::new(), held: 0, limit: MAX_HELD, missed: 0 }
    }
}

/// Places of the correlations by key.
pub(crate) fn places(correlations: &Correlations) -> BTreeMap<String, usize> {
    let keys = correlations.list().iter().map(|resolved| resolved.correlation.meta.key());
    keys.map(str::to_owned).zip(0..).collect()
}

/// What [`Windows::take`] is told of an event.
pub(crate) struct Taken {
    matches: Vec<Match>,
    spot: Arc<Spot>,
}

impl Taken {
    /// The event at which these rules fired; `resource` says what a correlation would be about.
    pub(crate) fn new<'k>(
        correlations: &Correlations,
        places: &BTreeMap<String, usize>,
        fired: impl Iterator<Item = &'k str>,
        event: &Event,
        resource: impl Fn(usize) -> Result<Option<ResourceRef>, ScanError>,
    ) -> Result<Self, ScanError> {
        let place = |found: &Match| places.get(found.key.correlation.as_str()).copied();
        let matches = correlations.matches(fired, event)?;
        let mut waiting: Vec<usize> = matches.iter().filter_map(place).collect();
        let mut by_correlation: Vec<(usize, Part)> = Vec::new();
        while let Some(correlation) = waiting.pop() {
            if by_correlation.iter().any(|(place, _)| *place == correlation) {
                continue;
            }
            let Some(resolved) = correlations.list().get(correlation) else { continue };
            let key = resolved.correlation.meta.key();
            let feeds = correlations.matches(std::iter::once(key), event)?;
            waiting.extend(feeds.iter().filter_map(place));
            by_correlation.push((correlation, Part { resource: resource(correlation)?, feeds }));
        }
        let by_correlation = by_correlation.into_boxed_slice();
        Ok(Self { matches, spot: Arc::new(Spot { event: event.id.clone(), by_correlation }) })
    }
}

impl Windows {
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.held == 0
    }

    /// Takes the matches of one event; gives back what was decided to make room.
    pub(crate) fn take(
        &mut self,
        correlations: &Correlations,
        places: &BTreeMap<String, usize>,
        taken: Taken,
    ) -> Vec<Firing> {
        for found in taken.matches {
            self.hold(places, found, &taken.spot);
        }
        if self.held <= self.limit {
            return Vec::new();
        }
        let entries = self.groups.values().flat_map(|group| group.buckets.values());
        let mut times: Vec<Timestamp> =
            entries.flat_map(|bucket| bucket.entries.keys()).map(|entry| entry.time).collect();
        let middle = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(middle);
        let middle = *middle;
        let mut fired = self.decide(correlations, places, Some(middle));
        if self.held > self.limit / 4 * 3 {
            // Their spans are too long for what can be held: they are cut here.
            self.missed = self.missed.saturating_add(self.count());
            fired.extend(self.decide(correlations, places, None));
        }
        fired
    }

    /// Everything that is held is decided; and how many matches did not count.
    pub(crate) fn finish(
        &mut self,
        correlations: &Correlations,
        places: &BTreeMap<String, usize>,
    ) -> (Vec<Firing>, u64) {
        (self.decide(correlations, places, None), std::mem::take(&mut self.missed))
    }

    /// Matches that are held.
    fn count(&self) -> u64 {
        let buckets = self.groups.values().flat_map(|group| group.buckets.values());
        buckets.map(|bucket| bucket.entries.len() as u64).sum()
    }

    fn hold(&mut self, places: &BTreeMap<String, usize>, found: Match, spot: &Arc<Spot>) {
        let Some(place) = places.get(found.key.correlation.as_str()) else { return };
        let group = self.groups.entry((*place, found.key.group.clone())).or_default();
        let is_late = group.decided.is_some_and(|decided| found.bucket <= decided);
        let bucket = group.buckets.entry(found.bucket).or_default();
        if bucket.entries.contains_key(&found.entry) {
            return;
        }
        let counts_each = found.counted == Counted::Matches;
        let added = weight(&found.entry) + spot.weight();
        let (gone, freed) = bucket.add(found, spot);
        let lost = if counts_each { gone as u64 } else { 0 };
        self.missed = self.missed.saturating_add(u64::from(is_late)).saturating_add(lost);
        self.held = (self.held + added).saturating_sub(freed);
    }

    /// Decides the buckets about which nothing more comes if no event before that time comes.
    fn decide(
        &mut self,
        correlations: &Correlations,
        places: &BTreeMap<String, usize>,
        before: Option<Timestamp>,
    ) -> Vec<Firing> {
        let mut fired = Vec::new();
        let mut horizons: Vec<Option<Timestamp>> = Vec::new();
        // Those that others need stand before them in the list.
        for (place, resolved) in correlations.list().iter().enumerate() {
            let mut horizon = before;
            for part in resolved.parts.iter().filter_map(|key| places.get(key)) {
                let part_span = correlations.list().get(*part).map_or(0, span_seconds);
                let part_horizon = horizons.get(*part).copied().flatten();
                let of_part = part_horizon.map(|at| {
                    let lag = SignedDuration::from_secs(part_span.saturating_mul(3));
                    at.checked_sub(lag).unwrap_or(Timestamp::MIN)
                });
                // The earliest of all counts; without one there is nothing to wait for.
                horizon = horizon.map(|at| of_part.map_or(at, |of_part| at.min(of_part)));
            }
            horizons.push(horizon);
            let newly = self.decide_one(place, resolved, horizon);
            for firing in &newly {
                let part = firing.spot.part(place);
                for found in part.into_iter().flat_map(|part| &part.feeds) {
                    self.hold(places, found.clone(), &firing.spot);
                }
            }
            fired.extend(newly);
        }
        fired.sort_by(|a, b| {
            (a.time, a.event(), a.correlation).cmp(&(b.time, b.event(), b.correlation))
        });
        fired
    }

    fn decide_one(
        &mut self,
        place: usize,
        resolved: &Resolved,
        horizon: Option<Timestamp>,
    ) -> Vec<Firing> {
        // A bucket is decided when the one behind it is over too.
        let last = horizon.map_or(i64::MAX, |at| {
            at.as_second().div_euclid(span_seconds(resolved).max(1)).saturating_sub(2)
        });
        let mut fired = Vec::new();
        let range = (place, String::new())..(place + 1, String::new());
        for (_, group) in self.groups.range_mut(range) {
            let after = group.decided.map_or(i64::MIN, |decided| decided.saturating_add(1));
            if after > last {
                continue;
            }
            for bucket in group.buckets.range(after..=last).map(|(number, _)| *number) {
                fired.extend(group.firings(bucket, place, resolved));
            }
            group.decided = Some(last);
            // The last one may still be looked back at.
            let rest = group.buckets.split_off(&last);
            let gone = std::mem::replace(&mut group.buckets, rest);
            let entries = gone.values().flat_map(|bucket| &bucket.entries);
            let freed = entries.map(|(entry, spot)| weight(entry) + spot.weight()).sum();
            self.held = self.held.saturating_sub(freed);
        }
        self.groups.retain(|(of, _), group| *of != place || !group.buckets.is_empty());
        fired
    }
}

impl Group {
    /// At which events of the bucket the correlation fires.
    fn firings(&self, bucket: i64, place: usize, resolved: &Resolved) -> Vec<Firing> {
        let around = bucket.saturating_sub(1)..=bucket.saturating_add(1);
        let entries = self.buckets.range(around).flat_map(|(_, bucket)| bucket.entries.keys());
        let entries: Vec<Entry> = entries.cloned().collect();
        let fired: BTreeSet<EventId> = resolved.firings(bucket, &entries).into_iter().collect();
        let own = self.buckets.get(&bucket).into_iter().flat_map(|bucket| &bucket.entries);
        let mut seen = BTreeSet::new();
        own.filter(|(entry, _)| fired.contains(&entry.event) && seen.insert(&entry.event))
            .map(|(entry, spot)| Firing {
                time: entry.time,
                spot: spot.clone(),
                correlation: place,
            })
            .collect()
    }
}

fn span_seconds(resolved: &Resolved) -> i64 {
    i64::from(resolved.correlation.timespan_seconds)
}
