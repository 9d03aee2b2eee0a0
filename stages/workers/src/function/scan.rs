//! The posture scan, called by a schedule.

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

use super::FunctionError;
use super::sweep::diagnostic;
use crate::scan::{Scanned, scan, tell};
use crate::wire::Wired;

/// Time that is left for what was begun, in milliseconds.
const SPARE_MS: i64 = 120_000;

pub(super) async fn serve(wired: &Wired) -> Result<(), FunctionError> {
    let responder = &wired.responder()?;
    let settings = wired.settings();
    let (accounts, metrics) = (&settings.protected(), &wired.metrics());
    super::serve::serve(
        "scan",
        |_| None,
        move |event: LambdaEvent<Value>| async move {
            // One run has one name however often Lambda makes the request.
            let run = &event.context.request_id;
            let clock = &responder.ports().clock;
            let end = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
            let is_over = || clock.now().as_millisecond() >= end.saturating_sub(SPARE_MS);
            let (account, regions) = (wired.account(), &settings.regions);
            let scanned = scan(account, responder, accounts, regions, run, is_over).await;
            let scanned: Scanned = scanned.map_err(|e| diagnostic(&e))?;
            tell(&scanned, clock.now(), metrics);
            Ok::<_, Diagnostic>(scanned)
        },
    )
    .await?;
    Ok(())
}
