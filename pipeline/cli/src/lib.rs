//! The `aisaws` command line, as a library so that tests can run it under another roof.
//!
//! It holds no rules of its own: everything is decided in `aisaws-app` and the stages. Start
//! reading at [`run`], then `commands`.

mod args;
mod commands;
mod context;
#[cfg(feature = "aws")]
mod deployment;
mod opened;
mod output;
mod render;
mod rules;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

/// How a command ended, as an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything was done.
    Done,
    /// Something waits for a human, failed, or was not approved.
    Attention,
}

/// Bad usage or input: something the user can put right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// What every command that needs AWS answers in a program without its SDKs.
#[cfg(not(feature = "aws"))]
pub(crate) fn not_built() -> anyhow::Error {
    Usage(
        "this program was built without AWS; `cargo build --release --features aws` gives one that has it"
            .to_owned(),
    )
    .into()
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            output::note(&format!("error: the runtime could not be started: {e}"));
            return ExitCode::from(3);
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Attention) => ExitCode::from(1),
        Err(e) => {
            for (i, line) in chain(&e).lines().enumerate() {
                let head = if i == 0 { "error: " } else { "       " };
                output::note(&format!("{head}{}", output::data(line)));
            }
            ExitCode::from(if is_usage(&e) { 2 } else { 3 })
        }
    }
}

/// Causes on one line, without repeating what was said.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<Usage>()
            || matches!(
                cause.downcast_ref::<aisaws_app::live::LiveError>(),
                Some(aisaws_app::live::LiveError::UnderWay(..))
            )
            || cause.is::<aisaws_app::config::ConfigError>()
            || cause.is::<aisaws_app::config::BundleError>()
            || cause.is::<aisaws_app::rules::RulesError>()
            || cause.is::<aisaws_app::input::InputError>()
            || cause.is::<aisaws_decide::PolicyError>()
            || cause.is::<aisaws_score::WeightsError>()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[cfg(not(feature = "aws"))]
    #[tokio::test]
    async fn without_its_sdks_every_command_on_aws_says_how_to_get_them() {
        for command in
            ["incident list", "approval list", "store verify", "replay", "replay --live 1"]
        {
            let words = ["aisaws"].into_iter().chain(command.split(' ')).chain(["--aws"]);
            let error = commands::run(Cli::parse_from(words)).await.unwrap_err();
            assert!(is_usage(&error) && chain(&error).contains("--features aws"), "{command}");
        }
        for command in ["deploy", "destroy", "package"] {
            let error = commands::run(Cli::parse_from(["aisaws", command])).await.unwrap_err();
            assert!(is_usage(&error) && chain(&error).contains("--features aws"), "{command}");
        }
    }
}
