//! Executions are named after their incidents, started once, and answered by token.

use std::collections::BTreeSet;

use aisaws_aws::StepFunctions;
use aisaws_core::canonical::Digest;
use aisaws_core::conformance::orchestrator::{Waiting, run_all};
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::handoff::{Ballot, Detected, Vote};
use aisaws_core::port::{Halted, Orchestrator as _, Restart as _, StoreError};
use aisaws_core::risk::Severity;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};

use crate::place::{aws, name, sdk};
use crate::scene::incident;

fn detected(name: &str) -> Detected {
    incident(name, BTreeSet::new()).detected
}

/// A machine that asks by a queue and waits, and the queue.
struct Place {
    machine: String,
    queue: String,
    sfn: aws_sdk_sfn::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Place {
    async fn new() -> Self {
        Self::patient(300).await
    }

    /// A machine that waits for so many seconds.
    async fn patient(seconds: u32) -> Self {
        let config = sdk().await;
        let (sfn, sqs) = (aws_sdk_sfn::Client::new(&config), aws_sdk_sqs::Client::new(&config));
        let queue = sqs.create_queue().queue_name(name("questions")).send().await.unwrap();
        let queue = queue.queue_url().unwrap().to_owned();
        let definition = json!({
            "StartAt": "Ask",
            "States": { "Ask": {
                "Type": "Task", "End": true, "TimeoutSeconds": seconds,
                "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {
                    "QueueUrl": queue,
                    "MessageBody": { "token.$": "$$.Task.Token", "incident.$": "$.incident" },
                },
            } },
        });
        let made = sfn
            .create_state_machine()
            .name(name("respond"))
            .definition(definition.to_string())
            .role_arn("arn:aws:iam::111122223333:role/states")
            .send()
            .await
            .unwrap();
        Self { machine: made.state_machine_arn, queue, sfn, sqs }
    }

    async fn orchestrator(&self) -> StepFunctions {
        StepFunctions::new(&aws().await, &self.machine)
    }

    /// What the machine asked.
    async fn question(&self) -> (String, String) {
        for _ in 0..10 {
            let receive = self.sqs.receive_message().queue_url(&self.queue).wait_time_seconds(2);
            let got = receive.send().await.unwrap();
            if let [message] = got.messages() {
                let body: Value = serde_json::from_str(message.body().unwrap()).unwrap();
                let text = |name: &str| body[name].as_str().unwrap().to_owned();
                return (text("token"), text("incident"));
            }
        }
        panic!("nothing was asked");
    }

    async fn until(&self, mut holds: impl AsyncFnMut() -> bool) {
        let begun = std::time::Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < std::time::Duration::from_mins(1));
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// The only execution, once it has ended.
    async fn ended(&self) -> (ExecutionStatus, Option<String>, Option<String>) {
        for _ in 0..600 {
            let all = self.sfn.list_executions().state_machine_arn(&self.machine).send();
            let all = all.await.unwrap();
            let [execution] = all.executions() else { panic!("{all:?}") };
            if execution.status != ExecutionStatus::Running {
                let one = self.sfn.describe_execution().execution_arn(&execution.execution_arn);
                let one = one.send().await.unwrap();
                return (one.status, one.output, one.error);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the execution does not end");
    }
}

fn ballot() -> Ballot {
    Ballot { vote: Vote::Grant, digest: Digest::of_bytes(b"plan") }
}

#[tokio::test]
async fn an_incident_is_started_once_and_carries_on_with_the_first_answer() {
    let place = Place::new().await;
    let orchestrator = place.orchestrator().await;
    let detected = detected("a");
    for _ in 0..3 {
        orchestrator.start(&detected).await.unwrap();
    }
    orchestrator.drive(detected.incident).await.unwrap();
    assert_eq!(orchestrator.unfinished().await.unwrap(), [detected.incident]);
    let (token, incident) = place.question().await;
    assert_eq!(incident, detected.incident.to_string());
    assert!(orchestrator.beat(&token).await.unwrap());
    assert!(orchestrator.answer(&token, &ballot()).await.unwrap());
    let (status, output, _) = place.ended().await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    let output: Ballot = serde_json::from_str(&output.unwrap()).unwrap();
    assert_eq!(output, ballot());
    // Used up: whoever comes with it again is ignored.
    let other = Ballot { vote: Vote::Deny, ..ballot() };
    assert!(!orchestrator.answer(&token, &other).await.unwrap());
    orchestrator.fail(&token, "Fault.Permanent", "late").await.unwrap();
    assert!(!orchestrator.beat(&token).await.unwrap());
    // The name stays taken: a late duplicate starts nothing.
    orchestrator.start(&detected).await.unwrap();
    assert_eq!(orchestrator.unfinished().await.unwrap(), []);
}

#[tokio::test]
async fn who_waits_is_answered_as_claimed() {
    let (place, hasty) = (Place::new().await, Place::patient(1).await);
    let (one, other) = (place.orchestrator().await, place.orchestrator().await);
    one.start(&detected("waits")).await.unwrap();
    hasty.orchestrator().await.start(&detected("lapses")).await.unwrap();
    let (waits, lapsed) = (place.question().await.0, hasty.question().await.0);
    hasty.ended().await;
    let report = run_all(&one, &other, Waiting { waits: &waits, lapsed: &lapsed }).await;
    assert_eq!(report.verdict().unwrap(), 2);
}

#[tokio::test]
async fn a_failed_task_fails_with_its_error() {
    let place = Place::new().await;
    let orchestrator = place.orchestrator().await;
    orchestrator.start(&detected("b")).await.unwrap();
    let (token, _) = place.question().await;
    orchestrator.fail(&token, "Fault.Refused", &"ü".repeat(40_000)).await.unwrap();
    let (status, _, error) = place.ended().await;
    assert_eq!((status, error.as_deref()), (ExecutionStatus::Failed, Some("Fault.Refused")));
}

#[tokio::test]
async fn a_name_that_is_taken_for_something_else_is_refused() {
    let place = Place::new().await;
    let orchestrator = place.orchestrator().await;
    let mut detected = detected("taken");
    orchestrator.start(&detected).await.unwrap();
    detected.severity = match detected.severity {
        Severity::Low => Severity::High,
        _ => Severity::Low,
    };
    for _ in 0..2 {
        let error = orchestrator.start(&detected).await.unwrap_err();
        assert_eq!(error.fault(), Fault::BadInput, "{error:?}");
    }
    assert_eq!(orchestrator.unfinished().await.unwrap(), [detected.incident]);
}

#[tokio::test]
async fn what_halted_has_another_execution_of_the_next_name() {
    let place = Place::new().await;
    let orchestrator = place.orchestrator().await;
    let (one, other) = (detected("one"), detected("other"));
    let halted = |run| Halted { incident: one.incident, run };
    for detected in [&one, &other] {
        orchestrator.start(detected).await.unwrap();
    }
    assert_eq!(orchestrator.halted().await.unwrap(), []);
    // One comes to its end, the other fails.
    for _ in 0..2 {
        let (token, incident) = place.question().await;
        if incident == one.incident.to_string() {
            orchestrator.fail(&token, "Fault.Permanent", "of a test").await.unwrap();
        } else {
            orchestrator.answer(&token, &ballot()).await.unwrap();
        }
    }
    place.until(async || orchestrator.unfinished().await.unwrap().is_empty()).await;
    assert_eq!(orchestrator.halted().await.unwrap(), [halted(0)]);
    // Whoever else does so starts the same one.
    for _ in 0..2 {
        orchestrator.start_again(&one, 1).await.unwrap();
    }
    assert_eq!(orchestrator.unfinished().await.unwrap(), [one.incident]);
    assert_eq!(place.question().await.1, one.incident.to_string());
    let machine = place.machine.replace(":stateMachine:", ":execution:");
    let stop = place.sfn.stop_execution().execution_arn(format!("{machine}:{}.1", one.incident));
    stop.send().await.unwrap();
    assert_eq!(orchestrator.halted().await.unwrap(), [halted(1)]);
    assert_eq!(orchestrator.unfinished().await.unwrap(), []);
}

#[tokio::test]
async fn a_payload_above_the_limit_is_refused_before_it_is_sent() {
    let place = Place::new().await;
    let mut detected = detected("c");
    detected.controls = vec!["x".repeat(33_000).as_str().into()];
    let error = place.orchestrator().await.start(&detected).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { fault: Fault::BadInput, .. }), "{error:?}");
}

#[tokio::test]
async fn a_machine_that_is_not_there_is_no_incidents_fault() {
    let arn = "arn:aws:states:us-east-1:111122223333:stateMachine:nowhere";
    let orchestrator = StepFunctions::new(&aws().await, arn);
    let error = orchestrator.start(&detected("d")).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permanent, "{error:?}");
}

#[tokio::test]
async fn the_caller_is_known() {
    let identity = aisaws_aws::identity(&aws().await).await.unwrap();
    assert_eq!(identity.account.as_str(), "111122223333");
    assert!(identity.arn.starts_with("arn:aws:"), "{identity:?}");
}
