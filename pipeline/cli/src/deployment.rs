//! A deployment in AWS: where it is, and the ports over it.

use aisaws_aws::store::Store;
use aisaws_aws::{Aws, identity};
use aisaws_core::port::Ports;
use aisaws_workers::settings::Settings;
use aisaws_workers::wire::{Entrance, MetricsTo, Wired};

use crate::Usage;
use crate::args::Place;
use crate::context::Context;

/// The variable that says a deployment is told of by the environment, as its functions are.
const TOLD: &str = "AISAWS_TABLE";

/// A deployment, reached with the credentials of whoever runs this.
#[derive(Debug)]
pub(crate) struct Deployment {
    wired: Wired,
}

impl Deployment {
    /// Finds the deployment of that place. Nothing of it is called but what tells where it is.
    pub(crate) async fn open(context: &Context, place: &Place) -> anyhow::Result<Self> {
        let aws = Aws::from_environment().await;
        let settings = settings(place)?;
        let wired =
            Wired::new(settings, context.config.clone(), aws, Entrance::Reader, MetricsTo::Nowhere);
        Ok(Self { wired })
    }

    /// What it is put together from.
    pub(crate) fn wired(&self) -> &Wired {
        &self.wired
    }

    /// The ports over it.
    pub(crate) fn ports(&self) -> &Ports {
        self.wired.ports()
    }

    /// Its store.
    pub(crate) fn store(&self) -> &Store {
        self.wired.store()
    }

    /// Who runs this, as AWS sees them: the ARN of a user, or of a session of a role.
    pub(crate) async fn caller(&self) -> anyhow::Result<String> {
        Ok(identity(self.wired().aws()).await?.arn)
    }
}

fn settings(place: &Place) -> anyhow::Result<Settings> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (&place.stack, variable(TOLD)) {
        (None, Some(_)) => Ok(Settings::read(variable)?),
        (stack, _) => {
            let stack = stack.as_deref().unwrap_or("aisaws");
            Err(Usage(format!(
                "where stack `{stack}` is cannot be looked up; set the AISAWS_* variables of its functions (AISAWS_PREFIX, AISAWS_TABLE, AISAWS_BUCKET, AISAWS_ACCOUNT, AISAWS_STATE_MACHINE_ARN)"
            ))
            .into())
        }
    }
}
