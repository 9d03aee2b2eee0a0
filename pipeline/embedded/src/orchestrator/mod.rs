//! Running `respond.asl.json` in this process, journalled in the store's own file.

mod tasks;

use std::collections::BTreeMap;
use std::sync::Arc;

use aisaws_core::handoff::{Ballot, Detected};
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Clock, Incidents, Orchestrator, StoreError};
use aisaws_core::status::{Status, proven};
use aisaws_engine::{Engine, EngineError, Journal, JournalError, Machine};
use async_trait::async_trait;

pub(crate) use tasks::{StageTasks, function_arn};

/// Names of the stages that the definition asks for by placeholder.
const PLACEHOLDERS: [(&str, &str); 8] = [
    ("ScoreFunctionArn", "Score"),
    ("DecideFunctionArn", "Decide"),
    ("PrepareFunctionArn", "Prepare"),
    ("AskHumanFunctionArn", "AskHuman"),
    ("RemediateFunctionArn", "Remediate"),
    ("VerifyFunctionArn", "Verify"),
    ("RollBackFunctionArn", "RollBack"),
    ("AlertFunctionArn", "Alert"),
];

/// Executions listed in one go.
const PAGE: usize = 1000;

/// The definition cannot be run; never in a tested build.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// Placeholders and stages do not match.
    #[error(transparent)]
    Substitution(#[from] aisaws_statemachines::SubstitutionError),
    /// It is not valid Amazon States Language.
    #[error("the state machine definition is not valid")]
    Invalid(#[from] aisaws_engine::DefinitionErrors),
}

/// One execution an incident, named after it.
pub(crate) struct InProcess {
    engine: Engine,
    journal: Arc<dyn Journal>,
    machine: Machine,
    incidents: Arc<dyn Incidents>,
    clock: Arc<dyn Clock>,
}

impl InProcess {
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        tasks: StageTasks,
        incidents: Arc<dyn Incidents>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DefinitionError> {
        let values: BTreeMap<&str, String> =
            PLACEHOLDERS.iter().map(|(name, stage)| (*name, function_arn(stage))).collect();
        let definition = aisaws_statemachines::substitute(aisaws_statemachines::RESPOND, &values)?;
        let machine = Machine::parse(&definition)?;
        let engine = Engine::new(
            Arc::clone(&journal),
            Arc::new(tasks),
            Arc::new(aisaws_engine::SystemClock),
        );
        Ok(Self { engine, journal, machine, incidents, clock })
    }

    async fn waits_for_a_human(&self, incident: IncidentId) -> Result<bool, StoreError> {
        let links = self.incidents.ledger(incident).await?;
        Ok(proven(links.iter().map(|link| &link.entry)) == Status::WaitingApproval)
    }
}

#[async_trait]
impl Orchestrator for InProcess {
    async fn start(&self, detected: &Detected) -> Result<(), StoreError> {
        let action = "start an execution";
        let input = serde_json::to_value(detected)
            .map_err(|e| StoreError::Corrupt { action, source: Box::new(e) })?;
        let name = detected.incident.to_string();
        self.engine.start(&name, &self.machine, input).await.map_err(failed(action))?;
        Ok(())
    }

    async fn drive(&self, incident: IncidentId) -> Result<(), StoreError> {
        let name = incident.to_string();
        loop {
            let driven = self.engine.drive(&name).await.map_err(failed("run an execution"))?;
            let Some(wake_ms) = driven.wake_ms else { return Ok(()) };
            if driven.status != aisaws_engine::Status::Running {
                return Ok(());
            }
            // A pause between attempts is waited for; a human is not.
            let left_ms = wake_ms.saturating_sub(self.clock.now().as_millisecond());
            if left_ms > 0 {
                if self.waits_for_a_human(incident).await? {
                    return Ok(());
                }
                let left = std::time::Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
                self.clock.sleep(left).await;
            }
        }
    }

    async fn unfinished(&self) -> Result<Vec<IncidentId>, StoreError> {
        let action = "list executions";
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().map(String::as_str);
            let page =
                self.journal.list_unfinished(after, PAGE).await.map_err(journal_failed(action))?;
            if page.is_empty() {
                break;
            }
            names.extend(page);
        }
        // Executions of other definitions in the same file are not ours.
        Ok(names.iter().filter_map(|name| IncidentId::parse(name).ok()).collect())
    }

    async fn answer(&self, token: &str, ballot: &Ballot) -> Result<bool, StoreError> {
        let action = "deliver a vote";
        let output = serde_json::to_value(ballot)
            .map_err(|e| StoreError::Corrupt { action, source: Box::new(e) })?;
        match self.engine.send_task_success(token, output).await {
            Ok(_) => Ok(true),
            Err(EngineError::NotWaiting(_)) => Ok(false),
            Err(e) => Err(failed(action)(e)),
        }
    }
}

fn failed(action: &'static str) -> impl Fn(EngineError) -> StoreError {
    move |error| match error {
        EngineError::Journal(e) => journal_failed(action)(e),
        EngineError::Unknown(id) => StoreError::NotFound { what: "execution", id },
        other => StoreError::Corrupt { action, source: Box::new(other) },
    }
}

fn journal_failed(action: &'static str) -> impl Fn(JournalError) -> StoreError {
    move |error| match error {
        JournalError::Corrupt { .. } => StoreError::Corrupt { action, source: Box::new(error) },
        other => StoreError::Unavailable { action, source: Box::new(other) },
    }
}
