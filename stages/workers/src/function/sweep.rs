//! The sweep, called by a schedule.

use aisaws_core::fault::{Classify as _, chain};
use aisaws_core::port::StoreError;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

use super::FunctionError;
use crate::sweep::Swept;
use crate::wire::Wired;

pub(super) async fn serve(wired: &Wired) -> Result<(), FunctionError> {
    let sweeper = &wired.sweeper()?;
    super::serve::serve(
        "sweep",
        |_| None,
        move |_: LambdaEvent<Value>| async move {
            sweeper.sweep().await.map_err(|e| diagnostic(&e)) as Result<Swept, Diagnostic>
        },
    )
    .await?;
    Ok(())
}

pub(super) fn diagnostic(error: &StoreError) -> Diagnostic {
    Diagnostic { error_type: error.fault().name().to_owned(), error_message: chain(error) }
}
