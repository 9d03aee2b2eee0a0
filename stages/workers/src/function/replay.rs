//! A replay, called by hand with what is to be compared.

use std::time::{Duration, SystemTime};

use aisaws_core::fault::{Classify as _, chain};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};

use super::FunctionError;
use crate::replay::{Replayed, Request, replay};
use crate::wire::Wired;

pub(super) async fn serve(wired: &Wired) -> Result<(), FunctionError> {
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| async move {
        let ends = event.context.deadline().duration_since(SystemTime::now());
        // One that is over already runs nothing and says so.
        let time = ends.unwrap_or(Duration::ZERO);
        let replayed = replay(wired, event.payload, time).await;
        replayed.map_err(|e| Diagnostic {
            error_type: e.fault().name().to_owned(),
            error_message: chain(&e),
        }) as Result<Replayed, Diagnostic>
    }))
    .await?;
    Ok(())
}
