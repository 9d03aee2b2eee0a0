//! The store that a command works on: the local one, or that of a deployment in AWS.

use std::collections::BTreeSet;

use aisaws_core::id::IncidentId;
use aisaws_core::port::{Ports, StoreError};
use aisaws_embedded::{Embedded, ResponderLock};

use crate::args::Place;
use crate::context::Context;
use crate::output;

/// An opened store.
pub(crate) enum Opened {
    /// The local store.
    Local(Box<Embedded>),
    /// A deployment in AWS.
    #[cfg(feature = "aws")]
    Aws(Box<crate::deployment::Deployment>),
}

impl Opened {
    /// Opens the store of that place; it must exist already.
    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "AWS is asked"))]
    pub(crate) async fn existing(context: &Context, place: &Place) -> anyhow::Result<Self> {
        if !place.aws {
            return Ok(Self::Local(Box::new(context.open_existing()?)));
        }
        #[cfg(feature = "aws")]
        let opened = crate::deployment::Deployment::open(context, place).await;
        #[cfg(feature = "aws")]
        return Ok(Self::Aws(Box::new(opened?)));
        #[cfg(not(feature = "aws"))]
        Err(crate::not_built())
    }

    /// The ports over it.
    pub(crate) fn ports(&self) -> &Ports {
        match self {
            Self::Local(embedded) => embedded.ports(),
            #[cfg(feature = "aws")]
            Self::Aws(deployment) => deployment.ports(),
        }
    }

    /// Who runs this command: the user of this machine as the environment names them, or the caller
    /// as AWS sees them.
    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "AWS is asked"))]
    pub(crate) async fn person(&self) -> anyhow::Result<String> {
        match self {
            Self::Local(_) => Ok(["SUDO_USER", "USER", "LOGNAME", "USERNAME"]
                .iter()
                .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
                .unwrap_or_else(|| "local user".to_owned())),
            #[cfg(feature = "aws")]
            Self::Aws(deployment) => deployment.caller().await,
        }
    }

    /// The right to respond on the local store; in AWS, Step Functions runs each incident once.
    pub(crate) async fn lock(&self) -> anyhow::Result<Option<ResponderLock>> {
        match self {
            Self::Local(embedded) => {
                let waiting = "another process is responding on this store; waiting for it";
                Ok(Some(embedded.lock(|| output::note(waiting)).await?))
            }
            #[cfg(feature = "aws")]
            Self::Aws(_) => Ok(None),
        }
    }

    /// Whether this process runs responses; in AWS, Step Functions does.
    pub(crate) fn runs_here(&self) -> bool {
        match self {
            Self::Local(_) => true,
            #[cfg(feature = "aws")]
            Self::Aws(_) => false,
        }
    }

    /// Ids of all incidents that the records or the ledger name, and what stands in their place and
    /// is none.
    pub(crate) async fn ids(&self) -> Result<(BTreeSet<IncidentId>, Vec<String>), StoreError> {
        match self {
            Self::Local(embedded) => embedded.store().audited_ids().await,
            #[cfg(feature = "aws")]
            Self::Aws(deployment) => deployment.store().audited_ids().await,
        }
    }
}
