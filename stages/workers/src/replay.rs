//! A replay in AWS: stored events through the present rules and policy, on a scratch store in the
//! function's own folder, in the time that one call of a function has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aisaws_app::replay::{Comparison, ReplayClock, RerunError, Selection, compare, rerun};
use aisaws_aws::archive::ArchiveError;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::port::StoreError;
use aisaws_embedded::{Embedded, OpenError, Settings, TellLogged};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::metrics::{Metric, Name};
use crate::wire::{WireError, Wired};

/// Rows that a result holds; further ones are counted.
const ROWS: usize = 1000;

/// What is to be replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The incidents that are compared.
    #[serde(default)]
    pub selection: Selection,
    /// No earlier events are run; without it, all that are stored are.
    #[serde(default)]
    pub history_since: Option<Timestamp>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// Which incidents were compared; where time ran out, until when.
    pub selection: Selection,
    /// Events that were run again.
    pub events: u64,
    /// Our own calls, which are left out.
    pub own: u64,
    /// Incidents that were compared.
    pub incidents: u64,
    /// Of these, those that would be decided or planned differently.
    pub differing: u64,
    /// Where the next replay goes on; `null`: nothing is left.
    pub stopped_at: Option<Timestamp>,
    /// Where the rows are, in the archive.
    pub result: String,
}

/// What is kept in the archive.
#[derive(Serialize)]
struct Kept<'a> {
    selection: &'a Selection,
    /// Those that differ, in order of time.
    rows: &'a [Comparison],
    rows_left_out: u64,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The policy, rules or weights.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The scratch folder.
    #[error("the scratch folder could not be used")]
    Folder(#[from] std::io::Error),
    /// The scratch store.
    #[error("the scratch store could not be made")]
    Scratch(#[from] OpenError),
    /// The events could not be run again.
    #[error(transparent)]
    Rerun(#[from] RerunError),
    /// The incidents could not be compared.
    #[error("the incidents could not be compared")]
    Compare(#[from] StoreError),
    /// The result could not be kept.
    #[error("the result could not be kept")]
    Keep(#[from] ArchiveError),
    /// A row has no JSON form.
    #[error("the result could not be written")]
    Json(#[from] serde_json::Error),
}

impl Classify for ReplayError {
    fn fault(&self) -> Fault {
        match self {
            Self::Rerun(RerunError::Recorded(e) | RerunError::Scratch(e)) | Self::Compare(e) => {
                e.fault()
            }
            Self::Keep(e) => e.fault(),
            Self::Wire(_) | Self::Folder(_) | Self::Scratch(_) | Self::Json(_) | Self::Rerun(_) => {
                Fault::Permanent
            }
        }
    }
}

/// Replays for at most that long, less what comparing takes: events are run for half of the time.
///
/// # Errors
/// [`ReplayError`]; nothing but the result is written outside the scratch folder.
pub async fn replay(
    wired: &Wired,
    request: Request,
    time: Duration,
) -> Result<Replayed, ReplayError> {
    let begun = Instant::now();
    let folder = tempfile::tempdir()?;
    let clock = Arc::new(ReplayClock::default());
    let settings = Settings {
        weights: wired.weights()?,
        policy: wired.policy()?,
        channels: Vec::new(),
        logged: TellLogged::Never,
        observer: None,
    };
    let path = folder.path().join("replay.sqlite");
    let scratch = Embedded::open_at(&path, settings, clock.clone())?;
    let responder = wired.responder_on(scratch.ports().clone())?;
    let Request { mut selection, history_since } = request;
    let recorded = wired.ports();
    let window = (history_since, selection.until);
    let is_over = || begun.elapsed() > time / 2;
    let ran = rerun(recorded.events.as_ref(), &responder, &clock, window, is_over).await?;
    let expired = wired.store().expired().await;
    if expired > 0 {
        tracing::warn!(expired, "large events are left out: they have expired from the archive");
    }
    selection.until = selection.until.into_iter().chain(ran.stopped_at).min();
    let mut rows = Vec::new();
    let mut rows_left_out = 0;
    let each = |row: Comparison| {
        if !row.differs {
            return;
        }
        if rows.len() < ROWS {
            rows.push(row);
        } else {
            rows_left_out += 1;
        }
    };
    let (old, new) = (recorded.incidents.as_ref(), scratch.ports().incidents.as_ref());
    let events = scratch.ports().events.as_ref();
    let compared = compare(old, new, events, &selection, each).await?;
    let kept = Kept { selection: &selection, rows: &rows, rows_left_out };
    let result = wired.archive().keep_body("replay", &serde_json::to_string(&kept)?).await?.key;
    let counted = counts(ran.events, compared.incidents, compared.differing);
    wired.metrics().emit(recorded.clock.now(), &counted);
    Ok(Replayed {
        selection,
        events: ran.events,
        own: ran.own,
        incidents: compared.incidents,
        differing: compared.differing,
        stopped_at: ran.stopped_at,
        result,
    })
}

/// Of a replay that ended.
pub(crate) fn counts(events: u64, incidents: u64, differing: u64) -> [Metric; 3] {
    [
        Metric::count(Name::EventsReplayed, events),
        Metric::count(Name::IncidentsReplayed, incidents),
        Metric::count(Name::IncidentsDiffering, differing),
    ]
}

#[cfg(test)]
mod tests;
