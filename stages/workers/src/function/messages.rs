//! Intake, called with batches of messages of the queue.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::sync::Arc;

use aisaws_aws::queue::DeadLetters;
use aisaws_core::port::{DeadLetter, StoreError};
use async_trait::async_trait;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

use super::FunctionError;
use super::sweep::diagnostic;
use crate::intake::{DeadLetterQueue, Intake, Message};
use crate::settings::SettingsError;
use crate::wire::{WireError, Wired};

#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    #[serde(default)]
    body: String,
}

/// What SQS is to deliver again.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

struct Queue(DeadLetters);

#[async_trait]
impl DeadLetterQueue for Queue {
    async fn put(&self, message: &Message, letter: &DeadLetter) -> Result<(), StoreError> {
        self.0.put(&message.id, &message.body, &letter.reason).await.map_err(|e| {
            StoreError::Unavailable { action: "hand over a dead letter", source: Box::new(e) }
        })
    }
}

pub(super) async fn serve(wired: &Wired) -> Result<(), FunctionError> {
    let name = "AISAWS_DEAD_LETTER_QUEUE_URL";
    let url = wired.settings().dead_letters.as_deref();
    let url = url.ok_or(WireError::Settings(SettingsError::Missing(name)))?;
    let intake = &Intake {
        responder: wired.responder()?,
        dead_letters: Arc::new(Queue(DeadLetters::new(wired.aws(), url))),
        metrics: Arc::new(wired.metrics()),
    };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Batch>| async move {
        let records = event.payload.records.into_iter();
        let messages = records.map(|r| Message { id: r.message_id, body: r.body }).collect();
        let taken = intake.take_in(messages).await.map_err(|e| diagnostic(&e))?;
        let failure = |item_identifier| Failure { item_identifier };
        let batch_item_failures = taken.failed.into_iter().map(failure).collect();
        Ok::<Answer, Diagnostic>(Answer { batch_item_failures })
    }))
    .await?;
    Ok(())
}
