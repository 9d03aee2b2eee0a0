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

use crate::metrics::{Metric, Metrics, Name};

/// Resources that are read at a time.
const CONCURRENT: usize = 8;
/// Resources between two looks at the time.
const AT_ONCE: usize = 40;
const DAY: i64 = 86_400;

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

/// Problems of one scan that are logged each; all are counted.
const LOGGED: usize = 100;

/// Tells what could not be looked at: nobody reads the answer of a function that a schedule calls.
pub fn tell(scanned: &Scanned, now: Timestamp, metrics: &Metrics) {
    for problem in scanned.problems.iter().take(LOGGED) {
        tracing::warn!(problem, "a scan did not see everything");
    }
    metrics.emit(now, &counts(scanned));
}

pub(crate) fn counts(scanned: &Scanned) -> [Metric; 1] {
    [Metric::count(Name::ScanProblems, scanned.problems.len() as u64)]
}

/// The accounts and regions in the order of that day. Each day begins with the next one: if time is
/// too short for all, those that were not reached come first in the end.
fn in_order<'s>(
    accounts: &'s BTreeSet<AccountId>,
    regions: &'s BTreeSet<Region>,
    now: Timestamp,
) -> Vec<(&'s AccountId, &'s Region)> {
    let mut places: Vec<_> =
        accounts.iter().flat_map(|id| regions.iter().map(move |r| (id, r))).collect();
    let day = usize::try_from(now.as_second() / DAY).unwrap_or(0);
    if let Some(first) = day.checked_rem(places.len()) {
        places.rotate_left(first);
    }
    places
}

/// Scans these accounts and regions and opens incidents for what is found. `scan` names the run.
/// What is not reached when `is_over` says so is a problem.
///
/// # Errors
/// Where the store or the state machine cannot be reached.
pub async fn scan(
    account: &AwsAccount,
    responder: &Responder,
    accounts: &BTreeSet<AccountId>,
    regions: &BTreeSet<Region>,
    scan: &str,
    is_over: impl Fn() -> bool,
) -> Result<Scanned, StoreError> {
    let mut scanned = Scanned::default();
    // Global resources are found in every region, and are one.
    let mut seen = BTreeSet::new();
    for (id, region) in in_order(accounts, regions, responder.ports().clock.now()) {
        for face in aisaws_controls::resources() {
            if is_over() {
                let kind = face.type_name();
                let problem = format!("{kind} of account `{id}` in `{region}`: no time was left");
                scanned.problems.push(problem);
                continue;
            }
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
            for some in resources.chunks(AT_ONCE) {
                if is_over() {
                    let problem = format!(
                        "{} of account `{id}` in `{region}`: time ran out",
                        face.type_name()
                    );
                    scanned.problems.push(problem);
                    break;
                }
                look(account, responder, some.to_vec(), scan, &mut scanned).await?;
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tests::logged;

    #[test]
    fn each_account_and_region_comes_first_some_day() {
        let accounts = ["111122223333", "444455556666"].map(AccountId::from);
        let regions = ["eu-west-1", "us-east-1", "us-west-2"].map(Region::from);
        let (accounts, regions) = (BTreeSet::from(accounts), BTreeSet::from(regions));
        let mut firsts = BTreeSet::new();
        for day in 20_000..20_006 {
            let places =
                in_order(&accounts, &regions, Timestamp::from_second(day * DAY + 7).unwrap());
            assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 6);
            firsts.insert(places[0]);
        }
        assert_eq!(firsts.len(), 6);
        assert_eq!(in_order(&BTreeSet::new(), &regions, Timestamp::UNIX_EPOCH), []);
    }

    #[test]
    fn what_a_scan_did_not_see_is_logged_and_counted() {
        let problems = (0..150).map(|n| format!("account {n} cannot be entered")).collect();
        let scanned = Scanned { problems, ..Scanned::default() };
        let lines = logged("", || {
            let metrics = Metrics::new("lab".to_owned(), Box::new(std::io::sink()));
            tell(&scanned, Timestamp::UNIX_EPOCH, &metrics);
        });
        assert_eq!(lines.len(), LOGGED);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["fields"]["problem"], "account 0 cannot be entered");
        assert_eq!(counts(&scanned), [Metric::count(Name::ScanProblems, 150)]);
    }
}
