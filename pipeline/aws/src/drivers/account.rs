//! The protected accounts, through the drivers.

use std::sync::Arc;
use std::time::Duration;

use aisaws_controls::plan::apply_guarded;
use aisaws_controls::{AnyResource, WriteError};
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::id::{AccountId, Region};
use aisaws_core::ledger::Call;
use aisaws_core::port::{Account, AccountError, StoreError, WriteKey};
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::DRIVERS;
use super::access::{Purpose, Settings};
use super::driver::{Driver, Planned};
use super::error::DriverError;
use super::link::Caller;
use super::log::{WriteLog, Written};
use super::session::Links;
use crate::Aws;

/// How long a writer may be silent before another one takes over. Longer than one call with all
/// its attempts takes, as it is renewed before each.
const LEASE: Duration = Duration::from_mins(2);
/// How long a writer waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(150);
/// Between two looks whether the other writer is done.
const LOOK: Duration = Duration::from_millis(200);

/// AWS accounts, as [`Account`]: states are read from AWS, and writes change it.
pub struct AwsAccount {
    links: Links,
    log: Arc<dyn WriteLog>,
}

impl std::fmt::Debug for AwsAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsAccount").field("drivers", &DRIVERS).finish_non_exhaustive()
    }
}

/// Who writes: unlike any other writer, here or in another process.
struct Holder(String);

impl Holder {
    fn new() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()))
    }
}

/// Why a write did not come to its end.
enum Stopped {
    Changed(String),
    Refused(WriteError),
    Driver(DriverError),
    Log(StoreError),
    /// Another writer has the resource, before or meanwhile.
    Taken,
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Log(error)
    }
}

impl From<DriverError> for Stopped {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Changed(field) => Self::Changed(field.to_owned()),
            other => Self::Driver(other),
        }
    }
}

/// Another writer did not let go of the resource.
#[derive(Debug, thiserror::Error)]
#[error("another write to it is under way")]
struct Busy;

impl AwsAccount {
    /// Accounts as `settings` names them. `aws` is how this process itself calls AWS: with its
    /// credentials roles are assumed, in its region.
    pub fn new(aws: &Aws, settings: Settings, log: Arc<dyn WriteLog>) -> Self {
        Self { links: Links::new(aws.clone(), settings), log }
    }

    /// The resources of a type in one account and region, as they are found, in no order. A type
    /// of a global service is listed in any region, and the resources carry that region.
    pub fn list(
        &self,
        kind: &str,
        account: &AccountId,
        region: &Region,
    ) -> BoxStream<'_, Result<ResourceRef, AccountError>> {
        let resource = ResourceRef {
            kind: kind.to_owned(),
            id: "*".to_owned(),
            account: account.clone(),
            region: region.clone(),
        };
        stream::once(async move {
            let (driver, face) = find(&resource)?;
            let caller = self.caller(face, &resource, Purpose::Reading).await;
            let caller = caller.map_err(|e| failed(&resource, "listed", e))?;
            let found = driver.list(caller).map(move |id| match id {
                Ok(id) => Ok(ResourceRef { id, ..resource.clone() }),
                Err(e) => Err(failed(&resource, "listed", e)),
            });
            Ok::<_, AccountError>(found)
        })
        .try_flatten()
        .boxed()
    }

    async fn caller(
        &self,
        face: &dyn AnyResource,
        resource: &ResourceRef,
        purpose: Purpose,
    ) -> Result<Caller, DriverError> {
        let link = self.links.get(&resource.account, &resource.region, purpose).await?;
        Ok(Caller::new(link, face.apis()))
    }

    /// Takes the resource, waiting for the writer before us.
    async fn take(&self, resource: &ResourceRef, holder: &Holder) -> Result<(), Stopped> {
        let until = Instant::now() + PATIENCE;
        while !self.log.lease(resource, &holder.0, LEASE).await? {
            if Instant::now() >= until {
                return Err(Stopped::Taken);
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Writes while `holder` has the resource.
    async fn write_as(
        &self,
        holder: &Holder,
        resource: &ResourceRef,
        (before, after): (&Value, &Value),
        key: &WriteKey,
    ) -> Result<Vec<Call>, Stopped> {
        // What was begun earlier and not ended is carried on: its calls are the first of ours.
        let mut written = match self.log.get(key).await? {
            Some(written) if written.is_whole => return Ok(written.calls),
            Some(written) => written,
            None => Written::default(),
        };
        let (driver, face) = find(resource)
            .map_err(|_| DriverError::Unexpected { operation: "write", missing: "a driver" })?;
        let caller = self.caller(face, resource, Purpose::Repairing(key.incident)).await?;
        let now = driver.read(&caller, resource).await?;
        let target =
            apply_guarded(before, after, &now).map_err(|e| Stopped::Changed(e.0.join(", ")))?;
        let calls = face.calls(resource, &now, &target).map_err(Stopped::Refused)?;
        // Whoever wrote this may have died right after the call took effect: then there is nothing
        // left of it to do. That it was somebody else's call just then cannot be told apart.
        let attempted = written.attempted.take();
        written.calls.extend(attempted.filter(|attempted| !calls.contains(attempted)));
        for (n, call) in calls.iter().enumerate() {
            if !self.log.lease(resource, &holder.0, LEASE).await? {
                return Err(Stopped::Taken);
            }
            written.attempted = Some(call.clone());
            self.log.put(key, resource, &written).await?;
            let follows = calls.iter().take(n).any(|earlier| overlap(face, earlier, call));
            let planned = Planned { call, now: &now, follows };
            written.calls.push(driver.make(&caller, resource, planned).await?);
        }
        written.attempted = None;
        written.is_whole = true;
        Ok(self.log.put(key, resource, &written).await?.calls)
    }
}

#[async_trait]
impl Account for AwsAccount {
    async fn read(&self, resource: &ResourceRef) -> Result<Value, AccountError> {
        let (driver, face) = find(resource)?;
        let read = async {
            let caller = self.caller(face, resource, Purpose::Reading).await?;
            driver.read(&caller, resource).await
        };
        read.await.map_err(|e| failed(resource, "read", e))
    }

    async fn write(
        &self,
        resource: &ResourceRef,
        before: &Value,
        after: &Value,
        key: &WriteKey,
    ) -> Result<Vec<Call>, AccountError> {
        find(resource)?;
        let holder = Holder::new();
        let written = async {
            if let Some(written) = self.log.get(key).await?
                && written.is_whole
            {
                return Ok(written.calls);
            }
            self.take(resource, &holder).await?;
            let written = self.write_as(&holder, resource, (before, after), key).await;
            // What cannot be given back is lost to us when its time is over.
            drop(self.log.release(resource, &holder.0).await);
            written
        };
        written.await.map_err(|stopped| match stopped {
            Stopped::Changed(what) => AccountError::Changed(format!("{resource}: {what}")),
            Stopped::Refused(e) => call_failed(resource, "written", Fault::Refused, e),
            Stopped::Driver(e) => failed(resource, "written", e),
            Stopped::Log(e) => failed(resource, "written", e),
            Stopped::Taken => call_failed(resource, "written", Fault::Transient, Busy),
        })
    }
}

/// Whether two calls of a plan are about the same fields.
fn overlap(face: &dyn AnyResource, one: &Call, other: &Call) -> bool {
    let fields = |call: &Call| -> Vec<&str> {
        let named = face.apis().iter().filter(|api| api.action == call.action);
        named.flat_map(|api| api.fields.iter().copied()).collect()
    };
    let others = fields(other);
    fields(one).iter().any(|field| field.is_empty() || others.contains(field))
}

fn find(
    resource: &ResourceRef,
) -> Result<(&'static dyn Driver, &'static dyn AnyResource), AccountError> {
    let driver = DRIVERS.iter().copied().find(|driver| driver.kind() == resource.kind);
    driver
        .zip(aisaws_controls::resource(&resource.kind))
        .ok_or_else(|| AccountError::Unsupported(resource.kind.clone()))
}

fn failed(
    resource: &ResourceRef,
    action: &'static str,
    error: impl Classify + Send + Sync + 'static,
) -> AccountError {
    call_failed(resource, action, error.fault(), error)
}

fn call_failed(
    resource: &ResourceRef,
    action: &'static str,
    fault: Fault,
    error: impl std::error::Error + Send + Sync + 'static,
) -> AccountError {
    AccountError::Call { subject: resource.to_string(), action, fault, source: Box::new(error) }
}
