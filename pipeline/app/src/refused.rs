//! An incident whose response will never start: it is put on record as failed, so that it is told
//! of and holds up no other.

use aisaws_core::event::{Event, Standing};
use aisaws_core::fault::{Classify as _, Fault, chain};
use aisaws_core::handoff::{Detected, Signals};
use aisaws_core::incident::Incident;
use aisaws_core::ledger::Entry;
use aisaws_core::port::{Clock, Incidents, StoreError};
use aisaws_core::status::conclusion;

/// Whether it will be refused for ever because of what the incident is. What is wrong with the store
/// or the state machine is no incident's fault.
pub(crate) fn is_refused(error: &StoreError) -> bool {
    match error.fault() {
        Fault::BadInput => true,
        Fault::Transient
        | Fault::Throttled
        | Fault::PlanChanged
        | Fault::NotVerified
        | Fault::AccessDenied
        | Fault::Refused
        | Fault::Permanent => false,
    }
}

/// Of an event about which nothing was asked.
pub(crate) fn bare(event: &Event) -> Signals {
    Signals {
        actor: event.actor.kind,
        mfa: event.actor.mfa,
        error_code: None,
        is_unknown_network: None,
        invoked_by: None,
        other_rules_by_actor: 0,
        tags: None,
        is_trial: false,
        is_sample: event.stands(Standing::Sample),
        origin: Box::default(),
    }
}

/// Puts on record that the incident's response could not start, and closes it. It is opened where
/// that is what was refused.
///
/// # Errors
/// Where that is refused as well, or the store cannot be reached; its events stay pending.
pub(crate) async fn close(
    incidents: &dyn Incidents,
    clock: &dyn Clock,
    incident: Incident,
    error: &StoreError,
) -> Result<(Incident, Detected), StoreError> {
    let id = incident.detected.incident;
    incidents.open(incident.clone(), Vec::new(), clock.now()).await?;
    let (name, cause) = (error.fault().name().to_owned(), chain(error));
    incidents.append(id, "faulted", Entry::Faulted { error: name, cause }, clock.now()).await?;
    let links = incidents.ledger(id).await?;
    let status = conclusion(links.iter().map(|link| &link.entry));
    incidents.append(id, "closed", Entry::Closed { status }, clock.now()).await?;
    let standing = incidents.get(id).await?.map(|incident| incident.detected);
    let standing = standing.unwrap_or_else(|| incident.detected.clone());
    Ok((incident, standing))
}
