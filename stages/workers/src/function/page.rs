//! The approval page behind its function URL.

use lambda_runtime::{Diagnostic, LambdaEvent};

use super::FunctionError;
use crate::approval;
use crate::http::{Request, Response};
use crate::wire::Wired;

pub(super) async fn serve(wired: &Wired) -> Result<(), FunctionError> {
    let (ports, key) = (wired.ports(), &wired.link_key().await?);
    super::serve::serve(
        "approval",
        |_| None,
        move |event: LambdaEvent<Request>| async move {
            approval::answer(ports, key, &event.payload).await.or_else(|error| {
                // Whoever holds a link is told to try again, not why; the log has the reason.
                lambda_runtime::tracing::error!("{}", aisaws_core::fault::chain(&error));
                Ok::<Response, Diagnostic>(Response::page(
                    503,
                    "This cannot be answered right now; try again in a minute.".to_owned(),
                ))
            })
        },
    )
    .await?;
    Ok(())
}
