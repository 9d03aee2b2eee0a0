//! Resource states, controls and plans: what a resource is, whether that is bad, and what
//! would repair it. Pure functions; this crate knows no AWS client, no I/O and no clock.
//!
//! * A **state** ([`State`]) is a resource's security-relevant configuration in the shape of
//!   its CloudFormation schema, plus what CloudFormation cannot say. `null` is the state of
//!   what does not exist. Sets are maps keyed by identity ([`Keyed`]).
//! * A **resource type** ([`Resource`], erased: [`AnyResource`]) says which events change it,
//!   what it looks like after an event, and which API calls turn one state into another.
//! * An **API** ([`api::Api`]) is an operation that a driver of a type may use, with the IAM
//!   actions it needs.
//! * A **control** ([`Control`], erased: [`AnyControl`]) is `check` and `fix` over a state.
//! * A **plan** ([`plan::prepare`]) is what those two give: a guarded JSON Patch, its inverse
//!   and a digest.
//!
//! Start reading at [`control`], then `s3/acl_public.rs`; the lists are in [`registry`].

pub mod api;
pub mod cidr;
pub mod cloudtrail;
pub mod control;
pub mod ec2;
pub mod iam;
mod keyed;
mod meta;
mod params;
pub mod plan;
pub mod registry;
pub mod resource;
pub mod s3;
mod state;

pub use control::{AnyControl, Cause, Control, FixError, Refusal, is_clean_for_baseline};
pub use keyed::{Document, Identity, Keyed};
pub use meta::Meta;
pub use registry::{all, get, resource, resources, touched};
pub use resource::{AnyResource, ProjectError, Resource, WriteError};
pub use state::{State, StateError};
