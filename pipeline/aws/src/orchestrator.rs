//! Ports `Orchestrator` and `Restart` on Step Functions: executions run there, this starts and
//! answers them.
//!
//! An incident's first execution has the incident's id as its name, `<id>`; one in place of an
//! execution that halted is `<id>.1`, the next `<id>.2`. Names are taken once, so that whoever starts
//! one twice, or at once with another, starts one.
//!
//! `RedriveExecution` would carry on the same execution. It takes what halted within fourteen days,
//! not everything (`ExecutionNotRedrivable`), and no emulator has it; a new execution takes all, and
//! the stages find in the ledger what was done.

use std::collections::BTreeMap;

use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Ballot, Detected};
use aisaws_core::id::IncidentId;
use aisaws_core::port::{Halted, Orchestrator, Restart, StoreError};
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

/// The name is taken by an execution that was given something else.
#[derive(Debug, thiserror::Error)]
#[error("execution `{name}` was started before, for something else")]
struct Taken {
    name: String,
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

impl StepFunctions {
    async fn start_as(&self, name: String, detected: &Detected) -> Result<(), StoreError> {
        let action = "start an execution";
        let input = payload(action, detected)?;
        let start = self.client.start_execution().state_machine_arn(&self.machine);
        let start = start.name(&name).input(input);
        match start.send().await.map_err(failed("states:StartExecution")) {
            Ok(_) => Ok(()),
            // Names are taken for ninety days after the end.
            Err(e) if e.code.as_deref() == Some("ExecutionAlreadyExists") => {
                self.check_is_of(name, detected).await
            }
            // The machine or its address: no incident's fault, and others would meet it too.
            Err(e) if !is_about_the_input(&e) && e.fault() == Fault::BadInput => {
                Err(StoreError::Refused { action, fault: Fault::Permanent, source: Box::new(e) })
            }
            Err(e) => Err(store_error(action, e)),
        }
    }

    /// Whether the execution of that name, which is there, was started for this.
    async fn check_is_of(&self, name: String, detected: &Detected) -> Result<(), StoreError> {
        let action = "look at an execution";
        let describe = self.client.describe_execution().execution_arn(self.execution(&name));
        let there = describe.send().await.map_err(failed("states:DescribeExecution"));
        let there = there.map_err(|e| store_error(action, e))?;
        // As values: another version of this program may write the same in other words.
        let was_given = there.input().and_then(|input| serde_json::from_str(input).ok());
        if was_given.as_ref() == Some(detected) {
            return Ok(());
        }
        let source = Box::new(Taken { name });
        Err(StoreError::Refused { action: "start an execution", fault: Fault::BadInput, source })
    }

    /// The ARN of an execution; a version's or an alias's are the machine's.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html#awsstepfunctions-resources-for-iam-policies>
    fn execution(&self, name: &str) -> String {
        let machine: Vec<&str> = self.machine.split(':').take(7).collect();
        format!("{}:{name}", machine.join(":").replacen(":stateMachine:", ":execution:", 1))
    }

    /// The names of executions that stand so, in no order.
    async fn names(&self, status: ExecutionStatus) -> Result<Vec<Name>, StoreError> {
        let list = self.client.list_executions().state_machine_arn(&self.machine);
        let mut pages = list.status_filter(status).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("states:ListExecutions"));
            let page = page.map_err(|e| store_error("list executions", e))?;
            // Executions that somebody else named are not ours.
            names.extend(page.executions.iter().filter_map(|execution| name(&execution.name)));
        }
        Ok(names)
    }
}

/// What an execution's name says: the incident, and the how manieth execution of it.
type Name = (IncidentId, u32);

fn name(text: &str) -> Option<Name> {
    let (incident, run) = match text.split_once('.') {
        None => (text, 0),
        Some((incident, run)) => (incident, run.parse().ok()?),
    };
    let found = (IncidentId::parse(incident).ok()?, run);
    // One name for each, and each has one name.
    (name_of(found) == text).then_some(found)
}

fn name_of((incident, run): Name) -> String {
    match run {
        0 => incident.to_string(),
        _ => format!("{incident}.{run}"),
    }
}

#[async_trait]
impl Orchestrator for StepFunctions {
    async fn start(&self, detected: &Detected) -> Result<(), StoreError> {
        self.start_as(name_of((detected.incident, 0)), detected).await
    }

    async fn drive(&self, _: IncidentId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn unfinished(&self) -> Result<Vec<IncidentId>, StoreError> {
        let running = self.names(ExecutionStatus::Running).await?;
        Ok(running.into_iter().map(|(incident, _)| incident).collect())
    }

    async fn answer(&self, token: &str, ballot: &Ballot) -> Result<bool, StoreError> {
        let action = "deliver a vote";
        let send = self.client.send_task_success().task_token(token);
        let send = send.output(payload(action, ballot)?);
        match send.send().await.map_err(failed("states:SendTaskSuccess")) {
            Ok(_) => Ok(true),
            Err(e) if is_over(&e) => Ok(false),
            Err(e) => Err(store_error(action, e)),
        }
    }
}

/// How executions end that did not come to their end.
const HALTED: [ExecutionStatus; 3] =
    [ExecutionStatus::Failed, ExecutionStatus::TimedOut, ExecutionStatus::Aborted];

#[async_trait]
impl Restart for StepFunctions {
    async fn halted(&self) -> Result<Vec<Halted>, StoreError> {
        let mut last: BTreeMap<IncidentId, u32> = BTreeMap::new();
        for status in HALTED {
            for (incident, run) in self.names(status).await? {
                let known = last.entry(incident).or_default();
                *known = run.max(*known);
            }
        }
        Ok(last.into_iter().map(|(incident, run)| Halted { incident, run }).collect())
    }

    async fn start_again(&self, detected: &Detected, run: u32) -> Result<(), StoreError> {
        self.start_as(name_of((detected.incident, run)), detected).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_execution_of_which_incident_it_is() {
        let id = IncidentId::from_cause(&["a"]);
        for run in [0, 1, 12] {
            assert_eq!(name(&name_of((id, run))), Some((id, run)));
        }
        for other in ["", "x", ".1", &format!("{id}."), &format!("{id}.0"), &format!("{id}.01")] {
            assert_eq!(name(other), None, "{other}");
        }
        assert_eq!(name(&format!("{id}.1.1")), None);
        assert_eq!(name(&id.to_string().to_uppercase()), None);
    }
}
