//! Intake, called with batches of messages of the queue.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::{Deserialize, Serialize};

use super::FunctionError;
use super::sweep::diagnostic;
use crate::intake::Message;
use crate::wire::Wired;

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

pub(super) async fn serve(wired: &Wired) -> Result<(), FunctionError> {
    let intake = &wired.intake()?;
    super::serve::serve(
        "intake",
        |_| None,
        move |event: LambdaEvent<Batch>| async move {
            let records = event.payload.records.into_iter();
            let messages = records.map(|r| Message { id: r.message_id, body: r.body }).collect();
            let taken = intake.take_in(messages).await.map_err(|e| diagnostic(&e))?;
            let failure = |item_identifier| Failure { item_identifier };
            let batch_item_failures = taken.failed.into_iter().map(failure).collect();
            Ok::<Answer, Diagnostic>(Answer { batch_item_failures })
        },
    )
    .await?;
    Ok(())
}
