//! `aisaws deploy`, `aisaws destroy`, `aisaws package`: the system on AWS.

pub(crate) mod args;
#[cfg(feature = "aws")]
mod build;
#[cfg(feature = "aws")]
mod confirm;
#[cfg(feature = "aws")]
mod put_up;
#[cfg(feature = "aws")]
mod take_down;
#[cfg(feature = "aws")]
mod take_in;

#[cfg(feature = "aws")]
pub(crate) use build::run as package;
#[cfg(feature = "aws")]
pub(crate) use put_up::run as deploy;
#[cfg(feature = "aws")]
pub(crate) use take_down::run as destroy;

#[cfg(not(feature = "aws"))]
mod absent {
    use super::args::{Deploy, Destroy, Package};
    use crate::context::Context;
    use crate::{Ended, not_built};

    pub(crate) async fn deploy(_: &Context, _: Deploy) -> anyhow::Result<Ended> {
        Err(not_built())
    }

    pub(crate) async fn destroy(_: &Context, _: Destroy) -> anyhow::Result<Ended> {
        Err(not_built())
    }

    pub(crate) fn package(_: &Context, _: &Package) -> anyhow::Result<Ended> {
        Err(not_built())
    }
}
#[cfg(not(feature = "aws"))]
pub(crate) use absent::{deploy, destroy, package};
