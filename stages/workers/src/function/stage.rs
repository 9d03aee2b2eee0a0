//! A stage as a Lambda function: JSON in, JSON or a named fault out.

use std::sync::Arc;

use aisaws_core::handoff::Failure;
use aisaws_core::port::Clock;
use aisaws_core::stage::{Cx, Stage, invoke};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;

/// Serves one stage until the environment is shut down.
///
/// The error's type is the fault's name, which `Retry` and `Catch` of the state machine match.
///
/// # Errors
/// Where the runtime API cannot be reached.
pub(super) async fn serve<S: Stage>(
    stage: S,
    clock: Arc<dyn Clock>,
) -> Result<(), lambda_runtime::Error> {
    let (stage, clock) = (&stage, &clock);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        // A request that Lambda makes again after a crash has the same id.
        let cx = Cx { clock: clock.as_ref(), key: &event.context.request_id };
        invoke(stage, cx, event.payload).await.map_err(diagnostic)
    }))
    .await
}

fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.error, error_message: failure.cause }
}
