//! A stage as a Lambda function: JSON in, JSON or a named fault out.

use std::sync::Arc;

use aisaws_core::handoff::Failure;
use aisaws_core::id::IncidentId;
use aisaws_core::port::Clock;
use aisaws_core::stage::{Cx, Stage, invoke};
use lambda_runtime::{Diagnostic, LambdaEvent};
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
    super::serve::serve(S::NAME, about, move |event: LambdaEvent<Value>| async move {
        // A request that Lambda makes again after a crash has the same id.
        let cx = Cx { clock: clock.as_ref(), key: &event.context.request_id };
        invoke(stage, cx, event.payload).await.map_err(diagnostic)
    })
    .await
}

/// Every hand-off begins with the incident; a question has it one level below.
fn about(payload: &Value) -> Option<IncidentId> {
    let handoff = payload.get("prepared").unwrap_or(payload);
    IncidentId::parse(handoff.get("incident")?.as_str()?).ok()
}

fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.error, error_message: failure.cause }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_incident_is_found_in_a_hand_off_and_in_a_question() {
        let id = IncidentId::from_cause(&["stage"]);
        let handoff = json!({ "incident": id, "resource": {} });
        assert_eq!(about(&handoff), Some(id));
        assert_eq!(about(&json!({ "token": "t", "prepared": handoff })), Some(id));
        assert_eq!(about(&json!({ "incident": "no id\n" })), None);
    }
}
