//! Port `Orchestrator` on Step Functions: executions run there, this starts and answers them.

use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Ballot, Detected};
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Orchestrator, StoreError};
use async_trait::async_trait;
use aws_sdk_sfn::types::ExecutionStatus;
use serde::Serialize;

use crate::connect::Aws;
use crate::fault::{CallError, failed};

/// Payloads stay under this: ids, digests and reasons, never bodies.
const PAYLOAD_BYTES: usize = 32 * 1024;
/// Longest error name and cause of a failed task.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>
const ERROR_CHARS: usize = 256;
const CAUSE_CHARS: usize = 32_768;

/// One state machine, `respond.asl.json` as it was deployed.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: aws_sdk_sfn::Client,
    machine: String,
}

/// A payload that is larger than payloads may be.
#[derive(Debug, thiserror::Error)]
#[error("a payload of {size_bytes} bytes is larger than {PAYLOAD_BYTES}")]
struct TooLarge {
    size_bytes: usize,
}

impl StepFunctions {
    /// The state machine of that ARN (of a version or an alias too).
    pub fn new(aws: &Aws, machine_arn: &str) -> Self {
        Self { client: aws.sfn(), machine: machine_arn.to_owned() }
    }

    /// Tells the task that waits with this token that it failed. A token that was used or has lapsed
    /// is ignored.
    ///
    /// # Errors
    /// Where the call fails.
    pub async fn fail(&self, token: &str, error: &str, cause: &str) -> Result<(), StoreError> {
        let cut = |text: &str, chars| text.chars().take(chars).collect::<String>();
        let send = self
            .client
            .send_task_failure()
            .task_token(token)
            .error(cut(error, ERROR_CHARS))
            .cause(cut(cause, CAUSE_CHARS));
        match send.send().await.map_err(failed("states:SendTaskFailure")) {
            Ok(_) => Ok(()),
            Err(e) if is_over(&e) => Ok(()),
            Err(e) => Err(store_error("tell that a task failed", e)),
        }
    }

    /// Tells that the task of this token is still at work; says whether anybody still waits for it.
    ///
    /// # Errors
    /// Where the call fails.
    pub async fn beat(&self, token: &str) -> Result<bool, StoreError> {
        let send = self.client.send_task_heartbeat().task_token(token);
        match send.send().await.map_err(failed("states:SendTaskHeartbeat")) {
            Ok(_) => Ok(true),
            Err(e) if is_over(&e) => Ok(false),
            Err(e) => Err(store_error("tell that a task is at work", e)),
        }
    }
}

#[async_trait]
impl Orchestrator for StepFunctions {
    async fn start(&self, detected: &Detected) -> Result<(), StoreError> {
        let action = "start an execution";
        let input = payload(action, detected)?;
        let start = self
            .client
            .start_execution()
            .state_machine_arn(&self.machine)
            .name(detected.incident.to_string())
            .input(input);
        match start.send().await.map_err(failed("states:StartExecution")) {
            Ok(_) => Ok(()),
            // Names are taken for ninety days after the end: it was started before.
            Err(e) if e.code.as_deref() == Some("ExecutionAlreadyExists") => Ok(()),
            // The machine or its address: no incident's fault, and others would meet it too.
            Err(e) if !is_about_the_input(&e) && e.fault() == Fault::BadInput => {
                Err(StoreError::Refused { action, fault: Fault::Permanent, source: Box::new(e) })
            }
            Err(e) => Err(store_error(action, e)),
        }
    }

    async fn drive(&self, _: IncidentId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn unfinished(&self) -> Result<Vec<IncidentId>, StoreError> {
        let mut pages = self
            .client
            .list_executions()
            .state_machine_arn(&self.machine)
            .status_filter(ExecutionStatus::Running)
            .into_paginator()
            .send();
        let mut running = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("states:ListExecutions"));
            let page = page.map_err(|e| store_error("list executions", e))?;
            // Executions that somebody else named are not ours.
            let ids = page.executions.iter().map(|execution| IncidentId::parse(&execution.name));
            running.extend(ids.filter_map(Result::ok));
        }
        Ok(running)
    }

    async fn answer(&self, token: &str, ballot: &Ballot) -> Result<(), StoreError> {
        let action = "deliver a vote";
        let send = self.client.send_task_success().task_token(token);
        let send = send.output(payload(action, ballot)?);
        match send.send().await.map_err(failed("states:SendTaskSuccess")) {
            Ok(_) => Ok(()),
            Err(e) if is_over(&e) => Ok(()),
            Err(e) => Err(store_error(action, e)),
        }
    }
}

fn payload(action: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    let refused = |source| StoreError::Refused { action, fault: Fault::BadInput, source };
    let text = serde_json::to_string(value).map_err(|e| refused(Box::new(e)))?;
    if text.len() >= PAYLOAD_BYTES {
        return Err(refused(Box::new(TooLarge { size_bytes: text.len() })));
    }
    Ok(text)
}

/// Whether a start was refused for what it was given.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
fn is_about_the_input(error: &CallError) -> bool {
    matches!(error.code.as_deref(), Some("InvalidExecutionInput" | "InvalidName"))
}

/// Whether nobody waits with that token any more.
fn is_over(error: &CallError) -> bool {
    matches!(error.code.as_deref(), Some("TaskTimedOut" | "TaskDoesNotExist"))
}

fn store_error(action: &'static str, error: CallError) -> StoreError {
    // Here, unlike in S3, this is a task's token and not a credential.
    let is_no_token = error.code.as_deref() == Some("InvalidToken");
    let fault = if is_no_token { Fault::BadInput } else { error.fault() };
    let source = Box::new(error);
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
