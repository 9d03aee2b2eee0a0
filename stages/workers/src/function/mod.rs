//! The functions by the names of their handlers.

mod messages;
mod page;
mod replay;
mod scan;
mod serve;
mod stage;
mod sweep;

use std::sync::Arc;

use aisaws_core::stage::Stage as _;

use crate::telemetry;
use crate::wire::{Entrance, WireError, Wired};

/// The variable in which Lambda tells a process which handler it is.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const HANDLER: &str = "_HANDLER";

/// Why a function ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// The handler's name is none that this program has.
    #[error("this program has no handler `{0}`; see `aisaws infra functions`")]
    Unknown(String),
    /// It could not be put together.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The runtime API could not be reached.
    #[error("the runtime API could not be reached")]
    Runtime(#[from] lambda_runtime::Error),
}

/// The handler this process is.
pub fn handler() -> String {
    std::env::var(HANDLER).unwrap_or_default()
}

/// Serves a function that only reads or records, until the environment is shut down.
///
/// # Errors
/// [`FunctionError`].
pub async fn read(handler: &str) -> Result<(), FunctionError> {
    telemetry::init();
    let wired = Wired::from_environment(Entrance::Reader).await?;
    let clock = Arc::clone(&wired.ports().clock);
    match handler {
        aisaws_score::Score::NAME => stage::serve(wired.score()?, clock).await?,
        aisaws_decide::Decide::NAME => stage::serve(wired.decide()?, clock).await?,
        aisaws_decide::AskHuman::NAME => stage::serve(wired.ask().await?, clock).await?,
        aisaws_remediate::Prepare::NAME => stage::serve(wired.prepare(), clock).await?,
        aisaws_verify::Verify::NAME => stage::serve(wired.verify(), clock).await?,
        aisaws_alert::Alert::NAME => {
            stage::serve(wired.alert_with_evidence()?, clock).await?;
        }
        "intake" => messages::serve(&wired).await?,
        "approval" => page::serve(&wired).await?,
        "sweep" => sweep::serve(&wired).await?,
        "scan" => scan::serve(&wired).await?,
        "replay" => replay::serve(&wired).await?,
        other => return Err(FunctionError::Unknown(other.to_owned())),
    }
    Ok(())
}

/// Serves a function that may write to protected accounts, until the environment is shut down.
///
/// # Errors
/// [`FunctionError`].
pub async fn write(handler: &str) -> Result<(), FunctionError> {
    telemetry::init();
    let wired = Wired::from_environment(Entrance::Responder).await?;
    let clock = Arc::clone(&wired.ports().clock);
    match handler {
        aisaws_remediate::Remediate::NAME => stage::serve(wired.remediate(), clock).await?,
        aisaws_verify::RollBack::NAME => stage::serve(wired.roll_back(), clock).await?,
        other => return Err(FunctionError::Unknown(other.to_owned())),
    }
    Ok(())
}
