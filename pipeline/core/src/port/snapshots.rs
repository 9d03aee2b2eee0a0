//! States that were read, kept before anything is written; and the last clean ones.

use async_trait::async_trait;
use serde_json::Value;

use super::StoreError;
use crate::canonical::Digest;
use crate::id::ControlId;
use crate::resource::ResourceRef;

/// Keeps resource states.
#[async_trait]
pub trait Snapshots: Send + Sync {
    /// Keeps a state under its digest; the same state is kept once.
    async fn keep(&self, state: &Value) -> Result<Digest, StoreError>;
    /// The state of that digest.
    async fn load(&self, digest: &Digest) -> Result<Value, StoreError>;
    /// The last state of the resource on which the control was silent.
    async fn baseline(
        &self,
        resource: &ResourceRef,
        control: &ControlId,
    ) -> Result<Option<Value>, StoreError>;
    /// Records such a state.
    async fn set_baseline(
        &self,
        resource: &ResourceRef,
        control: &ControlId,
        state: &Value,
    ) -> Result<(), StoreError>;
}
