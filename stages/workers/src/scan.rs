//! A posture scan: every resource is listed and read, every control of its type is asked, and what
//! a control convicts comes in as an event like any other.

use std::collections::BTreeSet;

use aisaws_app::respond::Responder;
use aisaws_aws::drivers::AwsAccount;
use aisaws_controls::Cause;
use aisaws_core::fault::chain;
use aisaws_core::id::{AccountId, Region};
use aisaws_core::port::{Account as _, StoreError};
use aisaws_core::resource::ResourceRef;
use aisaws_core::source::posture::{Finding, VERSION};
use futures::StreamExt as _;
use jiff::Timestamp;
use serde::Serialize;

/// Resources that are read at a time.
const CONCURRENT: usize = 8;

/// What a scan saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Scanned {
    /// Resources that were read.
    pub resources: usize,
    /// Times a control convicted one.
    pub findings: usize,
    /// What could not be listed or read, with the reason; the scan goes on with the others.
    pub problems: Vec<String>,
}

/// Scans these accounts and regions and opens incidents for what is found. `scan` names the run.
///
/// # Errors
/// Where the store or the state machine cannot be reached.
pub async fn scan(
    account: &AwsAccount,
    responder: &Responder,
    accounts: &BTreeSet<AccountId>,
    regions: &BTreeSet<Region>,
    scan: &str,
) -> Result<Scanned, StoreError> {
    let mut scanned = Scanned::default();
    // Global resources are found in every region, and are one.
    let mut seen = BTreeSet::new();
    for (id, region) in accounts.iter().flat_map(|id| regions.iter().map(move |r| (id, r))) {
        for face in aisaws_controls::resources() {
            let mut found = account.list(face.type_name(), id, region);
            let mut resources = Vec::new();
            while let Some(next) = found.next().await {
                match next {
                    Ok(resource) => resources.push(resource),
                    Err(e) => {
                        scanned.problems.push(chain(&e));
                        break;
                    }
                }
            }
            resources.retain(|resource| seen.insert(resource.key()));
            look(account, responder, resources, scan, &mut scanned).await?;
        }
    }
    if scanned.findings > 0 {
        responder.open().await?;
    }
    Ok(scanned)
}

async fn look(
    account: &AwsAccount,
    responder: &Responder,
    resources: Vec<ResourceRef>,
    scan: &str,
    scanned: &mut Scanned,
) -> Result<(), StoreError> {
    let clock = &responder.ports().clock;
    let mut reads = futures::stream::iter(resources.into_iter().map(|resource| async move {
        let state = account.read(&resource).await;
        (resource, state)
    }))
    .buffer_unordered(CONCURRENT);
    let mut messages = Vec::new();
    while let Some((resource, state)) = reads.next().await {
        match state {
            Ok(state) => {
                scanned.resources += 1;
                for finding in convictions(&resource, &state, scan, clock.now(), scanned) {
                    messages.push((finding_id(&finding), finding_text(&finding)));
                }
            }
            Err(e) => scanned.problems.push(chain(&e)),
        }
    }
    scanned.findings += messages.len();
    responder.take_in_messages(&messages).await?;
    Ok(())
}

/// What the controls of its type say about a state.
fn convictions(
    resource: &ResourceRef,
    state: &serde_json::Value,
    scan: &str,
    now: Timestamp,
    scanned: &mut Scanned,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for control in aisaws_controls::all() {
        let meta = control.meta();
        if meta.resource_type != resource.kind {
            continue;
        }
        match control.check(state, &Cause::Posture) {
            Ok(None) => {}
            Ok(Some(_)) => findings.push(Finding {
                version: VERSION,
                scan: scan.to_owned(),
                time: now.to_string(),
                control: meta.control_id(),
                severity: meta.severity,
                resource: resource.clone(),
            }),
            Err(e) => scanned.problems.push(chain(&e)),
        }
    }
    findings
}

fn finding_id(finding: &Finding) -> String {
    format!("{}/{}/{}", finding.scan, finding.control, finding.resource.key())
}

fn finding_text(finding: &Finding) -> String {
    // Texts and enums always have a JSON form.
    serde_json::to_string(finding).unwrap_or_default()
}
