//! The handle, and how errors of calls become errors of the ports.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use aisaws_core::canonical::Digest;
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Clock, StoreError};
use aisaws_core::seen::Known;
use tokio::sync::{Mutex, MutexGuard};

use super::expiry;
use super::item::{Body, Unreadable};
use super::layout::INLINE_BYTES;
use crate::archive::{Archive, ArchiveError};
use crate::connect::Aws;
use crate::fault::{CallError, Meaning};

/// Ledgers that may be written at once by one process.
const LANES: usize = 64;

/// One table that keeps events, incidents, questions and states; clones are the same store.
#[derive(Clone)]
pub struct Store {
    pub(super) client: aws_sdk_dynamodb::Client,
    pub(super) table: Arc<str>,
    pub(super) archive: Archive,
    pub(super) clock: Arc<dyn Clock>,
    /// Days that are known to have events.
    pub(super) days: Arc<Mutex<BTreeSet<String>>>,
    /// What is known to be stored as seen.
    pub(super) seen: Arc<Mutex<Known>>,
    /// Ids of events that were left out of answers because their text has expired.
    expired: Arc<Mutex<BTreeSet<String>>>,
    lanes: Arc<[Mutex<()>]>,
    /// For how long items are kept that may go by themselves.
    pub(super) days_kept: u32,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("table", &self.table).finish_non_exhaustive()
    }
}

/// Why a step of the store did not come to its end; [`Store::step`] makes it an error of the port.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("a value could not be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Somebody else changed the same item each time.
    #[error("others changed `{0}` at every attempt")]
    Contended(String),
    #[error("{what} `{id}` is not in the store")]
    NotFound { what: &'static str, id: String },
    /// What was large enough to be kept in the archive alone.
    #[error("the text of event `{0}` is no longer in the archive: it has expired")]
    Expired(String),
    /// The SDK did not take what was put together.
    #[error("a request could not be made")]
    Request(#[from] aws_sdk_dynamodb::error::BuildError),
}

impl Store {
    /// The store in that table, with its large bodies in the archive. The clock tells when
    /// events and dead letters arrive; nothing else here asks for the time.
    pub fn new(aws: &Aws, table: &str, archive: Archive, clock: Arc<dyn Clock>) -> Self {
        let lanes = (0..LANES).map(|_| Mutex::new(())).collect();
        Self {
            client: aws.dynamodb(),
            table: table.into(),
            archive,
            clock,
            days: Arc::default(),
            seen: Arc::default(),
            expired: Arc::default(),
            lanes,
            days_kept: expiry::DAYS,
        }
    }

    /// How many events were left out of what was listed so far, because they were large and the
    /// archive keeps them no longer: events lie there for the days that its owner says.
    pub async fn expired(&self) -> usize {
        self.expired.lock().await.len()
    }

    pub(super) async fn left_out(&self, id: String) {
        self.expired.lock().await.insert(id);
    }

    /// Waits for the others of this process that write the same ledger. Other processes are told
    /// apart by the table itself; this only spares them attempts.
    pub(super) async fn lane(&self, id: IncidentId) -> Option<MutexGuard<'_, ()>> {
        let digest = Digest::of_bytes(id.to_string().as_bytes());
        let first = digest.as_str().get(..4).unwrap_or_default();
        let lane = usize::from_str_radix(first, 16).unwrap_or_default() % LANES;
        match self.lanes.get(lane) {
            Some(lane) => Some(lane.lock().await),
            None => None,
        }
    }

    /// A text as the body of an item: in it, or in the archive where it is large.
    pub(super) async fn body(&self, kind: &str, text: String) -> Result<Body, Trouble> {
        if text.len() <= INLINE_BYTES {
            return Ok(Body::Inline(text));
        }
        Ok(Body::Archived(self.archive.keep_body(kind, &text).await?))
    }

    /// The text of a body.
    pub(super) async fn text(&self, body: Body) -> Result<String, Trouble> {
        match body {
            Body::Inline(text) => Ok(text),
            Body::Archived(reference) => {
                let bytes = self.archive.load(&reference).await?;
                String::from_utf8(bytes)
                    .map_err(|_| ArchiveError::Altered(reference.key.clone()).into())
            }
        }
    }
}

/// Says what was being done when it failed.
pub(super) fn doing(action: &'static str) -> impl FnOnce(Trouble) -> StoreError {
    move |trouble| {
        let fault = match &trouble {
            Trouble::Call(e) => match e.meaning {
                // DynamoDB says so of its table, never of an item: no input mends that.
                Meaning::NotFound => Fault::Permanent,
                _ => e.fault(),
            },
            Trouble::Archive(ArchiveError::Altered(_) | ArchiveError::Missing(_))
            | Trouble::Unreadable(_) => {
                return StoreError::Corrupt { action, source: Box::new(trouble) };
            }
            // An object may be anything, its key is ours: what S3 refuses is the bucket or its key.
            Trouble::Archive(e) => match e.fault() {
                Fault::BadInput => Fault::Permanent,
                other => other,
            },
            Trouble::Contended(_) => Fault::Transient,
            Trouble::Json(_) | Trouble::Request(_) => Fault::Permanent,
            Trouble::NotFound { what, id } => {
                return StoreError::NotFound { what, id: id.clone() };
            }
            Trouble::Expired(id) => {
                return StoreError::NotFound { what: "the expired text of event", id: id.clone() };
            }
        };
        let source: Box<dyn Error + Send + Sync> = Box::new(trouble);
        match fault {
            Fault::Transient | Fault::Throttled => StoreError::Unavailable { action, source },
            Fault::PlanChanged
            | Fault::NotVerified
            | Fault::AccessDenied
            | Fault::Refused
            | Fault::BadInput
            | Fault::Permanent => StoreError::Refused { action, fault, source },
        }
    }
}
