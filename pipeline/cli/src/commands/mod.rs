//! One module a command.

mod approval;
mod config;
mod demo;
pub(crate) mod deploy;
mod detect;
mod explain;
mod incident;
mod infra;
mod list;
mod live;
mod machine;
mod reconcile;
mod replay;
#[cfg(feature = "aws")]
mod replay_aws;
mod respond;
mod rule;
mod rule_coverage;
mod store;
mod worker;

use crate::Ended;
use crate::args::{Cli, Command};
use crate::context::Context;
pub(crate) use reconcile::Reconcile;
pub(crate) use worker::Worker;

/// Runs what was asked for.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<Ended> {
    let context = Context::load(cli.global)?;
    match cli.command {
        Command::Demo => demo::run(context).await,
        Command::Respond { paths } => respond::run(&context, &paths).await,
        Command::Detect { rules, paths } => detect::run(&context, &rules, &paths),
        Command::Incident { place, command } => incident::run(&context, &place, command).await,
        Command::Approval { place, command } => approval::run(&context, &place, command).await,
        Command::Replay(args) => replay::run(&context, args).await,
        Command::Control(_) => list::controls(&context),
        Command::Rule(command) => rule::run(&context, command),
        Command::Explain { id } => explain::run(&context, &id),
        Command::Store { place, command } => store::run(&context, &place, command).await,
        Command::Machine(command) => machine::run(&context, command).await,
        Command::Reconcile(args) => reconcile::run(&context, args).await,
        Command::Worker(args) => worker::run(&context, args).await,
        Command::Deploy(args) => deploy::deploy(&context, args).await,
        Command::Destroy(args) => deploy::destroy(&context, args).await,
        Command::Package(args) => deploy::package(&context, &args),
        Command::Infra(command) => infra::run(&context, command),
        Command::Config(command) => config::run(&context, command),
    }
}
