//! The whole system on emulators, put up by the product's own deploy code.
//!
//! Start at [`Deployment`]: `Deployment::shared()` is there for all tests of this program,
//! `Deployment::start(options)` is a test's own.

pub(crate) mod call;
pub(crate) mod deployment;
pub(crate) mod event;
pub(crate) mod listener;
pub(crate) mod member;
pub(crate) mod page;
pub(crate) mod programs;
pub(crate) mod target;
pub(crate) mod template;

pub(crate) use deployment::{ACCOUNT, Deployment, Lines, Options, REGION, STACK, Story};
