//! A resource type: which events change it, what it looks like afterwards, and which calls
//! turn one state into another.

use std::collections::BTreeMap;

use aisaws_core::event::Event;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::Value;

use crate::api::Api;
use crate::state::{self, State, StateError};

/// Why it is not known what a resource looks like after an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The event leaves out what it changed (CloudTrail cuts parameters over 100 KB), or says
    /// it in an unknown shape. Only reading the resource tells.
    #[error("event `{event}` ({name}) does not say in a known form what it changed: {missing}")]
    Untold {
        /// The event.
        event: String,
        /// Its name.
        name: String,
        /// What is missing.
        missing: &'static str,
    },
    /// The state before is none of this type.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Why no calls lead from one state to the other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// No API call changes this.
    #[error("`{resource}` cannot be written: {why}")]
    Unwritable {
        /// The resource.
        resource: String,
        /// What has no call.
        why: &'static str,
    },
    /// A state is none of this type.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Classify for ProjectError {
    fn fault(&self) -> Fault {
        match self {
            Self::Untold { .. } => Fault::BadInput,
            Self::State(_) => Fault::Permanent,
        }
    }
}

impl Classify for WriteError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unwritable { .. } | Self::State(_) => Fault::Permanent,
        }
    }
}

impl WriteError {
    pub(crate) fn unwritable(resource: &ResourceRef, why: &'static str) -> Self {
        Self::Unwritable { resource: resource.to_string(), why }
    }
}

/// A type of resource over its typed state; `None` is a resource that does not exist.
pub trait Resource: Send + Sync {
    /// Its state.
    type State: State;

    /// See [`AnyResource::touched`].
    fn touched(&self, event: &Event) -> Vec<ResourceRef>;
    /// See [`AnyResource::assumed`].
    fn assumed(&self, resource: &ResourceRef) -> Self::State;
    /// What the resource looks like after an event that succeeded and touches it.
    ///
    /// # Errors
    /// [`ProjectError`], where the event does not tell.
    fn project(
        &self,
        resource: &ResourceRef,
        state: Option<Self::State>,
        event: &Event,
    ) -> Result<Option<Self::State>, ProjectError>;
    /// See [`AnyResource::calls`]; the states differ.
    ///
    /// # Errors
    /// [`WriteError`], where no calls lead there.
    fn calls(
        &self,
        resource: &ResourceRef,
        before: Option<&Self::State>,
        after: Option<&Self::State>,
    ) -> Result<Vec<Call>, WriteError>;
    /// See [`AnyResource::tags`].
    fn tags(&self, state: &Self::State) -> BTreeMap<String, String>;
    /// See [`AnyResource::apis`].
    fn apis(&self) -> &'static [Api] {
        &[]
    }
}

/// A type of resource over JSON states. Every [`Resource`] is one.
pub trait AnyResource: Send + Sync {
    /// CloudFormation type name.
    fn type_name(&self) -> &'static str;

    /// The resources of this type that the event changed, in the event's own account and
    /// region. Empty for failed calls, reads and calls it does not know. Cheap for those: it
    /// looks at service and name before it parses the record.
    fn touched(&self, event: &Event) -> Vec<ResourceRef>;

    /// The state of a resource that is first seen through an event: as AWS creates it by
    /// default. What cannot be known is `null`.
    fn assumed(&self, resource: &ResourceRef) -> Value;

    /// What the resource looks like after the event. Unchanged where the event failed or does
    /// not touch it; `null` where it was deleted. A change of what does not exist starts from
    /// [`AnyResource::assumed`].
    ///
    /// # Errors
    /// [`ProjectError`], where the event does not tell.
    fn project(
        &self,
        resource: &ResourceRef,
        state: &Value,
        event: &Event,
    ) -> Result<Value, ProjectError>;

    /// The fewest exact API calls that turn `before` into `after`, in the order in which they
    /// must be made; empty exactly where the states are equal. Each is its IAM action with
    /// parameters in the API's own shape; where one action covers putting and deleting, a
    /// call that names nothing but its subject is the deletion.
    ///
    /// # Errors
    /// [`WriteError`], where no calls lead there.
    fn calls(
        &self,
        resource: &ResourceRef,
        before: &Value,
        after: &Value,
    ) -> Result<Vec<Call>, WriteError>;

    /// The resource's tags; none where it does not exist.
    ///
    /// # Errors
    /// Where the JSON is no state of this type.
    fn tags(&self, state: &Value) -> Result<BTreeMap<String, String>, StateError>;

    /// The operations that read, write and list resources of this type; empty where it has no
    /// driver.
    fn apis(&self) -> &'static [Api];
}

impl std::fmt::Debug for dyn AnyResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.type_name())
    }
}

impl<R: Resource> AnyResource for R {
    fn type_name(&self) -> &'static str {
        R::State::TYPE
    }

    fn touched(&self, event: &Event) -> Vec<ResourceRef> {
        Resource::touched(self, event)
    }

    fn assumed(&self, resource: &ResourceRef) -> Value {
        // A state is a tree of maps with text keys; writing such a tree as JSON cannot fail.
        state::write(Some(&Resource::assumed(self, resource))).unwrap_or(Value::Null)
    }

    fn project(
        &self,
        resource: &ResourceRef,
        state: &Value,
        event: &Event,
    ) -> Result<Value, ProjectError> {
        if event.has_failed() {
            return Ok(state.clone());
        }
        let after = Resource::project(self, resource, state::read(state)?, event)?;
        Ok(state::write(after.as_ref())?)
    }

    fn calls(
        &self,
        resource: &ResourceRef,
        before: &Value,
        after: &Value,
    ) -> Result<Vec<Call>, WriteError> {
        let (before, after) = (state::read(before)?, state::read(after)?);
        if before == after {
            return Ok(Vec::new());
        }
        Resource::calls(self, resource, before.as_ref(), after.as_ref())
    }

    fn tags(&self, state: &Value) -> Result<BTreeMap<String, String>, StateError> {
        Ok(state::read(state)?.map(|state| Resource::tags(self, &state)).unwrap_or_default())
    }

    fn apis(&self) -> &'static [Api] {
        Resource::apis(self)
    }
}
