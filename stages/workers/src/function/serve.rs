//! How every function is served: in a span of its own, its end logged once.

use aisaws_core::id::IncidentId;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use crate::telemetry;

/// Serves `handle` under that name until the environment is shut down; `about` says which incident a
/// request is about.
///
/// # Errors
/// Where the runtime API cannot be reached.
pub(super) async fn serve<P, R, F>(
    name: &'static str,
    about: impl Fn(&P) -> Option<IncidentId>,
    handle: impl Fn(LambdaEvent<P>) -> F,
) -> Result<(), lambda_runtime::Error>
where
    P: DeserializeOwned,
    R: Serialize,
    F: Future<Output = Result<R, Diagnostic>>,
{
    lambda_runtime::run(service_fn(move |event: LambdaEvent<P>| {
        let span = telemetry::span(name, &event.context, about(&event.payload));
        logged(handle(event)).instrument(span)
    }))
    .await
}

/// An error is the caller's to handle; here it is told, for whoever looks for its reason.
async fn logged<R>(handle: impl Future<Output = Result<R, Diagnostic>>) -> Result<R, Diagnostic> {
    let outcome = handle.await;
    match &outcome {
        Ok(_) => tracing::info!("done"),
        Err(Diagnostic { error_type, error_message }) => {
            tracing::warn!(error = error_type, cause = error_message, "ended with an error");
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use serde_json::json;

    use super::*;
    use crate::telemetry::tests::{context, logged as lines_of};

    #[test]
    fn the_end_of_a_request_is_logged_with_its_reason() {
        let lines = lines_of("", || {
            let failed = Err::<(), _>(Diagnostic {
                error_type: "Fault.Throttled".to_owned(),
                error_message: "the ledger could not be read".to_owned(),
            });
            for outcome in [Ok(()), failed] {
                let span = telemetry::span("Score", &context(), None);
                drop(block_on(logged(async { outcome }).instrument(span)));
            }
        });
        let said: Vec<_> = lines.iter().map(|line| (&line["level"], &line["fields"])).collect();
        let (done, failed) = (
            json!({ "message": "done" }),
            json!({
                "message": "ended with an error", "error": "Fault.Throttled",
                "cause": "the ledger could not be read",
            }),
        );
        assert_eq!(said, [(&json!("INFO"), &done), (&json!("WARN"), &failed)]);
        assert!(lines.iter().all(|line| line["span"]["stage.name"] == "Score"));
    }
}
