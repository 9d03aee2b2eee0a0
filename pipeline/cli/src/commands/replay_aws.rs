//! Events of a deployment, run again on a scratch store.

use std::path::Path;
use std::sync::Arc;

use aisaws_app::replay::{ReplayClock, Rerun, rerun as rerun_events};
use aisaws_embedded::Embedded;
use jiff::Timestamp;

use crate::context::Context;
use crate::deployment::Deployment;
use crate::output;

/// Runs the events of `[from, until)` again; how many, and when it stopped.
pub(super) async fn rerun(
    context: &Context,
    deployment: &Deployment,
    folder: &Path,
    (from, until): (Option<Timestamp>, Option<Timestamp>),
) -> anyhow::Result<(Embedded, (u64, Option<Timestamp>))> {
    let clock = Arc::new(ReplayClock::default());
    let settings = deployment.wired().settings();
    let scratch = context.open_scratch(folder, clock.clone(), settings.mode.max())?;
    let mut own = context.config.own.roles.clone();
    own.push(settings.responder_role());
    let responder = context.responder_as(scratch.ports().clone(), own)?;
    let events = deployment.ports().events.as_ref();
    let Rerun { events, stopped_at, .. } =
        rerun_events(events, &responder, &clock, (from, until), || false).await?;
    let expired = deployment.store().expired().await;
    if expired > 0 {
        output::note(&format!(
            "{expired} large events are left out: they have expired from the archive (parameter RawEventDays)"
        ));
    }
    Ok((scratch, (events, stopped_at)))
}
