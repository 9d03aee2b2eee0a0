//! The stages as tasks of the state machine.

use std::sync::Arc;

use aisaws_alert::Alert;
use aisaws_core::fault::Fault;
use aisaws_core::handoff::Failure;
use aisaws_core::port::Clock;
use aisaws_core::stage::{Cx, Stage, invoke};
use aisaws_decide::{AskHuman, Decide};
use aisaws_engine::{TaskCall, TaskFailure, TaskResult, Tasks};
use aisaws_remediate::{Prepare, Remediate};
use aisaws_score::Score;
use aisaws_verify::{RollBack, Verify};
use async_trait::async_trait;
use serde_json::Value;

/// The service integration that waits for a token, as on AWS.
const INVOKE_AND_WAIT: &str = "arn:aws:states:::lambda:invoke.waitForTaskToken";
/// What function ARNs of this process begin with; shaped as Lambda's, of no real account.
const FUNCTION: &str = "arn:aws:lambda:local:000000000000:function:";

/// The ARN under which a stage is called in this process.
pub(crate) fn function_arn(stage: &str) -> String {
    format!("{FUNCTION}{stage}")
}

/// All stages, wired.
pub(crate) struct StageTasks {
    pub(crate) score: Score,
    pub(crate) decide: Decide,
    pub(crate) ask: AskHuman,
    pub(crate) prepare: Prepare,
    pub(crate) remediate: Remediate,
    pub(crate) verify: Verify,
    pub(crate) roll_back: RollBack,
    pub(crate) alert: Alert,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Tasks for StageTasks {
    async fn run(&self, call: TaskCall) -> TaskResult {
        let (arn, input) = if call.resource == INVOKE_AND_WAIT {
            let payload = call.input.get("Payload").cloned().unwrap_or_default();
            let name = call.input.get("FunctionName").and_then(Value::as_str).unwrap_or_default();
            (name.to_owned(), payload)
        } else {
            (call.resource.clone(), call.input.clone())
        };
        let cx = Cx { clock: self.clock.as_ref(), key: &call.idempotency_key };
        let stage = arn.strip_prefix(FUNCTION).unwrap_or_default();
        let result = match stage {
            Score::NAME => invoke(&self.score, cx, input).await,
            Decide::NAME => invoke(&self.decide, cx, input).await,
            AskHuman::NAME => invoke(&self.ask, cx, input).await,
            Prepare::NAME => invoke(&self.prepare, cx, input).await,
            Remediate::NAME => invoke(&self.remediate, cx, input).await,
            Verify::NAME => invoke(&self.verify, cx, input).await,
            RollBack::NAME => invoke(&self.roll_back, cx, input).await,
            Alert::NAME => invoke(&self.alert, cx, input).await,
            _ => Err(Failure {
                error: Fault::BadInput.name().to_owned(),
                cause: format!("no stage answers to `{arn}`"),
            }),
        };
        result.map_err(|failure| TaskFailure::new(failure.error, failure.cause))
    }
}
