//! Taking events in: parse, recognise our own, detect, keep; in groups that commit together.

use std::sync::Arc;

use aisaws_core::event::Event;
use aisaws_core::id::EventId;
use aisaws_core::port::{DeadLetter, Detector, Disposition, Events, Recorded, StoreError, Stored};
use aisaws_core::resource::ResourceRef;

use crate::input::{Input, InputError, Item, dead_letter, read_records};
use crate::own::OwnRoles;

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
    /// Which resources an event changes.
    pub touched: fn(&Event) -> Vec<ResourceRef>,
}

impl std::fmt::Debug for Examiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Examiner").field("own", &self.own).finish_non_exhaustive()
    }
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
    /// Events of this run that hit a rule, new or not, in order of reading.
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
    fn examine(&self, event: Event) -> Result<Recorded, Box<(Event, String)>> {
        if self.own.caused(&event) {
            let touches = (self.touched)(&event);
            return Ok(Recorded {
                event,
                hits: Vec::new(),
                disposition: Disposition::Own,
                touches,
            });
        }
        match self.detector.detect(&event) {
            Ok(hits) => {
                let touches = (self.touched)(&event);
                Ok(Recorded { event, hits, disposition: Disposition::Examined, touches })
            }
            Err(e) => Err(Box::new((event, e.to_string()))),
        }
    }
}

/// One commit's worth.
#[derive(Default)]
struct Group {
    records: Vec<Recorded>,
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
    events: Arc<dyn Events>,
    inputs: Vec<Input>,
    progress: impl Fn(usize) + Send + 'static,
) -> Result<Tally, IntakeError> {
    let (sender, mut groups) = tokio::sync::mpsc::channel::<Group>(WAITING);
    let reader =
        tokio::task::spawn_blocking(move || read_all(&examiner, &inputs, &sender, &progress));
    let mut tally = Tally::default();
    let mut failure = None;
    while let Some(group) = groups.recv().await {
        if let Err(e) = keep(events.as_ref(), group, &mut tally).await {
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
        let mut sink = |item: Item| {
            match item {
                Item::Event(event, line) => match examiner.examine(*event) {
                    Ok(record) => group.records.push(record),
                    Err(refused) => {
                        let (event, reason) = *refused;
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

async fn keep(events: &dyn Events, group: Group, tally: &mut Tally) -> Result<(), StoreError> {
    let Group { records, letters } = group;
    tally.events += records.len() as u64;
    tally.dead_letters += letters.len() as u64;
    let facts: Vec<_> =
        records.iter().map(|r| (r.hits.len() as u64, r.disposition == Disposition::Own)).collect();
    let hit: Vec<Option<EventId>> =
        records.iter().map(|r| (!r.hits.is_empty()).then(|| r.event.id.clone())).collect();
    if !letters.is_empty() {
        events.bury(letters).await?;
    }
    if records.is_empty() {
        return Ok(());
    }
    let stored = events.append(records).await?;
    for ((answer, (hits, is_own)), id) in stored.into_iter().zip(facts).zip(hit) {
        match answer {
            Stored::New | Stored::Variant => {
                tally.hits += hits;
                tally.own += u64::from(is_own);
            }
            Stored::Duplicate => tally.duplicates += 1,
        }
        tally.hit_events.extend(id);
    }
    Ok(())
}
