//! Opening of incidents by a function, whose time is limited.

use std::time::Duration;

use aisaws_app::respond::Responder;
use aisaws_core::port::StoreError;

/// Opens incidents for stored hits, for so long at most; returns how many, or `None` where there are
/// more than that time was enough for. What was opened stays opened, and whoever comes next goes on
/// from there.
///
/// # Errors
/// Where the store, the account or the state machine cannot be reached.
pub(crate) async fn open_for(
    responder: &Responder,
    time: Duration,
) -> Result<Option<usize>, StoreError> {
    let Ok(opened) = tokio::time::timeout(time, responder.open()).await else {
        tracing::warn!("more incidents wait than this call has time for; the sweep opens the rest");
        return Ok(None);
    };
    opened.map(|opened| Some(opened.len()))
}
