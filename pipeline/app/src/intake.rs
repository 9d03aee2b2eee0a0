//! Taking events in: parse, recognise our own, detect, keep; in groups that commit together.

use std::collections::BTreeSet;
use std::sync::Arc;

use aisaws_core::event::Event;
use aisaws_core::id::EventId;
use aisaws_core::port::{
    Clock, DeadLetter, Detector, Disposition, Events, Found, Recorded, StoreError, Stored, Windows,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::window::Match;

use crate::input::{Input, InputError, Item, dead_letter, read_records, read_text};
use crate::own::OwnRoles;
use crate::suppress::{Suppression, suppress};

/// Records that one commit takes.
const GROUP: usize = 2048;
/// Groups that may wait for the store while the next is examined.
const WAITING: usize = 2;

/// What Detect needs to examine an event before it is kept.
pub struct Examiner {
    /// The rules.
    pub detector: Arc<dyn Detector>,
    /// Our own roles.
    pub own: OwnRoles,
    /// What is known to be no incident.
    pub suppressions: Vec<Suppression>,
    /// Which resources an event changes.
    pub touched: fn(&Event) -> Vec<ResourceRef>,
}

impl std::fmt::Debug for Examiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Examiner").field("own", &self.own).finish_non_exhaustive()
    }
}

/// An event that cannot be examined.
struct Refused {
    event: Event,
    reason: String,
}

/// Counts of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events read, repetitions included.
    pub events: u64,
    /// Of these, repetitions of one that was there.
    pub duplicates: u64,
    /// Of these, caused by ourselves.
    pub own: u64,
    /// Records that could not be read.
    pub dead_letters: u64,
    /// Rules that fired, over all new events.
    pub hits: u64,
    /// Of these, suppressed.
    pub suppressed: u64,
    /// Events of this run that hit a rule or count for a correlation, new or not, in order of
    /// reading.
    pub hit_events: Vec<EventId>,
}

/// Why an intake stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// An input could not be opened.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The store failed; what was read before is kept, run the same command again.
    #[error("the events could not be kept; run the same command again")]
    Store(#[from] StoreError),
    /// The reading thread died.
    #[error("reading stopped unexpectedly; run the same command again")]
    Reader,
}

impl Examiner {
    /// What is kept of an event; an event that cannot be examined becomes a dead letter.
    fn examine(&self, event: Event) -> Result<(Recorded, Vec<Match>), Box<Refused>> {
        if self.own.caused(&event) {
            let touches = (self.touched)(&event);
            let record =
                Recorded { event, hits: Vec::new(), disposition: Disposition::Own, touches };
            return Ok((record, Vec::new()));
        }
        match self.detector.find(&event) {
            Ok(Found { mut hits, matches }) => {
                for hit in &mut hits {
                    suppress(&self.suppressions, &event, hit);
                }
                let touches = (self.touched)(&event);
                let disposition = Disposition::Examined;
                Ok((Recorded { event, hits, disposition, touches }, matches))
            }
            Err(e) => Err(Box::new(Refused { event, reason: e.to_string() })),
        }
    }
}

/// One commit's worth.
#[derive(Default)]
struct Group {
    records: Vec<Recorded>,
    /// Where the records count for correlations.
    matches: Vec<Match>,
    letters: Vec<DeadLetter>,
}

impl Group {
    fn is_full(&self) -> bool {
        self.records.len() + self.letters.len() >= GROUP
    }
}

/// Reads all inputs and keeps every event. `progress` is told bytes as they are read.
///
/// # Errors
/// [`IntakeError`]; everything read before an error is kept.
pub async fn take_in(
    examiner: Arc<Examiner>,
    keeper: Keeper,
    inputs: Vec<Input>,
    progress: impl Fn(usize) + Send + 'static,
) -> Result<Tally, IntakeError> {
    let (sender, mut groups) = tokio::sync::mpsc::channel::<Group>(WAITING);
    let reader =
        tokio::task::spawn_blocking(move || read_all(&examiner, &inputs, &sender, &progress));
    let mut tally = Tally::default();
    let mut failure = None;
    while let Some(group) = groups.recv().await {
        if let Err(e) = keeper.keep(group, &mut tally).await {
            failure = Some(e);
            break;
        }
    }
    // Closing the channel ends the reader at its next group.
    drop(groups);
    let read = reader.await.map_err(|_| IntakeError::Reader)?;
    match failure {
        Some(e) => Err(e.into()),
        None => read.map(|()| tally).map_err(IntakeError::from),
    }
}

fn read_all(
    examiner: &Examiner,
    inputs: &[Input],
    sender: &tokio::sync::mpsc::Sender<Group>,
    progress: &dyn Fn(usize),
) -> Result<(), InputError> {
    for input in inputs {
        let mut group = Group::default();
        if let Input::Unfit(_, why) = input {
            group.letters.push(dead_letter(&input.name(), 0, why.to_string(), ""));
            if sender.blocking_send(group).is_err() {
                return Ok(());
            }
            continue;
        }
        let mut sink = |item: Item| {
            match item {
                Item::Event(event, line) => match examiner.examine(*event) {
                    Ok((record, matches)) => {
                        group.records.push(record);
                        group.matches.extend(matches);
                    }
                    Err(refused) => {
                        let Refused { event, reason } = *refused;
                        group.letters.push(dead_letter(&input.name(), line, reason, &event.raw));
                    }
                },
                Item::Dead(letter) => group.letters.push(letter),
            }
            if group.is_full() {
                sender.blocking_send(std::mem::take(&mut group)).is_ok()
            } else {
                true
            }
        };
        read_records(input, &mut sink, &mut |bytes| progress(bytes))?;
        if sender.blocking_send(group).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Where what is taken in is kept.
#[derive(Clone)]
pub struct Keeper {
    /// Events.
    pub events: Arc<dyn Events>,
    /// Windows of correlations.
    pub windows: Arc<dyn Windows>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    async fn keep(&self, group: Group, tally: &mut Tally) -> Result<(), StoreError> {
        let Group { records, matches, letters } = group;
        tally.events += records.len() as u64;
        tally.dead_letters += letters.len() as u64;
        let facts: Vec<_> = records
            .iter()
            .map(|r| {
                let suppressed = r.hits.iter().filter(|hit| hit.suppressed_by.is_some());
                let is_own = r.disposition == Disposition::Own;
                (r.hits.len() as u64, suppressed.count() as u64, is_own)
            })
            .collect();
        let counting: BTreeSet<&EventId> = matches.iter().map(|found| &found.entry.event).collect();
        let hit: Vec<Option<EventId>> = records
            .iter()
            .map(|r| {
                let is_hit = !r.hits.is_empty() || counting.contains(&r.event.id);
                is_hit.then(|| r.event.id.clone())
            })
            .collect();
        if !letters.is_empty() {
            self.events.bury(letters).await?;
        }
        if records.is_empty() {
            return Ok(());
        }
        // First the windows: an event that is stored is never missing from one.
        self.windows.add(matches, self.clock.now()).await?;
        let stored = self.events.append(records).await?;
        for ((answer, (hits, suppressed, is_own)), id) in stored.into_iter().zip(facts).zip(hit) {
            match answer {
                Stored::New | Stored::Variant => {
                    tally.hits += hits;
                    tally.suppressed += suppressed;
                    tally.own += u64::from(is_own);
                }
                Stored::Duplicate => tally.duplicates += 1,
            }
            tally.hit_events.extend(id);
        }
        Ok(())
    }
}

/// What came of a batch of messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Counts over all messages.
    pub tally: Tally,
    /// What could not be read, each with the place of its message in the batch.
    pub letters: Vec<(usize, DeadLetter)>,
}

/// Takes in messages of a queue, pairs of an id and a body, and keeps what they hold; durable on
/// return. A message that cannot be read is kept as a dead letter and does not hold up the others.
///
/// # Errors
/// Where the store fails: some of the batch may be kept then, and all of it may be given again.
pub async fn take_in_messages(
    examiner: &Examiner,
    keeper: &Keeper,
    messages: &[(String, String)],
) -> Result<Batch, StoreError> {
    let mut batch = Batch::default();
    let mut group = Group::default();
    for (number, (id, body)) in messages.iter().enumerate() {
        read_text(id, body, &mut |item| {
            let letter = match item {
                Item::Event(event, line) => match examiner.examine(*event) {
                    Ok((record, matches)) => {
                        group.records.push(record);
                        group.matches.extend(matches);
                        return true;
                    }
                    Err(refused) => {
                        let Refused { event, reason } = *refused;
                        dead_letter(id, line, reason, &event.raw)
                    }
                },
                Item::Dead(letter) => letter,
            };
            batch.letters.push((number, letter.clone()));
            group.letters.push(letter);
            true
        });
    }
    keeper.keep(group, &mut batch.tally).await?;
    Ok(batch)
}
