//! Running stored events again, as they happened.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aisaws_core::event::Event;
use aisaws_core::id::EventId;
use aisaws_core::port::{Clock, EventFilter, Events, StoreError};
use async_trait::async_trait;
use jiff::Timestamp;

use crate::respond::Responder;

/// Events read in one go.
const PAGE: u32 = 256;
/// Events that are taken in together happened within this time: as close as they come in on AWS,
/// and what the resources look like when the first of them is responded to.
const TOGETHER: Duration = Duration::from_mins(1);

/// The time of the events that are run again: budgets and deadlines count as they did then.
#[derive(Debug)]
pub struct ReplayClock(Mutex<Timestamp>);

impl Default for ReplayClock {
    fn default() -> Self {
        Self(Mutex::new(Timestamp::UNIX_EPOCH))
    }
}

impl ReplayClock {
    /// It is never set back.
    fn move_to(&self, time: Timestamp) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = time.max(*now);
    }
}

#[async_trait]
impl Clock for ReplayClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep(&self, time: Duration) {
        let after = self.now().checked_add(time).unwrap_or(Timestamp::MAX);
        self.move_to(after);
    }
}

/// What was run again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rerun {
    /// Events, but for our own calls.
    pub events: u64,
    /// Calls of our own that were left out: the twin has the writes that are decided now.
    pub own: u64,
    /// The first event that was not run for want of time: what happened from then on is not told of.
    pub stopped_at: Option<Timestamp>,
}

/// Why it could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RerunError {
    /// The store of the events.
    #[error("the stored events could not be read")]
    Recorded(#[source] StoreError),
    /// The scratch store.
    #[error("the scratch store failed")]
    Scratch(#[source] StoreError),
}

/// Runs the events of `[from, until)` again, oldest first, on the responder's ports, which are a
/// scratch store with that clock. Those close in time are taken in together, and responded to before
/// the next: a resource is met as it was then, and not as later events left it. Holds no more than
/// a page of events in memory. `is_over` is asked before each group whether the time is up.
///
/// # Errors
/// [`RerunError`].
pub async fn rerun(
    recorded: &dyn Events,
    responder: &Responder,
    clock: &ReplayClock,
    (from, until): (Option<Timestamp>, Option<Timestamp>),
    is_over: impl Fn() -> bool,
) -> Result<Rerun, RerunError> {
    let filter = EventFilter { since: from, until, ..EventFilter::default() };
    let mut rerun = Rerun::default();
    let mut group = Group::default();
    let mut after: Option<(Timestamp, EventId)> = None;
    loop {
        let page = recorded.list(&filter, after, PAGE).await.map_err(RerunError::Recorded)?;
        let Some(last) = page.last() else { break };
        after = Some((last.time, last.id.clone()));
        for event in page {
            if responder.is_own(&event) {
                rerun.own += 1;
                continue;
            }
            if !group.takes(&event) {
                rerun.events += group.run(responder, clock).await?;
            }
            if group.is_empty() && is_over() {
                rerun.stopped_at = Some(event.time);
                return Ok(rerun);
            }
            group.add(event);
        }
    }
    rerun.events += group.run(responder, clock).await?;
    Ok(rerun)
}

/// Events that are taken in together.
#[derive(Default)]
struct Group {
    /// When the first and the last one happened.
    times: Option<(Timestamp, Timestamp)>,
    messages: Vec<(String, String)>,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn takes(&self, event: &Event) -> bool {
        let end = self.times.and_then(|(first, _)| first.checked_add(TOGETHER).ok());
        end.is_none_or(|end| event.time < end) && self.messages.len() < PAGE as usize
    }

    fn add(&mut self, event: Event) {
        let (first, _) = self.times.unwrap_or((event.time, event.time));
        self.times = Some((first, event.time));
        self.messages.push((event.id.to_string(), event.raw));
    }

    /// Takes them in, opens what they show and brings it to its end, or to a question.
    async fn run(&mut self, responder: &Responder, clock: &ReplayClock) -> Result<u64, RerunError> {
        let Self { times, messages } = std::mem::take(self);
        let Some((_, last)) = times else { return Ok(0) };
        clock.move_to(last);
        let ports = responder.ports();
        let batch = responder.take_in_messages(&messages).await.map_err(RerunError::Scratch)?;
        if !batch.tally.hit_events.is_empty() {
            for detected in responder.open().await.map_err(RerunError::Scratch)? {
                let drive = ports.orchestrator.drive(detected.incident);
                drive.await.map_err(RerunError::Scratch)?;
            }
        }
        Ok(messages.len() as u64)
    }
}
