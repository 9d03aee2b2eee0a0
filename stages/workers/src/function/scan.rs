//! The posture scan, called by a schedule.

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

use super::FunctionError;
use super::sweep::diagnostic;
use crate::scan::{Scanned, scan};
use crate::wire::Wired;

pub(super) async fn serve(wired: &Wired) -> Result<(), FunctionError> {
    let responder = &wired.responder()?;
    let settings = wired.settings();
    let accounts = &settings.protected();
    super::serve::serve(
        "scan",
        |_| None,
        move |event: LambdaEvent<Value>| async move {
            // One run has one name however often Lambda makes the request.
            let run = &event.context.request_id;
            let scanned = scan(wired.account(), responder, accounts, &settings.regions, run).await;
            scanned.map_err(|e| diagnostic(&e)) as Result<Scanned, Diagnostic>
        },
    )
    .await?;
    Ok(())
}
