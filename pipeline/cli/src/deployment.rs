//! A deployment in AWS: where it is, and the ports over it.

use std::collections::BTreeMap;

use aisaws_aws::deploy::{Stack, stack};
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
/// The stack where nothing else is said.
const STACK: &str = "aisaws";

/// Outputs and parameters of the stack, by the variables that tell its functions the same.
const OUTPUTS: [(&str, &str); 7] = [
    ("AISAWS_TABLE", "TableName"),
    ("AISAWS_BUCKET", "BucketName"),
    ("AISAWS_TOPIC_ARN", "TopicArn"),
    ("AISAWS_STATE_MACHINE_ARN", "StateMachineArn"),
    ("AISAWS_QUEUE_URL", "QueueUrl"),
    ("AISAWS_DEAD_LETTER_QUEUE_URL", "DeadLetterQueueUrl"),
    ("AISAWS_APPROVAL_URL", "ApprovalUrl"),
];
const PARAMETERS: [(&str, &str); 4] = [
    ("AISAWS_PREFIX", "Prefix"),
    ("AISAWS_MODE", "Mode"),
    ("AISAWS_MEMBER_ACCOUNTS", "MemberAccounts"),
    ("AISAWS_APPROVALS", "Approvers"),
];

/// A deployment, reached with the credentials of whoever runs this.
#[derive(Debug)]
pub(crate) struct Deployment {
    settings: Settings,
    wired: Wired,
}

impl Deployment {
    /// Finds the deployment of that place. Nothing of it is called but what tells where it is.
    pub(crate) async fn open(context: &Context, place: &Place) -> anyhow::Result<Self> {
        let aws = Aws::from_environment().await;
        let settings = settings(&aws, place).await?;
        let (config, nowhere) = (context.config.clone(), MetricsTo::Nowhere);
        let wired = Wired::new(settings.clone(), config, aws, Entrance::Person, nowhere);
        Ok(Self { settings, wired })
    }

    /// Where it is.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
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

/// What the environment says where it says anything of a deployment, else what the stack does.
async fn settings(aws: &Aws, place: &Place) -> anyhow::Result<Settings> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if place.stack.is_none() && variable(TOLD).is_some() {
        // Without a word about the mode, what is decided again is decided by the policy alone.
        let told = |name: &'static str| {
            variable(name).or_else(|| (name == "AISAWS_MODE").then(|| "act".to_owned()))
        };
        return Ok(Settings::read(told)?);
    }
    let name = place.stack.as_deref().unwrap_or(STACK);
    let Some(found) = stack(aws, name).await? else {
        return Err(Usage(format!(
            "there is no stack `{name}` in this account and region; give --stack NAME, or see `aisaws deploy --help`"
        ))
        .into());
    };
    let mut told = of_stack(&found);
    told.insert("AISAWS_ACCOUNT", identity(aws).await?.account.to_string());
    // The stack keeps the external id to itself; who runs this may say it.
    Ok(Settings::read(|name| told.get(name).cloned().or_else(|| variable(name)))?)
}

fn of_stack(stack: &Stack) -> BTreeMap<&'static str, String> {
    let outputs = OUTPUTS.iter().map(|(name, key)| (name, stack.outputs.get(*key)));
    let parameters = PARAMETERS.iter().map(|(name, key)| (name, stack.parameters.get(*key)));
    outputs.chain(parameters).filter_map(|(name, value)| Some((*name, value?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stack_says_is_what_its_functions_are_told() {
        let template = include_str!("../../../infra/base.yaml");
        for (_, key) in OUTPUTS.iter().chain(&PARAMETERS) {
            assert!(template.contains(&format!("\n  {key}:\n")), "{key}");
        }
    }
}
