//! What was written, so that repeating a write is recognised, and who is writing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aisaws_core::ledger::Call;
use aisaws_core::port::{StoreError, WriteKey};
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// What is known of a write.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// The calls that were made, in order.
    pub calls: Vec<Call>,
    /// The call that was about to be made when this was noted. Whoever comes after a death tells
    /// by the state whether it took effect.
    #[serde(default)]
    pub attempted: Option<Call>,
    /// Whether these are all.
    pub is_whole: bool,
}

/// Remembers writes, and lets one writer at a time change a resource: AWS has no
/// compare-and-swap for configurations, so the comparison holds only as long as every write of
/// ours to that resource waits for the one before it.
///
/// A lost log is survived. Writes are convergent: a repetition that is not recognised finds
/// every field at its `after` value and makes no call.
#[async_trait]
pub trait WriteLog: Send + Sync {
    /// What was noted under that key, strongly consistent.
    async fn get(&self, key: &WriteKey) -> Result<Option<Written>, StoreError>;

    /// Notes what was written so far, over what was noted before; what is noted as whole stands.
    /// Answers with what stands.
    async fn put(
        &self,
        key: &WriteKey,
        resource: &ResourceRef,
        written: &Written,
    ) -> Result<Written, StoreError>;

    /// Takes the resource for `holder`, or takes it for longer where `holder` has it; `false`:
    /// somebody else has it. Whoever does not come back loses it after that time.
    async fn lease(
        &self,
        resource: &ResourceRef,
        holder: &str,
        time: Duration,
    ) -> Result<bool, StoreError>;

    /// Gives the resource back where `holder` has it; else does nothing.
    async fn release(&self, resource: &ResourceRef, holder: &str) -> Result<(), StoreError>;
}

/// A log of one process, gone with it.
#[derive(Debug, Default)]
pub struct MemoryLog {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    written: HashMap<String, Written>,
    leases: HashMap<String, (String, Instant)>,
}

impl Inner {
    fn lease(&mut self, of: &ResourceRef, holder: &str, time: Duration, now: Instant) -> bool {
        let standing = self.leases.get(&of.key());
        let is_taken = standing.is_some_and(|(other, until)| other != holder && *until > now);
        if !is_taken {
            self.leases.insert(of.key(), (holder.to_owned(), now + time));
        }
        !is_taken
    }
}

impl MemoryLog {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl WriteLog for MemoryLog {
    async fn get(&self, key: &WriteKey) -> Result<Option<Written>, StoreError> {
        Ok(self.inner().written.get(&key.as_text()).cloned())
    }

    async fn put(
        &self,
        key: &WriteKey,
        _resource: &ResourceRef,
        written: &Written,
    ) -> Result<Written, StoreError> {
        let mut inner = self.inner();
        let noted = inner.written.entry(key.as_text()).or_default();
        if !noted.is_whole {
            noted.clone_from(written);
        }
        Ok(noted.clone())
    }

    async fn lease(
        &self,
        resource: &ResourceRef,
        holder: &str,
        time: Duration,
    ) -> Result<bool, StoreError> {
        Ok(self.inner().lease(resource, holder, time, Instant::now()))
    }

    async fn release(&self, resource: &ResourceRef, holder: &str) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if inner.leases.get(&resource.key()).is_some_and(|(other, _)| other == holder) {
            inner.leases.remove(&resource.key());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> ResourceRef {
        ResourceRef {
            kind: "AWS::S3::Bucket".to_owned(),
            id: "acme".to_owned(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
        }
    }

    #[tokio::test]
    async fn one_holder_has_a_resource_until_it_gives_it_back_or_is_late() {
        let (log, bucket, hour) = (MemoryLog::default(), bucket(), Duration::from_hours(1));
        assert!(log.lease(&bucket, "a", hour).await.unwrap());
        assert!(log.lease(&bucket, "a", hour).await.unwrap());
        assert!(!log.lease(&bucket, "b", hour).await.unwrap());
        log.release(&bucket, "b").await.unwrap();
        assert!(!log.lease(&bucket, "b", hour).await.unwrap());
        log.release(&bucket, "a").await.unwrap();
        assert!(log.lease(&bucket, "b", hour).await.unwrap());
        assert!(!log.inner().lease(&bucket, "a", hour, Instant::now()));
        assert!(log.inner().lease(&bucket, "a", hour, Instant::now() + 2 * hour));
    }
}
