//! Wiring: everything of one machine over one file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aisaws_alert::{Alert, TellLogged};
use aisaws_app::watch::{Observer, Watched};
use aisaws_core::port::{Channel, Clock, Incidents, Ports};
use aisaws_decide::{AskHuman, Decide, Policy};
use aisaws_engine::{Journal, JournalError, SqliteJournal};
use aisaws_remediate::{Prepare, Remediate};
use aisaws_score::{Score, Weights};
use aisaws_sqlite::DbError;
use aisaws_verify::{RollBack, Verify};

use crate::clock::SystemClock;
use crate::lock::{self, LockError, ResponderLock};
use crate::orchestrator::{DefinitionError, InProcess, StageTasks};
use crate::store::Store;
use crate::twin::Twin;

/// What may differ between two openings of the same store.
pub struct Settings {
    /// How risks are weighed.
    pub weights: Weights,
    /// What may be done.
    pub policy: Policy,
    /// Who is told.
    pub channels: Vec<Arc<dyn Channel>>,
    /// What is told of what was only logged.
    pub logged: TellLogged,
    /// Who watches ledgers grow.
    pub observer: Option<Arc<dyn Observer>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("weights", &self.weights)
            .field("policy", &self.policy)
            .field("channels", &self.channels.len())
            .finish_non_exhaustive()
    }
}

/// Why a store could not be opened for work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The state machine.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}

/// One machine: a store, a twin of the account, the state machine.
pub struct Embedded {
    store: Store,
    ports: Ports,
    journal: Arc<dyn Journal>,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens or creates the store and wires everything over it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, settings: Settings) -> Result<Self, OpenError> {
        Self::open_at(path, settings, Arc::new(SystemClock))
    }

    /// As [`Embedded::open`], at the time of another clock.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_at(
        path: &Path,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let Settings { weights, policy, channels, logged, observer } = settings;
        let store = Store::open(path)?;
        let mut incidents: Arc<dyn Incidents> = Arc::new(store.clone());
        if let Some(observer) = observer {
            incidents = Arc::new(Watched::new(incidents, observer));
        }
        let account = Arc::new(Twin::new(store.clone()));
        let (events, approvals, snapshots) =
            (Arc::new(store.clone()), Arc::new(store.clone()), Arc::new(store.clone()));
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::new(store.db().clone()));
        let tasks = StageTasks {
            score: Score::new(weights, incidents.clone()),
            decide: Decide::new(policy, incidents.clone()),
            ask: AskHuman::new(incidents.clone(), approvals.clone(), channels.clone()),
            prepare: Prepare::new(account.clone(), incidents.clone(), snapshots.clone()),
            remediate: Remediate::new(
                account.clone(),
                incidents.clone(),
                snapshots.clone(),
                approvals.clone(),
            ),
            // The twin reads what it wrote: nothing has to settle between two reads.
            verify: Verify::new(
                account.clone(),
                incidents.clone(),
                snapshots.clone(),
                Duration::ZERO,
            ),
            roll_back: RollBack::new(account.clone(), incidents.clone(), snapshots.clone()),
            alert: Alert::new(incidents.clone(), channels, logged),
            clock: clock.clone(),
        };
        let orchestrator =
            Arc::new(InProcess::new(journal.clone(), tasks, incidents.clone(), clock.clone())?);
        let windows = Arc::new(store.clone());
        let ports = Ports {
            events,
            incidents,
            approvals,
            windows,
            snapshots,
            account,
            orchestrator,
            clock,
        };
        Ok(Self { store, ports, journal })
    }

    /// The ports of this machine.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The history of an execution, in the shape of `GetExecutionHistory`; empty where there
    /// is none of that name.
    ///
    /// # Errors
    /// What the journal said.
    pub async fn history(&self, execution: &str) -> Result<Vec<serde_json::Value>, JournalError> {
        self.journal.history(execution, 0, usize::MAX).await
    }

    /// Reads the state machine's journal whole and says whether it is what was written.
    ///
    /// # Errors
    /// [`JournalError::Broken`] or [`JournalError::Damaged`] with the first damage found, others
    /// where it cannot be read.
    pub async fn verify_journal(&self) -> Result<(), JournalError> {
        SqliteJournal::new(self.store.db().clone()).verify().await
    }

    /// Waits until no other process responds on this store; `waiting` is told once if it has to.
    ///
    /// # Errors
    /// [`LockError`].
    pub async fn lock(&self, waiting: impl FnOnce()) -> Result<ResponderLock, LockError> {
        lock::acquire(self.store.db().path(), waiting).await
    }
}
